from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from routereval.errors import DataError, MissingDependencyError, SpecError
from routereval.features import embed, make_embedder
from routereval.features.hidden_states import HiddenStates, reader_of
from routereval.routers.persistence import dump, restore
from tests.optional import skip_without
from tests.tiny import tiny_checkpoint

skip_without("torch", "transformers")

TEXTS = ["prove the lemma of rings", "cite the statute", "dose", "prove the lemma of fraud twice"]


@pytest.fixture(scope="module", params=["bert", "llama"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / request.param, request.param)


def by_hand(checkpoint: str, text: str, layer: int, pool: str) -> np.ndarray:
    """One prompt alone, without padding, as transformers' own examples do it."""
    import torch

    reader = reader_of(checkpoint, "")
    with torch.inference_mode():
        ids = reader.tokenizer(text, return_tensors="pt")["input_ids"]
        state = reader.network(input_ids=ids, output_hidden_states=True).hidden_states[layer][0]
    return np.asarray((state.mean(dim=0) if pool == "mean" else state[-1]).numpy())


@pytest.mark.parametrize("pool", ["mean", "last"])
@pytest.mark.parametrize(("layer", "place"), [("middle", 1), (0, 0), (-1, 2), (2, 2)])
def test_a_vector_is_the_pooled_state_of_its_layer(
    checkpoint: str, layer: int | str, place: int, pool: str
) -> None:
    X = HiddenStates(checkpoint, layer=layer, pool=pool, batch=3).fit([]).transform(TEXTS)
    assert X.shape == (4, 16)
    expected = np.stack([by_hand(checkpoint, text, place, pool) for text in TEXTS])
    np.testing.assert_allclose(X, expected, atol=1e-5)  # padding is never looked at


def test_long_texts_are_cut_and_empty_ones_are_vectors_too(checkpoint: str) -> None:
    assert np.isfinite(
        HiddenStates(checkpoint).transform(["prove " * 500])
    ).all()  # it has 64 places
    embedder = HiddenStates(checkpoint, max_tokens=6)
    X = embedder.transform(["prove " * 500, "prove " * 501, "", "\ud800 zymurgy"])
    assert np.isfinite(X).all()
    np.testing.assert_allclose(X[0], X[1], atol=1e-6)


def test_it_is_saved_by_its_parameters_alone(checkpoint: str) -> None:
    embedder = HiddenStates(checkpoint, layer=1)
    payload = dump(embedder)
    assert len(payload) < 10_000
    np.testing.assert_array_equal(restore(payload).transform(TEXTS), embedder.transform(TEXTS))


def test_other_files_in_the_same_folder_are_another_model(tmp_path: Path) -> None:
    spec = f"hidden_states(model={tiny_checkpoint(tmp_path / 'model')!r})"
    one = embed(spec, TEXTS, np.arange(2), tmp_path / "cache")
    assert embed(spec, TEXTS, np.arange(2), tmp_path / "cache").tobytes() == one.tobytes()
    tiny_checkpoint(tmp_path / "model", seed=1)
    other = embed(spec, TEXTS, np.arange(2), tmp_path / "cache")
    assert not np.allclose(one, other)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ("model=''", "hidden_states: model must be a folder or a name such as 'org/name', not ''"),
        (
            "model=m, layer=first",
            "hidden_states: layer must be a whole number or 'middle', not 'first'",
        ),
        ("model=m, pool=max", "unknown pool of hidden_states 'max'; known: last, mean"),
        ("model=m, max_tokens=0", "hidden_states: max_tokens must be a positive whole number"),
        ("model=m, batch=0", "hidden_states: batch must be a positive whole number"),
    ],
)
def test_parameters_that_mean_nothing_are_told(parameters: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        make_embedder(f"hidden_states({parameters})").fit(TEXTS)


def test_a_layer_that_is_not_there_is_told(checkpoint: str) -> None:
    with pytest.raises(DataError, match=r"hidden_states: '.*' has the layers 0 to 2, not 7"):
        HiddenStates(checkpoint, layer=7).transform(TEXTS)


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"hidden_states: '.*' cannot be loaded; give a folder that holds"
    ):
        HiddenStates(str(tmp_path)).transform(TEXTS)


def test_nothing_is_said_while_a_model_loads(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tiny_checkpoint(tmp_path)
    capfd.readouterr()
    HiddenStates(checkpoint).transform(TEXTS)
    assert capfd.readouterr() == ("", "")


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    reader_of.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"pip install 'routereval\[torch\]'"):
        HiddenStates("m").transform(TEXTS)

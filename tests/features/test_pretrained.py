"""model2vec and sentence-transformers."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError, MissingDependencyError, SpecError
from routereval.features import embedder_name, make_embedder, model2vec, sentence_transformers
from routereval.routers.persistence import dump, restore
from tests.tiny import tiny_tokenizer

TEXTS = ["prove the lemma", "cite the statute", ""]


@pytest.fixture(autouse=True)
def _nothing_loaded() -> None:
    model2vec._loaded.cache_clear()
    sentence_transformers._loaded.cache_clear()


def test_model2vec_from_a_folder(tmp_path: Path) -> None:
    model2vec = pytest.importorskip("model2vec")
    pytest.importorskip("transformers")
    tokenizer = tiny_tokenizer().backend_tokenizer
    vectors = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), 5))
    model2vec.StaticModel(vectors.astype(np.float32), tokenizer).save_pretrained(str(tmp_path))
    spec = f"model2vec(model={str(tmp_path)!r})"
    embedder = make_embedder(spec).fit(TEXTS)
    X = embedder.transform(TEXTS)
    assert X.shape == (3, 5)
    expected = model2vec.StaticModel.from_pretrained(str(tmp_path)).encode(TEXTS)
    np.testing.assert_array_equal(X, expected)
    assert embedder_name(embedder) == spec
    np.testing.assert_array_equal(restore(dump(embedder)).transform(TEXTS), X)


class Pretends:
    """What of sentence-transformers is used."""

    def __init__(self, name: str) -> None:
        if name != "known":
            raise OSError(f"{name} is not a local folder\nand no model on the hub")

    def encode(self, texts: list[str], batch_size: int, show_progress_bar: bool) -> Any:  # noqa: ANN401
        assert batch_size == 7
        assert not show_progress_bar
        return np.array([[len(text), 1.0] for text in texts])


@pytest.fixture
def _pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    module = ModuleType("sentence_transformers")
    module.SentenceTransformer = Pretends  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)


@pytest.mark.usefixtures("_pretended")
def test_sentence_transformers_encodes_in_silence_and_batches() -> None:
    X = make_embedder("sentence_transformers(model=known, batch=7)").fit(TEXTS).transform(TEXTS)
    assert X.tolist() == [[15, 1], [16, 1], [0, 1]]


@pytest.mark.usefixtures("_pretended")
def test_a_model_that_cannot_be_loaded_is_told_in_one_line() -> None:
    with pytest.raises(DataError) as caught:
        make_embedder("sentence_transformers(model='org/none')").transform(TEXTS)
    assert str(caught.value) == (
        "sentence_transformers: 'org/none' cannot be loaded; give a folder that holds a model, or "
        "the name of one on the hub (OSError: org/none is not a local folder)"
    )


@pytest.mark.parametrize(
    ("name", "install"),
    [
        ("model2vec", r"'routereval\[embed\]'"),
        ("sentence_transformers", "sentence-transformers"),
    ],
)
def test_what_to_install_is_named_where_a_package_is_missing(
    name: str, install: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=f"pip install {install}$"):
        make_embedder(f"{name}(model=m)").transform(TEXTS)


@pytest.mark.parametrize("name", ["model2vec", "sentence_transformers"])
def test_a_model_is_a_text(name: str) -> None:
    with pytest.raises(SpecError, match=f"{name}: model must be a folder or a name such as"):
        make_embedder(f"{name}(model=3)").fit(TEXTS)

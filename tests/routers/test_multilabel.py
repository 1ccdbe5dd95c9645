"""The multi-label classifier, on a BERT and a Llama of a few thousand weights made here."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from routereval.errors import DataError, MissingDependencyError, SpecError
from routereval.routers import CHECKS, make_router
from routereval.routers.checks import Check
from routereval.routers.multilabel import MultiLabel
from routereval.routers.persistence import dump, restore
from tests.optional import skip_without
from tests.tiny import tiny_checkpoint

skip_without("torch", "transformers")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "bert")


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "llama", "llama")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
def test_multilabel_holds_to_the_checks(check: Check, checkpoint: str) -> None:
    check(MultiLabel(model=checkpoint, epochs=1))


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
def test_a_decoder_holds_to_the_checks_too(check: Check, decoder: str) -> None:
    check(MultiLabel(model=decoder, epochs=1))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
def test_as_the_reference_clips_it_holds_to_the_checks(check: Check, checkpoint: str) -> None:
    check(MultiLabel(model=checkpoint, epochs=1, warmup=3, clipped=True))


def test_clipped_entropy_is_that_of_the_positive_logits() -> None:
    router = MultiLabel(clipped=True)
    z = np.array([[1.0, 3.0, -2.0], [-1.0, -3.0, -2.0], [2.0, 0.0, 0.0]])
    scores = np.maximum(1 / (1 + np.exp(-z)), 0.5)
    held = router._distribution([], scores)
    assert np.allclose(held, [[0.25, 0.75, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    assert scores.argmax(axis=1).tolist() == [1, 0, 0]  # the script's argmax of clipped logits


def test_faithful_parameters_are_those_of_the_script() -> None:
    router = make_router("multilabel", protocol="faithful")
    assert isinstance(router, MultiLabel)
    assert (router.lr, router.warmup, router.clipped) == (5e-5, 500, True)
    assert (router.epochs, router.batch, router.max_tokens) == (10, 10, 512)


def prompts(n: int) -> tuple[list[str], np.ndarray]:
    """Model 0 proves, model 1 cites; how long the prompt is says nothing."""
    rng = np.random.default_rng(0)
    kind = rng.integers(2, size=n)
    fill = ["the lemma of rings " * int(rng.integers(1, 9)) for _ in range(n)]
    texts = [f"{('prove', 'cite')[k]} {rest}" for k, rest in zip(kind, fill, strict=True)]
    return texts, np.eye(2)[kind]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["checkpoint", "decoder"])
def test_what_can_be_learned_is_learned(kind: str, request: pytest.FixtureRequest) -> None:
    texts, scores = prompts(120)
    router = MultiLabel(model=request.getfixturevalue(kind), lr=5e-3, epochs=20)
    answer = router.fit(texts[:80], scores[:80]).predict_scores(texts[80:])
    assert (answer.argmax(axis=1) == scores[80:].argmax(axis=1)).all()
    assert ((answer > 0) & (answer < 1)).all()


def test_it_is_loaded_without_the_checkpoint(tmp_path: Path) -> None:
    texts, scores = prompts(20)
    router = MultiLabel(model=tiny_checkpoint(tmp_path / "model"), epochs=1).fit(texts, scores)
    payload, expected = dump(router), router.predict_scores(texts)
    for file in (tmp_path / "model").iterdir():
        file.unlink()
    np.testing.assert_array_equal(restore(payload).predict_scores(texts), expected)


def test_nothing_is_said_and_no_draw_is_lost(
    checkpoint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    import torch

    torch.manual_seed(7)
    expected = torch.rand(3).tolist()
    torch.manual_seed(7)
    capfd.readouterr()
    texts, scores = prompts(20)
    MultiLabel(model=checkpoint, epochs=1).fit(texts, scores).predict_scores(texts)
    assert capfd.readouterr() == ("", "")
    assert torch.rand(3).tolist() == expected


def test_a_prompt_longer_than_the_network_is_cut(checkpoint: str) -> None:
    texts, scores = prompts(12)
    router = MultiLabel(model=checkpoint, epochs=1).fit(
        [*texts, "prove " * 999], np.vstack([scores, [1.0, 0.0]])
    )
    assert router.longest_ == 64
    answer = router.predict_scores(["cite " * 70, "cite " * 700, "", "\ud800"])
    assert answer[0].tolist() == answer[1].tolist()
    assert np.isfinite(answer).all()


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ("epochs=0", "multilabel: epochs must be a positive whole number, not 0"),
        ("batch=0", "multilabel: batch must be a positive whole number, not 0"),
        ("max_tokens=0", "multilabel: max_tokens must be a positive whole number, not 0"),
        ("lr=-1", "multilabel: lr must be a positive number, not -1"),
        ("model=3", "multilabel: model must be a folder or a name such as 'org/name', not 3"),
    ],
)
def test_parameters_that_mean_nothing_are_told(parameters: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        make_router(f"multilabel({parameters})").fit(*prompts(5))


def test_a_folder_without_a_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"multilabel: '.*' cannot be loaded; give a folder that holds"
    ):
        MultiLabel(model=str(tmp_path)).fit(*prompts(5))


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_the_extra_is_named_where_it_is_missing(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'routereval\[torch\]'"):
        MultiLabel(model="m").fit(*prompts(5))

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from routereval.errors import DataError
from routereval.routers import choose, load_router, make_router, save_router
from routereval.studies.train import train, trained_on
from routereval.tasks import Pool, Task
from tests.made import made


def test_decisions_on_texts_are_the_benchmarks_choices(tmp_path: Path) -> None:
    records = made("one", n_prompts=200, costs=True, texts=True, features=False)
    task = Task(records, Pool("all-strong", 4))
    trained = trained_on(make_router("linear"), task, "linear")
    save_router(trained, tmp_path / "mine")
    texts = list(task.test.texts or [])
    for lam in (0.0, 0.2, 5.0):
        decided = load_router(tmp_path / "mine").decide(texts, lam)
        scores = trained.router.predict_scores(task.test.X)
        expected = choose(scores, task.expected_costs, trained.usd_lam(lam))
        assert [d.column for d in decided] == expected.tolist()


def test_all_llms_are_the_pool_unless_told() -> None:
    records = made("one", texts=True, features=False)
    trained = train(records, "best_single")
    assert set(trained.models) == set(records.models)
    assert np.isnan(trained.costs).all()
    assert trained.about["embedder"] == "tfidf"
    assert trained.about["records"] == records.hash
    assert len(train(records, pool="all-weak(size=2)").models) == 2
    assert train(records, pool=["org/model_1", "org/model_3"]).models == (
        "org/model_1",
        "org/model_3",
    )


def test_what_no_text_tells_cannot_be_trained_on() -> None:
    records = made("one", texts=True)
    with pytest.raises(DataError, match="oracle reads the true scores"):
        train(records, "oracle")
    with pytest.raises(DataError, match=r"stored.* makes no vectors of a new text"):
        train(records, embedder="stored")
    with pytest.raises(DataError, match=r"no prompt texts|hold none"):
        train(made("one"))


def test_several_benchmarks_are_one_stream(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 2)):
        records = made(name, n_prompts=80, seed=seed, texts=True, features=False, costs=True)
        records.save(tmp_path / "both" / name)
    trained = train(tmp_path / "both", "knn(k=5)", pool="all-strong(size=3)")
    assert trained.about["benchmark"] == "mixed"
    assert trained.about["n_train"] == 128
    assert [d.model in trained.models for d in trained.decide(["prove it"])] == [True]


def test_a_trained_router_carries_what_it_gains_and_on_what_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    records = made(n_prompts=80, texts=True, costs=True)
    for spec in ("auto(known=subset)", "guard(router=knn)", "knn(k=5)"):
        trained = train(records, spec)
        certificate = trained.certificate
        assert certificate is not None
        assert certificate.date == "2026-01-01"
        assert certificate.low <= certificate.gain <= certificate.high
        assert certificate.fallback in records.models
        assert (certificate.risk is None) == (spec == "knn(k=5)")
        assert set(certificate.prices) == set(trained.models)
        trained.save(tmp_path / "router", overwrite=True)
        assert load_router(tmp_path / "router").certificate == certificate
        known = {"subset": ["one"]}
        assert trained.decide(["prove the lemma"], known=known)[0].model in records.models

"""The gateway chooses what the benchmark and `routereval route` choose."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from routereval.gateway.decisions.router_decider import RouterDecider
from routereval.routers.policy import choose
from tests.gateway.loop import in_loop
from tests.gateway.stubs import rig, trained_router

PROMPTS = [
    f"{verb} {what} of case {number}"
    for number in range(125)
    for verb in ("prove", "cite", "prove and cite", "sing")
    for what in ("the lemma", "the statute")
]


@pytest.mark.slow
@in_loop
async def test_a_thousand_prompts() -> None:
    trained = trained_router()
    assert len(PROMPTS) == 1000
    scores = trained.router.predict_scores(trained.inputs(PROMPTS))
    async with rig() as at:
        for lam in (0.0, 0.5):
            columns = choose(scores, trained.costs, trained.usd_lam(lam))
            benchmark = [trained.models[column] for column in columns]
            assert benchmark == [d.model for d in trained.decide(PROMPTS, lam)]
            got: list[str] = []
            for start in range(0, len(PROMPTS), 50):
                answers = await asyncio.gather(
                    *(at.ask(text, f"auto:lam={lam}") for text in PROMPTS[start : start + 50])
                )
                got += [headers["x-routereval-model"] for _, headers, _ in answers]
            assert got == benchmark
            assert len(set(got)) > 1


@pytest.mark.slow
@in_loop
async def test_batches_and_memory_change_nothing() -> None:
    trained = trained_router()
    expected = trained.decide(PROMPTS, 0.5)
    for size in (0, 10, 10_000):
        decider = RouterDecider(trained, cache=size)
        for _ in range(2):
            routed = await asyncio.gather(
                *(decider.decide(text, 0.5, trained.models) for text in PROMPTS)
            )
            for one, other in zip(routed, expected, strict=True):
                assert one.decision.model == other.model
                np.testing.assert_allclose(one.decision.scores, other.scores, atol=1e-6)

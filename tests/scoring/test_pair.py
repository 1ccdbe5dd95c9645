from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.errors import DataError
from routereval.scoring import Pair, collect_evidence, compute, replicates
from tests.made import Floats

MARGIN = np.array([0.4, 0.1, 0.3, 0.2])
STRONG = np.array([1.0, 1.0, 1.0, 0.0])
WEAK = np.array([0.0, 1.0, 0.0, 0.0])


def computed(pair: Pair, names: list[str], choice: Floats | None = None) -> dict[str, float]:
    """Metrics of a router that calls the strong model, in column 0, where the choice is 0."""
    picks = np.zeros(len(pair.margin)) if choice is None else choice
    scores = np.stack([pair.strong, pair.weak], axis=1)
    sent = np.eye(2)[picks.astype(int)]
    options: dict[str, Any] = {"best_single": 0, "subsets": np.zeros(len(scores)), "pair": pair}
    return compute(collect_evidence(scores, sent, sent, **options), names)


def test_the_curve_by_hand() -> None:
    of = Pair.of(MARGIN, STRONG, WEAK).means()
    assert of.share.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert of.quality.tolist() == [0.25, 0.5, 0.75, 0.75, 0.75]
    assert (float(of.weak), float(of.gap)) == (0.25, 0.5)
    np.testing.assert_allclose(of.at([0.1, 0.5, 0.9]), [0.35, 0.75, 0.75])


def test_the_metrics_by_hand() -> None:
    values = computed(
        Pair.of(MARGIN, STRONG, WEAK),
        ["pgr", "apgr", "apgr(variant=paper)", "apgr(variant=code)", "cpt", "cpt@0.8", "cpt@1"],
        np.array([0, 1, 1, 1.0]),
    )
    assert values == pytest.approx(
        {
            "pgr": 0.5,  # one strong call wins half of the gap
            "apgr": 0.75,  # PGR 0, 1/2, 1, 1, 1: a triangle and a square
            "apgr(variant=paper)": (0.2 + 0.4 + 0.6 + 0.8 + 6) / 10,
            "apgr(variant=code)": 0.75,
            "cpt@0.5": 0.25,
            "cpt@0.8": 0.4,
            "cpt@1.0": 0.5,
        }
    )


def test_who_cannot_tell_prompts_apart_is_the_diagonal() -> None:
    names = ["apgr", "apgr(variant=code)", "cpt@0.2", "cpt@0.5", "cpt@0.8"]
    values = computed(Pair.of(np.zeros(4), STRONG, WEAK), names)
    assert list(values.values()) == pytest.approx([0.5, 0.5, 0.2, 0.5, 0.8])


def test_the_first_crossing_counts() -> None:
    pair = Pair.of([3, 2, 1, 0], [1, 0, 1, 1], [0, 1, 0, 0])  # up, down, up, up
    assert pair.means().quality.tolist() == [0.25, 0.5, 0.25, 0.5, 0.75]
    assert computed(pair, ["cpt@0.5"])["cpt@0.5"] == pytest.approx(0.25)


def test_a_share_that_is_never_reached() -> None:
    pair = Pair.of(MARGIN, STRONG, WEAK)
    assert computed(pair, ["cpt@1.5", "cpt@0"]) == {"cpt@1.5": np.inf, "cpt@0.0": 0.0}


def test_a_strong_model_that_is_not_better() -> None:
    values = computed(Pair.of(MARGIN, WEAK, STRONG), ["pgr", "apgr", "cpt"])
    assert np.isnan(list(values.values())).all()


def test_a_margin_of_two_that_were_ruled_out_is_none() -> None:
    assert Pair.of([np.nan, 1.0], [1, 0], [0, 1]).margin.tolist() == [0.0, 1.0]


def test_ragged_columns_are_refused() -> None:
    with pytest.raises(DataError, match="one length"):
        Pair.of([1.0], [1, 0], [0, 1])


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_the_curve_is_that_of_every_threshold(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    margin, strong, weak = rng.integers(0, 4, n) / 4, rng.random(n), rng.random(n)
    of = Pair.of(margin, strong, weak).means()
    called = [np.zeros(n, bool), *(margin >= least for least in sorted(set(margin))[::-1])]
    np.testing.assert_allclose(of.share, [c.mean() for c in called], atol=1e-12)
    expected = [np.where(c, strong, weak).mean() for c in called]
    np.testing.assert_allclose(of.quality, expected, atol=1e-12)
    target = float(rng.uniform(weak.mean(), 1))
    shares = np.linspace(0, 1, 2001)
    reached = shares[of.at(shares) >= target]
    least = float(of.reaching(np.asarray(target)))
    assert least == pytest.approx(reached[0], abs=1e-3) if len(reached) else True


def test_resampled_prompts_have_the_curve_of_the_drawn_ones() -> None:
    rng = np.random.default_rng(0)
    pair = Pair.of(rng.random(30), rng.random(30) + 0.2, rng.random(30))
    W = rng.multinomial(30, np.full(30, 1 / 30), 5) / 30
    sent = np.tile([1.0, 0.0], (30, 1))
    scores = np.stack([pair.strong, pair.weak], axis=1)
    evidence = collect_evidence(scores, sent, sent, best_single=0, subsets=np.zeros(30), pair=pair)
    drawn = replicates(evidence, W, ["apgr", "cpt", "pgr", "apgr(variant=paper)"])
    for row in range(5):
        picked = np.repeat(np.arange(30), np.rint(W[row] * 30).astype(int))
        again = Pair.of(pair.margin[picked], pair.strong[picked], pair.weak[picked])
        for name, value in computed(again, list(drawn)).items():
            assert drawn[name][row] == pytest.approx(value)

"""How often `compare` says that two routers differ where they do not, and where they do.

First the test on fitted routers: differences of known mean in subsets, clusters, weights and skew;
beside it the plain sign flip of each prompt, which knows none of these. Then the claim over
algorithms: kNN on either of two exchangeable halves of the features, several fits on random splits
of one set of prompts; beside it tests that take the fits as given or as independent, the corrected
resampled t test, and the hierarchical bootstrap over fits and prompts. Last the same claim under
cross-validation, through `compare` and the results of a run.

    python benchmarks/false_alarms.py            # 1,000 repetitions, 2,000 of fits
    python benchmarks/false_alarms.py --quick    # 40, fewer prompts: a first look
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from routereval.scoring import holm
from routereval.scoring.over_fits import over_fits
from routereval.scoring.paired import Flips, units

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Sample = tuple[Floats, Codes, Floats, Codes]
N_FLIPS = 999
_SLOW = 5  # the bootstrap of fits is made of a fifth of the samples
FOLDS = ((100, 5), (300, 5), (300, 10), (1000, 5))
SPLITS = ((30, 300, 330), (30, 300, 3300), (100, 1000, 1100), (800, 1000, 1800), (240, 30, 300))


def plain(gain: Floats, share: Floats, seed: int) -> float:
    """The p-value of the sign flip of each weighted difference."""
    z = gain * share
    flips = np.random.default_rng(seed).choice([-1.0, 1.0], (N_FLIPS, len(z)))
    hits = np.count_nonzero(np.abs(flips @ z) >= abs(z.sum()) - 1e-12)
    return (1 + hits) / (1 + N_FLIPS)


def ours(sample: Sample, seed: int) -> float:
    gain, subsets, share, groups = sample
    return Flips(units(gain, share, subsets, groups), N_FLIPS, seed).p()


def signs(rng: np.random.Generator, n: int, gain: float = 0.0, differ: float = 0.3) -> Floats:
    return rng.choice([1.0, -1.0, 0.0], n, p=[(differ + gain) / 2, (differ - gain) / 2, 1 - differ])


def alike(gain: Floats, subsets: Codes | None = None, groups: Codes | None = None) -> Sample:
    n = len(gain)
    zeros = np.zeros(n, np.int64)
    own = np.arange(n) if groups is None else groups
    return gain, zeros if subsets is None else subsets, np.full(n, 1 / n), own


def opposing(rng: np.random.Generator, gain: float = 0.0) -> Sample:
    """Two subsets in which the routers differ by +.7 and -.7, and by `gain` beyond that."""
    subsets = np.repeat([0, 1], 100)
    one = rng.random(200) < np.where(subsets == 0, 0.85, 0.15) + gain / 2
    return alike(np.where(one, 1.0, -1.0), subsets)


def clustered(rng: np.random.Generator, size: int) -> Sample:
    group = np.repeat(np.arange(300 // size), size)
    shared = signs(rng, 300 // size)[group]
    return alike(np.where(rng.random(300) < 0.5, shared, signs(rng, 300)), groups=group)


def skewed(rng: np.random.Generator, n: int) -> Sample:
    return alike(np.where(rng.random(n) < 0.1, 0.9, -0.1))


def macro(rng: np.random.Generator) -> Sample:
    sizes = np.array([20, 60, 120])
    share = 1 / (3 * np.repeat(sizes, sizes))
    return signs(rng, 200), np.repeat(np.arange(3), sizes), share, np.arange(200)


def weighted(rng: np.random.Generator) -> Sample:
    share = rng.gamma(1, 1, 200)
    return signs(rng, 200), np.zeros(200, np.int64), share / share.sum(), np.arange(200)


SETTINGS: dict[str, Callable[[np.random.Generator], Sample]] = {
    "200 prompts": lambda rng: alike(signs(rng, 200)),
    "200 prompts, 3 % differ": lambda rng: alike(signs(rng, 200, differ=0.03)),
    "opposing subsets": opposing,
    "clusters of 5": lambda rng: clustered(rng, 5),
    "clusters of 10": lambda rng: clustered(rng, 10),
    "clusters of 30": lambda rng: clustered(rng, 30),
    "skewed, 20 prompts": lambda rng: skewed(rng, 20),
    "skewed, 50 prompts": lambda rng: skewed(rng, 50),
    "skewed, 100 prompts": lambda rng: skewed(rng, 100),
    "skewed, 200 prompts": lambda rng: skewed(rng, 200),
    "benchmarks of 20, 60, 120": macro,
    "weighted": weighted,
    "power: 200 prompts, +.1": lambda rng: alike(signs(rng, 200, 0.1)),
    "power: opposing subsets, +.1": lambda rng: opposing(rng, 0.1),
}


def print_fitted(repetitions: int) -> None:
    print(f"Test of fitted routers, {repetitions} repetitions, p < 0.05")
    print(f"{'':30}{'plain':>8}{'compare':>9}")
    for name, make in SETTINGS.items():
        rng = np.random.default_rng(1)
        samples = [make(rng) for _ in range(repetitions)]
        before = np.mean([plain(s[0], s[2], n) < 0.05 for n, s in enumerate(samples)])
        after = np.mean([ours(s, n) < 0.05 for n, s in enumerate(samples)])
        print(f"{name:30}{before:8.1%}{after:9.1%}", flush=True)
    rng = np.random.default_rng(2)
    families = [[alike(signs(rng, 200)) for _ in range(5)] for _ in range(repetitions)]
    any_of = [
        [(holm([f(s) for s in family]) < 0.05).any() for family in families]
        for f in (lambda s: plain(s[0], s[2], 0), lambda s: ours(s, 0))
    ]
    print(f"{'any of 5 routers, Holm':30}{np.mean(any_of[0]):8.1%}{np.mean(any_of[1]):9.1%}")


def differences(
    rng: np.random.Generator, n_train: int, n_test: int, n_prompts: int, n_fits: int
) -> Floats:
    """(n_fits, n_prompts) difference of two equally good algorithms; NaN where not tested."""
    halves, scores = prompts_of(rng, n_prompts)
    found = np.full((n_fits, n_prompts), np.nan)
    for fit in range(n_fits):
        order = rng.permutation(n_prompts)
        test, train = order[:n_test], order[n_test : n_test + n_train]
        found[fit, test] = gain_of(halves, scores, train, test)
    return found


def prompts_of(rng: np.random.Generator, n_prompts: int) -> tuple[Floats, Floats]:
    """(n, 2, 2) halves of the features, and (n, 4) scores that hang on both alike."""
    halves = rng.normal(size=(n_prompts, 2, 2))
    world = np.random.default_rng(5)
    slope, ability = 0.9 * world.normal(size=(2, 4)), 0.2 * world.normal(size=4)
    chance = 1 / (1 + np.exp(-(halves.sum(axis=1) @ slope + ability)))
    return halves, (rng.random(chance.shape) < chance).astype(np.float64)


def gain_of(halves: Floats, scores: Floats, train: Codes, test: Codes) -> Floats:
    """(n_test,) score of kNN on the first half of the features less that on the second."""
    chosen = [knn(halves[train, h], scores[train], halves[test, h]) for h in (0, 1)]
    return np.asarray(scores[test, chosen[0]] - scores[test, chosen[1]])


def p_over_folds(rng: np.random.Generator, n_prompts: int, k: int) -> tuple[float, float]:
    """The p-values of a cross-validation: of `compare`, and with the fits as they are."""
    from scipy.stats import t

    halves, scores = prompts_of(rng, n_prompts)
    fold, gain = rng.permutation(n_prompts) % k, np.zeros(n_prompts)
    for part in range(k):
        train, test = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
        gain[test] = gain_of(halves, scores, train, test)
    share = np.full(n_prompts, 1 / n_prompts)
    pooled = units(gain, share, np.zeros(n_prompts, np.int64), None)
    parts = [gain[fold == part] for part in range(k)]
    found = over_fits(
        pooled.mean,
        pooled.deviation,
        n_prompts,
        [part.mean() for part in parts],
        [part.var(ddof=1) / len(part) for part in parts],
        same_test=1 / k,
        same_train=(k - 2) / (k - 1),
    )
    given = float(2 * t.sf(abs(pooled.mean) / pooled.deviation, n_prompts - 1))
    return found.p_value, given


def knn(X: Floats, scores: Floats, asked: Floats, k: int = 5) -> Codes:
    near = cKDTree(X).query(asked, k)[1]
    return scores[near].mean(axis=1).argmax(axis=1)


def p_values(
    found: Floats, n_train: int, n_test: int, rng: np.random.Generator | None
) -> dict[str, float]:
    """The p-values of all tests on one sample of fits; that of the slow bootstrap if `rng`."""
    from scipy.stats import t

    seen = ~np.isnan(found)
    n_fits, used = len(found), seen.any(axis=0)
    share = seen.sum(axis=0)[used] / seen.sum()
    mean = np.nansum(found, axis=0)[used] / seen.sum(axis=0)[used]
    pooled = units(mean, share, np.zeros(len(share), np.int64), None)
    by_fit = np.nanmean(found, axis=1)
    within = np.nanvar(found, axis=1, ddof=1) / n_test
    same = float((seen.astype(float) @ seen.T)[np.triu_indices(n_fits, 1)].mean() / n_test)
    shared = min(n_train * same / n_test, n_train / (n_train + n_test))
    ours = over_fits(
        pooled.mean, pooled.deviation, len(share), by_fit, within, same_test=same, same_train=shared
    )
    spread = by_fit.var(ddof=1)

    def student(variance: float, df: int) -> float:
        if variance == 0:  # all fits differ by the same
            return float(pooled.mean == 0)
        return float(2 * t.sf(abs(pooled.mean) / np.sqrt(variance), df))

    p_values = {
        "fits given": student(pooled.deviation**2, len(share) - 1),
        "t over fits": student(spread / n_fits, n_fits - 1),
        "resampled t": student(spread * (1 / n_fits + n_test / n_train), n_fits - 1),
        "compare": ours.p_value,
    }
    if rng is not None:
        gain = np.nan_to_num(found[:, used])
        p_values["bootstrap"] = hierarchical(gain, seen[:, used], rng)
    return p_values


def hierarchical(gain: Floats, seen: NDArray[np.bool_], rng: np.random.Generator) -> float:
    """The p-value of a bootstrap that draws fits and prompts."""
    n_fits, n_prompts = gain.shape
    fits = rng.multinomial(n_fits, np.full(n_fits, 1 / n_fits), 400).astype(float)
    prompts = rng.multinomial(n_prompts, np.full(n_prompts, 1 / n_prompts), 400).astype(float)
    drawn = ((fits @ gain) * prompts).sum(axis=1) / ((fits @ seen) * prompts).sum(axis=1)
    return float(min(1.0, 2 * min((drawn <= 0).mean(), (drawn >= 0).mean())))


def print_algorithms(repetitions: int, n_fits: int, *, quick: bool) -> None:
    print(f"\nTwo equally good algorithms, {n_fits} fits, {repetitions} repetitions, p < 0.05")
    for n_train, n_test, n_prompts in SPLITS[:1] if quick else SPLITS:
        rng = np.random.default_rng(7)
        drawing = np.random.default_rng(8)
        held = []
        for n in range(repetitions):
            found = differences(rng, n_train, n_test, n_prompts, n_fits)
            draw = drawing if n < repetitions / _SLOW else None
            held.append(p_values(found, n_train, n_test, draw))
        shares = {
            name: np.mean([one[name] < 0.05 for one in held if name in one]) for name in held[0]
        }
        text = "  ".join(f"{name} {share:.1%}" for name, share in shares.items())
        print(f"{n_train:>4} / {n_test:<5} of {n_prompts:<6} {text}", flush=True)


def print_folds(repetitions: int, *, quick: bool) -> None:
    print(f"\nTwo equally good algorithms, cross-validated, {repetitions} repetitions, p < 0.05")
    for n_prompts, k in FOLDS[:1] if quick else FOLDS:
        rng = np.random.default_rng(9)
        found = np.array([p_over_folds(rng, n_prompts, k) for _ in range(repetitions)])
        ours, given = (found < 0.05).mean(axis=0)
        print(
            f"{n_prompts:>5} prompts, k = {k:<3} fits given {given:.1%}  compare {ours:.1%}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=1000, help="twice as many of fits")
    parser.add_argument("--fits", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    repetitions = 40 if args.quick else args.repetitions
    print_fitted(repetitions)
    print_algorithms(2 * repetitions, args.fits, quick=args.quick)
    print_folds(2 * repetitions, quick=args.quick)


if __name__ == "__main__":
    main()

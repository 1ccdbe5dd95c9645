"""An effort of a known model that nobody has measured: how well a few probe prompts tell it.

A model at three efforts is three arms. One arm is held out and known by its scores on k probe
prompts alone; its score on every other prompt is predicted, by its mean on the probes, by
comparison with all other arms, and by comparison that knows which of them are the same model at
another effort. Simulated arms first (the truth is the chance of a right answer, so luck is left
out), then, if given, a folder of real records whose names say efforts or settings, as BFCL's
``(FC)`` and ``(Prompt)``; there the truth is the recorded score.

    python benchmarks/effort_arms.py
    python benchmarks/effort_arms.py ../shared/data/bfcl_2024_08
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from routereval.routers.linear_extension import likeness
from routereval.routers.siblings import siblings_of
from routereval.sources import open_source

Floats = NDArray[np.float64]

WORLDS = 200
SIZES = (8, 16, 32, 64, 128)
WAYS = ("mean", "compared", "compared, siblings known")


def made_arms(rng: np.random.Generator, n: int = 2000) -> tuple[Floats, list[str]]:
    """(n, 15) chances of a right answer of five models at three efforts, and their names."""
    difficulty = rng.normal(size=n)
    kinds = rng.normal(size=(n, 4))
    columns, names = [], []
    for model in range(5):
        skill, taste = 0.4 * rng.normal(), 0.5 * rng.normal(size=4)
        own = rng.normal(size=n)
        for effort, name in enumerate(("low", "medium", "high")):
            apart = np.sqrt(0.7) * own + np.sqrt(0.3) * rng.normal(size=n)
            skilled = skill + 0.5 * (effort - 1) - difficulty + kinds @ taste + apart
            columns.append(1 / (1 + np.exp(-1.5 * skilled)))
            names.append(f"model-{model}@{name}")
    return np.stack(columns, axis=1), names


def errors(
    scores: Floats, truth: Floats, names: list[str], k: int, rng: np.random.Generator
) -> list[float]:
    """Mean squared error of each way for one arm, drawn among those that have siblings."""
    having = [i for i, name in enumerate(names) if len(siblings_of(name, names)) > 1]
    new = int(rng.choice(having))
    known = [i for i in range(len(names)) if i != new]
    probes = rng.choice(len(scores), k, replace=False)
    rest = np.setdiff1d(np.arange(len(scores)), probes)
    own, others = scores[probes, new], scores[np.ix_(probes, known)]
    siblings = siblings_of(names[new], [names[i] for i in known])
    predicted = [
        np.full(len(rest), own.mean()),
        likeness(others, own)(scores[np.ix_(rest, known)]),
        likeness(others, own, siblings)(scores[np.ix_(rest, known)]),
    ]
    return [float(((one - truth[rest, new]) ** 2).mean()) for one in predicted]


def show(title: str, found: dict[int, Floats]) -> None:
    """A row for each number of probes; differences with their standard errors."""
    print(f"\n{title}: mean squared error of the predicted score")
    print("probes  " + "".join(f"{way:>26}" for way in WAYS) + "   siblings against the mean")
    for k, held in found.items():
        gain = held[:, 0] - held[:, 2]
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        cells = "".join(f"{value:26.4f}" for value in held.mean(axis=0))
        print(f"{k:6d}  {cells}   -{gain.mean():.4f} ± {1.96 * error:.4f}")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", help="real records whose names say efforts")
    parser.add_argument("--worlds", type=int, default=WORLDS)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    made: dict[int, list[list[float]]] = {k: [] for k in SIZES}
    for _ in range(args.worlds):
        truth, names = made_arms(rng)
        scores = (rng.random(truth.shape) < truth).astype(np.float64)
        for k in SIZES:
            made[k].append(errors(scores, truth, names, k, rng))
    show(f"{args.worlds} simulated worlds", {k: np.array(v) for k, v in made.items()})
    if args.source:
        real(args.source, args.worlds, rng)


def real(source: str, draws: int, rng: np.random.Generator) -> None:
    """The same where the arms are real; benchmarks by turns."""
    held = []
    for one in open_source(source):
        dense = one.dense()
        names = list(one.models)
        whole = ~np.isnan(dense).any(axis=1)
        several = any(len(siblings_of(name, names)) > 1 for name in names)
        if whole.sum() > 2 * SIZES[-1] and several:
            held.append((dense[whole], dense[whole], names))
    found = {
        k: np.array([errors(*held[i % len(held)], k, rng) for i in range(draws)]) for k in SIZES
    }
    show(f"{source}, {len(held)} benchmarks, {draws} draws", found)


if __name__ == "__main__":
    main()

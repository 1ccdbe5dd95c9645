"""How often `advise` gives which answer in made worlds whose truth is known.

(a) Nothing in the text predicts anything, yet models share types of prompts or luck: never a yes.
(b) Five domains with words of their own, five models, each best in one: a yes.
(c) A cheaper model of equal score: its name, and no router.
(d) A model that is better than all others everywhere: no.
(e) As SWE-bench's leaderboard, 500 prompts and 39 models without texts: the cheap model within the
    margin is named.

    python benchmarks/verdicts.py                    # 60 draws of each world: an hour of one CPU
    python benchmarks/verdicts.py --draws 5 -w domains -w dominant
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.records import Records
from routereval.studies.advise import advise
from routereval.studies.advise.advice import Decision
from routereval.studies.advise.plan import ROUTERS

Floats = NDArray[np.float64]
N_BOOT = 400

_COMMON = [f"common{n}" for n in range(400)]


def random_texts(n: int, rng: np.random.Generator) -> list[str]:
    """Texts of common words, which say nothing."""
    return [" ".join(rng.choice(_COMMON, 15)) for _ in range(n)]


def named(m: int) -> list[str]:
    return [f"model-{i}" for i in range(m)]


def hidden_types(seed: int) -> Records:
    """Each prompt has a type that no word tells; models are good at one of three."""
    rng = np.random.default_rng([seed, 1])
    kind = rng.integers(0, 3, 360)
    chance = np.where(kind[:, None] == np.arange(5) % 3, 0.9, 0.5)
    return _records("hidden types", rng, chance)


def hidden_types_many(seed: int) -> Records:
    """The same with twelve models, so that those outside a pool give the type away."""
    rng = np.random.default_rng([seed, 2])
    kind = rng.integers(0, 3, 360)
    chance = np.where(kind[:, None] == np.arange(12) % 3, 0.9, 0.5)
    return _records("hidden types, 12", rng, chance)


def families(seed: int) -> Records:
    """Four families of five models that share half of their luck, at prices from 1 to 10."""
    return _shared_luck("families", seed, 3, 20, np.arange(20) // 5, 0.5)


def pairs(seed: int) -> Records:
    """Five pairs of models that share nearly half of their luck, at prices from 1 to 10."""
    return _shared_luck("pairs", seed, 4, 10, np.arange(10) // 2, 0.45)


def copies(seed: int) -> Records:
    """Four models and four copies of each, with 5 % of the answers flipped."""
    rng = np.random.default_rng([seed, 5])
    first = rng.random((360, 4)) < 0.6
    scores = np.repeat(first, 5, axis=1) ^ (rng.random((360, 20)) < 0.05)
    return Records.from_arrays("copies", scores * 1.0, named(20), random_texts(360, rng))


def domains(seed: int) -> Records:
    """Five domains with disjoint words; each of five models is best in one: routing gains 0.096."""
    rng = np.random.default_rng([seed, 6])
    domain = rng.integers(0, 5, 360)
    chance = np.where(domain[:, None] == np.arange(5), 0.93, 0.81)
    words = [[f"d{d}w{n}" for n in range(60)] for d in range(5)]
    texts = [" ".join(rng.choice(words[d], 12)) for d in domain]
    return Records.from_arrays("domains", (rng.random((360, 5)) < chance) * 1.0, named(5), texts)


def _equalled(scores: NDArray[np.bool_], column: int, right: int, rng: np.random.Generator) -> None:
    """Turn random answers of a model until it is right so many times."""
    while (surplus := int(scores[:, column].sum()) - right) != 0:
        among = np.flatnonzero(scores[:, column] == (surplus > 0))
        scores[rng.choice(among, abs(surplus), replace=False), column] ^= True


def equal_but_cheaper(seed: int) -> Records:
    """A dear model, one that scores the same at a tenth of the cost, and six weak ones."""
    rng = np.random.default_rng([seed, 7])
    n, chance = 2000, np.array([0.68, 0.68, *[0.5] * 6])
    usd = np.tile([0.010, 0.001, *[0.0008] * 6], (n, 1)) * rng.uniform(0.5, 1.5, (n, 1))
    easy = rng.normal(scale=0.15, size=(n, 1))
    scores = rng.random((n, 8)) < np.clip(chance + easy, 0, 1)
    _equalled(scores, 1, int(scores[:, 0].sum()), rng)
    names = ["dear", "cheap_equal", *(f"weak-{i}" for i in range(6))]
    return Records.from_arrays("cheaper", scores * 1.0, names, random_texts(n, rng), costs=usd)


def dominant(seed: int) -> Records:
    """A model that is better than all others on every prompt."""
    rng = np.random.default_rng([seed, 8])
    return _records("dominant", rng, np.tile([0.9, 0.6, 0.55, 0.5, 0.45], (600, 1)))


def leaderboard(seed: int) -> Records:
    """500 tasks × 39 systems without texts; one that is .010 worse costs a tenth of the best."""
    rng = np.random.default_rng([seed, 9])
    hard = rng.normal(size=(500, 1))
    skill = np.array([1.62, 1.60, *np.linspace(1.2, -1.5, 37)])
    scores = rng.random((500, 39)) < 1 / (1 + np.exp(-(skill - 1.4 * hard) * 1.1))
    _equalled(scores, 0, 384, rng)
    _equalled(scores, 1, 379, rng)
    usd = np.tile([0.75, 0.073, *np.linspace(0.7, 0.2, 37)], (500, 1))
    names = ["opus", "minimax", *(f"system-{i}" for i in range(37))]
    return Records.from_arrays("leaderboard", scores * 1.0, names, costs=usd)


def _records(name: str, rng: np.random.Generator, chance: Floats) -> Records:
    scores = (rng.random(chance.shape) < chance) * 1.0
    texts = random_texts(len(chance), rng)
    return Records.from_arrays(name, scores, named(chance.shape[1]), texts)


def _shared_luck(
    name: str, seed: int, stream: int, m: int, family: NDArray[np.int64], share: float
) -> Records:
    rng = np.random.default_rng([seed, stream])
    common = rng.normal(size=(500, int(family.max()) + 1))[:, family]
    luck = np.sqrt(share) * common + np.sqrt(1 - share) * rng.normal(size=(500, m))
    usd = np.tile(np.linspace(0.001, 0.01, m), (500, 1))
    texts = random_texts(500, rng)
    return Records.from_arrays(name, (luck > -0.2) * 1.0, named(m), texts, costs=usd)


def never(found: Decision) -> bool:
    """True unless routing is called worth it."""
    return found.answer not in {"route", "save"}


def yes(found: Decision) -> bool:
    return found.answer == "route"


def names_cheaper(model: str) -> Callable[[Decision], bool]:
    return lambda found: never(found) and found.use == model


WORLDS: dict[str, tuple[Callable[[int], Records], Callable[[Decision], bool], str, float]] = {
    "hidden": (hidden_types, never, "never yes", 1.0),
    "hidden12": (hidden_types_many, never, "never yes", 1.0),
    "families": (families, never, "never yes", 1.0),
    "pairs": (pairs, never, "never yes", 1.0),
    "copies": (copies, never, "never yes", 1.0),
    "domains": (domains, yes, "yes", 0.8),
    "cheaper": (equal_but_cheaper, names_cheaper("cheap_equal"), "use cheap_equal", 1.0),
    "dominant": (dominant, never, "never yes", 1.0),
    "leaderboard": (leaderboard, names_cheaper("minimax"), "use minimax", 1.0),
}
"""By name: how it is made, what is right, that in words, and the share of draws required."""


def decision(world: str, seed: int, router: str | None = None) -> Decision:
    """The decision on one draw of a world."""
    make = WORLDS[world][0]
    routers = ROUTERS if router is None else (router,)
    return advise(make(seed), n_boot=N_BOOT, routers=routers).benchmarks[0].decision


class Drawn(NamedTuple):
    """What advise said of one draw.

    Attributes:
        world: its name.
        seed: of the draw.
        router: that the verdict rests on; None for those of advise.
        answer: and the model to use, or ``router``.
        right: whether that is what the world asks for.
        gain: that the learned router was seen to make; NaN without one.
        seconds: of one CPU.
    """

    world: str
    seed: int
    router: str | None
    answer: str
    right: bool
    gain: float
    seconds: float


def _drawn(job: tuple[str, int, str | None]) -> Drawn:
    world, seed, router = job
    start = time.process_time()
    found = decision(world, seed, router)
    gain = found.learned.best.gain.value if found.learned else float("nan")
    answer = f"{found.answer}: {found.use or 'router'}"
    return Drawn(*job, answer, WORLDS[world][1](found), gain, time.process_time() - start)


def held(file: Path) -> list[Drawn]:
    """The draws that are in a file."""
    return [Drawn(*json.loads(line)) for line in file.open()] if file.exists() else []


def run(jobs: Sequence[tuple[str, int, str | None]], out: Path, n_processes: int) -> None:
    """Add to a file what is not in it yet, each draw once it is done."""
    done = {row[:3] for row in held(out)}
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as cache,
        out.open("a") as file,
    ):
        os.environ["ROUTEREVAL_CACHE"] = cache
        with Pool(n_processes) as pool:
            for row in pool.imap_unordered(_drawn, [job for job in jobs if job not in done]):
                print(json.dumps(row), file=file, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--draws", type=int, default=60)
    parser.add_argument("-w", "--world", action="append", choices=list(WORLDS))
    parser.add_argument("-r", "--router", help="A learned router; those of advise by default.")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("out/verdicts.jsonl"))
    parser.add_argument("--report", action="store_true", help="sum up what is there")
    chosen = parser.parse_args(arguments)
    worlds = chosen.world or list(WORLDS)
    jobs = [(world, seed, chosen.router) for seed in range(chosen.draws) for world in worlds]
    if not chosen.report:
        run(jobs, chosen.out, chosen.jobs)
    asked = set(jobs)
    report([row for row in held(chosen.out) if row[:3] in asked], worlds)


def report(found: Sequence[Drawn], worlds: Sequence[str]) -> None:
    """Print how often each world was answered as it asks."""
    print("world        right   of  required  mean gain  seconds  answers")
    for world in worlds:
        own = [row for row in found if row.world == world]
        if not own:
            continue
        right, required = sum(row.right for row in own) / len(own), WORLDS[world][3]
        gain = float(np.mean([row.gain for row in own]))
        seconds = float(np.mean([row.seconds for row in own]))
        counted = Counter(row.answer for row in own).most_common(4)
        answers = ", ".join(f"{n} {what}" for what, n in counted)
        print(
            f"{world:<12} {right:>5.0%} {len(own):>4} {required:>8.0%} {gain:>+10.3f} "
            f"{seconds:>8.1f}  {answers}"
        )


if __name__ == "__main__":
    main()

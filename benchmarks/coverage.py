"""Whether the statistics keep their word, in worlds of which the truth is known.

Coverage of the 95 % intervals of every metric on 200 prompts, the share of false alarms of
``routereval compare`` where two routers are equally good, and its power where they are not.

    python benchmarks/coverage.py                       # 1,000 repetitions
    python benchmarks/coverage.py --repetitions 100     # a first look
"""

from __future__ import annotations

import argparse

from routereval.studies.coverage import coverage, family_rejections, made_world, rejections

WORLDS = {
    "binary, 1 subset of 200": ("binary", (200,)),
    "binary, 20 subsets of 10": ("binary", (10,) * 20),
    "real, subsets of 20 40 60 80": ("real", (20, 40, 60, 80)),
}


def print_coverage(repetitions: int, seed: int) -> None:
    print(f"Coverage of 95 % intervals, 200 prompts, {repetitions:,} repetitions")
    found = {}
    for name, (kind, sizes) in WORLDS.items():
        found[name] = coverage(made_world(kind, sizes, seed=seed), repetitions=repetitions)
    print(f"{'metric':22}" + "".join(f"{name:>32}" for name in found))
    for metric in next(iter(found.values())):
        cells = [held.get(metric) for held in found.values()]
        text = [
            "–"
            if one is None
            else f"{one.covered:.1%} (below {one.missed_low:.1%}, true {one.truth:.3f})"
            for one in cells
        ]
        print(f"{metric:22}" + "".join(f"{cell:>32}" for cell in text), flush=True)


def print_tests(repetitions: int, seed: int) -> None:
    print(f"\nHow often compare finds a difference, {repetitions:,} repetitions, p < 0.05")
    print(f"{'true difference':>16}{'200 prompts':>14}{'benchmarks of 20, 60, 120':>28}")
    for gain in (0.0, 0.02, 0.04, 0.06, 0.08, 0.10, 0.12):
        one = rejections(gain, repetitions=repetitions, seed=seed)
        macro = rejections(
            gain, sizes=(20, 60, 120), macro=True, repetitions=repetitions, seed=seed
        )
        note = "   false alarms" if gain == 0 else ""
        print(f"{gain:16.2f}{one.found:14.1%}{macro.found:28.1%}{note}")
    print(
        f"smallest difference that can be told, as compare says it: {one.detectable:.3f}"
        f" and {macro.detectable:.3f}"
    )
    family = family_rejections(repetitions=repetitions, seed=seed)
    print(f"any of 5 equal routers said to differ from the best single, Holm: {family:.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print_tests(args.repetitions, args.seed)
    print_coverage(args.repetitions, args.seed)


if __name__ == "__main__":
    main()

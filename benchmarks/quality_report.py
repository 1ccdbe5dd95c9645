"""The tables of `quality.py`: gains over the best single model, and where `auto` is below it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import norm

from routereval.scoring import holm

BEST = "best_single"
NORMAL_BELOW = float(norm.cdf(-1))  # how often a normal variable is below by more than its error
LOOKED_AT = {
    *("llmrouter", "routerbench_subset", "bigcodebench", "bfcl_2024_08", "livecodebench"),
    *("livecodebench/lcb_generation", "metabench/gsm8k", "metabench/arc", "mmlu_pro"),
    *("alpaca_eval/alpaca_eval_1", "coderouterbench_id_test", "routerbench_subset/arc-challenge"),
    *("llmrouter/math", "llmrouter/natural_qa", "llmrouter/mbpp", "llmrouter/commonsense_qa"),
    *("llmrouter/trivia_qa", "routellm/gsm8k"),
}


class Gain(NamedTuple):
    """A mean difference over cells, and its standard error, clustered by prompt and by seed."""

    mean: float
    error: float

    def __str__(self) -> str:
        return f"{100 * self.mean:+6.2f} ± {100 * self.error:4.2f}"


Cells = dict[str, dict[str, dict[str, Any]]]
ASIDE = {"groups", "turn", "seconds", "auto left it", "shuffled left it"}


def held(out: Path) -> Cells:
    """The cells that are done, by set and file."""
    cells: Cells = defaultdict(dict)
    for file in sorted(out.glob("*.npz")):
        with np.load(file) as arrays:
            name, turn, _ = file.name.split(".", 2)
            cells[name.replace("--", "/")][file.stem] = {**arrays, "turn": turn}
    return cells


def gain(cells: Sequence[dict[str, Any]], a: str, b: str) -> Gain | None:
    """By how much a is ahead of b, over the cells that have both."""
    both = [c for c in cells if a in c and b in c and not np.isnan(c[a]).any()]
    both = [c for c in both if not np.isnan(c[b]).any()]
    if not both:
        return None
    differences = [one[a] - one[b] for one in both]
    mean = float(np.mean([d.mean() for d in differences]))
    # Two ways of clustering (Cameron, Gelbach and Miller 2011): the same prompts are tested by
    # several seeds, and of one seed all pools have the same training prompts.
    prompts: dict[Any, float] = defaultdict(float)
    seeds: dict[Any, float] = defaultdict(float)
    cells: dict[Any, float] = defaultdict(float)
    for one, d in zip(both, differences, strict=True):
        for group, value in zip(one["groups"].tolist(), (d - mean) / len(d), strict=True):
            prompts[group] += value
            seeds[one["turn"]] += value
            cells[one["turn"], group] += value
    by_prompt, by_seed, twice = (
        sum(value * value for value in of.values()) for of in (prompts, seeds, cells)
    )
    error = np.sqrt(max(by_prompt + by_seed - twice, by_prompt)) / len(both)
    return Gain(mean, float(error))


def over_sets(cells: Cells, a: str, b: str) -> Gain | None:
    """The mean over the sets that have both, each counting alike."""
    found = [g for own in cells.values() if (g := gain(list(own.values()), a, b)) is not None]
    if not found:
        return None
    error = np.sqrt(sum(g.error**2 for g in found)) / len(found)
    return Gain(float(np.mean([g.mean for g in found])), float(error))


def p_of(found: Gain) -> float:
    """Two-sided, by the normal distribution."""
    return float(2 * norm.sf(abs(found.mean) / max(found.error, 1e-12)))


def is_below(found: Gain) -> bool:
    """Whether it is a loss of more than .002 and of more than its error."""
    return found.mean < -max(0.002, found.error)


def report(out: Path) -> None:
    """Print the tables of what is there."""
    cells = held(out)
    if not cells:
        print("no cell is done yet")
        return
    every = [one for own in cells.values() for one in own.values()]
    names = list(dict.fromkeys(name for one in every for name in one if name not in ASIDE))
    names = [name for name in names if name != BEST]
    print(f"{len(cells)} sets, {len(every)} pools. Points over the best single model, ± SE.\n")
    _routers(cells, names)
    _sets(cells)
    _pools(cells)
    seconds = np.concatenate([one["seconds"] for one in every])
    print(
        f"\nauto is fitted in {np.median(seconds):.1f} s of processor (median), "
        f"{seconds.max():.0f} s at most."
    )


def _routers(cells: Cells, names: Sequence[str]) -> None:
    """Each router over all sets, and whether auto is ahead of it."""
    gains = {name: over_sets(cells, name, BEST) for name in names}
    shown = sorted((n for n in names if gains[n]), key=lambda n: -gains[n].mean)  # type: ignore[union-attr]
    beside = {name: over_sets(cells, "auto", name) for name in shown if name != "auto"}
    ps = holm([p_of(found) if found else 1.0 for found in beside.values()])
    corrected = dict(zip(beside, ps.tolist(), strict=True))
    print(
        f"{'router':42s} {'gain':>14s} {'worst set':>10s} {'below':>6s} {'auto ahead by':>15s}"
        f" {'p (Holm)':>9s}"
    )
    for name in shown:
        each = [gain(list(own.values()), name, BEST) for own in cells.values()]
        found = [g for g in each if g is not None]
        worst = min(g.mean for g in found)
        below = f"{sum(map(is_below, found))}/{len(found)}"
        ahead = str(beside[name]) if beside.get(name) else ""
        p = f"{corrected[name]:.3f}" if name in corrected else ""
        print(
            f"{name:42s} {gains[name]!s:>14s} {100 * worst:+10.2f} {below:>6s} {ahead:>15s} {p:>9s}"
        )
    told = over_sets(cells, "auto(known=subset)", "dataset_best(by=subset)")
    if told:
        print(f"\nBoth told the subset, auto is ahead of each subset's best mean by {told}.")
    moved = [one["auto left it"].mean() for own in cells.values() for one in own.values()]
    by_chance = [
        one["shuffled left it"].mean()
        for own in cells.values()
        for one in own.values()
        if "shuffled left it" in one
    ]
    print(f"\nauto leaves the best single model on {np.mean(moved):.1%} of the prompts")
    if by_chance:
        pools = np.mean(np.array(by_chance) > 0)
        print(f"and on {np.mean(by_chance):.1%} on shuffled labels (in {pools:.1%} of pools).")


def _sets(cells: Cells) -> None:
    """Each set: knn, the guarded one, auto, what is known, the ceiling, and the gap closed."""
    shown = ("knn", "guard(router=knn)", "auto", "auto(known=subset)", "ceiling", "oracle")
    print(
        "\n" + f"{'set (* looked at)':36s} {'pools':>5s}" + "".join(f"{n[:15]:>16s}" for n in shown)
    )
    for name, own in sorted(cells.items()):
        found = [gain(list(own.values()), router, BEST) for router in shown]
        mark = "*" if name in LOOKED_AT else " "
        texts = "".join(f"{g!s:>16s}" if g else f"{'–':>16s}" for g in found)
        print(f"{name:35s}{mark} {len(own):5d}{texts}")
    for label, router in (("text alone", "auto"), ("subset known", "auto(known=subset)")):
        own = [c for c in cells.get("mmlu_pro", {}).values() if router in c and "ceiling" in c]
        if own:
            ours, top = gain(own, router, BEST), gain(own, "ceiling", BEST)
            if ours and top and top.mean > 0:
                share = ours.mean / top.mean
                print(f"mmlu_pro, {label}: {share:.0%} of the gap to the ceiling is closed.")


def _pools(cells: Cells) -> None:
    """Whether auto is below the best single model anywhere."""
    below, of_sets, ps, n = [], [], [], 0
    for name, own in cells.items():
        found = gain(list(own.values()), "auto", BEST)
        if found and found.error > 0:
            of_sets.append(p_of(found) if found.mean < 0 else 1.0)
        if found and is_below(found):
            below.append(f"{name} {found}")
        for one in own.values():
            single = gain([one], "auto", BEST)
            if single is not None:
                n += 1
                ps.append(p_of(single) if single.mean < 0 else 1.0)
    worse = int((np.asarray(holm(ps)) < 0.05).sum())
    names = ", ".join(below) or "none"
    print(f"\nSets on which auto is below by more than .002 and its error: {names}.")
    fewer = int((np.asarray(holm(of_sets)) < 0.05).sum()) if of_sets else 0
    print(
        f"Of {len(of_sets)} sets on which it ever differs, {NORMAL_BELOW:.0%} would be so by chance"
    )
    print(f"if it gained nothing there. Significantly below (Holm over these sets): {fewer}.")
    print(f"Pools of {n} on which it is below significantly (Holm over pools): {worse}.")

"""What routers gain over a constant on real records, and what each part of `auto` adds.

Every folder of records with texts or categories, each of its benchmarks apart and all of them
mixed; pools of 3, 5 and 10 models (the three groups by turns) and of all. Each cell (records,
split, seed, pool) is kept in a file once it is done, so that a run can be stopped and taken up;
whatever is there is summed up.

    python benchmarks/quality.py --quick           # a few sets, one seed: some three minutes
    python benchmarks/quality.py                   # ten seeds, clean splits: hours
    python benchmarks/quality.py --cv              # ten folds in the place of ten seeds
    python benchmarks/quality.py --every           # every router that runs on a CPU as well
    python benchmarks/quality.py --plain --pools 1    # no ablation, one pool of each set a seed
    python benchmarks/quality.py --plain --pools 1 --few 300    # 300 prompts without subsets
    python benchmarks/quality.py --report          # sum up what is there

Gains are in points, .01 of score, over the best single model of the training prompts; their
standard errors are clustered by prompt over pools and seeds. `ceiling` knows the scores of all
models outside of the pool on the very prompt beside its text; no router does. Constants of `auto`
were looked at on seeds 101 and 102 of 18 of the sets (marked *), the bound of its gate was raised
after a look at seed 0, and the view of predicted subsets was confirmed on seeds 1 and 2.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm

from routereval.errors import RouterEvalError
from routereval.features.prompts import Prompts
from routereval.records import Records
from routereval.routers import auto_traits, make_router
from routereval.routers.auto import Auto
from routereval.routers.auto_inputs import Encoding, Reader, Seen, components_of
from routereval.routers.auto_stack import Examples, Pipeline, Stack, pipelines_of
from routereval.routers.auto_views import (
    LEADING_PENALTIES,
    TREES,
    Folds,
    Forest,
    View,
    cross_fitted,
    forest_view,
    linear_view,
    stacked,
)
from routereval.routers.base import Training, mean_scores
from routereval.routers.registry import on_cpu
from routereval.routers.shrinkage import (
    GATE,
    Centred,
    OutOfFold,
    Shrinkage,
    centred,
    shrinkage_of,
    slope_of,
    without_common,
)
from routereval.scoring import holm
from routereval.sources import open_source
from routereval.studies.train import fit
from routereval.tasks import Pool, Rows, Split, Task, mix
from routereval.tasks.benchmark import PreparedBenchmark

Floats = NDArray[np.float64]

DATA = Path(__file__).parents[2] / "shared" / "data"
GROUPS = ("all-strong", "strong-to-weak", "all-weak")
SIZES = (3, 5, 10)
FEWEST = 80  # prompts
MOST = 40  # models of a pool of all
QUICK = ("routerbench_subset/mbpp", "llmrouter/math", "bfcl_2024_08", "livecodebench")
FOLDS_KEPT = 60  # classifiers of subsets
LEAST_TESTED, MOST_TESTED = 500, 2000  # of --few
NORMAL_BELOW = float(norm.cdf(-1))  # how often a normal variable is below by more than its error
LOOKED_AT = {
    *("llmrouter", "routerbench_subset", "bigcodebench", "bfcl_2024_08", "livecodebench"),
    *("livecodebench/lcb_generation", "metabench/gsm8k", "metabench/arc", "mmlu_pro"),
    *("alpaca_eval/alpaca_eval_1", "coderouterbench_id_test", "routerbench_subset/arc-challenge"),
    *("llmrouter/math", "llmrouter/natural_qa", "llmrouter/mbpp", "llmrouter/commonsense_qa"),
    *("llmrouter/trivia_qa", "routellm/gsm8k"),
}
ROUTERS = ("dataset_best(by=subset)", "knn", "linear", "forest", "guard(router=knn)")
BEST = "best_single"
UNGUARDED = "auto without guard"


_classified: dict[bytes, tuple[Floats, Floats]] = {}
_classifier = auto_traits.classifier


def shared_classifier(X: NDArray[np.floating], labels: Floats) -> tuple[Floats, Floats]:
    """The classifier of subsets, learned once for all pools that share their prompts."""
    key = hashlib.blake2b(X.tobytes() + labels.tobytes()).digest()
    if key not in _classified:
        if len(_classified) >= FOLDS_KEPT:
            _classified.clear()
        _classified[key] = _classifier(X, labels)
    return _classified[key]


class Recorded(Auto):
    """`auto`, with what its text alone told it kept for the ablation and the ceiling."""

    def fit(self, *args: Any, **kwargs: Any) -> Recorded:  # noqa: ANN401
        """Forget what was recorded, and fit."""
        self.seconds_: list[float] = []
        return super().fit(*args, **kwargs)

    def _stack(
        self,
        reader: Reader,
        encodings: Sequence[Encoding],
        data: Training,
        folds: Folds,
        fallback: int,
    ) -> Stack:
        began = time.process_time()
        if not self.seconds_:
            self.data_, self.encodings_ = data, encodings
        stack = super()._stack(reader, encodings, data, folds, fallback)
        self.seconds_.append(time.process_time() - began)
        return stack

    def _pipelines(
        self, encodings: Sequence[Encoding], examples: Examples
    ) -> tuple[list[Pipeline], list[Floats]]:
        pipelines, out = super()._pipelines(encodings, examples)
        if not self.seconds_:
            self.examples_, self.out_ = examples, out
        return pipelines, out


class Wider(Recorded):
    """The same with two more views: a ridge on all inputs, and a forest that sees no traits."""

    def _views(self, seen: Seen, Y: Floats, folds: Folds, fold: int) -> list[View]:
        wide = Seen(seen.wide.astype(float), *seen[1:])
        bare = seen._replace(wide=seen.wide[:, : seen.wide.shape[1] - seen.traits.shape[1]])
        every = linear_view(wide, "leading", LEADING_PENALTIES, Y, folds)
        return [
            *super()._views(seen, Y, folds, fold),
            every._replace(block="wide"),
            Bare(forest_view(bare, Y, self.random_state + TREES * fold), bare.wide.shape[1]),
        ]


class Bare(NamedTuple):
    """A forest that sees the first inputs alone."""

    forest: Forest
    width: int

    def __call__(self, seen: Seen) -> Floats:
        return self.forest(seen._replace(wide=seen.wide[:, : self.width]))


class Shared(Recorded):
    """The same, its components and clusters learned of all training prompts for every fold."""

    def _encodings(
        self, prompts: Prompts, folds: Folds, groups: NDArray[np.int64] | None
    ) -> list[Encoding]:
        found = super()._encodings(prompts, folds, groups)
        return [Encoding.of(prompts.features, 0)] * len(found)


def benchmarks(quick: bool) -> Iterator[tuple[str, Records, bool]]:
    """Each set by name, and whether it is a mixed stream."""
    for folder in sorted(DATA.iterdir()):
        try:
            found = open_source(folder)
        except RouterEvalError as error:
            print(f"{folder.name} is left out: {error}")
            continue
        several = len(found) > 1
        for records in found:
            name = f"{folder.name}/{records.name}" if several else folder.name
            if records.n_prompts >= FEWEST and (not quick or name in QUICK):
                yield name, records, False
        if several and (not quick or folder.name in QUICK):
            try:
                stream = mix(found, folder.name)
            except RouterEvalError as error:
                print(f"{folder.name} is not mixed: {error}")
                continue
            yield folder.name, stream, True


def split_of(turn: int, mixed: bool, cv: bool) -> str:
    """The split of a turn: a seed, or a fold, of another division after every ten."""
    if cv:
        return f"cv(k=10, fold={turn % 10}, seed={turn // 10})"
    return f"{'mixed' if mixed else 'clean'}(seed={turn})"


def few_of(records: Records, n: int, turn: int) -> PreparedBenchmark:
    """Some prompts to learn from, whose subsets nobody has noted, and many others to test on."""
    records = replace(records, prompts=records.prompts.with_columns(subset=pl.lit("all")))
    drawn = np.random.default_rng([turn, n]).permutation(records.n_prompts)
    train, others = np.sort(drawn[:n]), np.sort(drawn[n : n + MOST_TESTED])
    test = others[~np.isin(records.groups[others], records.groups[train])]
    return PreparedBenchmark(records, Split("clean", turn), rows=Rows(train, train[:0], test))


def pools(records: Records, turn: int) -> Iterator[Pool | list[str]]:
    """A pool of each size, of the three groups by turns, and one of all models."""
    for place, size in enumerate(SIZES):
        if records.n_models > size:
            yield Pool(GROUPS[(turn + place) % 3], size)
    if 2 <= records.n_models <= MOST:
        yield list(records.models)


def cell(
    task: Task, routers: Sequence[str], *, plain: bool = False, control: bool = True
) -> dict[str, Floats]:
    """What the choice of each router scores on each test prompt; NaN where it has none.

    Args:
        task: the pool and the split.
        routers: beside `auto`.
        plain: without the ablation, but for `auto` without its guard.
        control: with `auto` on shuffled labels, which takes as long as `auto` itself.
    """
    test, best = task.test, task.best_single
    rows = np.arange(len(test.scores))

    def scored(predicted: Floats) -> Floats:
        return np.asarray(test.scores[rows, predicted.argmax(axis=1)])

    found = {BEST: test.scores[:, best], "oracle": test.scores.max(axis=1)}
    found["best cheaper single"] = _cheaper(task)
    for name in routers:
        try:
            router = fit(make_router(name), task)
            found[name] = scored(router.predict_scores(test.inputs(router.reads)))
        except RouterEvalError:
            continue  # it needs costs, or texts
    prompts = test.inputs("prompts")
    subsets = ("subset",) if len(np.unique(task.train.subsets)) > 1 else ()
    auto = Recorded(known=subsets)
    fit(auto, task)
    found["seconds"] = np.array(auto.seconds_[:1])
    if subsets:
        found["auto(known=subset)"] = scored(auto.predict_scores(prompts))
        auto.known_stack_ = None  # what is left is `auto`
    predicted = auto.predict_scores(prompts)
    found["auto"] = scored(predicted)
    found["auto left it"] = (predicted.argmax(axis=1) != best).astype(float)
    if control:
        shuffled = fit(make_router("shuffled(router=auto)"), task).predict_scores(prompts)
        found["shuffled(router=auto)"] = scored(shuffled)
        found["shuffled left it"] = (shuffled.argmax(axis=1) != best).astype(float)
    rows_of = unguarded if plain else ablations
    found |= {name: scored(predicted) for name, predicted in rows_of(auto, task).items()}
    ceiling = _ceiling(task, auto)
    if ceiling is not None:
        found["ceiling"] = scored(ceiling)
    return found


def _cheaper(task: Task) -> Floats:
    """The best model of the training prompts that costs less than the best single one."""
    costs, means = task.expected_costs, mean_scores(task.train.scores)
    rows = np.full(len(task.test.scores), np.nan)
    if costs is None:
        return rows
    cheaper = costs < costs[task.best_single]
    if not cheaper.any():
        return rows
    return np.asarray(task.test.scores[:, np.where(cheaper, means, -1.0).argmax()])


def unguarded(auto: Recorded, task: Task) -> dict[str, Floats]:
    """Scores by all views of `auto`, as they are."""
    stack = auto.stack_
    if not stack.pipelines:
        return {}
    predicted = stack.predicted(stack.reader(task.test.inputs("prompts")))
    return {UNGUARDED: stack.shrinkage._replace(z=0.0, share=1.0)(predicted)}


def ablations(auto: Recorded, task: Task) -> dict[str, Floats]:
    """Scores by parts of `auto`, of views that are learned once for all rows but one."""
    if not auto.stack_.pipelines:
        return {}
    prompts = task.test.inputs("prompts")
    wider, shared = fit(Wider(), task), fit(Shared(), task)
    scores, folds, groups = auto.data_.scores, wider.examples_.folds, np.asarray(auto.data_.groups)
    truth, stack = centred(scores).values, wider.stack_
    given = stack.reader(prompts)
    sides = [(pipeline.views, pipeline.seen(given)) for pipeline in stack.pipelines]
    answers = [
        np.mean([views[place](seen) for views, seen in sides], axis=0)
        for place in range(len(wider.out_))
    ]

    def rule(places: Sequence[int], gate: float = GATE) -> tuple[Shrinkage, Floats]:
        out = [wider.out_[place] for place in places]
        held = OutOfFold(cross_fitted(out, truth, folds), scores, folds, groups)
        weights = stacked(out, truth)
        predicted = sum(w * answers[p] for w, p in zip(weights, places, strict=True))
        own = {"levels": auto.stack_.shrinkage.levels, "fallback": auto.fallback_}
        return shrinkage_of(held, auto.risk, gate=gate)._replace(**own), np.asarray(predicted)

    def whole_of(*places: int, gate: float = GATE) -> Floats:
        found, predicted = rule(places, gate)
        return found(predicted)

    def plain_of(*places: int) -> Floats:
        found, predicted = rule(places)
        return found._replace(z=0.0, share=1.0)(predicted)

    whole, by_all = rule([0, 1, 2, 3])
    return {
        "ridge on differences": plain_of(1),
        "forest on differences": plain_of(0),
        "both, stacked": plain_of(0, 1),
        UNGUARDED: plain_of(0, 1, 2, 3),
        "slope less 1.5 errors": whole._replace(z=1.5, share=1.0)(by_all),
        "slope less 2 errors": whole._replace(z=2.0, share=1.0)(by_all),
        "and levels shrunk, 1.5 errors": whole._replace(z=1.5)(by_all),
        "and gated: all of auto but the familiarity": whole(by_all),
        "gated by 1.645 errors in the place of one": whole_of(0, 1, 2, 3, gate=1.645),
        "gated, without clusters": whole_of(0, 1, 2),
        "gated, without the ridge on traits": whole_of(0, 1, 3),
        "gated, without the ridge on components": whole_of(0, 2, 3),
        "gated, without the forest": whole_of(1, 2, 3),
        "gated, a slope for each model": _slope_for_each(whole, by_all, wider),
        "gated, and a ridge on all inputs": whole_of(0, 1, 2, 3, 4),
        "gated, without any traits": whole_of(5, 1, 3),
        "gated, components and clusters shared by the folds": shared.predict_scores(prompts),
    }


def _slope_for_each(rule: Shrinkage, predicted: Floats, wider: Recorded) -> Floats:
    """Each model's own slope, drawn to the common one by empirical Bayes."""
    if not rule.moves:
        return rule(predicted)
    truth, groups = centred(wider.examples_.scores), np.asarray(wider.data_.groups)
    out = without_common(cross_fitted(wider.out_[:4], truth.values, wider.examples_.folds))
    own = [
        slope_of(out[:, [m]], Centred(truth.values[:, [m]], truth.seen[:, [m]]), groups)
        for m in range(out.shape[1])
    ]
    slopes, errors = np.array([s.slope for s in own]), np.array([min(s.error, 1e3) for s in own])
    between = max(0.0, float(np.mean((slopes - rule.slope.slope) ** 2 - errors**2)))
    weight = between / (between + errors**2)
    slope = rule.slope.slope + weight * (slopes - rule.slope.slope)
    error = np.sqrt(rule.slope.error**2 * (1 - weight) ** 2 + weight * errors**2)
    top = rule.levels[rule.fallback]
    kept = np.clip(slope - rule.z * error, 0.0, 1.2)
    return np.asarray(top + rule.share * (rule.levels - top) + kept * without_common(predicted))


def _ceiling(task: Task, auto: Recorded) -> Floats | None:
    """Predictions of the same views that also see all other models' scores on the prompt."""
    records = task.records
    outside = [m for m in range(records.n_models) if records.models[m] not in task.models]
    if len(outside) < 3 or not auto.stack_.pipelines:
        return None
    columns = np.array(outside[:500], dtype=np.int64)

    def apart(rows: NDArray[np.int64]) -> Floats:
        others = records.scores.dense(rows, columns)
        others = np.nan_to_num(others - np.nanmean(others, axis=0))
        easy = others.mean(axis=1, keepdims=True)
        return np.hstack([others - easy, easy])

    def learn(seen: Seen, Y: Floats, folds: Folds, fold: int) -> list[View]:
        ours = auto._views(seen._replace(categories=seen.categories[:, :0]), Y, folds, fold)
        return [*ours, linear_view(seen, "categories", LEADING_PENALTIES, Y, folds)]

    rows = np.concatenate([task.train.rows, task.val.rows])[: len(auto.data_.scores)]
    components = components_of(apart(rows))
    examples = auto.examples_._replace(
        given=auto.examples_.given._replace(categories=components(apart(rows)))
    )
    pipelines, out = pipelines_of(auto.encodings_, examples, learn)
    truth, groups = centred(examples.scores).values, np.asarray(auto.data_.groups)
    held = OutOfFold(
        cross_fitted(out, truth, examples.folds), examples.scores, examples.folds, groups
    )
    rule = shrinkage_of(held, 1.0)._replace(z=0.0, share=1.0)
    reader = auto.stack_.reader
    given = reader(task.test.inputs("prompts"))._replace(
        categories=components(apart(task.test.rows))
    )
    return rule(Stack(reader, tuple(pipelines), stacked(out, truth), rule).predicted(given))


def run(out: Path, args: argparse.Namespace) -> None:
    """Do what is not there yet."""
    out.mkdir(parents=True, exist_ok=True)
    auto_traits.classifier = shared_classifier
    routers = list(ROUTERS)
    if args.every:
        known = {*ROUTERS, BEST, "auto", "guard", "oracle", *args.without}
        routers += [name for name in on_cpu() if name not in known]
    fewest = max(args.fewest, args.few + LEAST_TESTED if args.few else 0)
    sets = [one for one in benchmarks(args.quick) if one[1].n_prompts >= fewest]
    sets.sort(key=lambda one: one[1].n_prompts)
    for turn in range(args.first, args.first + args.seeds):
        for name, records, mixed in sets:
            if args.only and name not in args.only:
                continue
            split = split_of(turn, mixed, args.cv)
            prepared = (
                few_of(records, args.few, turn)
                if args.few
                else PreparedBenchmark(records, Split.parse(split))
            )
            every = list(pools(records, turn))
            first = turn % max(len(every), 1)
            for place, pool in enumerate([*every[first:], *every[:first]][: args.pools]):
                label = str(pool) if isinstance(pool, Pool) else "all"
                file = out / f"{name.replace('/', '--')}.{turn}.{label}.npz"
                if file.exists():
                    continue
                try:
                    task = Task(prepared, pool)
                    control = not args.plain or (place == 0 and turn % 2 == 0)
                    found = cell(task, routers, plain=args.plain, control=control)
                except RouterEvalError as error:
                    print(f"{name}, {split}, {label}: {error}", flush=True)
                    continue
                found["groups"] = task.test.groups
                part = file.with_suffix(".part.npz")
                np.savez_compressed(part, **found)
                part.rename(file)


# What is there, summed up


class Gain(NamedTuple):
    """A mean difference over cells, and its standard error, clustered by prompt."""

    mean: float
    error: float

    def __str__(self) -> str:
        return f"{100 * self.mean:+6.2f} ± {100 * self.error:4.2f}"


Cells = dict[str, dict[str, dict[str, Any]]]
ASIDE = {"groups", "seconds", "auto left it", "shuffled left it"}


def held(out: Path) -> Cells:
    """The cells that are done, by set and file."""
    cells: Cells = defaultdict(dict)
    for file in sorted(out.glob("*.npz")):
        with np.load(file) as arrays:
            cells[file.name.split(".")[0].replace("--", "/")][file.stem] = dict(arrays)
    return cells


def gain(cells: Sequence[dict[str, Any]], a: str, b: str) -> Gain | None:
    """By how much a is ahead of b, over the cells that have both."""
    both = [c for c in cells if a in c and b in c and not np.isnan(c[a]).any()]
    both = [c for c in both if not np.isnan(c[b]).any()]
    if not both:
        return None
    total: dict[int, float] = defaultdict(float)
    means = []
    for one in both:
        d = one[a] - one[b]
        means.append(float(d.mean()))
        for group, value in zip(one["groups"].tolist(), (d - d.mean()) / len(d), strict=True):
            total[group] += value
    error = np.sqrt(np.sum(np.square(list(total.values())))) / len(both)
    return Gain(float(np.mean(means)), float(error))


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
        f"{'router':42s} {'gain':>14s} {'worst set':>10s} {'auto ahead by':>15s} {'p (Holm)':>9s}"
    )
    for name in shown:
        worst = min(g.mean for own in cells.values() if (g := gain(list(own.values()), name, BEST)))
        ahead = str(beside[name]) if beside.get(name) else ""
        p = f"{corrected[name]:.3f}" if name in corrected else ""
        print(f"{name:42s} {gains[name]!s:>14s} {100 * worst:+10.2f} {ahead:>15s} {p:>9s}")
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
        if found and found.mean < -max(0.002, found.error):
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


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="a few sets, one seed")
    parser.add_argument("--cv", action="store_true", help="ten folds in the place of ten seeds")
    parser.add_argument("--every", action="store_true", help="every router that runs on a CPU")
    parser.add_argument(
        "--plain",
        action="store_true",
        help="no ablation, shuffled labels on one pool of every second seed",
    )
    parser.add_argument("--pools", type=int, default=None, help="pools of a set a seed, by turns")
    parser.add_argument("--without", nargs="*", default=[], help="routers that --every leaves out")
    parser.add_argument("--report", action="store_true", help="sum up what is there")
    parser.add_argument("--seeds", type=int, default=None)
    parser.add_argument("--first", type=int, default=0, help="the first seed, or fold")
    parser.add_argument("--fewest", type=int, default=FEWEST, help="prompts of a set")
    parser.add_argument(
        "--few",
        type=int,
        default=0,
        metavar="N",
        help="learn from N prompts without subsets, test on others; sets with 500 others or more",
    )
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    args.seeds = args.seeds or (1 if args.quick else 10)
    kinds = {"cv": args.cv, "quick": args.quick, f"few-{args.few}": args.few}
    kind = "-".join(["quality", *(name for name, asked in kinds.items() if asked)])
    out = args.out or Path("out") / kind
    if not args.report:
        run(out, args)
    report(out)


if __name__ == "__main__":
    main()

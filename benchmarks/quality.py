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
    python benchmarks/quality.py --plain --every --first 53    # the tables of all sets
    python benchmarks/quality.py --plain --pools 1 --few 300    # 300 prompts without subsets
    python benchmarks/quality.py --report          # sum up what is there

Gains are in points, .01 of score, over the best single model of the training prompts; their
standard errors are clustered by prompt and by seed. `ceiling` knows the scores of all
models outside of the pool on the very prompt beside its text; no router does. docs/plateau.md says
which seeds and draws were looked at when `auto` was made; sets whose constants were are marked *.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from quality_parts import Recorded, ablations, ceiling_of, shared_classifier, unguarded
from quality_report import BEST, report
from routereval.errors import RouterEvalError
from routereval.records import Records
from routereval.routers import auto_subsets, make_router
from routereval.routers.base import mean_scores
from routereval.routers.policy import weights
from routereval.routers.registry import on_cpu
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
LEAST_TESTED, MOST_TESTED = 500, 2000  # of --few
ROUTERS = ("dataset_best(by=subset)", "knn", "linear", "forest", "guard(router=knn)")


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
        except RouterEvalError:
            continue  # it needs costs, or texts
        predicted = router.predict_scores(test.inputs(router.reads))
        shares = weights(predicted, router.policy)
        found[name] = np.asarray((shares * test.scores).sum(axis=1))
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
    ceiling = ceiling_of(task, auto)
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


def run(out: Path, args: argparse.Namespace) -> None:
    """Do what is not there yet."""
    out.mkdir(parents=True, exist_ok=True)
    auto_subsets.classifier = shared_classifier
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

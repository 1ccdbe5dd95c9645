from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from routereval.errors import DataError, SpecError
from routereval.features import embedder_name
from routereval.records import Records
from routereval.results import Results, read_results
from routereval.results.comparison import compare
from routereval.results.folder import ResultsFolder
from routereval.routers import make_router
from routereval.routers.registry import on_cpu
from routereval.sources import open_source
from routereval.studies import run_cells
from routereval.studies.evaluate import evaluate
from routereval.studies.run import run
from routereval.tasks import GROUPS, Pool, Task
from routereval.tasks.scalar_order import numpys_order
from tests.made import Floats, made, neutral_folder

TWO = ("knn(k=5)", "random")


def without_seconds(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "results.jsonl").read_text("utf-8").splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


def numbers(results: Results) -> list[tuple[Any, ...]]:
    return [(c.place, c.pool, str(c.metrics), str(c.intervals)) for c in results.cells]


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The cells that are computed, in order; only those of runs with n_jobs=1."""
    seen: list[str] = []
    compute = run_cells.finished_cell

    def counted(job: Any) -> Any:  # noqa: ANN401
        seen.append(f"{job.prepared.name} {job.pool} {job.name}")
        return compute(job)

    monkeypatch.setattr("routereval.studies.run.finished_cell", counted)
    return seen


# What is run


@pytest.mark.slow
def test_every_router_runs_on_every_pool_of_every_benchmark() -> None:
    one = made("one", n_models=14, costs=True)
    two = made("two", kind="real", n_models=14, costs=True, n_subsets=2)
    benchmarks = [one, two]
    groups = ("all-strong", "strong-to-weak")
    results = run(benchmarks, on_cpu(), [3, 5], groups, n_jobs=1)
    assert results.notes == []
    places = [(c.benchmark, c.router, c.size, c.group) for c in results.cells]
    assert places == [
        (b, r, m, g) for b in ("one", "two") for r in on_cpu() for m in (3, 5) for g in groups
    ]
    for cell in results.cells:
        assert (cell.n_train, cell.n_test, cell.seed, cell.protocol) == (48, 6, 42, "clean")
        assert len(set(cell.pool)) == cell.size
        assert np.isnan(cell.metrics["v_r"])
        assert cell.control == make_router(cell.router).control
        assert results.outcomes[cell.key].evidence.quality.mean() == cell.metrics["mu"]
    pools = {(c.benchmark, c.size, c.group, c.pool) for c in results.cells}
    assert len(pools) == 2 * 2 * 2  # all routers meet the same pools


@pytest.mark.parametrize("protocol", ["clean", "faithful"])
@pytest.mark.parametrize("spec", ["knn", "knn(k=3)", "knn(k=tuned)", "linear", "cluster", "oracle"])
def test_a_cell_is_what_a_script_would_get(spec: str, protocol: str) -> None:
    records = made(n_prompts=400, n_models=8, costs=True)
    [cell] = run([records], [spec], [4], ["all-weak"], protocol=protocol, n_jobs=1).cells
    task = Task(records, Pool("all-weak", 4), protocol)
    router = make_router(spec, protocol=protocol)
    extra: dict[str, Any] = {}
    if router.uses_validation and protocol == "clean":
        extra = {"validation": (task.val.inputs(router.reads), task.val.scores)}
    with threadpool_limits(1):  # as in a run: the last digits depend on the number of threads
        router.fit(task.train.inputs(router.reads), task.train.scores, task.train.costs, **extra)
        found = evaluate(router, task)
    assert cell.pool == task.models
    assert str(cell.metrics) == str(found.metrics)


def test_faithful_takes_the_published_baselines() -> None:
    results = run([made()], ["knn", "knn(k=5)"], [3], protocol="faithful", n_jobs=1)
    one, other = (str([c.metrics for c in results.of(r)]) for r in ("knn", "knn(k=5)"))
    assert one == other


def test_results_say_in_whose_order_equal_values_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder never takes a cell of another machine's order for its own."""
    records, order = made("one"), numpys_order()
    results = run(
        [records],
        ["random"],
        [3],
        ["all-weak"],
        protocol="faithful(ties=numpy)",
        out=tmp_path,
        n_jobs=1,
    )
    assert results.notes == [f"one: equal values stand as numpy's {order} sort leaves them"]
    assert json.loads((tmp_path / "run.json").read_text("utf-8"))["numpy_order"] == order
    (cell,) = read_results(tmp_path).cells
    assert (cell.protocol, cell.order) == ("faithful(ties=numpy)", order)
    monkeypatch.setattr(run_cells, "numpys_order", lambda: "other")
    again = run(
        [records],
        ["random"],
        [3],
        ["all-weak"],
        protocol="faithful(ties=numpy)",
        out=tmp_path,
        n_jobs=1,
    )
    assert [c.order for c in again.cells] == ["other"]
    assert [c.order for c in run([records], ["random"], [3], protocol="faithful").cells] == [""] * 3


def test_a_faithful_run_says_that_the_reference_has_no_missing_cells() -> None:
    gappy = made("gappy", n_prompts=80, n_models=12, missing=0.02)
    note = "gappy: some cells are missing, and the reference has none"
    faithful = run([gappy], ["random"], [3], protocol="faithful", n_jobs=1).notes
    assert any(one.startswith(note) for one in faithful)
    assert not any(one.startswith(note) for one in run([gappy], ["random"], [3], n_jobs=1).notes)


def test_seeds_run_from_42_and_each_has_its_own_split() -> None:
    results = run([made()], ["random"], [3], seeds=3, n_jobs=1)
    assert [c.seed for c in results.cells] == [42] * 3 + [43] * 3 + [44] * 3
    rows = {c.seed: tuple(results.outcomes[c.key].rows.tolist()) for c in results.cells}
    assert len(set(rows.values())) == 3
    alone = run([made()], ["random"], [3], n_jobs=1)
    assert numbers(alone) == numbers(results)[:3]


def test_missing_cells_are_left_out_not_counted_as_wrong() -> None:
    records = made(n_prompts=200, n_models=8)
    scores = records.dense()
    rng = np.random.default_rng(0)
    scores[rng.random(scores.shape) < 0.02] = np.nan
    gappy = Records.from_arrays(
        "one", scores, records.models, features=np.asarray(records.features["given"])
    )
    results = run([gappy], ["knn", "linear", "cluster", "random", "oracle"], [3], n_jobs=1)
    for cell in results.cells:
        rows = results.outcomes[cell.key].rows
        seen = scores[np.ix_(rows, gappy.columns(cell.pool))]
        assert not np.isnan(seen).any()
        if cell.router == "random":
            assert cell.metrics["mu"] == pytest.approx(seen.mean())


@pytest.mark.parametrize("kind", ["memory", "folder", "collection", "neutral"])
def test_any_source_gives_the_same_cells(kind: str, tmp_path: Path) -> None:
    records = made(texts=True, features=False)
    source: Any = records
    if kind == "folder":
        source = records.save(tmp_path / "folder")
    elif kind == "collection":
        records.save(tmp_path / "all" / "one")
        source = str(tmp_path / "all")
    elif kind == "neutral":
        source = neutral_folder(tmp_path / "logs", records)
    found = run([source], ["knn(k=5)"], [3], n_jobs=1)
    assert [c.benchmark for c in found.cells] == ["one"] * 3
    plain = run([records], ["knn(k=5)"], [3], n_jobs=1)
    assert numbers(found) == numbers(plain)
    if kind != "neutral":
        assert {c.records for c in found.cells} == {records.hash}


def test_embedders_are_named_in_the_cells() -> None:
    records = made(texts=True)
    named = {
        spec: run([records], ["knn(k=5)"], [3], embedder=spec, n_jobs=1).cells[0]
        for spec in ("auto", "stored", "tfidf(dims=3)", "columns")
    }
    assert {spec: cell.embedder for spec, cell in named.items()} == {
        "auto": "stored(name=given)",
        "stored": "stored(name=given)",
        "tfidf(dims=3)": "tfidf(dims=3)",
        "columns": "columns",
    }
    assert len({cell.key for cell in named.values()}) == 3


class Lengths:
    """An object with encode, as people bring them."""

    def encode(self, texts: list[str]) -> list[list[float]]:
        return [[len(text), text.count("e")] for text in texts]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_object_with_encode_embeds_the_prompts_of_a_run(n_jobs: int) -> None:
    found = run([made(texts=True)], ["knn(k=5)"], [3], embedder=Lengths(), n_jobs=n_jobs)
    assert {cell.embedder for cell in found.cells} == {embedder_name(Lengths())}
    assert found.info["embedder"] == embedder_name(Lengths())


def test_a_router_named_twice_runs_once(computed: list[str]) -> None:
    results = run([made()], ["random", "knn(k=5)", "random"], [3, 3], ["all-weak"] * 2, n_jobs=1)
    assert results.routers == ["random", "knn(k=5)"]
    assert len(results.cells) == len(computed) == 2


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    run([made()], TWO, [3], n_jobs=1, progress=lambda *step: told.append(step))
    cells = [(done, total) for what, done, total in told if what == "cells"]
    assert cells == [(n, 6) for n in range(7)]
    assert ("pools and features", 1, 1) in told


# What cannot be run


def test_what_is_skipped_is_noted() -> None:
    few, many = made("few", n_models=4), made("many", features=False)
    results = run([few, many], ["random", "cheapest"], [3, 5], n_jobs=1)
    assert [note for note in results.notes if "holds the models of" not in note] == [
        "many: no prompt texts; routers see only the columns of the prompt table",
        "few: 4 models are too few for a pool of 5",
        "few, cheapest: cheapest needs costs; import the records with costs or prices, "
        "or leave it out",
        "many, cheapest: cheapest needs costs; import the records with costs or prices, "
        "or leave it out",
    ]
    assert {(c.benchmark, c.size) for c in results.cells} == {
        ("few", 3),
        ("many", 3),
        ("many", 5),
    }


def test_a_benchmark_that_cannot_be_split_is_skipped() -> None:
    results = run([made("tiny", n_prompts=1), made()], ["random"], [3], n_jobs=1)
    assert results.notes == ["tiny: 1 prompt is too few to train and to test on"]
    assert {c.benchmark for c in results.cells} == {"one"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sizes": [100]}, "^nothing could be run: one: 6 models are too few for a pool of 100$"),
        ({"routers": ["cheapest"]}, "^nothing could be run: one, cheapest: cheapest needs costs"),
        (
            {"sizes": [7, 8, 9, 10, 11]},
            r"too few for a pool of 9; and 2 more$",
        ),
        ({"embedder": "tfidf"}, "^nothing could be run: one: tfidf reads texts"),
    ],
)
def test_when_nothing_can_be_run_nothing_is_written(
    options: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(DataError, match=sentence):
        run([made()], **{"routers": TWO, "sizes": [3], "n_jobs": 1, "out": out, **options})
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"routers": ["random", "kn"]}, r"unknown router 'kn'; did you mean 'knn'\?"),
        ({"routers": ["knn(kk=5)"]}, "unknown parameter of knn 'kk'; did you mean 'k'"),
        ({"routers": ["knn("]}, "cannot read 'knn\\('"),
        ({"routers": []}, "at least one router"),
        ({"sizes": []}, "at least one router, pool size"),
        ({"groups": []}, "at least one router, pool size, group"),
        ({"seeds": 0}, "at least one router, pool size, group and seed"),
        ({"groups": ["all-stong"]}, r"unknown group 'all-stong'; did you mean 'all-strong'\?"),
        ({"groups": ["models"]}, "a pool of models needs their names"),
        ({"sizes": [0]}, "a pool has at least 1 model, not 0"),
        ({"sizes": [-3]}, "a pool has at least 1 model, not -3"),
        ({"protocol": "cleen"}, r"unknown protocol 'cleen'; did you mean 'clean'\?"),
        ({"n_jobs": 0}, "at least one process"),
    ],
)
def test_a_name_that_is_not_known_ends_the_run_before_anything_is_opened(
    options: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    out, nowhere = tmp_path / "out", tmp_path / "nowhere"  # opening it would be another error
    with pytest.raises(SpecError, match=sentence):
        run([nowhere], **{"routers": TWO, "sizes": [3], "n_jobs": 1, "out": out, **options})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"embedder": "tfdif"}, "unknown embedder 'tfdif'; did you mean 'tfidf'"),
        ({"embedder": "tfidf(dims=x)"}, "tfidf: dims must be a positive whole number"),
        ({"routers": ["knn(k=0)"]}, "knn: k must be a positive whole number"),
        ({"routers": ["noisy_oracle(p=2)"]}, "noisy_oracle: p must be a number from 0 to 1"),
        ({"routers": ["constant(index=3)"]}, "constant: index 3 names no model of a pool of 3"),
    ],
)
def test_a_value_that_means_nothing_ends_the_run_with_nothing_written(
    options: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(SpecError, match=sentence):
        run(
            [made(texts=True)], **{"routers": TWO, "sizes": [3], "n_jobs": 1, "out": out, **options}
        )
    assert not out.exists()


def test_two_benchmarks_of_one_name_are_told() -> None:
    with pytest.raises(
        DataError, match="two sources hold a benchmark named 'one'; give them to two runs"
    ):
        run([made(), made(seed=1)], ["random"], [3], n_jobs=1)


def test_a_folder_of_something_else_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty and holds no results"):
        run([tmp_path / "nowhere"], ["random"], [3], out=tmp_path, n_jobs=1)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


# The same again


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes_with_any_number_of_processes(tmp_path: Path) -> None:
    benchmarks = [made("one", texts=True, features=False, costs=True), made("two", n_subsets=2)]
    routers = ["knn", "linear", "mlp", "cluster", "cheapest", "noisy_oracle(p=0.3)"]
    outs = [tmp_path / name for name in ("one", "again", "two-processes")]
    for out, n_jobs in zip(outs, (1, 1, 2), strict=True):
        run(benchmarks, routers, [3], ["all-weak"], seeds=2, out=out, n_jobs=n_jobs)
    first, *others = (without_seconds(out) for out in outs)
    assert len(first) == 2 * 6 * 2 - 2  # "two" has no costs
    assert first == others[0] == others[1]
    notes = [json.loads((out / "run.json").read_text("utf-8"))["notes"] for out in outs]
    assert notes[0] == notes[1] == notes[2] != []


def test_a_finished_cell_is_not_computed_twice(tmp_path: Path, computed: list[str]) -> None:
    out = tmp_path / "out"
    first = run([made()], TWO, [3], out=out, n_jobs=1)
    before = (out / "results.jsonl").read_bytes()
    assert len(computed) == 6
    again = run([made()], TWO, [3], out=out, n_jobs=1)
    assert len(computed) == 6
    assert (out / "results.jsonl").read_bytes() == before
    assert numbers(again) == numbers(first)
    assert str(compare(again, *TWO)) == str(compare(first, *TWO))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def drop_outcome(file: Path) -> None:
    last = read_results(file.parent).cells[-1]
    (file.parent / "outcomes" / f"{last.key}.npz").unlink()


def drop_lines(file: Path) -> None:
    file.write_text("".join(file.read_text("utf-8").splitlines(keepends=True)[:-1]), "utf-8")


def garble(file: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]) + b"\xff\x00garbage\n")


@pytest.mark.parametrize("harm", [cut, drop_outcome, drop_lines, garble])
def test_what_was_lost_and_no_more_is_computed_again(
    harm: Callable[[Path], None], tmp_path: Path, computed: list[str]
) -> None:
    out = tmp_path / "out"
    run([made()], TWO, [3], out=out, n_jobs=1)
    before = without_seconds(out)
    computed.clear()
    harm(out / "results.jsonl")
    run([made()], TWO, [3], out=out, n_jobs=1)
    assert computed == ["one strong-to-weak(size=3) random"]
    assert without_seconds(out) == before


def test_a_lost_file_of_results_is_made_anew(tmp_path: Path, computed: list[str]) -> None:
    out = tmp_path / "out"
    run([made()], TWO, [3], out=out, n_jobs=1)
    before = without_seconds(out)
    (out / "results.jsonl").unlink()
    run([made()], TWO, [3], out=out, n_jobs=1)
    assert len(computed) == 12
    assert without_seconds(out) == before


def test_another_router_size_or_seed_computes_only_its_cells(
    tmp_path: Path, computed: list[str]
) -> None:
    out = tmp_path / "out"
    run([made()], TWO, [3], out=out, n_jobs=1)
    computed.clear()
    more = run([made()], [*TWO, "oracle"], [3], out=out, n_jobs=1)
    assert computed == [f"one {g}(size=3) oracle" for g in GROUPS]
    assert len(more.cells) == 9
    computed.clear()
    run([made()], TWO, [3, 4], out=out, n_jobs=1)
    assert len(computed) == 6
    computed.clear()
    run([made()], ["random"], [3], seeds=2, out=out, n_jobs=1)
    assert len(computed) == 3
    kept = without_seconds(out)
    assert len(kept) == 9 + 6 + 3  # cells of earlier grids stay, after those of the last
    assert [line["seed"] for line in kept[:6]] == [42] * 3 + [43] * 3


def test_changed_records_are_computed_anew_and_take_the_old_ones_place(
    tmp_path: Path, computed: list[str]
) -> None:
    out = tmp_path / "out"
    run([made()], ["random"], [3], out=out, n_jobs=1)
    run([made(seed=1)], ["random"], [3], out=out, n_jobs=1)
    assert len(computed) == 6
    assert {line["records"] for line in without_seconds(out)} == {made(seed=1).hash}


def test_records_that_were_replaced_in_their_folder_are_read_anew(tmp_path: Path) -> None:
    where = tmp_path / "records"
    made().save(where)
    run([where], ["random"], [3], n_jobs=1)
    made(seed=1).save(where, overwrite=True)
    [records] = open_source(where)
    assert numbers(run([where], ["random"], [3], n_jobs=1)) == numbers(
        run([records], ["random"], [3], n_jobs=1)
    )
    assert numbers(run([where], ["random"], [3], n_jobs=1)) == numbers(
        run([made(seed=1)], ["random"], [3], n_jobs=1)
    )


def test_an_exception_in_the_middle_keeps_what_was_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    compute, calls = run_cells.finished_cell, iter(range(100))

    def interrupted(job: Any) -> Any:  # noqa: ANN401
        if next(calls) == 4:
            raise KeyboardInterrupt
        return compute(job)

    monkeypatch.setattr("routereval.studies.run.finished_cell", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run([made()], TWO, [3], out=out, n_jobs=1)
    assert len(without_seconds(out)) == 4
    run([made()], TWO, [3], out=out, n_jobs=1)
    assert next(calls) == 5 + 2
    run([made()], TWO, [3], out=tmp_path / "whole", n_jobs=1)
    assert without_seconds(out) == without_seconds(tmp_path / "whole")


@pytest.mark.slow
def test_a_run_on_several_processes_stops_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, calls = ResultsFolder.add, iter(range(100))

    def interrupted(self: ResultsFolder, cell: Any, outcome: Any) -> None:  # noqa: ANN401
        add(self, cell, outcome)
        if next(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(ResultsFolder, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):  # a warning would be an error here
        run([made()], ["linear", *TWO], [3, 4], out=tmp_path / "out", n_jobs=2)
    assert len(without_seconds(tmp_path / "out")) == 2


class Mine:
    """A router that knows nothing of this package."""

    def fit(self, X: Floats, scores: Floats) -> None:
        self.means = scores.mean(axis=0)

    def predict_scores(self, X: Floats) -> Floats:
        return np.tile(self.means, (len(X), 1))


def test_routers_of_ones_own_run_in_other_processes_and_go_on(tmp_path: Path) -> None:
    lines = [Mine, Ridge(alpha=3.0), "best_single"]
    results = run([made(texts=True)], lines, [3], ["all-strong"], out=tmp_path, n_jobs=2)
    assert results.routers == ["Mine()", "Ridge(alpha=3.0)", "best_single"]
    mine, _, best = results.cells
    assert mine.metrics["mu"] == best.metrics["mu"]
    again = run([made(texts=True)], lines, [3], ["all-strong"], out=tmp_path, n_jobs=1)
    assert [c.seconds for c in again.cells] == [c.seconds for c in results.cells]


@pytest.mark.slow
def test_a_group_of_routers_stands_for_its_members() -> None:
    results = run([made()], ["all-cpu", "knn"], [2], ["all-weak"], n_jobs=1)
    assert {"knn", "linear", "random"} <= set(results.routers)
    assert len(results.routers) == len(set(results.routers))
    assert any("cheapest: cheapest needs costs" in note for note in results.notes)


def test_benchmarks_of_one_name_are_told_apart_by_their_sources(tmp_path: Path) -> None:
    for seed, name in enumerate(("mine", "yours")):
        made("same", seed=seed).save(tmp_path / name)
    sources = [tmp_path / "mine", tmp_path / "yours"]
    results = run([*sources, made("other")], ["random"], [3], ["all-strong"], n_jobs=1)
    assert [c.benchmark for c in results.cells] == ["same (mine)", "same (yours)", "other"]
    alone = run(sources[:1], ["random"], [3], ["all-strong"], n_jobs=1)
    assert alone.cells[0].benchmark == "same"
    assert str(alone.cells[0].metrics) == str(results.cells[0].metrics)
    with pytest.raises(DataError, match="two sources hold a benchmark named 'same'"):
        run([sources[0], sources[0]], ["random"])


def test_seeds_can_be_named() -> None:
    results = run([made()], ["random"], [3], ["all-weak"], seeds=[7, 43, 7], n_jobs=1)
    counted = run([made()], ["random"], [3], ["all-weak"], seeds=2, n_jobs=1)
    assert [cell.seed for cell in results.cells] == [7, 43]
    assert str(results.cells[1].metrics) == str(counted.cells[1].metrics)
    with pytest.raises(SpecError, match="at least one router, pool size, group and seed"):
        run([made()], ["random"], [3], seeds=[], n_jobs=1)

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.results import Results, read_results
from routereval.results.comparison import compare
from routereval.routers import make_router
from routereval.studies.evaluate import evaluate
from routereval.studies.run import run
from routereval.studies.score import score
from routereval.studies.split import split
from routereval.tasks import Task, mix
from tests.conftest import CommandLine
from tests.made import made


@pytest.fixture
def records() -> Records:
    return made("one", 120, 4, n_subsets=2, costs=True)


def ids_of(records: Records, rows: Iterable[int] | None = None) -> list[str]:
    ids = records.prompts["prompt_id"].to_list()
    return ids if rows is None else [ids[row] for row in rows]


def predicted(records: Records, spec: str) -> tuple[Task, pl.DataFrame]:
    """A task of all models, and what a router predicts on its test prompts, a column per model."""
    task = Task(records, list(records.models))
    router = make_router(spec).fit(task.train.X, task.train.scores)
    table = pl.DataFrame(router.predict_scores(task.test.X), schema=list(task.models))
    return task, table.insert_column(0, pl.Series("prompt_id", ids_of(records, task.test.rows)))


def write(table: pl.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        table.write_csv(path)
    elif path.suffix == ".parquet":
        table.write_parquet(path)
    else:
        table.write_ndjson(path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("form", ["wide", "long"])
def test_scores_in_a_file_are_judged_as_the_router_itself(
    suffix: str, form: str, records: Records, tmp_path: Path
) -> None:
    task, table = predicted(records, "knn(k=5)")
    if form == "long":
        table = table.unpivot(index="prompt_id", variable_name="model", value_name="score")
        table = table.sample(fraction=1, shuffle=True, seed=1)
    results = score(write(table, tmp_path / f"mine{suffix}"), records)
    assert results.routers == ["mine", "oracle", "best_single", "random"]
    router = make_router("knn(k=5)").fit(task.train.X, task.train.scores)
    there = evaluate(router, task)
    here = results.cells[0]
    for name in ("mu", "v_b", "p_star", "gap_closed", "top1_share", "cost", "aiq", "e_p"):
        assert here.metrics[name] == pytest.approx(there.metrics[name], nan_ok=True), name
        assert here.intervals[name] == pytest.approx(there.intervals[name], nan_ok=True), name
    assert here.pool == task.models
    assert (here.n_train, here.n_test) == (96, 12)


def test_choices_are_judged_alike(records: Records, tmp_path: Path) -> None:
    task, table = predicted(records, "knn(k=5)")
    best = table.drop("prompt_id").to_numpy().argmax(axis=1)
    chosen = pl.DataFrame(
        {"prompt_id": table["prompt_id"], "model": [task.models[column] for column in best]}
    )
    results = score(
        write(chosen, tmp_path / "mine.csv"), records, name="theirs", pool=list(records.models)
    )
    cell = results.of("theirs")[0]
    rows = np.arange(len(best))
    assert cell.metrics["mu"] == pytest.approx(task.test.scores[rows, best].mean())
    assert task.test.costs is not None
    assert cell.metrics["cost"] == pytest.approx(task.test.costs[rows, best].mean())
    assert cell.metrics["e_p"] == 0
    assert "theirs" in str(compare(results, "theirs", "best_single"))


def test_the_pool_is_what_the_file_names(records: Records, tmp_path: Path) -> None:
    _, table = predicted(records, "knn(k=5)")
    two = [records.models[2], records.models[0]]
    few = pl.DataFrame({"prompt_id": table["prompt_id"], "model": (two * len(table))[: len(table)]})
    path = write(few, tmp_path / "mine.csv")
    assert score(path, records).cells[0].pool == (records.models[0], records.models[2])
    assert score(path, records, pool=list(records.models)).cells[0].size == 4
    with pytest.raises(DataError, match=r"no model .* in the pool"):
        score(path, records, pool=[records.models[1], records.models[2]])


def test_costs_in_the_file_are_what_was_paid(records: Records, tmp_path: Path) -> None:
    _, table = predicted(records, "knn(k=5)")
    paid = np.linspace(0.1, 0.4, len(table))
    chosen = pl.DataFrame(
        {"prompt_id": table["prompt_id"], "model": [records.models[0]] * len(table), "cost": paid}
    )
    cell = score(write(chosen, tmp_path / "mine.csv"), records).cells[0]
    assert cell.metrics["cost"] == pytest.approx(paid.mean())
    assert cell.intervals["cost"][0] < paid.mean() < cell.intervals["cost"][1]


def test_the_number_of_resamples_is_that_of_the_cells(records: Records, tmp_path: Path) -> None:
    _, table = predicted(records, "knn(k=5)")
    file = write(table, tmp_path / "r.csv")
    few, many = (score(file, records, n_boot=n).cells[0] for n in (2, 300))
    assert (few.n_boot, many.n_boot) == (2, 300)
    assert few.key != many.key
    assert few.intervals["mu"] != many.intervals["mu"]


def test_expected_costs_break_ties(records: Records, tmp_path: Path) -> None:
    _, table = predicted(records, "knn(k=5)")
    rows = [
        {"prompt_id": name, "model": model, "score": 0.5, "cost": cost}
        for name in table["prompt_id"]
        for model, cost in zip(records.models, (4.0, 3.0, 1.0, 2.0), strict=True)
    ]
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    results = score(path, records)
    evidence = results.outcomes[results.cells[0].key].evidence
    assert set(evidence.choice.tolist()) == {2}


def test_an_object_of_scores_a_line(records: Records, tmp_path: Path) -> None:
    _, table = predicted(records, "knn(k=5)")
    path = tmp_path / "mine.jsonl"
    lines = [
        json.dumps({"prompt_id": row.pop("prompt_id"), "scores": row}) + "\n"
        for row in table.iter_rows(named=True)
    ]
    path.write_text("".join(lines))
    wide = write(table, tmp_path / "mine.csv")
    assert score(path, records).cells[0].metrics == pytest.approx(
        score(wide, records).cells[0].metrics, nan_ok=True
    )


def test_a_model_without_a_score_is_not_chosen(records: Records, tmp_path: Path) -> None:
    _, table = predicted(records, "knn(k=5)")
    first = records.models[0]
    high = table.with_columns(pl.lit(2.0).alias(first))
    some = high.with_columns(
        pl.when(pl.int_range(pl.len()) < 3).then(None).otherwise(pl.col(first)).alias(first)
    )
    results = score(write(some, tmp_path / "mine.csv"), records)
    choice = results.outcomes[results.cells[0].key].evidence.choice
    assert (choice[3:] == 0).all()
    assert 0 not in choice[:3]


def test_the_prompts_of_the_file(records: Records, tmp_path: Path) -> None:
    """The best single model is chosen on all other prompts."""
    names = ids_of(records)[10:50]
    mine = pl.DataFrame({"prompt_id": names, "model": [records.models[1]] * 40})
    path = write(mine, tmp_path / "mine.csv")
    results = score(path, records, prompts="file", pool=list(records.models))
    cell = results.cells[0]
    assert (cell.n_test, cell.n_train, cell.protocol) == (40, 80, "file")
    assert cell.metrics["mu"] == pytest.approx(records.dense()[10:50, 1].mean())
    rest = np.delete(records.dense(), np.arange(10, 50), axis=0)
    best = records.dense()[10:50, rest.mean(axis=0).argmax()].mean()
    assert results.of("best_single")[0].metrics["mu"] == pytest.approx(best)
    assert results.notes == []
    everyone = pl.DataFrame({"prompt_id": ids_of(records), "model": [records.models[1]] * 120})
    results = score(write(everyone, path), records, prompts="file", pool=list(records.models))
    assert "best_single was chosen on the very prompts" in results.notes[0]


def test_a_pool_that_only_the_choices_tell_is_noted(records: Records, tmp_path: Path) -> None:
    mine = pl.DataFrame({"prompt_id": ids_of(records), "model": [*records.models[:2]] * 60})
    results = score(write(mine, tmp_path / "mine.csv"), records, prompts="file")
    assert any("the pool is the 2 models that the file chooses" in note for note in results.notes)


def lines(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.csv", "prompt_id,model\none/0,org/model_0\n", "12 of 12 test prompts of one under"),
        ("a.csv", "prompt_id,model\nxne/0,org/model_0\n", "not in the records, first 'xne/0'; did"),
        (
            "a.csv",
            "prompt_id,model\none/0,org/model_9\n",
            "no model 'org/model_9' in the records of",
        ),
        ("a.csv", "id,model\none/0,a\n", "no column 'prompt_id'; it has: id, model"),
        ("a.csv", "prompt_id\none/0\n", "neither a column 'model' nor a column for each model"),
        ("a.csv", "prompt_id,model,score\none/0,org/model_0,high\n", "'high', which is no finite"),
        ("a.csv", "prompt_id,org/model_0\none/0,inf\n", "inf, which is no finite number"),
        ("a.csv", "prompt_id,org/model_0,cost\none/0,1,2\n", "does not say whose it is"),
        ("a.csv", "prompt_id,model\none/0,\n", "row 1 has no model"),
        ("a.csv", "prompt_id,model\n", "there are no predictions in it"),
        ("a.csv", "", "is no CSV file"),
        ("a.jsonl", "{", "is no JSON Lines file"),
        ("a.csv", "prompt_id,org/model_0\none/0,nan\n", "no row has a score"),
        ("a.csv", "prompt_id,model,cost\none/0,org/model_0,-1\n", "'cost' holds -1.0, below 0"),
        (
            "a.csv",
            "benchmark,prompt_id,model\ntwo/x,one/0,org/model_0\n",
            "there is no benchmark 'two/x', only one",
        ),
        ("a.jsonl", '{"prompt_id": "one/0", "scores": [1, 0]}', "'scores' holds lists or objects"),
        ("a.jsonl", '{"prompt_id": "one/0", "model": ["a"]}', "'model' holds lists or objects"),
        (
            "a.jsonl",
            '{"prompt_id": "one/0", "model": "org/model_0", "model": "org/model_1"}',
            "line 1: 'model' stands twice in one object",
        ),
        ("a.parquet", "x", "is no Parquet file"),
        ("a.txt", "x", "predictions are read from .csv, .parquet"),
        ("oracle.csv", "prompt_id,model\none/0,a\n", "'oracle' is the name of a control"),
        (
            "a.csv",
            "prompt_id,model\none/0,org/model_0\none/0,org/model_1\n",
            "prompt 'one/0' stands there more than once",
        ),
        (
            "a.csv",
            "prompt_id,model,score\none/0,org/model_0,1\none/0,org/model_0,1\n",
            "prompt 'one/0' and model 'org/model_0' stands there more than once",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_told(
    name: str, text: str, sentence: str, records: Records, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as raised:
        score(lines(tmp_path / name, text), records)
    assert sentence in str(raised.value)


def test_ids_and_names_that_are_numbers_are_texts(tmp_path: Path) -> None:
    held = Records.from_arrays("one", np.eye(4)[:, :2], ["007", "7"])
    held = replace(
        held, prompts=held.prompts.with_columns(prompt_id=pl.Series(["01", "1", "2", "3"]))
    )
    rows = "prompt_id,model\n01,007\n1,7\n2,7\n3,7\n"
    results = score(lines(tmp_path / "a.csv", rows), held, prompts="file")
    assert mu_of(results, "a") == [0.5]


def test_other_mistakes_are_told(records: Records, tmp_path: Path) -> None:
    path = lines(tmp_path / "a.csv", "prompt_id,model\none/0,org/model_0\n")
    with pytest.raises(SpecError, match="unknown choice of prompts 'all'"):
        score(path, records, prompts="all")
    with pytest.raises(DataError, match="there is no such file"):
        score(tmp_path / "none.csv", records)


@pytest.mark.slow
def test_a_collection_and_a_folder_of_results(
    command_line: CommandLine, records: Records, tmp_path: Path
) -> None:
    other = made("two", 100, 4)
    folder = tmp_path / "logs"
    folder.mkdir()
    for one in (records, other, made("three", 60, 4)):
        one.save(folder / one.name)
    out = tmp_path / "out"
    for name, spec in (("mine", "knn(k=5)"), ("theirs", "best_single")):
        tables = [predicted(one, spec)[1] for one in (records, other)]
        write(pl.concat(tables, how="diagonal"), tmp_path / f"{name}.csv")
        answer = command_line("score", tmp_path / f"{name}.csv", folder, "-o", out)
        assert answer.status == 0, answer.err
        assert "mean over 2 benchmarks" in answer.out
        assert "Note: three: the file has no prediction for it." in answer.out
    found = read_results(out)
    assert set(found.routers) == {
        *("mine", "theirs", "oracle", "dataset_best", "best_single", "random")
    }
    assert len(found.cells) == 2 * 6
    answer = command_line("compare", out, "mine", "theirs")
    assert "cannot be told apart on" in answer.out
    assert command_line("score", tmp_path / "mine.csv", folder, "--format", "csv").status == 0


CONTROLS = ("oracle", "dataset_best", "best_single", "random")


def opposed() -> list[Records]:
    """Three benchmarks; a model is best on the first, another on the others, a third nearly so."""
    rng = np.random.default_rng(5)
    chances = {"one": (0.9, 0.1, 0.6), "two": (0.1, 0.9, 0.6), "three": (0.1, 0.8, 0.7)}
    return [
        Records.from_arrays(name, (rng.random((200, 3)) < chance).astype(float), list("abc"))
        for name, chance in chances.items()
    ]


def choices(parts: Iterable[Records], models: dict[str, str], path: Path) -> Path:
    rows = [
        {"prompt_id": prompt, "benchmark": part.name, "model": models[part.name]}
        for part in parts
        for prompt in ids_of(part)
    ]
    return write(pl.DataFrame(rows), path)


def mu_of(results: Results, router: str) -> list[float]:
    return [cell.metrics["mu"] for cell in results.of(router)]


@pytest.mark.parametrize("protocol", ["mixed", "leave_one_out"])
def test_a_stream_is_judged_as_it_is_run(protocol: str, tmp_path: Path) -> None:
    parts = opposed()
    file = choices(parts, {"one": "a", "two": "b", "three": "b"}, tmp_path / "mine.csv")
    judged = score(file, parts, split=protocol, pool=list("abc"))
    alone = run(parts, CONTROLS, [3], ["all-strong"], protocol=protocol, n_jobs=1)
    for name in CONTROLS:
        assert mu_of(judged, name) == pytest.approx(mu_of(alone, name)), name
    assert [c.benchmark for c in judged.of("mine")] == [c.benchmark for c in alone.of("oracle")]
    assert [c.parts for c in judged.of("mine")] == [c.parts for c in alone.of("oracle")]
    if protocol == "mixed":
        assert mu_of(judged, "mine") == mu_of(judged, "dataset_best")
        assert compare(judged, "mine", "best_single").test.p_value < 0.01


def test_the_best_single_of_several_benchmarks_is_one_model(tmp_path: Path) -> None:
    parts = opposed()
    file = choices(parts, {"one": "a", "two": "b", "three": "b"}, tmp_path / "mine.csv")
    judged = score(file, parts, pool=list("abc"))
    means = [part.dense()[:, 2].mean() for part in parts]
    assert mu_of(judged, "best_single") == pytest.approx(means, abs=0.25)
    for router in ("mine", "dataset_best"):
        assert mu_of(judged, router)[0] - mu_of(judged, "best_single")[0] > 0.1
    [one, two, three] = judged.of("best_single")
    shares = [judged.outcomes[cell.key].evidence.share.tolist() for cell in (one, two, three)]
    assert shares == [[0, 0, 1]] * 3
    assert one.metrics["gain_best"] == 0
    file = choices(parts[:1], {"one": "a"}, tmp_path / "mine.csv")
    [alone] = score(file, parts[0], pool=list("abc"), prompts="file").of("best_single")
    assert alone.metrics["mu"] == pytest.approx(parts[0].dense()[:, 0].mean())


CODEROUTER = Path(__file__).parents[3] / "shared" / "data" / "coderouterbench_id_test"


@pytest.mark.skipif(not CODEROUTER.exists(), reason="the record set is not there")
def test_coderouterbench(tmp_path: Path) -> None:
    prompts, scores, chosen = (
        pl.read_parquet(CODEROUTER / f"{name}.parquet")
        for name in ("prompts", "scores", "published_choices")
    )
    models = scores.columns[1:]
    parts = []
    for (name,), rows in prompts.with_row_index().group_by("benchmark", maintain_order=True):
        held = scores[rows["index"].to_list()].select(models).to_numpy()
        part = Records.from_arrays(str(name), held, models)
        parts.append(replace(part, prompts=part.prompts.with_columns(rows["prompt_id"])))
    file = write(chosen.select("prompt_id", model="ACRouter"), tmp_path / "acrouter.csv")
    judged = score(file, parts, split="mixed", pool=models)
    assert mu_of(judged, "best_single") == pytest.approx([0.429], abs=5e-4)
    assert mu_of(judged, "dataset_best") == pytest.approx([0.533], abs=5e-4)
    alone = run(parts, CONTROLS, [8], ["all-strong"], protocol="mixed", n_jobs=1)
    for name in CONTROLS:
        assert mu_of(judged, name) == pytest.approx(mu_of(alone, name))
    assert compare(judged, "acrouter", "best_single").test.difference > 0.05


def test_the_split_of_a_stream_has_the_names_of_the_benchmarks(tmp_path: Path) -> None:
    parts = opposed()
    assert split(parts, tmp_path / "split.csv", "mixed") == 600
    table = pl.read_csv(tmp_path / "split.csv")
    task = Task(mix(parts), list("abc"), "mixed")
    names = [f"{name}/{row}" for name in ("one", "two", "three") for row in range(200)]
    assert table["prompt_id"].to_list() == names
    assert table["benchmark"].unique(maintain_order=True).to_list() == ["one", "two", "three"]
    assert table["subset"].unique(maintain_order=True).to_list() == ["one", "two", "three"]
    test = table.with_row_index().filter(pl.col("part") == "test")["index"].to_list()
    assert sorted(task.prepared.rows.test.tolist()) == test


def test_an_id_of_two_benchmarks_needs_the_benchmark(records: Records, tmp_path: Path) -> None:
    from routereval.studies.predictions import read_predictions

    twin = Records.from_arrays("one", records.dense(), records.models)
    path = lines(tmp_path / "a.csv", "prompt_id,model\none/0,org/model_0\n")
    with pytest.raises(DataError, match="prompt 'one/0' is in several benchmarks; add a column"):
        read_predictions(path).check_prompts([records, twin])
    path = lines(path, "benchmark,prompt_id,model\none,one/0,org/model_0\nx,one/1,org/model_0\n")
    with pytest.raises(DataError, match="a prompt of the file not in the records, first 'one/1'"):
        read_predictions(path).check_prompts([records])
    assert read_predictions(path).of(made("two"), None) is None


def test_the_split_is_written(command_line: CommandLine, records: Records, tmp_path: Path) -> None:
    source = records.save(tmp_path / "records")
    for name in ("split.csv", "split.parquet"):
        answer = command_line("split", source, tmp_path / name, "--protocol", "clean(seed=7)")
        assert answer.status == 0
        assert answer.err.startswith(f"120 prompts in {tmp_path / name}\n")
    table = pl.read_csv(tmp_path / "split.csv")
    assert table.columns == ["benchmark", "prompt_id", "subset", "part"]
    assert table.equals(pl.read_parquet(tmp_path / "split.parquet"))
    task = Task(records, list(records.models), "clean(seed=7)")
    for part in ("train", "val", "test"):
        held = table.filter(pl.col("part") == part)["prompt_id"].to_list()
        assert set(held) == set(ids_of(records, getattr(task.prepared.rows, part)))
    with pytest.raises(DataError, match=r"written to \.csv or \.parquet"):
        split([records], tmp_path / "split.txt", "clean")


def test_a_split_holds_the_texts_where_they_are_asked_for(tmp_path: Path) -> None:
    records, file = made(texts=True), tmp_path / "split.csv"
    split([records], file, "clean", texts=True)
    held = pl.read_csv(file)
    assert held.columns == ["benchmark", "prompt_id", "subset", "part", "text"]
    texts = dict(zip(records.prompts["prompt_id"], records.prompts["text"], strict=True))
    assert all(texts[row["prompt_id"]] == row["text"] for row in held.iter_rows(named=True))
    parts = [made("a", texts=True), made("b", texts=True)]
    assert split(parts, file, "mixed", texts=True) == 120
    assert pl.read_csv(file)["text"].null_count() == 0
    with pytest.raises(DataError, match="one: these records hold no prompt texts"):
        split([made()], file, "clean", texts=True)

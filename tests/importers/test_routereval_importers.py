from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routereval.errors import DataError
from routereval.importers import routereval_dataset, routereval_raw
from routereval.importers.safe_pickle import load
from routereval.records import routereval
from routereval.records.draft import Draft
from tests.fuzzing import examples

SHARED = Path(__file__).parents[3] / "shared" / "reference"
GOLDEN = SHARED / "golden"
SPECIMEN = SHARED / "format_sample" / "router_extended_data.pkl"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden data are not here")

MODELS = [f"org__model-{i}-details" for i in range(4)]
GPQA = {"gpqa_diamond": 2, "gpqa_extended": 3, "gpqa_main": 4}


def dump(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=4))
    return path


def binary(seed: int, n_prompts: int, n_models: int = 4) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.default_rng(seed).integers(0, 2, (n_prompts, n_models)).astype(float)


def new_scores() -> dict[str, dict[str, Any]]:
    # Not in the order of RouterEval, and with a subset that it does not know.
    sizes = {"gpqa_main": 4, "gpqa_diamond": 2, "ifeval": 3, "gpqa_extended": 3, "other": 1}
    return {s: {"correctness": binary(i, n)} for i, (s, n) in enumerate(sizes.items())}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two benchmarks: gpqa of three subsets with texts and two embeddings, and ifeval without."""
    data = tmp_path / "top" / "data"
    dump(
        data / "leaderboard_score" / "leaderboard_new.pkl", {"model": MODELS, "data": new_scores()}
    )
    texts = {s: np.array([f"{s} {i}?" for i in range(n)]) for s, n in GPQA.items()}
    dump(data / "leaderboard_prompt" / "leaderboard_new_prompt.pkl", texts)
    for name, width in (("longformer", 5), ("RoBERTa", 2), ("RoBERTa_last", 3)):
        vectors = {s: np.full((n, width), n, dtype=np.float64) for s, n in GPQA.items()}
        dump(data / "leaderboard_embed" / "leaderboard_new_embed" / f"{name}_result.pkl", vectors)
    return data


def drafts(path: Path) -> dict[str, Draft]:
    return {draft.name: draft for draft in routereval_raw.read(path)}


def test_facts_agree_with_each_other() -> None:
    names = [name for benchmarks in routereval.SUBSETS.values() for name in benchmarks]
    assert sorted(names) == sorted(routereval.REFERENCE) == sorted(routereval.N_PROMPTS)
    sums = [sum(routereval.N_PROMPTS[b] for b in routereval.SUBSETS[k]) for k in routereval.SUBSETS]
    assert sums == [28_659, 9_574, 12_032]
    assert sum(n * m for n, m in zip(sums, (5000, 3811, 1823), strict=True)) == 201_715_850
    assert len(routereval.SUBSETS["old"]["mmlu"]) == 57
    assert len(routereval.SUBSETS["new"]["bbh"]) == 24


@pytest.mark.skipif(not SHARED.is_dir(), reason="the list of subsets is not here")
def test_subsets_are_the_published_ones_in_order() -> None:
    published = json.loads((SHARED / "subsets.json").read_text())
    for key, benchmarks in routereval.SUBSETS.items():
        theirs = {routereval.canonical(name): tuple(s) for name, s in published[key].items()}
        assert dict(benchmarks) == theirs


@pytest.mark.parametrize("name", ["MMLU-Pro", "mmlu_pro", "MMLU Pro"])
def test_a_benchmark_in_other_spellings(name: str) -> None:
    assert routereval.reference_of(name, 12_032) == 0.637
    assert routereval.reference_of(name, 12_031) is None


def test_reference_is_only_for_routerevals_own_prompts() -> None:
    assert routereval.reference_of("truthfulqa_mc", 817) == 0.669
    assert routereval.reference_of("harness_truthfulqa_mc_0", 817) == 0.669
    assert routereval.reference_of("arc-challenge", 1172) == 0.852
    assert routereval.reference_of("my-arc", 1172) is None


@pytest.mark.parametrize("where", ["..", ".", "leaderboard_score"])
def test_raw_is_recognised_from_all_three_folders(raw: Path, where: str) -> None:
    path = (raw / where).resolve()
    assert routereval_raw.recognise(path)
    assert not routereval_dataset.recognise(path)
    assert list(drafts(path)) == ["gpqa", "ifeval"]


def test_raw_is_not_recognised_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "leaderboard_score").mkdir()
    assert not routereval_raw.recognise(tmp_path)
    assert not routereval_raw.recognise(tmp_path / "none")
    with pytest.raises(DataError, match="holds no leaderboard_score"):
        list(routereval_raw.read(tmp_path))


def test_raw_subsets_are_concatenated_in_routerevals_order(raw: Path) -> None:
    gpqa = drafts(raw)["gpqa"]
    scores = new_scores()
    expected = np.concatenate([scores[subset]["correctness"] for subset in GPQA])
    assert np.array_equal(gpqa.scores, expected)
    assert gpqa.scores.dtype == np.float64
    assert list(gpqa.models) == MODELS
    assert gpqa.prompts["prompt_id"].to_list() == [
        f"{s}/{i}" for s, n in GPQA.items() for i in range(n)
    ]
    assert gpqa.prompts["subset"].to_list() == [s for s, n in GPQA.items() for _ in range(n)]
    assert gpqa.prompts["text"].to_list() == [
        f"{s} {i}?" for s, n in GPQA.items() for i in range(n)
    ]
    assert gpqa.prompts["chance"].unique().to_list() == [0.25]
    assert gpqa.reference == 0.397
    assert gpqa.source == "RouterEval, leaderboard_new.pkl"


def test_raw_features_start_with_roberta(raw: Path) -> None:
    found = drafts(raw)
    features = found["gpqa"].features
    assert list(features) == ["RoBERTa", "RoBERTa_last", "longformer"]
    assert [v.shape for v in features.values()] == [(9, 2), (9, 3), (9, 5)]
    assert all(v.dtype == np.float32 for v in features.values())
    assert features["RoBERTa"][:, 0].tolist() == [2, 2, 3, 3, 3, 4, 4, 4, 4]
    assert found["ifeval"].features == {}
    assert found["ifeval"].prompts["text"].null_count() == 3


def test_raw_subsets_of_others_are_named(raw: Path) -> None:
    first, *others = drafts(raw).values()
    line = "leaderboard_new.pkl holds 1 subset that is none of RouterEval's, as 'other': left out"
    assert list(first.facts) == [line]
    assert not any(one.facts for one in others)


def test_raw_whole_numbers_are_scores_too(raw: Path) -> None:
    content = {"model": MODELS, "data": {"ifeval": {"correctness": binary(0, 3) > 0.5}}}
    dump(raw / "leaderboard_score" / "leaderboard_new.pkl", content)
    assert np.array_equal(drafts(raw)["ifeval"].scores, binary(0, 3))


def broken(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    content: dict[str, Any] = {"model": list(MODELS), "data": new_scores()}
    change(content)
    return content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["data"].pop("gpqa_main"), r"lacks 'gpqa_main' \(1 of that benchmark's 3"),
        (lambda c: c.pop("model"), "'model' in .* is missing"),
        (lambda c: c.pop("data"), "'data' in .* is missing"),
        (lambda c: c.update(data={}), "none of RouterEval's subsets"),
        (lambda c: c["model"].pop(), "has 4 columns for 3 models"),
        (lambda c: c["model"].__setitem__(0, MODELS[1]), "occurs twice"),
        (lambda c: c["data"].update(ifeval=3), "of type int; it should be a dict"),
        (lambda c: c["data"]["ifeval"].clear(), "'correctness' of 'ifeval' .* is missing"),
        (lambda c: c["data"]["ifeval"].update(correctness=np.zeros(4)), "matrix of numbers"),
        (lambda c: c["data"]["ifeval"]["correctness"].fill(np.nan), "no score was observed"),
        (lambda c: c["data"]["ifeval"]["correctness"].fill(7), r"outside \[0, 1\]"),
    ],
)
def test_raw_files_that_do_not_fit(
    raw: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    dump(raw / "leaderboard_score" / "leaderboard_new.pkl", broken(change))
    with pytest.raises(DataError, match=message):
        drafts(raw)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "prompt/leaderboard_new_prompt.pkl",
            {"ifeval": np.array(["one"])},
            "1 rows for 3 prompts",
        ),
        ("prompt/leaderboard_new_prompt.pkl", {"ifeval": [1, 2, 3]}, "should be a list of texts"),
        ("prompt/leaderboard_new_prompt.pkl", {"gpqa_main": ["?"] * 4}, "lacks 'gpqa_diamond'"),
        ("prompt/leaderboard_new_prompt.pkl", [], "should be a dict"),
        ("embed/leaderboard_new_embed/x_result.pkl", {"ifeval": np.zeros((2, 2))}, "2 rows for 3"),
        ("embed/leaderboard_new_embed/x_result.pkl", {"ifeval": np.zeros(3)}, "matrix of numbers"),
        ("embed/leaderboard_new_embed/x_result.pkl", {"ifeval": np.full((3, 2), 1e300)}, "finite"),
        (
            "embed/leaderboard_new_embed/x_result.pkl",
            {s: np.zeros((n, n)) for s, n in GPQA.items()},
            "differ in their number of columns",
        ),
    ],
)
def test_raw_side_files_that_do_not_fit(
    raw: Path, file: str, content: object, message: str
) -> None:
    dump(raw / f"leaderboard_{file}", content)
    with pytest.raises(DataError, match=message):
        drafts(raw)


# The ready-made layout: 10 prompts, 6 models; every pool is cut from one table.

TABLE = np.random.default_rng(1).random((10, 6))
ORDER = {"train": [7, 2, 9, 0, 5, 3, 8], "val": [1], "test": [6, 4]}


def pool(columns: list[int]) -> dict[str, Any]:
    data = {f"{s}_score": TABLE[np.ix_(rows, columns)] for s, rows in ORDER.items()}
    data["train_label"] = np.ones((7, len(columns)))
    return {"data": data, "model": np.array([f"m{c}" for c in columns])}


def ready_made() -> dict[str, Any]:
    return {
        # Larger sizes and later groups stand first: the order must not depend on the file's.
        "hard": {10: {"all_weak": pool([5, 4, 3, 2, 1, 0])}},
        "easy": {
            3: {
                "strong_to_weak": pool([1, 4, 2]),
                "all_strong": pool([3, 0, 1]),
                "all_weak": pool([2, 3, 4]),
            }
        },
        "split_index": {f"{s}_indices": np.array(rows) for s, rows in ORDER.items()},
        "embedding": {
            f"{s}_embed": np.array(rows, dtype=np.float64)[:, None] for s, rows in ORDER.items()
        },
        "prompt": {
            f"{s}_prompt": np.array([f"prompt {r}" for r in rows]) for s, rows in ORDER.items()
        },
        "tokens": {"whatever": 3},
    }


def one(folder: Path, content: object, name: str = "gsm8k_router_dataset.pkl") -> Draft:
    (draft,) = routereval_dataset.read(dump(folder / name, content))
    return draft


def test_dataset_rows_are_in_the_benchmarks_own_order(tmp_path: Path) -> None:
    draft = one(tmp_path, ready_made())
    assert draft.name == "gsm8k"
    assert draft.reference == 0.92
    assert list(draft.models) == ["m3", "m0", "m1", "m2", "m4", "m5"]
    assert np.array_equal(draft.scores, TABLE[:, [3, 0, 1, 2, 4, 5]])
    assert draft.prompts["text"].to_list() == [f"prompt {i}" for i in range(10)]
    assert draft.prompts["prompt_id"].to_list() == [f"gsm8k/{i}" for i in range(10)]
    assert draft.prompts["subset"].unique().to_list() == ["gsm8k"]
    assert draft.features["embedding"].dtype == np.float32
    assert draft.features["embedding"][:, 0].tolist() == list(range(10))


def test_dataset_keeps_the_published_split_and_pools(tmp_path: Path) -> None:
    published: Any = one(tmp_path, ready_made()).published
    assert {name: rows.tolist() for name, rows in published["split"].items()} == ORDER
    assert published["pools"] == {
        "3": {
            "all-strong": ["m3", "m0", "m1"],
            "all-weak": ["m2", "m3", "m4"],
            "strong-to-weak": ["m1", "m4", "m2"],
        },
        "10": {"all-weak": ["m5", "m4", "m3", "m2", "m1", "m0"]},
    }


def test_dataset_with_only_scores_of_one_size(tmp_path: Path) -> None:
    draft = one(tmp_path, {"easy": {"2": {"mine": pool([0, 1])}}}, "own_router_dataset.pkl")
    published: Any = draft.published
    assert (draft.name, draft.reference, dict(draft.features)) == ("own", None, {})
    assert published["pools"] == {"2": {"mine": ["m0", "m1"]}}
    assert published["split"]["val"].tolist() == [7]
    assert draft.prompts["text"].null_count() == 10


def test_a_file_of_one_pool_has_no_published_pools(tmp_path: Path) -> None:
    content = {**pool([0, 1]), "prompt": {k: tuple(v) for k, v in ready_made()["prompt"].items()}}
    draft = one(tmp_path, content, "mine.pkl")
    published: Any = draft.published
    assert published["pools"] == {}
    rows = [row for part in ORDER.values() for row in part]
    assert np.array_equal(draft.scores, TABLE[rows][:, :2])
    assert draft.prompts["text"].to_list() == [f"prompt {row}" for row in rows]


def test_a_missing_score_agrees_with_a_missing_score(tmp_path: Path) -> None:
    content = ready_made()
    content["easy"][3]["all_strong"]["data"]["train_score"][0, 0] = np.nan
    with pytest.raises(DataError, match="'m3' has other scores in pool 3 all_weak"):
        one(tmp_path, content)
    content["easy"][3]["all_weak"]["data"]["train_score"][0, 1] = np.nan
    content["hard"][10]["all_weak"]["data"]["train_score"][0, 2] = np.nan
    assert np.isnan(one(tmp_path, content).scores).sum() == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: [c.pop("easy"), c.pop("hard")], "holds no pools"),
        (lambda c: c.update(easy=[1]), "'easy' in .* should be a dict"),
        (lambda c: c["easy"].update(many=c["easy"].pop(3)), "'many' is not a count"),
        (lambda c: c["easy"][3]["all_weak"].pop("model"), "'model' of pool 3 all_weak"),
        (lambda c: c["easy"][3]["all_weak"].update(model=["a"]), "3 columns for 1 models"),
        (lambda c: c["easy"][3]["all_weak"].update(model=["a", "a", "b"]), "names a model twice"),
        (lambda c: c["easy"][3]["all_weak"]["data"].pop("val_score"), "'val_score' .* missing"),
        (
            lambda c: c["hard"][10]["all_weak"]["data"]["test_score"].fill(0),
            "'m4' has other scores in pool 10",
        ),
        (
            lambda c: c["hard"][10]["all_weak"]["data"].update(test_score=np.zeros((3, 6))),
            "3 test prompts and another pool 2",
        ),
        (lambda c: c["split_index"].update(val_indices=[2]), "each of the 10 prompts exactly once"),
        (lambda c: c["split_index"].update(val_indices=[2**90]), "exactly once"),
        (lambda c: c["split_index"].update(val_indices=[1, 2]), "2 val prompts; the scores have 1"),
        (lambda c: c["split_index"].update(val_indices=["1"]), "list of row numbers"),
        (lambda c: c["split_index"].pop("val_indices"), "list of row numbers"),
        (lambda c: c["prompt"].update(val_prompt=[]), "0 rows for 1 prompts"),
        (lambda c: c["embedding"].update(val_embed=np.zeros((1, 9))), "number of columns"),
        (lambda c: c["embedding"].pop("val_embed"), "'val_embed' .* missing"),
    ],
)
def test_dataset_files_that_do_not_fit(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    content = ready_made()
    change(content)
    with pytest.raises(DataError, match=message):
        one(tmp_path, content)


def test_dataset_is_recognised_as_a_file_and_from_its_folders(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "router_dataset"
    file = dump(folder / "arc_router_dataset.pkl", ready_made())
    dump(folder / "other.pkl", 3)
    for path in (file, folder, folder.parent, tmp_path):
        assert routereval_dataset.recognise(path)
        assert [draft.name for draft in routereval_dataset.read(path)] == ["arc"]
    for path in (folder / "other.pkl", folder / "none", tmp_path.parent):
        assert not routereval_dataset.recognise(path)
    with pytest.raises(DataError, match="holds no"):
        list(routereval_dataset.read(folder / "none"))


UNCHECKED = (HealthCheck.function_scoped_fixture,)
FLIPS = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=3)


@settings(max_examples=examples(150), deadline=None, suppress_health_check=UNCHECKED)
@given(flips=FLIPS)
def test_a_damaged_dataset_gives_drafts_or_a_sentence(
    tmp_path: Path, flips: list[tuple[int, int]]
) -> None:
    data = bytearray(pickle.dumps(ready_made(), protocol=4))
    for place, byte in flips:
        data[place % len(data)] = byte
    path = tmp_path / "gsm8k_router_dataset.pkl"
    path.write_bytes(data)
    try:
        assert all(draft.scores.shape[0] > 0 for draft in routereval_dataset.read(path))
    except DataError as error:
        assert str(error)  # noqa: PT017 - either outcome is right


@settings(max_examples=examples(150), deadline=None, suppress_health_check=UNCHECKED)
@given(flips=FLIPS, which=st.integers(0, 4))
def test_a_damaged_raw_file_gives_drafts_or_a_sentence(
    raw: Path, flips: list[tuple[int, int]], which: int
) -> None:
    files = sorted(raw.rglob("*.pkl"))
    whole = files[which].read_bytes()
    data = bytearray(whole)
    for place, byte in flips:
        data[place % len(data)] = byte
    files[which].write_bytes(data)
    try:
        assert all(draft.scores.shape[1] == len(draft.models) for draft in routereval_raw.read(raw))
    except DataError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
    finally:
        files[which].write_bytes(whole)


class Touch:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.canary,)


def test_no_hidden_code_runs(raw: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    content = ready_made()
    content["tokens"] = Touch(canary)
    pickle.loads(pickle.dumps(content))  # noqa: S301 - shows that the canary can sing
    assert canary.exists()
    canary.unlink()
    with pytest.raises(DataError, match="does not load"):
        one(tmp_path, content)
    for file in sorted(raw.rglob("*.pkl")):
        whole = file.read_bytes()
        dump(file, {"ifeval": Touch(canary)})
        with pytest.raises(DataError, match="does not load"):
            drafts(raw)
        file.write_bytes(whole)
    assert not canary.exists()


@pytest.fixture(scope="module")
def golden() -> dict[str, Draft]:
    return drafts(GOLDEN)


@needs_golden
def test_golden_raw(golden: dict[str, Draft]) -> None:
    assert list(golden) == ["truthfulqa", "gsm8k", "winogrande", "arc", "hellaswag", "mmlu"]
    shapes = [draft.scores.shape for draft in golden.values()]
    assert [n for n, _ in shapes] == [316, 333, 234, 195, 402, 1170]
    assert {m for _, m in shapes} == {1200}
    assert golden["mmlu"].prompts["subset"].n_unique() == 57
    assert all(draft.features["RoBERTa"].shape[1] == 24 for draft in golden.values())


@needs_golden
@pytest.mark.parametrize(
    ("benchmark", "theirs"), [("gsm8k", "gsm8k"), ("truthfulqa", "harness_truthfulqa_mc_0")]
)
def test_golden_dataset_is_the_golden_raw(
    golden: dict[str, Draft], benchmark: str, theirs: str
) -> None:
    raw = golden[benchmark]
    ready = {d.name: d for d in routereval_dataset.read(GOLDEN / "data")}[benchmark]
    columns = [list(raw.models).index(model) for model in ready.models]
    assert np.array_equal(ready.scores, raw.scores[:, columns])
    assert ready.prompts["text"].equals(raw.prompts["text"])
    assert np.array_equal(ready.features["embedding"], raw.features["RoBERTa"])
    # the data set was made under AVX-512, whose sort puts models of equal mean in its own order
    expected = json.loads((GOLDEN / "golden_avx512.json").read_text())[theirs]
    published: Any = ready.published
    for name, rows in published["split"].items():
        assert rows.tolist() == expected["split"][f"{name}_indices"]
    cells = expected["cells"]
    assert len(cells) == 15
    for cell in cells:
        group = cell["group"].replace("_", "-")
        assert published["pools"][str(cell["m"])][group] == cell["models"]


@pytest.mark.skipif(not SPECIMEN.is_file(), reason="the specimen is not here")
def test_a_users_own_file() -> None:
    (draft,) = routereval_dataset.read(SPECIMEN)
    assert list(draft.models) == ["mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"]
    assert draft.scores.shape == (20, 2)
    assert draft.reference is None
    assert draft.prompts["text"].null_count() == 0
    assert isinstance(load(SPECIMEN), dict)

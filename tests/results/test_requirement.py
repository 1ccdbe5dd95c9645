from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routereval.errors import SpecError
from routereval.results import Results, read_results
from routereval.results.comparison import compare
from routereval.results.requirement import Requirement, check
from routereval.studies.run import run
from tests.conftest import CommandLine
from tests.made import made

ROUTERS = ("knn(k=5)", "random")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of one seed on 30 test prompts."""
    out = tmp_path_factory.mktemp("results") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUTEREVAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        source = made(n_prompts=300)
        run([source], ROUTERS, [4], ["all-strong"], protocol="clean", out=out, n_jobs=1)
    return out


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    return read_results(folder)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("auto > best_single", ("auto", ">", "best_single")),
        ("auto>=best_single", ("auto", ">=", "best_single")),
        (" knn(k=5, metric=cosine) > 0.8 ", ("knn(k=5, metric=cosine)", ">", 0.8)),
        ("our own > knn(k=[5])", ("our own", ">", "knn(k=[5])")),
        ("auto >= 1", ("auto", ">=", 1.0)),
    ],
)
def test_a_requirement_is_read(text: str, found: tuple[str, str, str | float]) -> None:
    assert Requirement.parse(text) == found


@settings(max_examples=20)
@given(st.sampled_from(["auto", "knn(k=5)"]), st.sampled_from([">", ">="]), st.floats(0, 1))
def test_what_is_written_is_read_again(a: str, sign: str, score: float) -> None:
    score = float(f"{score:g}")
    for b in (score, "best_single"):
        assert Requirement.parse(str(Requirement(a, sign, b))) == (a, sign, b)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "auto",
        "auto > ",
        "> auto",
        "auto < knn",
        "auto > 1.5",
        "auto => knn",
        "0.5 > auto",
        "a > =b",
    ],
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"cannot read the requirement|a score lies in \[0, 1\]"):
        Requirement.parse(text)


def test_the_interval_decides(results: Results) -> None:
    test = compare(results, "oracle", "best_single").test
    assert test.low > 0
    [found] = check(results, ["oracle > best_single"]).findings
    assert (found.difference, found.low, found.high) == (test.difference, test.low, test.high)
    assert (found.holds, found.n_prompts, found.n_fits) == (True, 30, 0)
    between = (test.low + test.difference) / 2
    assert not check(results, ["oracle > best_single"], min_gain=between).holds
    assert check(results, ["oracle > best_single"], min_gain=between, by="estimate").holds


def test_as_good_is_within_the_margin(results: Results) -> None:
    assert not check(results, ["best_single > best_single"]).holds
    itself = ["best_single >= best_single"]
    assert check(results, itself, margin=0.0, by="estimate").holds
    [found] = check(results, itself, margin=0.0).findings
    assert not found.holds  # equal scores on these prompts prove nothing of others
    assert check(results, itself, margin=-found.low).holds
    [found] = check(results, ["random >= oracle"]).findings
    assert not found.holds
    assert check(results, ["random >= oracle"], margin=-found.low).holds


def test_a_score_is_that_of_the_table(results: Results) -> None:
    [cell] = results.of("knn(k=5)")
    low, high = cell.intervals["mu"]
    [found] = check(results, [f"knn(k=5) > {low - 0.01}"]).findings
    assert found.difference == pytest.approx(cell.metrics["mu"] - low + 0.01)
    assert (found.low, found.high) == pytest.approx((0.01, high - low + 0.01))
    assert (found.holds, found.n_prompts) == (True, 30)
    assert not check(results, [f"knn(k=5) > {low + 0.01}"]).holds
    assert check(results, [f"knn(k=5) > {low + 0.01}"], by="estimate").holds


def test_all_have_to_hold(results: Results) -> None:
    found = check(results, ["oracle > random", "random > oracle"])
    assert [one.holds for one in found.findings] == [True, False]
    assert not found.holds
    assert str(found).startswith("1 of 2 requirements do not hold: random > oracle.\n")
    with pytest.raises(SpecError, match="nothing is required"):
        check(results, [])
    with pytest.raises(SpecError, match="unknown evidence 'p'"):
        check(results, ["oracle > random"], by="p")  # type: ignore[arg-type]


def test_where_fits_are_many_training_is_in_the_interval() -> None:
    results = run([made()], ["knn(k=5)", "random"], protocol="cv(k=5)", n_jobs=1)
    [found] = check(results, ["knn(k=5) > best_single"]).findings
    anew = compare(results, "knn(k=5)", "best_single").over_fits
    assert anew is not None
    assert (found.low, found.high, found.n_fits) == (anew.low, anew.high, 5)
    assert "trained anew, 5 fits" in str(check(results, ["knn(k=5) > best_single"]))


# The command


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--require", "oracle > best_single"), 0),
        (("--require", "oracle > best_single", "--min-gain", "0.9"), 1),
        (("--require", "oracle > best_single", "--require", "random > oracle"), 1),
        (("--require", "oracle > best_singel"), 2),
        (("--require", "oracle"), 2),
        (("--require", "oracle > random", "--size", "7"), 2),
        ((), 2),
    ],
)
def test_the_exit_status(
    words: tuple[str, ...], status: int, folder: Path, command_line: CommandLine
) -> None:
    answer = command_line("check", folder, *words)
    assert answer.status == status
    following = {
        0: f"Next: routereval report {folder}\n",
        1: f"Next: routereval compare {folder}\n",
    }
    if status < 2:
        assert answer.err == following[status]
        assert answer.out.startswith("Holds." if status == 0 else ("Does not", "1 of 2"))
    else:
        assert answer.out == ""
        assert "Error: " in answer.err


def test_the_summary_is_added_to(folder: Path, command_line: CommandLine, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("# Mine\n\n")
    asked = ("check", folder, "--require", "oracle > best_single", "--summary", summary)
    answer = command_line(*asked, "--format", "json")
    assert answer.err == ""
    held = json.loads(answer.out)
    assert (held["holds"], held["findings"][0]["requirement"]) == (True, "oracle > best_single")
    text = summary.read_text()
    assert text.startswith(f"# Mine\n\n### routereval check {folder}\n\nHolds.\n\n| requirement |")
    assert "| yes |" in text


def test_a_folder_without_results(command_line: CommandLine, tmp_path: Path) -> None:
    answer = command_line("check", tmp_path / "none", "--require", "auto > 0.5")
    assert (answer.status, answer.out) == (2, "")
    assert answer.err == f"Error: {tmp_path}/none holds no results of routereval run\n"

"""MT-bench's judgments, as FastChat's ``gen_judgment.py`` writes them, one per line.

``<bench>/model_judgment/<judge>_single.jsonl`` holds ``{question_id, model, judge: [model, prompt],
score, turn, tstamp}``, a score from 1 to 10 or -1 where the judge's words held none; beside it
``<bench>/question.jsonl`` with ``{question_id, category, turns}``. Repository: ``lm-sys/FastChat``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.eval_logs import Mean, down_to, first_files, refuse_unscored
from routereval.importers.importer import Importer
from routereval.importers.long_table import LongTable
from routereval.importers.rows import (
    BadRows,
    RowError,
    field_in,
    finite_in,
    first_object,
    json_objects,
    name_in,
    name_of,
    some_files,
    text_of,
)
from routereval.importers.scale import Rescale, Scale
from routereval.records.draft import Draft

_JUDGMENTS = "model_judgment/*.jsonl"
_PATTERNS = (*down_to(3, _JUDGMENTS), "*.jsonl")
_KEYS = {"question_id", "model", "judge", "score"}
_PAIRS = {"question_id", "model_1", "model_2", "judge"}
_UNPARSED = -1.0
_FOLDER = "model_judgment"


def recognise(path: Path) -> bool:
    """True for a file of judgments of single answers, or a folder with one at most four down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path, *, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft per benchmark; a question's score is the mean of its turns, those of a judge apart.

    Args:
        path: a file of judgments, or a folder with ``model_judgment/`` at most three folders down.
        rescale: the scale of the scores, by default 0 to 10; True for the range observed.

    Raises:
        DataError: if there is no score, or lines cannot be read, with up to 20 listed.
    """
    files = some_files(path, "judgments of MT-bench", *_PATTERNS)
    single = [file for file in files if _is_ours(file)]
    if not single:
        pairs = any(first_object(file).keys() >= _PAIRS for file in files)
        raise DataError(
            f"{path} holds judgments of pairs, which say what was preferred and not how good each "
            "answer is; run gen_judgment.py --mode single"
            if pairs
            else f"{path} holds no judgments; run gen_judgment.py --mode single on the answers"
        )
    reader = _Reader(rescale or Scale(0, 10))
    for file in single:
        reader.read(file)
    reader.bad.check()
    yield from reader.drafts(path, single)


def _is_ours(file: Path) -> bool:
    return first_object(file).keys() >= _KEYS


@dataclass
class _Reader:
    """The turns of each question, model and judge, until all files are read."""

    rescale: Rescale
    bad: BadRows = field(default_factory=BadRows)
    turns: dict[tuple[str, str, str, str], Mean] = field(default_factory=dict)
    questions: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    n_unparsed: dict[str, int] = field(default_factory=dict)
    n_rows: dict[str, int] = field(default_factory=dict)

    def read(self, file: Path) -> None:
        benchmark = _benchmark(file)
        self._read_questions(file, benchmark)
        for line, row in json_objects(file, self.bad):
            with self.bad.row(file, line):
                key = benchmark, _id(row), name_in(row, "model"), _judge(row)
                score = finite_in(field_in(row, "score"), "score")
                mean = self.turns.setdefault(key, Mean())
                self.n_rows[benchmark] = self.n_rows.get(benchmark, 0) + 1
                if score == _UNPARSED:
                    self.n_unparsed[benchmark] = self.n_unparsed.get(benchmark, 0) + 1
                else:
                    mean.add(self._checked(score))

    def _checked(self, score: float) -> float:
        """The score itself, once it is seen to lie on the scale."""
        if isinstance(self.rescale, Scale):
            self.rescale.score(score)
        return score

    def _read_questions(self, file: Path, benchmark: str) -> None:
        above = file.absolute().parent
        beside = next(
            (one for one in (above.parent, above) if (one / "question.jsonl").is_file()), None
        )
        if beside is None or beside / "question.jsonl" == file:
            return
        for line, row in json_objects(beside / "question.jsonl", self.bad):
            with self.bad.row(beside / "question.jsonl", line):
                self.questions.setdefault((benchmark, _id(row)), row)

    def drafts(self, path: Path, files: list[Path]) -> Iterator[Draft]:
        table = LongTable(rescale=self.rescale)
        n_scores = 0
        for (benchmark, question, model, judge), mean in self.turns.items():
            row = self.questions.get((benchmark, question), {})
            asked = row.get("turns")
            turns = [text_of(turn) or "" for turn in asked] if isinstance(asked, list) else []
            n_scores += mean.value == mean.value
            table.add(
                benchmark,
                question,
                model,
                mean.value,
                text="\n\n".join(turns) or None,
                subset=text_of(row.get("category")),
                judge=judge,
            )
        refuse_unscored(path, n_scores, files, "run gen_judgment.py --mode single to its end")
        for benchmark, n in self.n_rows.items():
            scale = f", {self.rescale}" if isinstance(self.rescale, Scale) else ""
            table.note(benchmark, f"score: mean of a question's turns{scale}")
            if n_unparsed := self.n_unparsed.get(benchmark, 0):
                table.warn(
                    benchmark,
                    f"{n_unparsed} of {n} judgments held no score (-1) and are not observed",
                )
        yield from table.drafts(str(path), "Apache-2.0")


def _id(row: Mapping[str, Any]) -> str:
    return name_in(row, "question_id")


def _judge(row: Mapping[str, Any]) -> str:
    """The judging model; what it was asked with differs by turn and category."""
    judge = field_in(row, "judge")
    if isinstance(judge, list):
        if not judge:
            raise RowError("'judge' is empty")
        judge = judge[0]
    return name_of(judge, "'judge'")


def _benchmark(file: Path) -> str:
    folder = file.absolute().parent
    return (text_of(folder.parent.name) if folder.name == _FOLDER else "") or "mt_bench"


SAMPLE = {
    "mt_bench/question.jsonl": [
        {"question_id": 81, "category": "writing", "turns": ["Write.", "Shorten it."]},
        {"question_id": 101, "category": "math", "turns": ["Add.", "Now double it."]},
    ],
    f"mt_bench/{_FOLDER}/gpt-4_single.jsonl": [
        {
            "question_id": question,
            "model": model,
            "judge": ["gpt-4", "single-v1" if turn == 1 else "single-v1-multi-turn"],
            "user_prompt": "…",
            "judgment": f"Rating: [[{score}]]",
            "score": score,
            "turn": turn,
            "tstamp": 1687222400.0,
        }
        for model, scores in {"a": (9, 7, 10, -1), "b": (6, 4, 3, 2)}.items()
        for (question, turn), score in zip(
            ((81, 1), (81, 2), (101, 1), (101, 2)), scores, strict=True
        )
    ],
}

IMPORTER = Importer(
    name="mt-bench",
    summary="MT-bench (FastChat): model_judgment/<judge>_single.jsonl, a judged turn per line",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)

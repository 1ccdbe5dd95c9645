"""What is known of the prompts of a table: that one id has one text, and stands in one subset."""

from __future__ import annotations

from dataclasses import replace

from routereval.importers.rows import RowError
from routereval.records.draft import Draft


class PromptTexts:
    """Notices when one prompt_id stands for several texts, or in several subsets."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], str] = {}
        self._subsets: dict[tuple[str, str], str] = {}
        self._answers: dict[str, str] = {}

    def check(self, benchmark: str, prompt_id: str, text: str | None, column: str | None) -> None:
        """Remember a prompt's text.

        Raises:
            RowError: if another one came before, in a column that is no text of answers.
        """
        if text is None or column is None:
            return
        before = self._seen.setdefault((benchmark, prompt_id), text)
        if before == text or before.split() == text.split():
            return
        if column.lower() == "text":  # which may as well be the answer's
            self._answers[benchmark] = column
            return
        raise RowError(
            f"prompt {prompt_id!r} has another {column!r} than before; where ids start anew in "
            "each data set or file, name the data sets (--columns benchmark=COLUMN), name prompts "
            f"by their text (--columns prompt_id={column}), or give them ids of their own; "
            f"--columns ignore={column} leaves the texts out"
        )

    def check_subset(
        self, benchmark: str, prompt_id: str, subset: str | None, column: str | None
    ) -> None:
        """Remember a prompt's subset.

        Raises:
            RowError: if another one came before.
        """
        if subset is None or self._subsets.setdefault((benchmark, prompt_id), subset) == subset:
            return
        raise RowError(
            f"prompt {prompt_id!r} has another {column!r} than before; where ids start anew in "
            f"each, take them for data sets (--columns benchmark={column}), or give the prompts "
            f"ids of their own; --columns ignore={column} leaves the subsets out"
        )

    def check_role(
        self, role: str, benchmark: str, prompt_id: str, found: str, column: str
    ) -> None:
        """As `check` or `check_subset`, by the role of the column.

        Raises:
            RowError: if another text or subset came before.
        """
        if role == "prompt":
            self.check(benchmark, prompt_id, found, column)
        else:
            self.check_subset(benchmark, prompt_id, found, column)

    def without_answers(self, draft: Draft) -> Draft:
        """The draft, without texts if they turned out not to be the prompts'."""
        import polars as pl

        if draft.name not in self._answers:
            return draft
        warning = (
            f"column {self._answers[draft.name]!r} differs between rows of one prompt, so it is "
            "not the prompt's text and left out; --columns prompt=COLUMN names another"
        )
        prompts = draft.prompts.with_columns(text=pl.lit(None, dtype=pl.String))
        return replace(draft, prompts=prompts, warnings=[*draft.warnings, warning])

"""Collections united: models under one name, benchmarks with all their prompts.

Which model is which is decided by `canonical_model`, exactly. Which prompt is which: the one with
the same prompt_id; else the one with exactly the same text, if that text is given once on either
side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, unknown
from routereval.records import bits
from routereval.records.beside import Key, draft_fields, layers_beside, united_keys
from routereval.records.draft import Draft
from routereval.records.export import united_order
from routereval.records.matrix import RealMatrix
from routereval.records.model_names import canonical_model
from routereval.records.records import Records

if TYPE_CHECKING:
    import polars as pl


KEEPS = ("first",)
"""What may be kept of a cell that two sources tell differently."""

_BLOCK_CELLS = 1 << 22
_SHOWN = 20
Index = NDArray[np.int64]
Matrix = NDArray[np.floating]


def merge_records(
    sources: Sequence[Sequence[Records]], *, keep: str | None = None, common: bool = False
) -> Iterator[Draft]:
    """Unite collections, one draft per benchmark, in the order in which they first come.

    Models are named by `canonical_model`, and stand in an order that suits all sources if there is
    one. Benchmarks of the same name are united: all models of both and all prompts of both, those
    of the first source in front. A prompt is the one with the same prompt_id, whose text must then
    be the same; else the one with exactly the same text, if that text occurs once in each; else a
    prompt of its own. What is known of a prompt or a model is what the first source says, filled up
    by the others; of axes, trials, judges and versions the first source that has a cell counts.
    Features stay where one source has them for all prompts of the union; a published
    split with its pools stays where only one source has the benchmark.

    Args:
        sources: collections.
        keep: what to do where two sources have other scores or costs for a cell: ``first`` keeps
            the first source's; None raises.
        common: keep only the models that were asked on every benchmark of the union.

    Raises:
        DataError: if two sources contradict each other, two models of one benchmark have the same
            canonical name, or none is common.
        SpecError: if `keep` is unknown.

    >>> one = Records.from_arrays("toy", [[1.0], [0.0]], ["open-llm-leaderboard-old/details_a__b"])
    >>> two = Records.from_arrays("toy", [[0.5], [0.25]], ["c__d-details"])
    >>> draft = next(merge_records([[one], [two]]))
    >>> draft.models, draft.scores.tolist()
    (['a/b', 'c/d'], [[1.0, 0.5], [0.0, 0.25]])
    """
    if keep is not None and keep not in KEEPS:
        raise unknown("choice of what to keep", keep, KEEPS)
    by_name: dict[str, list[SourcePart]] = {}
    for source in sources:
        for records in source:
            by_name.setdefault(records.name, []).append(SourcePart.of(records))
    kept = _common(list(by_name.values())) if common else None
    for name, parts in by_name.items():
        yield BenchmarkUnion.of(name, parts, kept).draft(keep)


def align(collection: Sequence[Records]) -> list[Records]:
    """The records of those models only that were asked on every benchmark, in the same order.

    Raises:
        DataError: if there is no such model.

    >>> one = Records.from_arrays("one", [[1.0, 0.0]], ["a", "b"])
    >>> two = Records.from_arrays("two", [[1.0, 0.0]], ["c", "b"])
    >>> [records.models for records in align([one, two])]
    [('b',), ('b',)]
    """
    common = _common([[SourcePart(records, records.models)] for records in collection])
    return [records.select(models=common) for records in collection]


@dataclass(frozen=True)
class SourcePart:
    """Records of one source, and the names that their models go by in the union."""

    records: Records
    models: tuple[str, ...]

    @classmethod
    def of(cls, records: Records) -> SourcePart:
        """Records under canonical names, of which no two may be the same."""
        models = tuple(map(canonical_model, records.models))
        first: dict[str, str] = {}
        for model, name in zip(models, records.models, strict=True):
            if model in first:
                raise DataError(
                    f"{records.name}: {first[model]!r} and {name!r} are both {model!r}; "
                    "leave one of them out"
                )
            first[model] = name
        return cls(records, models)

    @property
    def asked(self) -> list[str]:
        """The models with at least one score."""
        seen = self.records.scores.observed()
        if seen is None:
            return list(self.models)
        return [model for model, n in zip(self.models, bits.count(seen), strict=True) if n]


def _common(benchmarks: Sequence[Sequence[SourcePart]]) -> list[str]:
    """The models asked on every benchmark, each given in parts."""
    asked = [{model for part in parts for model in part.asked} for parts in benchmarks]
    order = united_order([part.models for parts in benchmarks for part in parts])
    common = [model for model in order if all(model in models for models in asked)]
    if not common:
        raise DataError(
            f"no model was asked on all of {len(benchmarks)} benchmarks; leave some of them out"
        )
    return common


@dataclass(frozen=True)
class BenchmarkUnion:
    """One benchmark of several sources: which prompt and which model of a part is which of all."""

    name: str
    parts: Sequence[SourcePart]
    models: Sequence[str]
    prompts: pl.DataFrame
    rows: Sequence[Index]
    """For each part, the row in the union of each of its prompts."""

    @classmethod
    def of(
        cls, name: str, parts: Sequence[SourcePart], kept: Sequence[str] | None
    ) -> BenchmarkUnion:
        """All prompts of the parts, of the models that are kept; of all if None."""
        models = united_order([part.models for part in parts]) if kept is None else kept
        prompts, rows = parts[0].records.prompts, [np.arange(parts[0].records.n_prompts)]
        for part in parts[1:]:
            matched = _matched(name, prompts, part.records.prompts)
            prompts = _united_prompts(prompts, part.records.prompts, matched)
            rows.append(matched)
        return cls(name, parts, models, prompts, rows)

    def draft(self, keep: str | None) -> Draft:
        """The union; `keep` as `merge_records` takes it."""
        first = self.parts[0].records
        alone = len(self.parts) == 1
        self._refuse_judges()
        scores, costs, beside = self._cells(keep)
        metas = [part.records.meta for part in self.parts]
        references = [m["reference"] for m in metas if m.get("reference") is not None]
        return Draft(
            name=self.name,
            models=list(self.models),
            scores=scores,
            prompts=self.prompts,
            model_info=self._model_info(),
            costs=costs,
            features=self._features(),
            reference=references[0] if references else None,
            published=_renamed(first.meta.get("published")) if alone else None,
            source=_listed(metas, "source"),
            licence=_listed(metas, "licence"),
            simulated=any(part.records.simulated for part in self.parts),
            **draft_fields(beside, [part.records for part in self.parts]),
        )

    def _refuse_judges(self) -> None:
        judges = list(dict.fromkeys(p.records.judge for p in self.parts if p.records.judge))
        if len(judges) > 1:
            raise DataError(
                f"{self.name}: the scores of one source are those of judge {judges[0]!r}, of "
                f"another of {judges[1]!r}; take one judge of both (scored_by) and merge then"
            )

    def _cells(self, keep: str | None) -> tuple[Matrix, Matrix | None, dict[Key, Matrix]]:
        """The (prompts, models) scores and costs of the union, and what stands beside them."""
        shape = self.prompts.height, len(self.models)
        # model-major, as the parts are: a block of models is a block of memory.
        scores = np.full(shape[::-1], np.nan, self._kind()).T
        costs = None
        if any(part.records.costs is not None for part in self.parts):
            costs = np.full(shape[::-1], np.nan, np.float32).T
        beside = {key: np.full(shape[::-1], np.nan, np.float32).T for key in self._keys()}
        clashes: list[str] = []
        for part, rows in zip(self.parts, self.rows, strict=True):
            place = {model: column for column, model in enumerate(self.models)}
            own = np.array([n for n, m in enumerate(part.models) if m in place], dtype=np.int64)
            for block in _blocks(own, part.records.n_prompts):
                columns = np.array([place[part.models[column]] for column in block])
                at = np.ix_(rows, columns)
                self._fill_beside(beside, scores, at, part.records, block)
                clashes += self._fill(scores, costs, at, part.records, block)
        if clashes and keep is None:
            raise _two_scores(self.name, clashes)
        return scores, costs, beside

    def _keys(self) -> list[Key]:
        keys = united_keys([part.records for part in self.parts])
        # Codes of answers are equal within one source only.
        alone = len(self.parts) == 1
        return [key for key in keys if alone or key != Key("signals", "answer")]

    def _fill_beside(
        self,
        beside: Mapping[Key, Matrix],
        scores: Matrix,
        at: tuple[Any, ...],
        part: Records,
        block: Index,
    ) -> None:
        """Write what stands beside a part's scores where nothing does yet.

        Trials are those of the source whose score counts; other numbers may come from any source
        that does not contradict it.
        """
        held = scores[at]
        new = part.scores.dense(models=block)
        clash = ~np.isnan(held) & ~np.isnan(new) & (held != new)
        layers = [layer for layer in layers_beside(part) if layer.key in beside]
        runs = [beside[key][at] for key in beside if key.kind == "trials"]
        has_runs = np.any([~np.isnan(run) for run in runs], axis=0) if runs else False
        for layer in layers:
            target = beside[layer.key]
            old = target[at]
            free = ~(clash | has_runs) if layer.key.kind == "trials" else np.isnan(old) & ~clash
            target[at] = np.where(free, layer.block(block), old)

    def _fill(
        self, scores: Matrix, costs: Matrix | None, at: tuple[Any, ...], part: Records, block: Index
    ) -> list[str]:
        """Write a part's block where nothing stands yet, and tell what contradicts."""
        new = part.scores.dense(models=block)
        old = scores[at]
        clash = ~np.isnan(old) & ~np.isnan(new) & (old != new)
        contradictions = self._contradictions("score", old, new, clash, at)
        scores[at] = np.where(np.isnan(old), new, old)
        if costs is None or part.costs is None:
            return contradictions
        usd, paid = part.costs[block].T, costs[at]
        differs = ~np.isnan(paid) & ~np.isnan(usd) & (paid != usd)
        # Where the scores contradict, these are the costs of another answer.
        costs[at] = np.where(np.isnan(paid) & ~clash, usd, paid)
        return contradictions + self._contradictions("cost", paid, usd, differs, at)

    def _contradictions(
        self, what: str, old: Matrix, new: Matrix, where: NDArray[np.bool_], at: tuple[Any, ...]
    ) -> list[str]:
        rows, columns = np.nonzero(where)
        ids = self.prompts["prompt_id"]
        return [
            f"prompt {ids[int(at[0][row, 0])]!r}, model {self.models[int(at[1][0, column])]!r}: "
            f"{what} {old[row, column]:g} and {new[row, column]:g}"
            for row, column in zip(rows[:_SHOWN].tolist(), columns[:_SHOWN].tolist(), strict=True)
        ]

    def _kind(self) -> type[np.floating]:
        matrices = [part.records.scores for part in self.parts]
        wide = any(isinstance(m, RealMatrix) and m.values.dtype == np.float64 for m in matrices)
        return np.float64 if wide else np.float32

    def _model_info(self) -> pl.DataFrame:
        """What is known of each model, the first source first."""
        import polars as pl

        tables = [
            part.records.model_info.with_columns(model=pl.Series(part.models, dtype=pl.String))
            for part in self.parts
        ]
        info = _concatenated(self.name, tables)
        return info.group_by("model", maintain_order=True).agg(pl.all().drop_nulls().first())

    def _features(self) -> dict[str, Matrix]:
        found: dict[str, Matrix] = {}
        for part, rows in zip(self.parts, self.rows, strict=True):
            if len(rows) == self.prompts.height:
                order = np.argsort(rows, kind="stable")
                found = {name: f[order] for name, f in part.records.features.items()} | found
        return found


def _blocks(columns: Index, n_prompts: int) -> Iterator[Index]:
    step = max(1, _BLOCK_CELLS // n_prompts)
    return (columns[start : start + step] for start in range(0, len(columns), step))


def _matched(name: str, ours: pl.DataFrame, theirs: pl.DataFrame) -> Index:
    """The row in the union of each of their prompts; those beyond ours are new."""
    by_id = {prompt_id: row for row, prompt_id in enumerate(ours["prompt_id"])}
    ids, texts = theirs["prompt_id"].to_list(), theirs["text"].to_list()
    our_texts = ours["text"].to_list()
    taken = {by_id[prompt_id] for prompt_id in ids if prompt_id in by_id}
    free = {t: row for t, row in _once(our_texts).items() if row not in taken}
    once = _once(texts)
    rows, new = [], len(our_texts)
    for n, (prompt_id, text) in enumerate(zip(ids, texts, strict=True)):
        row = by_id.get(prompt_id)
        if row is not None:
            _refuse_other_text(name, prompt_id, our_texts[row], text)
        elif once.get(text) == n and text in free:
            row = free[text]
        else:
            row, new = new, new + 1
        rows.append(row)
    return np.array(rows, dtype=np.int64)


def _once(texts: Sequence[str | None]) -> dict[str | None, int]:
    """The row of each text that occurs once."""
    row_of: dict[str | None, int] = {}
    repeated: set[str | None] = {None}
    for row, text in enumerate(texts):
        if text in row_of:
            repeated.add(text)
        row_of[text] = row
    return {text: row for text, row in row_of.items() if text not in repeated}


def _refuse_other_text(name: str, prompt_id: str, ours: str | None, theirs: str | None) -> None:
    if ours is not None and theirs is not None and ours != theirs:
        raise DataError(
            f"{name}: prompt {prompt_id!r} has another text in each source ({ours[:40]!r} and "
            f"{theirs[:40]!r}); give the prompts of one of them other prompt_ids"
        )


def _united_prompts(ours: pl.DataFrame, theirs: pl.DataFrame, rows: Index) -> pl.DataFrame:
    """Our prompts and then their new ones; what ours do not tell is taken from theirs."""
    import polars as pl

    key = "\0row"
    numbered = [
        ours.with_columns(pl.Series(key, np.arange(ours.height, dtype=np.int64))),
        theirs.with_columns(pl.Series(key, rows)),
    ]
    united = _concatenated("prompts", numbered)
    merged = united.group_by(key, maintain_order=True).agg(pl.all().drop_nulls().first())
    return merged.sort(key, maintain_order=True).drop(key)


def _concatenated(what: str, tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.concat(tables, how="diagonal_relaxed")
    except pl.exceptions.PolarsError as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"{what}: a column is of different kinds in two sources ({reason}); rename one"
        ) from None


def _renamed(published: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The published split and pools, their models under canonical names."""
    if published is None:
        return None
    pools = {
        size: {group: [canonical_model(m) for m in models] for group, models in groups.items()}
        for size, groups in published["pools"].items()
    }
    return {**published, "pools": pools}


def _listed(metas: Sequence[Mapping[str, Any]], key: str) -> str:
    return "; ".join(dict.fromkeys(str(meta[key]) for meta in metas if meta.get(key)))


def _two_scores(name: str, clashes: Sequence[str]) -> DataError:
    more = ["and more"] if len(clashes) > _SHOWN else []
    head = f"{name}: two sources contradict each other; mend one, or merge with --keep first:"
    return DataError("\n".join([head, *clashes[:_SHOWN], *more]))

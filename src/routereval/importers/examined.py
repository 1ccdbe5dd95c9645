"""What is said of every draft, whatever it was read from, and what of it is surprising."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from routereval.importers.column_words import metadata_in, sums_up
from routereval.number_of import some_of
from routereval.records.draft import Draft

_MANY_SCORES = 50
_FEW = 12
_MANY_CELLS = 20_000_000
_LONGEST_NAME = 300
_NOBODY = frozenset({"human", "humans", "human_score", "random", "majority", "baseline", "chance"})
"""What a column of scores is called that no model gave."""
_SECOND = re.compile(r"(.*\D)\.1")
_RUN = re.compile(
    r"(?i)(.+?)[\s_.(\[-]+"
    r"(?:(?:seed|run|trial|attempt|sample|rep|repeat|judge|annotator|rater|copy)[\s_.-]*|(?<=\())"
    r"\d{1,4}[)\]]?"
)
"""What ends in the number of a run: gpt_seed1, gpt (run 2), gpt (1); not gpt-4."""
_RUN_FIRST = re.compile(
    r"(?i)(?:seed|run|trial|attempt|rep|repeat|judge|annotator|rater|grader|reviewer)[\s_.-]*"
    r"\d{1,4}[\s_.:-]+(.+)"
)
"""What begins with it: rater1_gpt."""
_NUMBERED = re.compile(r"(.+)_(\d{1,2})")


def examined(draft: Draft) -> Draft:
    """The draft with what is said of it, and what is surprising, before what its importer says."""
    observed = ~np.isnan(draft.scores) if _is_small(draft) else None
    facts = [*_facts(draft, observed), *draft.facts]
    return replace(draft, facts=facts, warnings=[*draft.warnings, *_warnings(draft, observed)])


def listed_names(names: Iterable[str], most: int = _FEW) -> str:
    """Names, the first few of many.

    >>> listed_names(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    return some_of(list(names), most)


def _is_small(draft: Draft) -> bool:
    return draft.scores.size <= _MANY_CELLS


def _facts(draft: Draft, observed: NDArray[np.bool_] | None) -> Iterator[str]:
    n_prompts, n_models = draft.scores.shape
    yield f"models ({n_models:,}): {listed_names(draft.models)}"
    if observed is not None and observed.size:
        share = f", {int(observed.sum()):,} of {observed.size:,} cells observed"
        yield f"prompts: {n_prompts:,}{'' if observed.all() else share}"
        seen = draft.scores[observed]
        if seen.size:
            kind = "0 or 1" if bool(np.isin(seen, (0, 1)).all()) else "real"
            ends = f"from {seen.min():g} to {seen.max():g}"
            yield f"scores: {kind}, {ends}, mean of all cells {seen.mean():.3f}"
    else:
        yield f"prompts: {n_prompts:,}"
    texts = draft.prompts["text"] if "text" in draft.prompts.columns else None
    n_texts = 0 if texts is None else texts.drop_nulls().n_unique()
    axes = [
        *(["costs"] if draft.costs is not None else []),
        *draft.signals,
        *draft.axes,
        *_trials(draft),
        *([f"judges {listed_names([draft.judge, *draft.judges])}"] if draft.judges else []),
        *(_version(draft, date) for date in draft.versions),
        *_efforts(draft),
        *(["prompts' texts"] if n_texts else []),
        *(f"features {name}" for name in draft.features),
    ]
    yield f"beside the scores: {', '.join(axes) if axes else 'nothing'}"


def _trials(draft: Draft) -> Iterator[str]:
    if draft.trials is not None:
        runs = int((~np.isnan(draft.trials)).sum())
        yield f"trials (up to {len(draft.trials)} per cell, {runs:,} runs; a score is their mean)"


def _version(draft: Draft, date: str) -> str:
    seen = ~np.isnan(draft.versions[date])
    both = seen & ~np.isnan(draft.scores)
    differ = (draft.versions[date] != draft.scores)[both].mean() if both.any() else 0.0
    n_models = int(seen.any(axis=0).sum())
    return f"version {date} ({n_models:,} models; {differ:.1%} of scores differ)"


def _efforts(draft: Draft) -> Iterator[str]:
    info = draft.model_info
    if info is not None and "effort" in info.columns:
        n_arms = len(info) - info["effort"].null_count()
        yield f"efforts of {n_arms:,} models"


def _warnings(draft: Draft, observed: NDArray[np.bool_] | None) -> Iterator[str]:
    yield from _alike_names(tuple(draft.models))
    yield from _alike_ids(draft.prompts["prompt_id"].to_list())
    odd = _no_models(tuple(draft.models))
    people = [name for name in draft.models if name.strip().lower() in _NOBODY]
    if people and len(people) < len(draft.models):
        yield (
            f"{listed_names(people)}: taken for models; if a router cannot choose that, leave it "
            "out by ignore=NAME"
        )
    if odd and len(odd) < len(draft.models):
        yield f"{listed_names(odd)}: taken for models; leave out what is none by ignore=NAME"
    if observed is None or not observed.size:
        return
    yield from _coverage(draft, observed)
    yield from _all_alike(draft.scores[observed])
    texts = draft.prompts["text"].drop_nulls() if "text" in draft.prompts.columns else None
    n_held = 0 if texts is None else len(texts)
    n_texts = 0 if texts is None else texts.n_unique()
    alone = observed.shape[1] > 1 and bool((observed.sum(axis=1) <= 1).all())
    if alone and n_texts == n_held:
        yield (
            f"each of {len(observed):,} prompts was put to one model only, which leaves nothing to "
            "compare models by; if all were asked the same, call equal prompts alike for all "
            "(of plain tables: --columns prompt_id=COLUMN)"
        )
    elif alone:
        yield (
            f"each of {n_held:,} prompts was put to one model only, but they have {n_texts:,} "
            "texts: if prompt_id numbers the rows, name prompts by their text "
            "(--columns prompt_id=COLUMN)"
        )
    elif n_texts < n_held:
        yield (
            f"{n_held:,} prompts have {n_texts:,} different texts; splits keep equal ones together"
        )


@lru_cache(maxsize=8)  # the benchmarks of a source have the same models
def _no_models(models: tuple[str, ...]) -> list[str]:
    """Models that are none by their names: metadata alone, or of another model."""
    known = set(models)
    found = ((model, metadata_in(model, known)) for model in models)
    return [name for name, data in found if data and (not data.of or data.of in known)]


@lru_cache(maxsize=8)
def _alike_names(models: tuple[str, ...]) -> list[str]:
    """Warnings of names that hardly differ."""
    return list(_of_alike_names(models))


def _of_alike_names(models: tuple[str, ...]) -> Iterator[str]:
    """Names that differ in signs, case, accents' coding, an owner, or the number of a run only."""
    known = set(models)
    by_key: dict[str, list[str]] = defaultdict(list)
    for model in models:
        second = _SECOND.fullmatch(model)
        if second is not None and second[1] in known:
            yield (
                f"{second[1]!r} and {model!r} are taken for 2 models, but pandas calls a second "
                f"column of one name so; leave it out by ignore={model}, or rename it"
            )
        by_key[_key_of(model)].append(model)
    owned: dict[str, list[str]] = defaultdict(list)
    for key, names in by_key.items():
        if "/" in key:
            owned[key.rpartition("/")[2]] += names
    for key, names in by_key.items():
        same = [*names, *(owned[key] if len(owned[key]) == 1 else ())]
        if len(same) > 1:
            which = " and ".join(map(repr, same))
            yield f"{which} are taken for {len(same)} models; if they are one, rename it"
    yield from _runs_as_models(models)


def _key_of(name: str) -> str:
    """A name without what people write in several ways: case, dashes, points, invisible signs."""
    if name.isascii():
        plain = name
    else:
        composed = unicodedata.normalize("NFKC", name)
        plain = "".join(c for c in composed if unicodedata.category(c) != "Cf")
        plain = "".join("-" if unicodedata.category(c) == "Pd" else c for c in plain)
    return re.sub(r"[\s_.-]+", "-", plain.strip().casefold())


def _runs_as_models(models: Sequence[str]) -> Iterator[str]:
    """A warning of names that differ in the number of a run, or of a judge, only."""
    known = set(models)
    by_base: dict[str, list[str]] = defaultdict(list)
    for model in models:
        numbered = _numbered(model)
        if numbered is not None:
            base = [numbered[1]] if numbered[1] in known and numbered[1] not in by_base else []
            by_base[numbered[1]] += [*base, model]
    runs = [names for names in by_base.values() if len(names) > 1] or _numbered_alike(models)
    if runs:
        n = sum(map(len, runs))
        yield (
            f"{' and '.join(map(repr, runs[0]))} are taken for {len(runs[0])} models ({n} names "
            "such as these): if they are runs or judges of one, give a row for each, with a column "
            "'seed' or 'judge'"
        )


def _numbered(model: str) -> re.Match[str] | None:
    """What of a name is not the number of a run or of a judge; None if it has none."""
    if len(model) > _LONGEST_NAME:
        return None
    return _RUN.fullmatch(model) or _RUN_FIRST.fullmatch(model)


def _numbered_alike(models: Sequence[str]) -> list[list[str]]:
    """Models by the name before a number, where all have one, and each name the same numbers."""
    found = [_NUMBERED.fullmatch(model) for model in models]
    numbers: dict[str, list[str]] = defaultdict(list)
    for match in found:
        if match is None:
            return []
        numbers[match[1]].append(match[2])
    same = list(numbers.values())
    if len(same) < 2 or len(same[0]) < 2 or any(one != same[0] for one in same):
        return []
    return [[f"{base}_{number}" for number in same[0]] for base in numbers]


def _alike_ids(prompt_ids: Iterable[str]) -> Iterator[str]:
    """Whether some ids are the same number written in two ways."""
    ids = list(prompt_ids)
    sums = [name for name in ids if sums_up(name)]
    if sums and len(sums) < len(ids):
        yield f"prompt {sums[0]!r} sums up the others, by its name; leave its rows out if so"
    forms = Counter(re.sub(r"\.0+$", "", name) if "." in name else name for name in ids)
    twice = [name for name, n in forms.items() if n > 1]
    if twice:
        yield f"prompts {twice[0]!r} and {twice[0] + '.0'!r} ({len(twice)} such) are taken for two"


def _all_alike(scores: NDArray[np.floating]) -> Iterator[str]:
    """A warning of scores of which many are all the same, as where each says that a call worked."""
    if scores.size >= _MANY_SCORES and scores.min() == scores.max():
        yield (
            f"every one of {scores.size:,} scores is {scores.flat[0]:g}: they tell no model from "
            "another; is it whether the call worked, and not the answer?"
        )


def _coverage(draft: Draft, observed: NDArray[np.bool_]) -> Iterator[str]:
    n_each = observed.sum(axis=0)
    n_prompts = len(observed)
    few = [at for at in range(len(n_each)) if n_each[at] < n_prompts]
    if not few or (observed.sum(axis=1) <= 1).all():
        return
    n_shared = int(observed.all(axis=1).sum())
    part = ", ".join(f"{draft.models[at]} {n_each[at]:,}" for at in few[:_FEW])
    yield (
        f"not every model was asked all of {n_prompts:,} prompts ({part}); {n_shared:,} were put "
        "to all, and means differ by what was asked"
    )

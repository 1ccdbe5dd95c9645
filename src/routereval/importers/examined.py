"""What is said of every draft, whatever it was read from, and what of it is surprising."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from routereval.records.draft import Draft

_FEW = 12
_MANY_CELLS = 20_000_000
_BESIDE = (
    r"costs?|price|usd|latency(?:_m?s)?|duration|seconds|temperature|top_p|top_k|seed|"
    r"(?:n_|num_)?(?:input_|output_|prompt_|completion_|total_)?tokens|length|turn|epoch|rank|"
    r"winner(?:_.*)?|evaluation_order|timestamp|tstamp|confidence|certainty|uncertainty|log_?probs?|"
    r"prob|probability|entropy|perplexity|ppl|loss|nll|wer|cer|error|errors|error_rate"
)
_ALONE = (
    r"average|avg|mean|median|std|stdev|std_dev|variance|total|sum|min|max|best|worst|oracle|"
    r"difficulty|weight|weights|level|year|month|day|votes|count|order|position|row|rownum|"
    r"(?:n|num|nb|is|has)_.*"
)
_METADATA = re.compile(
    rf"(?i)(?:(.*?)[_ .|:-])?(?:{_BESIDE})|(?:{_BESIDE})[_ .|:](.*)|(?:{_ALONE})"
)
"""Names of columns that hold no score: what may stand beside a model's name, or alone only, as
there are models such as qwen-max."""
SUMMARIES = frozenset(
    {
        *("average", "avg", "mean", "median", "total", "totals", "grand total", "sum", "overall"),
        *("std", "stdev", "min", "max", "count", "accuracy"),
    }
)
"""What rows are called that sum up the others."""
_SECOND = re.compile(r"(.*\D)\.1")


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
    shown = list(names)
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def is_metadata(column: str) -> bool:
    """Whether a column's name says that it holds no score.

    >>> is_metadata("temperature"), is_metadata("gpt-4o_latency_s"), is_metadata("qwen-max")
    (True, True, False)
    """
    return _METADATA.fullmatch(column) is not None


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
            yield f"scores: {kind}, from {seen.min():g} to {seen.max():g}, mean {seen.mean():.3f}"
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
    yield from _alike_names(draft.models)
    yield from _alike_ids(draft.prompts["prompt_id"].to_list())
    odd = _no_models(draft.models)
    if odd and len(odd) < len(draft.models):
        yield f"{listed_names(odd)}: taken for models; leave out what is none by ignore=NAME"
    if observed is None or not observed.size:
        return
    yield from _coverage(draft, observed)
    texts = draft.prompts["text"].drop_nulls() if "text" in draft.prompts.columns else None
    if texts is None or not len(texts):
        return
    n_texts = texts.n_unique()
    alone = observed.shape[1] > 1 and bool((observed.sum(axis=1) <= 1).all())
    if alone and n_texts < len(texts):
        yield (
            f"each of {len(texts):,} prompts was put to one model only, but they have {n_texts:,} "
            "texts: if prompt_id numbers the rows, name prompts by their text "
            "(--columns prompt_id=COLUMN)"
        )
    elif n_texts < len(texts):
        yield (
            f"{len(texts):,} prompts have {n_texts:,} different texts; splits keep equal ones "
            "together"
        )


def _no_models(models: Sequence[str]) -> list[str]:
    """Models that are none by their names: metadata alone, or of another model."""
    known = set(models)
    found = ((model, _METADATA.fullmatch(model)) for model in models)
    return [
        model
        for model, match in found
        if match is not None and (not (base := match[1] or match[2]) or base in known)
    ]


def _alike_names(models: Sequence[str]) -> Iterator[str]:
    """Names that differ in case, blanks, dashes, underscores or as second columns do only."""
    known = set(models)
    by_key: dict[str, list[str]] = defaultdict(list)
    for model in models:
        second = _SECOND.fullmatch(model)
        if second is not None and second[1] in known:
            yield (
                f"{second[1]!r} and {model!r} are taken for 2 models, but pandas calls a second "
                f"column of one name so; leave it out by ignore={model}, or rename it"
            )
        by_key[re.sub(r"[\s_-]+", "-", model.strip().casefold())].append(model)
    for names in by_key.values():
        if len(names) > 1:
            which = " and ".join(map(repr, names))
            yield f"{which} are taken for {len(names)} models; if they are one, rename it"


def _alike_ids(prompt_ids: Iterable[str]) -> Iterator[str]:
    """Whether some ids are the same number written in two ways."""
    ids = list(prompt_ids)
    sums = [name for name in ids if name.strip().lower() in SUMMARIES]
    if sums and len(sums) < len(ids):
        yield f"prompt {sums[0]!r} sums up the others, by its name; leave its rows out if so"
    forms = Counter(re.sub(r"\.0+$", "", name) if "." in name else name for name in ids)
    twice = [name for name, n in forms.items() if n > 1]
    if twice:
        yield f"prompts {twice[0]!r} and {twice[0] + '.0'!r} ({len(twice)} such) are taken for two"


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

"""What is wrong, or must be asked, about the choices of a router: one small function per check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from routereval.records import Records
from routereval.records.groups import groups_of
from routereval.studies.choices import NONE
from routereval.studies.ridge_choice import learned_choice
from routereval.studies.submission import JoinedSubmission, Submission, of_choice

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_NEARLY_ALL = 0.97  # of the prompts, at one model: nearly a constant
_FEWEST = 20  # of fewer prompts nothing is concluded
_READ = 0.6  # of the oracle's lead over shuffled choices; learned routers take a tenth to a quarter
_CLEARLY = 4.0  # standard errors
_LEVEL = 0.001
_MOSTLY_BETTER = 0.8  # of the changed choices whose outcome differs
_SAME = 0.01  # of a cost, relative
_OFF = 0.05
_TOO_FEW, _TOO_MANY = 1 / 15, 1.5  # tokens per character of any text
_UNLIKE = 0.1  # rank correlation of lengths and tokens
_VARIED = 0.2  # standard deviation of text lengths over their mean, so that they tell anything
_ONE_VALUE = 0.5


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        check: name of the check.
        router: of whom.
        text: what was found, as a sentence without the router's name.
    """

    check: str
    router: str
    text: str


Check = Callable[[JoinedSubmission], str]


def findings(
    given: Submission, records: Records, previous: Submission | None = None
) -> tuple[Finding, ...]:
    """What applies to a submission, in the order of `CHECKS`.

    Args:
        given: the submission.
        records: of all models that it could choose from.
        previous: an earlier version of it, if there was one, on the same outcomes.
    """
    held = JoinedSubmission.of(given, records)
    found = {name: check(held) for name, check in CHECKS.items()}
    if previous is not None:
        found["changed"] = changed(held, JoinedSubmission.of(previous, records))
    return tuple(Finding(name, given.router, text) for name, text in found.items() if text)


def prompts(held: JoinedSubmission) -> str:
    """Prompts that the records do not hold, that are missing, or that stand twice."""
    unknown = [name for name, row in zip(held.given.prompts, held.rows, strict=True) if row < 0]
    rows = Counter(held.rows[held.rows >= 0].tolist())
    twice = sum(n > 1 for n in rows.values())
    parts = []
    if n := int((~held.present).sum()):
        parts.append(f"{n:,} of {len(held.present):,} prompts are missing")
    if unknown:
        parts.append(f"{len(unknown):,} are not in the records, as {unknown[0]!r}")
    if twice:
        parts.append(f"{twice:,} stand twice")
    return "; ".join(parts)


def pool(held: JoinedSubmission) -> str:
    """Models chosen that are not in the pool, or not in the records."""
    allowed = set(held.given.pool or held.records.models)
    strange = Counter(one for one in held.given.models if one is not None and one not in allowed)
    if not strange:
        return ""
    names = ", ".join(repr(name) for name in list(strange)[:3])
    return f"chooses {names} on {strange.total():,} prompts, which the pool does not hold"


def constant(held: JoinedSubmission) -> str:
    """One model, or nearly so, where no constant is declared."""
    chosen = held.choice[held.choice != NONE]
    if held.given.constant or len(chosen) < _FEWEST:
        return ""
    counts = np.bincount(chosen)
    share = counts.max() / len(chosen)
    if share < _NEARLY_ALL:
        return ""
    model = held.records.models[int(counts.argmax())]
    return f"chooses {model!r} on {share:.1%} of the prompts: a constant".replace("%", " %")


def outcomes(held: JoinedSubmission) -> str:
    """Choices that know more of the outcomes than the prompts can tell.

    Dealt at random within each benchmark, the same choices would score so much; the oracle's lead
    over that is what knowing single prompts could give. A router that takes more than .6 of it,
    and more by four standard errors than a ridge regression learned out of fold from the texts of
    these very prompts, must have seen outcomes (or tried several models and kept the best).
    """
    scores = np.nan_to_num(held.scores)
    if len(scores) < _FEWEST or (held.choice == NONE).mean() > 1 - _ONE_VALUE:
        return ""
    gain = held.quality - _expected(scores, held.choice, held.benchmark)
    room = float((scores.max(axis=1) - _expected(scores, held.choice, held.benchmark)).mean())
    if room <= 0 or gain.mean() < _READ * room:
        return ""
    learned = learned_choice(held.records, scores, held.benchmark)
    readable = of_choice(scores, learned) - _expected(scores, learned, held.benchmark)
    excess = gain - readable
    error = float(excess.std(ddof=1)) / sqrt(len(excess))
    if excess.mean() < _CLEARLY * error:
        return ""
    return (
        f"takes {gain.mean() / room:.0%} of what the oracle has above the same choices dealt at "
        f"random; a router learned out of fold from these prompts takes "
        f"{max(readable.mean() / room, 0.0):.0%}; what did it see of the outcomes"
    ).replace("%", " %")


def _expected(scores: Floats, choice: NDArray[np.int64], part: NDArray[np.int64]) -> Floats:
    """(n_prompts,) what the choices of its benchmark score on each prompt, on average."""
    found = np.zeros(len(scores))
    for code in np.unique(part):
        at = part == code
        counts = np.bincount(choice[at][choice[at] != NONE], minlength=scores.shape[1])
        found[at] = scores[at] @ (counts / at.sum())
    return found


def changed(held: JoinedSubmission, before: JoinedSubmission) -> str:
    """Choices changed between two versions, nearly always to a better outcome."""
    differ = held.choice != before.choice
    step = (held.quality - before.quality)[differ]
    better, worse = int((step > 0).sum()), int((step < 0).sum())
    n = better + worse
    if not n or better < _MOSTLY_BETTER * n:
        return ""
    p = 1 - NormalDist().cdf((better - worse - 1) / sqrt(n))
    if p > _LEVEL:
        return ""
    return (
        f"of {int(differ.sum()):,} choices changed since the last version, {better:,} made the "
        f"outcome better and {worse:,} worse, though outcomes were fixed by then"
    )


def invented(held: JoinedSubmission) -> str:
    """Costs or token counts that are constant, or impossible for the texts."""
    for name in ("cost", "tokens_in", "tokens_out"):
        if text := _one_value(held, name):
            return text
    return _tokens_of_texts(held)


def _one_value(held: JoinedSubmission, name: str) -> str:
    """A number that one model has on most of its prompts, though answers differ in length."""
    values = held.numbers.get(name)
    if values is None:
        return ""
    for column in np.unique(held.choice[held.choice != NONE]):
        own = values[(held.choice == column) & (values > 0)]
        if len(own) < _FEWEST:
            continue
        value, count = Counter(own.tolist()).most_common(1)[0]
        if count > _ONE_VALUE * len(own) and not _really_alike(held, name, int(column)):
            model = held.records.models[int(column)]
            return f"{name} is {value:g} on {count:,} of {len(own):,} prompts of {model!r}"
    return ""


def _really_alike(held: JoinedSubmission, name: str, column: int) -> bool:
    """Whether the records themselves have one number on most prompts of a model."""
    known = held.records.costs if name == "cost" else held.records.axes.get(name)
    if known is None:
        return False
    own = np.asarray(known[column], np.float64)
    own = own[~np.isnan(own)]
    return bool(len(own)) and Counter(own.tolist()).most_common(1)[0][1] > _ONE_VALUE * len(own)


def _tokens_of_texts(held: JoinedSubmission) -> str:
    """Tokens in that no tokenizer makes of these texts."""
    tokens = held.numbers.get("tokens_in")
    if tokens is None:
        return ""
    lengths = np.array([np.nan if text is None else len(text) for text in held.texts])
    known = (lengths > 0) & (tokens > 0)
    if known.sum() < _FEWEST:
        return ""
    n, t = lengths[known], tokens[known]
    few, many = int((t / n < _TOO_FEW).sum()), int((t / np.maximum(n, 1) > _TOO_MANY).sum())
    if few > _ONE_VALUE * len(t):
        return f"tokens_in are too few for their texts on {few:,} of {len(t):,} prompts"
    if n.std() > _VARIED * n.mean() and _rank_correlation(n, t) < _UNLIKE:
        return (
            "tokens_in have nothing to do with the lengths of the texts "
            f"(rank correlation {_rank_correlation(n, t):.2f})"
        )
    if many > _ONE_VALUE * len(t) and t.std() < _SAME * t.mean():
        return f"tokens_in are too many for their texts on {many:,} of {len(t):,} prompts"
    return ""


def _rank_correlation(a: Floats, b: Floats) -> float:
    from scipy.stats import rankdata

    ranks = np.stack([rankdata(a), rankdata(b)])
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    size = float(np.sqrt((centred**2).sum(axis=1)).prod())
    return float(centred[0] @ centred[1]) / size if size > 0 else 0.0


def prices(held: JoinedSubmission) -> str:
    """Costs of another model than the one chosen, or answers of another."""
    answered = sum(
        other is not None and other != model
        for other, model in zip(held.given.answered, held.given.models, strict=False)
    )
    if answered:
        return f"on {answered:,} prompts another model answered than the one chosen"
    claimed, costs = held.numbers.get("cost"), _costs(held)
    if claimed is None or costs is None:
        return ""
    for column in np.unique(held.choice[held.choice != NONE]):
        at = (held.choice == column) & (claimed > 0)
        if at.sum() < _FEWEST:
            continue
        off = [_median(np.abs(claimed[at] / costs[at, one] - 1)) for one in range(costs.shape[1])]
        if not off[column] > _OFF:
            continue
        other, name = int(np.argmin(off)), held.records.models[int(column)]
        if off[other] < _SAME:
            return f"{name!r} is paid for at the cost of {held.records.models[other]!r}"
        if off[column] < np.inf:
            ratio = _median(claimed[at] / costs[at, int(column)])
            return f"{name!r} is paid for at {ratio:.2f} times its recorded cost (median)"
    return ""


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("inf")


def _costs(held: JoinedSubmission) -> Floats | None:
    """(n_prompts, n_models) USD by the records, else by tokens and prices; None if unknown."""
    if held.records.costs is not None:
        costs = np.asarray(held.records.costs, np.float64).T
        return np.where(costs > 0, costs, np.nan)
    info = held.records.model_info
    read, written = held.numbers.get("tokens_in"), held.numbers.get("tokens_out")
    if not {"price_in", "price_out"} <= set(info.columns) or read is None or written is None:
        return None
    price = np.array(info.select("price_in", "price_out").to_numpy(), np.float64) / 1e6
    costs = np.outer(read, price[:, 0]) + np.outer(written, price[:, 1])
    return np.where(costs > 0, costs, np.nan)


def success(held: JoinedSubmission) -> str:
    """Prompts, costs or scores that are there only where the answer was right."""
    missing = ~held.present | (held.choice == NONE)
    seen = ~np.isnan(held.scores)
    level = np.nan_to_num(held.scores).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    text = _easier(level, missing)
    if text:
        return f"the prompts that it leaves out are harder: {text}"
    claimed = held.numbers.get("cost")
    if claimed is None:
        return ""
    unpaid = ~missing & ~(claimed > 0)
    if unpaid.all():
        return ""
    text = _easier(held.quality[~missing], unpaid[~missing])
    return f"wrong answers are not paid for: {text}" if text else ""


def _easier(score: Floats, left_out: Flags) -> str:
    """Whether scores are lower where something is left out, by more than chance."""
    a, b = score[~left_out], score[left_out]
    if min(len(a), len(b)) < _FEWEST / 2:
        return ""
    pooled = score.var(ddof=1) * (1 / len(a) + 1 / len(b))
    if pooled == 0 or 1 - NormalDist().cdf(float(a.mean() - b.mean()) / sqrt(pooled)) > _LEVEL:
        return ""
    return f"{b.mean():.2f} on these {len(b):,}, {a.mean():.2f} on the others"


def training(held: JoinedSubmission) -> str:
    """Training texts that are test prompts too, or near-duplicates of them."""
    if held.given.learned_here and not held.given.constant:
        return f"was trained on {held.given.learned_here:,} of these very prompts, by its manifest"
    texts = [text for text in held.texts if text]
    if not held.given.train or not texts:
        return ""
    groups = groups_of([*held.given.train, *texts])
    seen = set(groups[: len(held.given.train)].tolist())
    both = sum(group in seen for group in groups[len(held.given.train) :].tolist())
    return f"{both:,} of {len(texts):,} test prompts are among its training texts" if both else ""


def metering(held: JoinedSubmission) -> str:
    """Calls that the router itself makes, and that nobody paid for."""
    calls = held.numbers.get("router_calls")
    paid = held.numbers.get("router_cost")
    made = held.present if calls is None else calls > 0
    if calls is None and not held.given.calls_models:
        return ""
    unpaid = made if paid is None else made & ~(paid > 0)
    n = int(unpaid.sum())
    return f"calls models in order to route, unpaid on {n:,} prompts" if n else ""


CHECKS: dict[str, Check] = {
    "prompts": prompts,
    "pool": pool,
    "constant": constant,
    "outcomes": outcomes,
    "invented": invented,
    "prices": prices,
    "success": success,
    "training": training,
    "metering": metering,
}
"""The checks by name; `changed` is the tenth, and needs two versions."""


def described() -> Sequence[tuple[str, str]]:
    """Name and summary of every check."""
    every = [*CHECKS.items(), ("changed", changed)]
    return [(name, (check.__doc__ or "").splitlines()[0]) for name, check in every]

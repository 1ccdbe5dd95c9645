"""Made submissions: ten honest ones, and two tampered ones for each check of integrity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from routereval.records import Draft, Records
from routereval.studies.submission import Submission

Codes = NDArray[np.int64]
Pair = tuple[Submission, Submission | None]
MODELS = ("big", "small", "mini")
_PRICES = {"price_in": [10.0, 1.0, 0.1], "price_out": [40.0, 4.0, 0.4]}
_TOPICS = ("algebra lemma", "contract law", "python loop", "roman history")
_N = 240


def made_records(*, costs: bool = True) -> Records:
    """Four topics, of which each model knows its own; what texts tell is not all that differs."""
    rng = np.random.default_rng(5)
    topic = np.arange(_N) % 4
    rate = np.array([[0.7, 0.4, 0.3], [0.4, 0.7, 0.4], [0.6, 0.5, 0.5], [0.5, 0.4, 0.6]])[topic]
    scores = (rng.random((_N, 3)) < rate).astype(float)
    words = rng.integers(5, 60, _N)
    texts = [
        f"{_TOPICS[topic[n]]} " + " ".join(f"w{rng.integers(10**6)}" for _ in range(words[n]))
        for n in range(_N)
    ]
    prompts = pl.DataFrame({"prompt_id": [f"q{n}" for n in range(_N)], "text": texts})
    read = np.array([len(text) / 4 for text in texts]).round()
    written = rng.integers(50, 900, (_N, 3)).astype(float)
    price = np.array([_PRICES["price_in"], _PRICES["price_out"]]) / 1e6
    paid = read[:, None] * price[0] + written * price[1]
    return Records.from_draft(
        Draft(
            "made",
            list(MODELS),
            scores,
            prompts,
            costs=paid if costs else None,
            axes={"tokens_in": np.tile(read[:, None], (1, 3)), "tokens_out": written},
            model_info=pl.DataFrame({"model": MODELS, **_PRICES}),
        )
    )


def submitted(records: Records, choice: Codes, router: str = "router") -> Submission:
    """A submission that says no more than the models chosen."""
    names = tuple(records.models[column] for column in choice)
    return Submission(router, tuple(records.prompts["prompt_id"].to_list()), names)


def by_topic(records: Records) -> Codes:
    return np.array([0, 1, 0, 2])[np.arange(records.n_prompts) % 4]


def _plain(records: Records) -> Submission:
    return submitted(records, by_topic(records))


def _costed(records: Records) -> Submission:
    """With tokens, and costs by price, of the models chosen."""
    choice, rows = by_topic(records), np.arange(records.n_prompts)
    read = np.asarray(records.axes["tokens_in"], np.float64).T[rows, choice]
    written = np.asarray(records.axes["tokens_out"], np.float64).T[rows, choice]
    price = np.array([_PRICES["price_in"], _PRICES["price_out"]]) / 1e6
    paid = read * price[0][choice] + written * price[1][choice]
    numbers = {"tokens_in": read, "tokens_out": written, "cost": paid}
    return replace(_plain(records), numbers=numbers)


def _with(records: Records, **numbers: NDArray[np.float64]) -> Submission:
    held = _costed(records)
    return replace(held, numbers={**held.numbers, **numbers})


def _random(records: Records, seed: int) -> Submission:
    return submitted(records, np.random.default_rng(seed).integers(0, 3, records.n_prompts))


def _oracle(records: Records, share: float) -> Submission:
    """Knows the outcomes of a share of the prompts."""
    known = np.random.default_rng(8).random(records.n_prompts) < share
    best = records.dense().argmax(axis=1)  # ties: the first model
    return submitted(records, np.where(known, best, by_topic(records)))


def _kept(held: Submission, rows: NDArray[np.int64]) -> Submission:
    """Only some rows of it."""
    numbers = {name: values[rows] for name, values in held.numbers.items()}
    prompts = tuple(held.prompts[row] for row in rows)
    return replace(
        held, prompts=prompts, models=tuple(held.models[row] for row in rows), numbers=numbers
    )


def _where_right(records: Records, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values where the router's answer is right, 0 where it is wrong."""
    right = records.dense()[np.arange(records.n_prompts), by_topic(records)] > 0
    return np.where(right, values, 0.0)


def _renamed(records: Records, old: str, new: str, n: int) -> Submission:
    held = _plain(records)
    at = [row for row, name in enumerate(held.models) if name == old][:n]
    models = [new if row in at else name for row, name in enumerate(held.models)]
    return replace(held, models=tuple(models))


def _answered(records: Records, answers: Callable[[str | None], str | None]) -> Submission:
    held = _plain(records)
    return replace(held, answered=tuple(answers(name) for name in held.models))


def _mended(records: Records, share: float) -> Submission:
    """Choices changed where the outcome was wrong."""
    choice = by_topic(records)
    scores, rows = records.dense(), np.arange(records.n_prompts)
    wrong = (scores[rows, choice] == 0) & (np.random.default_rng(3).random(len(rows)) < share)
    return submitted(records, np.where(wrong, scores.argmax(axis=1), choice))  # ties: the first


def _lengths(records: Records) -> NDArray[np.float64]:
    return np.array([float(len(text)) for text in records.prompts["text"].to_list()])


def _texts(records: Records, n: int) -> tuple[str, ...]:
    return tuple(records.prompts["text"].to_list()[:n])


def _everywhere(records: Records, value: float) -> NDArray[np.float64]:
    return np.full(records.n_prompts, value)


HONEST: dict[str, Callable[[Records], Pair]] = {
    "plain": lambda r: (_plain(r), None),
    "costs": lambda r: (_costed(r), None),
    "random": lambda r: (_random(r, 1), None),
    "constant": lambda r: (
        replace(submitted(r, np.zeros(r.n_prompts, np.int64)), constant=True),
        None,
    ),
    "little-luck": lambda r: (_oracle(r, 0.1), None),
    "new-version": lambda r: (_plain(r), _random(r, 2)),
    "same-version": lambda r: (_plain(r), _plain(r)),
    "own-texts": lambda r: (replace(_plain(r), train=("another text", "and one more")), None),
    "metered": lambda r: (
        replace(
            _with(r, router_calls=_everywhere(r, 1), router_cost=_everywhere(r, 1e-5)),
            calls_models=True,
        ),
        None,
    ),
    "answered": lambda r: (
        replace(_answered(r, lambda name: name), pool=MODELS),
        None,
    ),
}
"""Submissions, each with its last version if it has one, in which nothing is wrong."""

TAMPERED: dict[str, Callable[[Records], Pair]] = {
    "prompts-missing": lambda r: (_kept(_plain(r), np.arange(r.n_prompts - 3)), None),
    "prompts-twice": lambda r: (_kept(_plain(r), np.r_[np.arange(r.n_prompts), 0]), None),
    "pool-unknown": lambda r: (_renamed(r, "big", "huge", 5), None),
    "pool-larger": lambda r: (replace(_plain(r), pool=("big", "small")), None),
    "constant-whole": lambda r: (submitted(r, np.ones(r.n_prompts, np.int64)), None),
    "constant-nearly": lambda r: (submitted(r, (np.arange(r.n_prompts) < 4).astype(int)), None),
    "outcomes-all": lambda r: (_oracle(r, 1.0), None),
    "outcomes-half": lambda r: (_oracle(r, 0.75), None),
    "invented-constant": lambda r: (_with(r, tokens_out=_everywhere(r, 512)), None),
    "invented-unlike": lambda r: (
        _with(r, tokens_in=np.random.default_rng(9).permutation(_lengths(r) / 4)),
        None,
    ),
    "prices-cheaper": lambda r: (_with(r, cost=_costed(r).numbers["cost"] / 2), None),
    "prices-answered": lambda r: (
        _answered(r, lambda name: "mini" if name == "big" else name),
        None,
    ),
    "success-unpaid": lambda r: (
        _with(r, cost=_where_right(r, _costed(r).numbers["cost"])),
        None,
    ),
    "success-left-out": lambda r: (
        _kept(_plain(r), np.flatnonzero(_where_right(r, _everywhere(r, 1)))),
        None,
    ),
    "training-all": lambda r: (replace(_plain(r), train=_texts(r, r.n_prompts)), None),
    "training-some": lambda r: (
        replace(_plain(r), train=("of its own", *(t.upper() for t in _texts(r, 3)))),
        None,
    ),
    "metering-none": lambda r: (replace(_plain(r), calls_models=True), None),
    "metering-some": lambda r: (
        _with(
            r,
            router_calls=_everywhere(r, 2),
            router_cost=np.where(np.arange(r.n_prompts) < 100, 1e-5, 0.0),
        ),
        None,
    ),
    "changed-all": lambda r: (_mended(r, 1.0), _plain(r)),
    "changed-half": lambda r: (_mended(r, 0.5), _plain(r)),
}
"""Submissions that the check of that name (before the hyphen) has to find."""

"""A trained router with all that a text needs to become a choice of a model."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, RouterEvalError, SpecError
from routereval.features import Embedder
from routereval.features.base import Pretrained
from routereval.features.prompts import Prompts
from routereval.routers.base import Router, Scores
from routereval.routers.certificate import Certificate
from routereval.routers.familiarity import Familiarity
from routereval.routers.networked import contacts
from routereval.routers.persistence import Parts, load_parts, save_parts
from routereval.routers.policy import choose, choose_one, price_of_share

Costs = NDArray[np.float64]
Known = Mapping[str, Sequence[str | None]]


class Decision(NamedTuple):
    """Where one prompt goes, and why.

    Attributes:
        model: the chosen model.
        column: its place in the pool.
        scores: the predicted score of each model of the pool, in its order.
        costs: the expected USD per call of each, NaN where unknown.
        reason: half a sentence of plain ASCII.
        unfamiliar: True if the prompt is unlike all training prompts, by `Familiarity`: then the
            predicted scores say little. The choice is that of the policy all the same.
    """

    model: str
    column: int
    scores: tuple[float, ...]
    costs: tuple[float, ...]
    reason: str
    unfamiliar: bool = False


class Predicted(NamedTuple):
    """What a trained router predicts of some texts, before any policy.

    Attributes:
        scores: (n_texts, n_models) predicted scores.
        costs: (n_texts, n_models) expected USD per call, NaN where unknown.
        unfamiliar: (n_texts,) which texts are unlike all training prompts.
    """

    scores: Scores
    costs: Scores
    unfamiliar: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class TrainedRouter:
    """A fitted router, its embedder and its pool: from text to choice.

    The trade-off `lam` is counted in score here, so that it means the same for cheap and for dear
    pools: the score that one would give up to save the whole price of the dearest model. `usd_lam`
    turns it into the policy's score per USD.

    Attributes:
        router: fitted.
        models: the models, one per column of its scores.
        embedder: what makes the router's features of a text; None for one that reads texts.
        costs: (n_models,) expected USD per call, NaN where unknown.
        about: where it comes from: router and embedder as specs, records, protocol, versions.
        read_from: the folder that it was read from; empty if it was trained here.
        familiarity: what tells an unfamiliar prompt; None for a router that reads texts, which
            then calls none unfamiliar.

    >>> from routereval.features import make_embedder
    >>> from routereval.routers import make_router
    >>> texts = ["prove the lemma", "prove the theorem", "cite the case", "cite the statute"]
    >>> embedder = make_embedder("tfidf(dims=2)").fit(texts)
    >>> scores = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> router = make_router("knn(k=2)").fit(embedder.transform(texts), scores)
    >>> trained = TrainedRouter(router, ("euclid", "portia"), embedder, np.array([0.01, 0.02]))
    >>> [decision.model for decision in trained.decide(["prove it", "cite it"])]
    ['euclid', 'portia']
    >>> trained.decide(["cite it"], lam=3)[0].model
    'euclid'
    """

    router: Router
    models: tuple[str, ...]
    embedder: Embedder | None
    costs: Costs
    about: Mapping[str, Any] = field(default_factory=dict)
    familiarity: Familiarity | None = None
    read_from: str = ""

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write it to a folder; see `save_router`."""
        return save_router(self, path, overwrite=overwrite)

    @property
    def certificate(self) -> Certificate | None:
        """What the router is known to gain, and on what evidence; None where nothing was scored."""
        held = self.about.get("certificate")
        return None if held is None else Certificate.of(held)

    def inputs(self, texts: Sequence[str], known: Known | None = None) -> Any:  # noqa: ANN401
        """What the router reads of texts.

        Args:
            texts: the prompts.
            known: what else is known of them, by name, a category per text.
        """
        if self.embedder is None:
            return list(texts)
        X = self.embedder.transform(texts)
        return Prompts(X, texts, known or {}) if self.router.reads == "prompts" else X

    def scores(self, texts: Sequence[str], known: Known | None = None) -> Scores:
        """(n_texts, n_models) predicted scores; `known` as in `inputs`."""
        return self.router.predict_scores(self.inputs(texts, known))

    def costs_of(self, texts: Sequence[str]) -> Scores:
        """(n_texts, n_models) expected USD per call, NaN where unknown."""
        return self._costs(self.inputs(texts))

    def predicted(self, texts: Sequence[str], known: Known | None = None) -> Predicted:
        """All that is predicted of texts, which are embedded once; `known` as in `inputs`.

        Raises:
            DataError: if the router was read from a folder, and cannot predict.
        """
        try:
            return self._predicted(texts, known)
        except RouterEvalError:
            raise
        except Exception as error:
            if not self.read_from:
                raise
            # Whatever the state that a damaged file left makes of its code.
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            raise DataError(
                f"{self.read_from} is damaged: it cannot predict ({reason}); train the router again"
            ) from error

    def _predicted(self, texts: Sequence[str], known: Known | None) -> Predicted:
        X, strange = self.inputs(texts, known), np.zeros(len(texts), dtype=np.bool_)
        if self.familiarity is not None:
            features = X.features if isinstance(X, Prompts) else X
            strange = self.familiarity.unfamiliar(features, self.embedder, texts)
        return Predicted(self.router.predict_scores(X), self._costs(X), strange)

    def usd_lam(self, lam: float) -> float:
        """The policy's trade-off, in score per USD, of one that is counted in score.

        Raises:
            SpecError: if `lam` is negative or NaN.
        """
        if not lam >= 0:
            raise SpecError(f"lam must be a number that is not negative, not {lam!r}")
        return lam / self._dearest

    def lam_of_share(self, texts: Sequence[str], share: float) -> tuple[float, float]:
        """The `lam` at which the dearest model gets a share of some prompts, and what it gets.

        Args:
            texts: prompts as they will come; the more, the surer.
            share: the share wanted, from 0 to 1.

        Raises:
            DataError: if there are no texts, or no costs are known.
            SpecError: if the share lies outside 0 to 1.
        """
        if not 0 <= share <= 1:
            raise SpecError(f"a share lies between 0 and 1, not at {share!r}")
        if not len(texts):
            raise DataError("a share is of prompts; give some, one per line")
        if not np.isfinite(self.costs).all():
            raise DataError(
                "what the models cost is not known to this router; train it on records with costs"
            )
        scores, costs, _ = self.predicted(texts)
        found = price_of_share(self._values(texts, scores), costs, self.dearest_column, share)
        return found[0] * self._dearest, found[1]

    @property
    def dearest_column(self) -> int:
        """The column of the model whose expected cost is highest; the first of equals."""
        return int(np.nanargmax(self.costs))

    def decide(
        self,
        texts: Sequence[str],
        lam: float = 0.0,
        allowed: Sequence[str] | None = None,
        known: Known | None = None,
    ) -> list[Decision]:
        """Decide where each text goes, by the policy that the benchmark uses.

        Args:
            texts: the prompts.
            lam: the score to give up for the price of the dearest model; 0 asks for the best score.
            allowed: the models that may be chosen; all of the pool if None.
            known: what else is known of the prompts, by name, a category per text.

        Returns:
            One decision per text.

        Raises:
            DataError: if none of the pool is allowed.
            SpecError: if `lam` is negative or NaN.
        """
        if not len(texts):
            return []
        scores, costs, strange = self.predicted(texts, known)
        made = self.decided(texts, scores, costs, lam, allowed)
        pairs = zip(made, strange.tolist(), strict=True)
        return [decision._replace(unfamiliar=mark) for decision, mark in pairs]

    def decided(
        self,
        texts: Sequence[str],
        scores: Scores,
        costs: Scores,
        lam: float = 0.0,
        allowed: Sequence[str] | None = None,
    ) -> list[Decision]:
        """Decide on scores and costs that are known already; see `decide`. None is unfamiliar."""
        closed = [] if allowed is None else [m not in allowed for m in self.models]
        if all(closed) and closed:
            raise DataError(f"no model of the pool may be chosen; it has {', '.join(self.models)}")
        values = self._values(texts, scores)
        if any(closed):
            values = np.where(closed, np.nan, values)
        predicted, prices, usd_lam = scores.tolist(), costs.tolist(), self.usd_lam(lam)
        weighed = predicted if values is scores else values.tolist()
        if len(weighed) == 1 and math.isfinite(usd_lam):
            columns = [choose_one(weighed[0], prices[0], usd_lam)]
        else:
            columns = choose(values, costs, usd_lam).tolist()
        rows = zip(columns, predicted, prices, weighed, strict=True)
        return [
            Decision(
                self.models[column],
                column,
                tuple(mine),
                tuple(usd),
                self._reason(values_of_it, usd, column, lam),
            )
            for column, mine, usd, values_of_it in rows
        ]

    def _values(self, texts: Sequence[str], scores: Scores) -> Scores:
        """What the policy maximises: the scores, or for a router that draws, the model drawn.

        The draw is by the text's own hash: the same text goes the same way each time.
        """
        if self.router.policy == "argmax":
            return scores
        uniform = np.array([_uniform(text) for text in texts])
        drawn = (np.cumsum(scores, axis=1) <= uniform[:, None]).sum(axis=1)
        return np.asarray(np.eye(len(self.models))[np.minimum(drawn, len(self.models) - 1)])

    def _costs(self, X: Any) -> Scores:  # noqa: ANN401
        own = self.router.predict_costs(X)
        return np.broadcast_to(self.costs if own is None else own, (len(X), len(self.models)))

    @cached_property
    def _dearest(self) -> float:
        known = self.costs[np.isfinite(self.costs)]
        return float(known.max()) if known.size and known.max() > 0 else 1.0

    def _reason(self, values: list[float], costs: list[float], column: int, lam: float) -> str:
        """Half a sentence; numbers of Python, since for a handful of models arrays cost more."""
        if self.router.policy != "argmax":
            return "drawn"
        mine = f"predicted score {values[column]:.3f}"
        if lam and math.isfinite(costs[column]):
            mine += f" at ${1000 * costs[column]:.4g} per 1,000 calls"
        rivals = [at for at, value in enumerate(values) if at != column and not math.isnan(value)]
        if not rivals:
            return mine
        best = max(rivals, key=values.__getitem__)
        if values[best] > values[column]:
            price = f" at ${1000 * costs[best]:.4g}" if math.isfinite(costs[best]) else ""
            return f"{mine} against {values[best]:.3f}{price} with lam {lam:g}"
        return f"{mine}, next {values[best]:.3f}"


def _uniform(text: str) -> float:
    """A number in [0, 1) that only the text decides."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=7).digest()
    return int.from_bytes(digest) / 256**7


def save_router(trained: TrainedRouter, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a trained router to a folder; it appears whole or not at all.

    The same router gives the same bytes.

    Args:
        trained: the router.
        path: the folder.
        overwrite: replace a trained router that is there.

    Returns:
        The folder.

    Raises:
        DataError: if the folder exists and is not to be overwritten, or holds something else; if
            the router keeps state of a class that `load_router` would refuse; or if it is a bare
            `Router`, which knows neither its models nor what makes its features.
    """
    if not isinstance(trained, TrainedRouter):
        raise DataError(
            f"a {type(trained).__name__} knows neither its models nor what makes features of a "
            "text, so nothing could route by it; save what train(records, router) returns"
        )
    parts = Parts(*(getattr(trained, name) for name in Parts._fields))
    return save_parts(parts, path, overwrite=overwrite)


def load_router(path: str | Path, *, allow_network: Sequence[str] = ()) -> TrainedRouter:
    """Read a trained router; the records that it learned from are not needed.

    Nothing of the folder is trusted: it may neither run code, nor name a service that is asked.

    Args:
        path: the folder.
        allow_network: the hosts that an embedder or a router of it may ask, each ``HOST`` or
            ``HOST=VARIABLE``, the environment variable whose value that host gets as a key.

    Returns:
        The router, ready to decide.

    Raises:
        DataError: if the folder holds no router, a file of it is damaged or not what the manifest
            says, or one asks for a class that is not registered as a router or an embedder, or
            for a host that is not allowed.
    """
    found = TrainedRouter(*load_parts(path, allow_network), read_from=str(path))
    if not isinstance(found.embedder, Pretrained) and not contacts(list(vars(found).values())):
        found.decide(["rehearsal"])  # asks and fetches nothing, and tells most damage at once
    return found

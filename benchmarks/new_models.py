"""How well a few probe prompts tell a new model's mean score, and what a router gains with it.

Models of real records are held out in turn. First, how far their mean scores are missed by k
prompts: drawn at random or chosen by `probes`, as the plain mean or by comparison with the known
models. Then `auto` on five models takes a sixth one that it has not seen, by probes, and is set
beside itself trained anew on all six.

    python benchmarks/new_models.py            # some ten minutes
    python benchmarks/new_models.py --quick    # a few draws
    python benchmarks/new_models.py --scores   # the first part only
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.features import make_embedder
from routereval.features.prompts import Prompts
from routereval.records import Records
from routereval.routers import Router, extend, make_router
from routereval.routers.linear_extension import likeness
from routereval.sources import open_source
from routereval.studies.probes import spread

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

DATA = Path(__file__).parents[2] / "shared" / "data" / "mmlu_pro"
PROBES = (32, 64, 128, 256)
SIZES = (3, 5, 10)
N_TRAIN, N_TEST = 1600, 4000
POOL = 5
PLAIN = "random, plain mean"
LEAD = "lead of the new model over the best known"


class Table(NamedTuple):
    """Complete records: scores, and what probes are chosen by."""

    scores: Floats
    subsets: Codes
    lengths: Codes

    def probes(self, rows: Codes, known: Codes, k: int) -> Codes:
        """Some of the rows, chosen by what is known of them."""
        found = spread(self.scores[np.ix_(rows, known)], self.subsets[rows], self.lengths[rows], k)
        return np.asarray(rows[found])


def table_of(records: Records) -> tuple[Table, list[str]]:
    """The prompts on which every model was observed, with their texts; equal prompts once."""
    first = np.sort(np.unique(records.groups, return_index=True)[1], kind="stable")
    scores = records.dense()
    rows = first[~np.isnan(scores[first]).any(axis=1)]
    texts = [str(records.prompts["text"][row]) for row in rows.tolist()]
    lengths = np.array([len(text) for text in texts])
    return Table(scores[rows], records.subsets[rows], lengths), texts


def mean_scores(table: Table, draws: int) -> None:
    """Print by how far mean scores are missed. Errors within a draw go together: it counts once."""
    squares: dict[tuple[int, str], list[float]] = defaultdict(list)
    for number in range(draws):
        for way, square in squares_of(table, number).items():
            squares[way].append(square)
    m = table.scores.shape[1]
    print(f"\nMean scores of models that were held out, {draws} draws of {SIZES} known ones of {m}")
    print(f"{'':24}{'k':>5}{'error':>8}{'worth':>7}   random prompts, as a plain mean")
    for (k, how), found in squares.items():
        each, plain = np.array(found), np.array(squares[k, PLAIN])
        left_out = (plain.sum() - plain) / (each.sum() - each)
        error = k * float(np.std(left_out) * np.sqrt(draws - 1))  # jackknife
        worth = k * plain.mean() / each.mean()
        print(f"{how:24}{k:>5}{np.sqrt(each.mean()):>8.4f}{worth:>7.0f} ± {error:.0f}")


def squares_of(table: Table, number: int) -> dict[tuple[int, str], float]:
    """The mean squared error of each way, over all models that are not known.

    Of a draw of four fifths of the prompts, whose mean scores are the truth.
    """
    rng = np.random.default_rng(number)
    n, m = table.scores.shape
    rows, models = rng.permutation(n)[: n * 4 // 5], rng.permutation(m)
    known, new = np.split(models, [SIZES[number % len(SIZES)]])
    truth = table.scores[rows].mean(axis=0)
    found = {}
    for k in PROBES:
        chosen = {"random": rng.permutation(rows)[:k], "probes": table.probes(rows, known, k)}
        for how, probed in chosen.items():
            scores = table.scores[probed]
            likes = [likeness(scores[:, known], scores[:, model]) for model in new.tolist()]
            by_known = np.array([float(like(truth[known])) for like in likes])
            missed = scores[:, new].mean(axis=0) - truth[new]
            found[k, f"{how}, plain mean"] = float((missed**2).mean())
            found[k, f"{how}, compared"] = float(((by_known - truth[new]) ** 2).mean())
    return found


class Draw(NamedTuple):
    """Five known models and a new one, and prompts of each part."""

    table: Table
    prompts: Prompts
    train: Codes
    test: Codes
    known: Codes
    new: Codes

    @property
    def models(self) -> Codes:
        """All six, the new one last."""
        return np.concatenate([self.known, self.new])

    def fitted(self, models: Codes) -> Router:
        """`auto`, trained on all training prompts."""
        scores = self.table.scores[np.ix_(self.train, models)]
        return make_router("auto").fit(self.prompts[self.train], scores)

    def scored(self, router: Router, models: Codes) -> Floats:
        """(n_test,) what its choices score."""
        choice = router.predict_scores(self.prompts[self.test]).argmax(axis=1)
        return np.asarray(self.table.scores[self.test, models[choice]])


def draw_of(table: Table, prompts: Prompts, number: int) -> Draw:
    """A draw of the ten strongest models; by turns the new one is the best of six, and any other.

    A model that nobody would take is soon told from the others, so that weak ones are left out.
    """
    rng = np.random.default_rng([number, 1])
    rows = rng.permutation(len(table.scores))
    train, test = rows[:N_TRAIN], rows[N_TRAIN : N_TRAIN + N_TEST]
    means = table.scores[train].mean(axis=0)
    six = rng.permutation(np.argsort(-means, kind="stable")[: 2 * POOL])[: POOL + 1]
    by_score = six[np.argsort(-means[six], kind="stable")]
    new = by_score[0] if number % 2 == 0 else rng.choice(by_score[1:])
    return Draw(table, prompts, train, test, six[six != new], np.array([new]))


def gains_of(draw: Draw) -> dict[str, float]:
    """What each way of taking the new model gains over the router without it, in points."""
    table, before = draw.table, draw.fitted(draw.known)
    base = draw.scored(before, draw.known)
    test = table.scores[draw.test]
    lead = test[:, draw.new[0]].mean() - test[:, draw.known].mean(axis=0).max()
    found = {LEAD: float(lead)}
    found["trained anew on all"] = _gain(draw.scored(draw.fitted(draw.models), draw.models), base)
    rng = np.random.default_rng(int(draw.new[0]))
    for k in PROBES[1:]:
        chosen = {
            "probes": table.probes(draw.train, draw.known, k),
            "random prompts": rng.permutation(draw.train)[:k],
        }
        for how, rows in chosen.items():
            scores = table.scores[np.ix_(rows, draw.models)]
            after = extend(
                deepcopy(before), draw.prompts[rows], scores[:, -1:], known=scores[:, :-1]
            )
            found[f"extended by {k} {how}"] = _gain(draw.scored(after, draw.models), base)
            best = draw.models[scores.mean(axis=0).argmax()]
            found[f"best mean on {k} {how}, alone"] = _gain(test[:, best], base)
    return {name: 100 * gain for name, gain in found.items()}


def _gain(scored: Floats, base: Floats) -> float:
    return float((scored - base).mean())


def routed(table: Table, texts: list[str], draws: int) -> None:
    """Print what routers gain with the sixth model over themselves without it."""
    prompts = Prompts(make_embedder("tfidf").fit(texts).transform(texts), texts)
    found = [gains_of(draw_of(table, prompts, number)) for number in range(draws)]
    leads = np.array([gains[LEAD] for gains in found]) > 0
    print(f"\nGain of auto on {POOL} models with a sixth over itself without it, in points;")
    print(f"{draws} draws, in {leads.sum()} of which the sixth is the best")
    print(f"{'':44}{'mean':>7}{'error':>7}{'least':>8}{'it is best':>12}{'it is not':>11}")
    for name in found[0]:
        v = np.array([gains[name] for gains in found])
        best, other = (part.mean() if len(part) else np.nan for part in (v[leads], v[~leads]))
        error = v.std(ddof=1) / np.sqrt(len(v))
        print(
            f"{name:44}{v.mean():>+7.2f}{error:>7.2f}{v.min():>+8.2f}{best:>+12.2f}{other:>+11.2f}"
        )


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few draws")
    parser.add_argument("--scores", action="store_true", help="the first part only")
    asked = parser.parse_args()
    if not DATA.exists():
        raise SystemExit(f"{DATA} is not there")
    table, texts = table_of(open_source(DATA)[0])
    mean_scores(table, 30 if asked.quick else 600)
    if not asked.scores:
        routed(table, texts, 2 if asked.quick else 20)


if __name__ == "__main__":
    main()

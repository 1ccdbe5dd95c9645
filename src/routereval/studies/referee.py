"""Published routers, scored from their choices beside every constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records import Records
from routereval.results.comparison import corrected
from routereval.scoring import N_BOOT, Comparison
from routereval.scoring.bootstrap import Interval, resamples
from routereval.scoring.estimates import mean_interval
from routereval.scoring.sameness import Saving, saving
from routereval.shown import Shown
from routereval.sources import open_source
from routereval.studies.choices import own_records, read_choices
from routereval.studies.claims import Claim, read_claims
from routereval.studies.endpoint import ask_choices, is_endpoint
from routereval.studies.integrity import Finding, findings
from routereval.studies.joined_choices import JoinedChoices, Shuffled
from routereval.studies.out_of_fold import cross_fitted_choice
from routereval.studies.progress import Progress
from routereval.studies.submission import read_submissions
from routereval.studies.token_costs import repriced
from routereval.tasks import mix

Floats = NDArray[np.float64]
Kind = Literal["router", "constant", "control"]

_FEWEST_MODELS = 2


@dataclass(frozen=True)
class Entry:
    """One row: a published router, a constant, or a control.

    Attributes:
        name: of the router, or of the model that a constant always chooses.
        kind: ``router``, ``constant`` or ``control``.
        score: mean score over the prompts.
        interval: its 95 % interval.
        cost: USD for all prompts by the records, NaN where unknown.
        zero: the score that a mix of constants reaches at this cost (the Zero router), NaN where
            costs are unknown.
        against: the paired test against the best constant; None for itself and for controls. The
            p-values of the routers are corrected by Holm.
        shuffled: what is left of a router's score without what it knows of single prompts.
        n_models: how many models it chooses.
        top_share: share of the prompts that its most chosen model gets.
    """

    name: str
    kind: Kind
    score: float
    interval: Interval
    cost: float
    zero: float
    against: Comparison | None = None
    shuffled: Shuffled | None = None
    n_models: int = 1
    top_share: float = 1.0

    @property
    def constant(self) -> bool:
        """Whether it always chooses the same model."""
        return self.n_models == 1 and self.kind != "control"


@dataclass(frozen=True, repr=False)
class Judgement(Shown):
    """What published choices are worth; as text, sentences with the evidence beneath them.

    Attributes:
        entries: routers, constants and controls, the highest score first.
        n_prompts: how many prompts they are scored on.
        benchmarks: of which benchmarks these are.
        best_constant: the constant of the highest score on these very prompts, which favours it.
        rivals: the routers, but for the first, tested against the first; p-values corrected.
        savings: by what share each of these costs less than the first, where costs are known.
        claims: what a published table says against what the files say.
        findings: what is wrong with the choices, or must be asked.
        notes: what was left out or assumed.
        simulated: True if no real model was asked.
    """

    entries: tuple[Entry, ...]
    n_prompts: int
    benchmarks: tuple[str, ...]
    best_constant: str
    rivals: Mapping[str, Comparison] = field(default_factory=dict)
    savings: Mapping[str, Saving | None] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    simulated: bool = False

    def entry(self, name: str, kind: Kind) -> Entry:
        """The entry of this name.

        Raises:
            DataError: if there is none.
        """
        for one in self.entries:
            if one.name == name and one.kind == kind:
                return one
        raise DataError(f"no {kind} {name!r} was scored")

    @property
    def routers(self) -> list[Entry]:
        """The published ones, the highest score first."""
        return [one for one in self.entries if one.kind == "router"]

    @property
    def constants(self) -> list[Entry]:
        """One for each model, the highest score first."""
        return [one for one in self.entries if one.kind == "constant"]

    @property
    def unlisted(self) -> list[Entry]:
        """The constants that are not among the published routers."""
        listed = {one.score for one in self.routers if one.constant}
        return [one for one in self.constants if one.score not in listed]


def referee(
    choices: str | Path,
    source: Records | Sequence[Records] | str | Path | None = None,
    *,
    published: str | Path | None = None,
    aliases: Mapping[str, str] | None = None,
    previous: str | Path | None = None,
    train: str | Path | None = None,
    controls: Sequence[str] = (),
    n_boot: int = N_BOOT,
    progress: Progress | None = None,
) -> Judgement:
    """Score published routers by the models that they chose, beside every constant.

    A prompt counts alike whatever its benchmark, as in published tables. A router that names no
    model on a prompt scores 0 there. Costs are those of the records for the model chosen.

    Args:
        choices: what the routers chose, see `read_choices`; or the address of a running router,
            which is asked where each prompt goes, see `ask_choices`.
        source: records of all models that they could choose from; None to take the scores that
            the files themselves hold. Then constants are known of those models only that some
            router called on every prompt.
        published: a table of what was published (router, score, cost), to be held against these.
        aliases: what the files call a model, and what the records call it.
        previous: an earlier version of the choices, on the same outcomes.
        train: records that the routers were trained on, whose texts must not be test prompts.
        controls: specs of routers of this package, such as ``auto``, that are learned out of fold
            from the texts of these very prompts, and stand beside the published ones.
        n_boot: resamples of every interval.
        progress: called with (what, controls learned, controls in all).

    Raises:
        DataError: if the choices do not fit the records.
    """
    if is_endpoint(choices):
        return _asked(str(choices), source, aliases, controls, n_boot)
    collection = [own_records(choices)] if source is None else open_source(source)
    stream = mix(collection) if len(collection) > 1 else collection[0]
    held = JoinedChoices.of(read_choices(choices, stream, aliases), stream, own=source is None)
    W = resamples(held.benchmark, n_boot, groups=held.group)
    entries = [
        *_router_entries(held, W),
        *_constant_entries(held, W),
        *(_entry(held, name, "control", *both, W) for name, both in held.controls().items()),
        *_learned_entries(held, controls, W, progress),
    ]
    entries.sort(key=lambda one: -one.score)
    best = held.models[held.best_constant] if held.models else ""
    return Judgement(
        tuple(entries),
        len(held.quality),
        tuple(one.name for one in collection),
        best,
        *_rivals(held, [one.name for one in entries if one.kind == "router"]),
        () if published is None else read_claims(published, entries),
        () if source is None else _findings(choices, stream, aliases, previous, train),
        (*held.notes, *_left_out(collection, stream), *filter(None, [repriced(stream)])),
        stream.simulated,
    )


def _asked(
    endpoint: str,
    source: Records | Sequence[Records] | str | Path | None,
    aliases: Mapping[str, str] | None,
    controls: Sequence[str],
    n_boot: int,
) -> Judgement:
    """The same of a running router, whose choices are written down first."""
    if source is None:
        raise DataError(f"{endpoint}: a running router needs records to be asked about")
    collection = open_source(source)
    stream = mix(collection) if len(collection) > 1 else collection[0]
    with TemporaryDirectory() as folder:
        file = ask_choices(endpoint, stream, Path(folder), aliases)
        found = referee(file, collection, controls=controls, n_boot=n_boot)
    note = f"{stream.n_prompts:,} prompts were sent to {file.stem}, which said where they go"
    return replace(found, notes=(note, *found.notes))


def _learned_entries(
    held: JoinedChoices, controls: Sequence[str], W: Floats, progress: Progress | None
) -> list[Entry]:
    found = []
    for done, spec in enumerate(controls):
        if progress is not None:
            progress("Controls learned", done, len(controls))
        found.append(_entry(held, spec, "control", *_learned(held, spec), W))
    return found


def _learned(held: JoinedChoices, spec: str) -> tuple[Floats, Floats]:
    """Scores and costs of a router that is learned out of fold."""
    texts = [text for text in held.texts if text is not None]
    if len(texts) < len(held.texts) or len(held.models) < _FEWEST_MODELS:
        raise DataError(f"{spec} needs the text of every prompt, and two models to choose from")
    choice = cross_fitted_choice(spec, texts, held.scores, held.group, held.models)
    rows = np.arange(len(choice))
    return held.scores[rows, choice], held.costs[rows, choice]


def _findings(
    choices: str | Path,
    stream: Records,
    aliases: Mapping[str, str] | None,
    previous: str | Path | None,
    train: str | Path | None,
) -> tuple[Finding, ...]:
    """What applies to each router, in the order of the files."""
    texts: list[str] = []
    for records in [] if train is None else open_source(train):
        texts += [text for text in records.prompts["text"].to_list() if text]
    before = [] if previous is None else read_submissions(previous, stream, aliases)
    earlier = {one.router: one for one in before}
    return tuple(
        finding
        for one in read_submissions(choices, stream, aliases)
        for finding in findings(replace(one, train=tuple(texts)), stream, earlier.get(one.router))
    )


def _entry(
    held: JoinedChoices, name: str, kind: Kind, scores: Floats, costs: Floats, W: Floats
) -> Entry:
    cost = float(costs.mean())
    interval = mean_interval(scores, W, groups=held.group)
    return Entry(name, kind, float(scores.mean()), interval, cost * len(costs), held.zero(cost))


def _router_entries(held: JoinedChoices, W: Floats) -> list[Entry]:
    """The published ones; whoever chooses a best model on every prompt is a control."""
    against = _against_best(held)
    found = []
    for place, name in enumerate(held.routers):
        kind: Kind = "control" if held.perfect[place] else "router"
        entry = _entry(held, name, kind, held.quality[:, place], held.paid[:, place], W)
        found.append(
            replace(
                entry,
                against=against.get(place),
                shuffled=held.shuffled(place),
                n_models=int(held.n_chosen[place]),
                top_share=float(held.top_share[place]),
            )
        )
    return found


def _against_best(held: JoinedChoices) -> dict[int, Comparison]:
    """Each router against the best constant, the p-values corrected."""
    if not held.models:
        return {}
    best = held.scores[:, held.best_constant]
    tested = [place for place in range(len(held.routers)) if not held.perfect[place]]
    tests = corrected([held.test(held.quality[:, place], best) for place in tested])
    return dict(zip(tested, tests, strict=True))


def _constant_entries(held: JoinedChoices, W: Floats) -> list[Entry]:
    found = []
    for place, name in enumerate(held.models):
        entry = _entry(held, name, "constant", held.scores[:, place], held.costs[:, place], W)
        if place != held.best_constant:
            best = held.scores[:, held.best_constant]
            entry = replace(entry, against=held.test(held.scores[:, place], best))
        found.append(entry)
    return found


def _rivals(
    held: JoinedChoices, names: Sequence[str]
) -> tuple[dict[str, Comparison], dict[str, Saving | None]]:
    """The first of some routers against the others, and what these save."""
    if len(names) < 2:
        return {}, {}
    at = [held.routers.index(name) for name in names]
    quality, paid = held.quality[:, at].T, held.paid[:, at].T
    share = np.full(len(held.quality), 1 / len(held.quality))
    tests = corrected([held.test(quality[0], other) for other in quality[1:]])
    saved = [
        saving(other, paid[0], subsets=held.benchmark, weights=share, groups=held.group)
        for other in paid[1:]
    ]
    others = names[1:]
    return dict(zip(others, tests, strict=True)), dict(zip(others, saved, strict=True))


def _left_out(collection: Sequence[Records], stream: Records) -> list[str]:
    """Models that were not asked on every benchmark, which are no constants here."""
    everywhere = set(stream.models)
    others = dict.fromkeys(m for one in collection for m in one.models if m not in everywhere)
    if not others:
        return []
    return [f"not asked on every benchmark, so left out: {', '.join(others)}"]

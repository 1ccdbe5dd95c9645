"""Runs of evaluation logs: which are one model's at several settings, which superseded by which.

A model that was run on one task at two settings (thinking or not, another effort) is two arms.
Runs of one arm on one task are joined, prompt by prompt: what the newest has counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routereval.records.draft import Draft

if TYPE_CHECKING:
    import polars as pl

_SEEDS = ("seed", "random_seed")
"""Settings by which runs are trials, not arms."""
_EFFORTS = ("reasoning_effort", "effort", "enable_thinking", "thinking_budget", "reasoning_tokens")


@dataclass(frozen=True)
class Run:
    """One run of a model on a task.

    Attributes:
        file: its log.
        model: the model's name.
        task: what it was run on.
        stamp: orders runs; what is higher counts.
        settings: how the model was run, such as its reasoning effort.
        more: settings of the task, which tell arms apart only within it.
    """

    file: Path
    model: str
    task: str
    stamp: Any
    settings: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def seed(self) -> str | None:
        """The seed that it was run with: runs at several seeds are trials."""
        return next((self.settings[key] for key in _SEEDS if key in self.settings), None)


@dataclass(frozen=True)
class Arm:
    """A model at one setting, with its runs on a task, the newest first.

    Attributes:
        name: the model's, with the settings in which its arms differ.
        model: the model's alone.
        effort: those settings, empty if it has one arm only.
        task: what it was run on.
        runs: its runs.
    """

    name: str
    model: str
    effort: str
    task: str
    runs: tuple[Run, ...]


def arms_of(runs: Iterable[Run]) -> list[Arm]:
    """The arms, each with its runs on one task, in the order in which they first come.

    >>> one = Run(Path("a"), "o3", "toy", 1, {"reasoning_effort": "low"})
    >>> two = Run(Path("b"), "o3", "toy", 2, {"reasoning_effort": "high"})
    >>> [arm.name for arm in arms_of([one, two])]
    ['o3 [reasoning_effort=low]', 'o3 [reasoning_effort=high]']
    """
    held = list(runs)
    by_task: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in held:
        by_task[run.model, run.task].append(run)
    of_model: dict[str, dict[str, None]] = defaultdict(dict)
    for (model, _), same in by_task.items():
        of_model[model] |= dict.fromkeys(_differing([run.settings for run in same]))
    found: dict[tuple[str, str], list[Run]] = defaultdict(list)
    about: dict[tuple[str, str], tuple[str, str]] = {}
    for run in held:
        of_task = _differing([other.more for other in by_task[run.model, run.task]])
        chosen = {key: run.settings[key] for key in of_model[run.model] if key in run.settings}
        chosen |= {key: run.more[key] for key in of_task if key in run.more}
        effort = ", ".join(f"{key}={value}" for key, value in chosen.items())
        name = f"{run.model} [{effort}]" if effort else run.model
        found[name, run.task].append(run)
        about[name, run.task] = run.model, effort
    return [
        Arm(key[0], *about[key], key[1], tuple(sorted(same, key=_stamp, reverse=True)))
        for key, same in found.items()
    ]


def _stamp(run: Run) -> Any:  # noqa: ANN401 - whatever orders the runs of a format
    return run.stamp


def _differing(settings: Sequence[Mapping[str, str]]) -> list[str]:
    """The keys in which some settings differ, those of effort first."""
    keys = dict.fromkeys(key for one in settings for key in one)
    arms = [key for key in keys if key not in _SEEDS]
    differ = [key for key in arms if len({one.get(key) for one in settings}) > 1]
    return sorted(differ, key=lambda key: (key not in _EFFORTS, key))


def flat(settings: object, above: str = "") -> dict[str, str]:
    """Settings as texts by name, those inside others as ``outer.inner``; without empty ones.

    >>> flat({"reasoning_effort": "low", "extra": {"n": 1}, "seed": None})
    {'reasoning_effort': 'low', 'extra.n': '1'}
    """
    if not isinstance(settings, Mapping):
        return {}
    found: dict[str, str] = {}
    for key, value in settings.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping) and above.count(".") < 3:
            found |= flat(value, f"{name}.")
        elif isinstance(value, str | int | float) and str(value).strip():
            found[name] = str(value).strip()[:60]
    return found


_EFFORT = "\0effort="


def with_effort(model: str, effort: str | None) -> str:
    """The name under which a model's records at an effort are kept until all are known."""
    return model if effort is None else f"{model}{_EFFORT}{effort}"


def efforts_named(draft: Draft) -> Draft:
    """The draft with its models at an effort under the names that people read.

    A model that has one effort only keeps its name; of several each says its own, as in `arms_of`.
    """
    import polars as pl

    if not any(_EFFORT in model for model in draft.models):
        return draft
    parts = [model.partition(_EFFORT)[::2] for model in draft.models]
    alone = Counter(base for base, _ in parts)
    names = [
        f"{base} [effort={effort}]" if effort and alone[base] > 1 else base
        for base, effort in parts
    ]
    info = pl.DataFrame(
        {
            "model": names,
            "base_model": [base for base, _ in parts],
            "effort": [effort or None for _, effort in parts],
        },
        schema_overrides={"effort": pl.String},
    )
    return replace(draft, models=names, model_info=info)


def arms_table(arms: Iterable[Arm]) -> pl.DataFrame | None:
    """What `models.parquet` says of arms: the model and its effort; None without several arms."""
    import polars as pl

    several = {arm.name: arm for arm in arms if arm.effort}
    if not several:
        return None
    return pl.DataFrame(
        {
            "model": list(several),
            "base_model": [arm.model for arm in several.values()],
            "effort": [arm.effort for arm in several.values()],
        }
    )


class Taken:
    """Which prompts of an arm a newer run has already given.

    Args:
        arm: with its runs, the newest first.
        digests: what tells the answers of each run from those of another run: runs that say the
            same are one, and what the newest has counts; those that say something else are trials
            of their own. Without it, any two runs are one unless they had other seeds.
    """

    def __init__(self, arm: Arm, digests: Sequence[Hashable] = ()) -> None:
        self._arm = arm
        self._digests = digests or [run.seed for run in arm.runs]
        self._by: dict[Hashable, int] = {}
        self._superseded = [0] * len(arm.runs)
        self._given = [0] * len(arm.runs)
        self._times: Counter[Hashable] = Counter()

    def free(self, number: int, prompt: Hashable) -> bool:
        """Whether a prompt of that run counts, as no newer run has it, or that one is a trial."""
        key = self._digests[number], prompt
        if key not in self._by:
            self._by[key] = number
            self._times[prompt] += 1
        if self._by[key] == number:
            self._given[number] += 1
            return True
        self._superseded[number] += 1
        return False

    def facts(self) -> list[str]:
        """What was superseded, joined or kept as trials, in sentences."""
        files = _short_names([run.file for run in self._arm.runs])
        if len(files) < 2:
            return []
        lines = [
            f"{self._arm.name}: {n} prompts of {file} are superseded by newer runs, such as "
            f"{files[self._digests.index(digest)]}"
            for file, n, digest in zip(files, self._superseded, self._digests, strict=True)
            if n
        ]
        joined = [file for file, n in zip(files, self._given, strict=True) if n]
        if len(joined) > 1:
            again = sum(n > 1 for n in self._times.values())
            trials = f"; {again} prompts that several answered have trials" if again else ""
            lines.append(f"{self._arm.name}: joined are the prompts of {', '.join(joined)}{trials}")
        return lines


def _short_names(files: Sequence[Path]) -> list[str]:
    """The ends of paths that tell some files apart: their names, else with folders above."""
    for n_parts in range(1, 1 + max((len(file.parts) for file in files), default=1)):
        names = ["/".join(file.parts[-n_parts:]) for file in files]
        if len(set(names)) == len(set(files)):
            break
    return names

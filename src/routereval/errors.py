"""The errors a user can meet, one small tree.

    RouterEvalError
    ├── DataError               records that cannot be read, or do not fit together
    ├── SpecError               a router, pool, split or metric that cannot be named like that
    └── MissingDependencyError  an extra that is not installed

Every message is a sentence that names the value and the remedy. The command line prints it
without a traceback and exits with status 2.
"""

from __future__ import annotations

from collections.abc import Iterable


class RouterEvalError(Exception):
    """Whatever goes wrong in a way that the user can mend."""


class DataError(RouterEvalError):
    """Records that cannot be read, or do not fit together."""


class SpecError(RouterEvalError):
    """A name or a parameter that the grammar or a registry does not know."""


class MissingDependencyError(RouterEvalError):
    """A feature whose extra is not installed."""

    @classmethod
    def of(cls, package: str, extra: str) -> MissingDependencyError:
        """Name the missing package and the line that installs it."""
        return cls(
            f"{package} is not installed; install it with: pip install 'routereval[{extra}]'"
        )


def unknown(kind: str, name: str, known: Iterable[str]) -> SpecError:
    """The error for a name that a registry does not hold, with the nearest one that it does.

    >>> str(unknown("router", "kn", ["knn", "linear"]))
    "unknown router 'kn'; did you mean 'knn'? known: knn, linear"
    """
    import difflib

    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return SpecError(f"unknown {kind} {name!r}; {hint}known: {', '.join(names)}")

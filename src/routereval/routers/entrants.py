"""The routers of a run, each under what its tables call it; a spec may stand for several."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from routereval.errors import SpecError
from routereval.routers.adapters import text_of
from routereval.routers.base import Router
from routereval.routers.registry import ALL_CPU, ROUTERS, make_router, on_cpu
from routereval.spec import Spec, combinations, parse_spec

_NAMED = re.compile(r"\s*([^()=]*[^()=\s])\s*=\s*(.+)", re.DOTALL)


class Entrant(NamedTuple):
    """A router of a run.

    Attributes:
        router: it, not fitted.
        spec: its spec, where tables call it by another name; else empty.
    """

    router: Router
    spec: str = ""

    def text(self, name: str) -> str:
        """How it is given: its name, before its spec where that is another."""
        return f"{name}={self.spec}" if self.spec else name


def lineup(
    routers: Iterable[Any] | Mapping[str, Any], protocol: str = "clean"
) -> dict[str, Entrant]:
    """Make several routers, each under what a table calls it.

    Args:
        routers: whatever `make_router` takes; a spec may have a name before it, as in
            ``ours=knn(k=5)``, and a mapping has them by name. ``all-cpu`` stands for every router
            here that needs no extra, no network and no parameter; a list for a parameter that
            takes none, as in ``knn(k=[5, 20])``, for a router of each value.
        protocol: as in `make_router`.

    Returns:
        The routers by their names, their specs, or the text of an object; one named twice is there
        once.

    Raises:
        SpecError: if one cannot be made, two different routers have one name, or one has two.

    >>> lineup(["knn(k=5)", "random", "random"])
    {'knn(k=5)': Entrant(router=Knn(k=5), spec=''), 'random': Entrant(router=Random(), spec='')}
    >>> {name: one.spec for name, one in lineup({"ours": "knn(k=[5, 20])"}).items()}
    {'ours(k=5)': 'knn(k=5)', 'ours(k=20)': 'knn(k=20)'}
    """
    made: dict[str, Entrant] = {}
    for name, spec in _each(routers):
        router = make_router(spec, protocol=protocol)
        text = str(spec) if isinstance(spec, (str, Spec)) else text_of(router)
        called = name or text
        if called in made and repr(made[called].router) != repr(router):
            raise SpecError(f"two routers are called {called!r}; give one another name")
        made.setdefault(called, Entrant(router, text if called != text else ""))
    _refuse_two_names(made)
    return made


def _each(routers: Iterable[Any] | Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name, empty if none was given, and spec or object of each router."""
    pairs = routers.items() if isinstance(routers, Mapping) else map(_named, routers)
    for name, router in pairs:
        if router == ALL_CPU and not name:
            yield from (("", one) for one in on_cpu())
        elif isinstance(router, (str, Spec)):
            yield from _of_grid(_fit_name(name, router), router)
        else:
            yield name, router


def _named(router: Any) -> tuple[str, Any]:  # noqa: ANN401 - whatever make_router takes
    found = _NAMED.fullmatch(router) if isinstance(router, str) else None
    return (found[1], found[2].strip()) if found else ("", router)


def _fit_name(name: str, router: str | Spec) -> str:
    """The name, which must not be that of another router here."""
    if name in ROUTERS and parse_spec(router).name != name:
        raise SpecError(f"{name!r} is a router of its own, not {router}; give it another name")
    return name


def _of_grid(name: str, router: str | Spec) -> Iterator[tuple[str, str | Spec]]:
    """The spec itself, or one for each combination of the values that its lists give."""
    spec = parse_spec(router)
    varied = ROUTERS.swept(spec.name, spec.kwargs)
    if not varied:
        yield name, router
        return
    for one, here in combinations(spec, varied):
        yield (str(Spec(name, tuple(here.items()))) if name else ""), str(one)


def _refuse_two_names(made: Mapping[str, Entrant]) -> None:
    """One router has one name, or its cells could not be distinguished."""
    names: dict[str, str] = {}
    for name, one in made.items():
        text = one.spec or name
        if text in names:
            raise SpecError(f"{text} is called {names[text]!r} and {name!r}; give it one name")
        names[text] = name

"""The one registry: whatever a user can name, by its name.

Routers, embedders, metrics, importers and the gateway's plugins are each held by a `Registry`. What
this package brings is written down as ``module:name`` and imported when it is first asked for; what
other packages bring is found through an entry point of the registry's group, and looked for only
when a name is not our own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, NamedTuple, TypeVar

from routereval.errors import SpecError, unknown

T = TypeVar("T")
NEEDED = inspect.Parameter.empty
"""The default of a parameter that has none."""


class Description(NamedTuple):
    """What can be said of an entry in one line: its parameters, with their defaults.

    The package is that which brings it; empty for this one's own.
    """

    name: str
    summary: str
    parameters: dict[str, Any]
    package: str = ""


class Registry(Mapping[str, T], Generic[T]):
    """Entries by name, in order; a mapping of those of this package and of this process.

    Iteration leaves out what other packages bring, and so imports none of them; `known` names
    them too, and looking a name up finds them.

    Args:
        kind: what an entry is called in messages, such as ``router``.
        group: the entry points that other packages declare, such as ``routereval.routers``.
        own: the entries of this package, ``module:name`` by name; a module alone is itself the
            entry.
        home: the package that the modules of ``own`` are in; none where they are named in full.
        checked: returns an entry that may be one, or raises SpecError; given the object and the
            name.
        summary: the line that describes an entry; by default the first one of its docstring.
        parameters: its parameters with their defaults (`NEEDED` for none); by default by its
            signature.
        reserved: names that mean something else already, with the sentence for who asks for one.

    >>> sums = Registry("sum", "example.sums", {"exact": "math:fsum"})
    >>> sums.register("short", len)
    >>> list(sums), sums["short"]([1, 2])
    (['exact', 'short'], 2)
    >>> sums["shorter"]
    Traceback (most recent call last):
    ...
    routereval.errors.SpecError: unknown sum 'shorter'; did you mean 'short'? known: exact, short
    """

    def __init__(
        self,
        kind: str,
        group: str,
        own: Mapping[str, str] | None = None,
        *,
        home: str = "",
        checked: Callable[[Any, str], T] | None = None,
        summary: Callable[[T], str] | None = None,
        parameters: Callable[[T], dict[str, Any]] | None = None,
        reserved: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = kind
        self.group = group
        self.reserved = dict(reserved or {})
        self._home = home
        self._checked = checked
        self._summary = summary or first_line
        self._parameters = parameters or defaults
        self._places = dict(own or {})
        self._loaded: dict[str, T] = {}
        self._order = dict.fromkeys(self._places)

    def __getitem__(self, name: str) -> T:
        if name not in self._loaded:
            if name not in self._places:
                return self._of_others(name)
            self._loaded[name] = self._own(name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._order)

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, name: object) -> bool:
        return name in self._order

    def __repr__(self) -> str:
        return f"Registry({self.kind!r}, {list(self)})"

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401
        """The entry of this package or process of that name, or the default."""
        return self[name] if name in self else default  # noqa: SIM401 - get itself

    def register(self, name: str, entry: T) -> None:
        """Add an entry under a name, for this process.

        Packages do the same for good with an entry point in the registry's `group`.

        Raises:
            SpecError: if the name is taken, or the object cannot be such an entry.
        """
        if name in self or name in self.reserved:
            raise SpecError(f"{self.kind} {name!r} is registered already; choose another name")
        self._loaded[name] = self._as_entry(entry, name)
        self._order[name] = None

    def known(self) -> list[str]:
        """All names, those of other packages last."""
        return [*self, *(name for name in self._points() if name not in self)]

    def describe(self, name: str) -> Description:
        """The summary and the parameters of an entry.

        Raises:
            SpecError: if there is no such entry.

        >>> Registry("name", "example.names", {"escape": "glob:escape"}).describe("escape")
        Description(name='escape', summary='Escape ...', parameters={'pathname': '…'}, package='')
        """
        entry = self[name]
        shown = {
            key: "…" if default is NEEDED else default
            for key, default in self._parameters(entry).items()
        }
        return Description(name, self._summary(entry), shown, self._package(name))

    def described(self) -> Iterator[Description]:
        """Describe every entry, those of other packages last; one that cannot be loaded says so."""
        for name in self.known():
            try:
                yield self.describe(name)
            except SpecError as error:
                if name in self:
                    raise
                yield Description(name, str(error), {}, self._package(name))

    def name_of(self, entry: T) -> str | None:
        """The name by which an entry is found, without loading the others; None if by none."""
        place = f"{getattr(entry, '__module__', '')}:{getattr(entry, '__qualname__', '')}"
        for name in self:
            loaded = self._loaded.get(name)
            if loaded is entry or (loaded is None and self._full_place(name) == place):
                return name
        return next((n for n, (point, *_) in self._points().items() if point.value == place), None)

    def check_parameters(self, name: str, given: Collection[str]) -> None:
        """See that an entry takes the parameters given, and gets those that it needs.

        Raises:
            SpecError: if it does not.
        """
        known = self._parameters(self[name])
        for each in given:
            if not known:
                raise SpecError(f"{self.kind} {name!r} takes no parameters, but {each!r} was given")
            if each not in known:
                raise unknown(f"parameter of {name}", each, known)
        for each, default in known.items():
            if default is NEEDED and each not in given:
                raise SpecError(f"{self.kind} {name!r} needs {each}; write {name}({each}=…)")

    def needs(self, name: str) -> list[str]:
        """The parameters without which an entry cannot be made."""
        return [key for key, default in self._parameters(self[name]).items() if default is NEEDED]

    def swept(self, name: str, given: Mapping[str, Any]) -> list[str]:
        """The parameters given as a list that take none: it stands for an entry of each value.

        What a parameter takes, its rule in the entry's ``allowed`` says; without one, its default.

        Args:
            name: of the entry.
            given: its parameters, lists as tuples.

        Raises:
            SpecError: if there is no such entry.
        """
        listed = [key for key, value in given.items() if isinstance(value, tuple) and value]
        if not listed:
            return []
        entry = self[name]
        rules, usual = getattr(entry, "allowed", {}), self._parameters(entry)
        return [
            key
            for key in listed
            if (
                not rules[key].allows(given[key])
                if key in rules
                else isinstance(usual.get(key), (bool, int, float, str))
            )
        ]

    def copy(self) -> Registry[T]:
        """Another registry of the same entries: what is registered there is not registered here."""
        other = Registry(
            self.kind,
            self.group,
            self._places,
            home=self._home,
            checked=self._checked,
            summary=self._summary,
            parameters=self._parameters,
            reserved=self.reserved,
        )
        other._loaded = dict(self._loaded)
        other._order = dict(self._order)
        return other

    def _package(self, name: str) -> str:
        """The package that declares an entry; empty where none does."""
        if name in self:
            return ""
        dist = self._points()[name][0].dist
        return "another package" if dist is None else dist.name

    def _own(self, name: str) -> T:
        module, _, attribute = self._full_place(name).partition(":")
        found = import_module(module)
        return self._as_entry(getattr(found, attribute) if attribute else found, name)

    def _full_place(self, name: str) -> str:
        return f"{self._home}.{self._places[name]}" if self._home else self._places[name]

    def _of_others(self, name: str) -> T:
        if name in self.reserved:
            raise SpecError(self.reserved[name])
        points = self._points()
        if name not in points:
            raise unknown(self.kind, name, [*self, *points])
        point, *more = points[name]
        if more:
            raise SpecError(
                f"{self.kind} {name!r} is declared by two packages, as {point.value} and as "
                f"{more[0].value}; uninstall one of them"
            )
        try:
            found = point.load()
        except Exception as error:  # whatever a package does when it is imported
            raise SpecError(
                f"{self.kind} {name!r} comes from {point.value}, which cannot be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error
        return self._as_entry(found, name)

    def _points(self) -> dict[str, list[EntryPoint]]:
        """What other packages declare by name; more than one only where they disagree."""
        points: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=self.group):
            same_name = points.setdefault(point.name, [])
            if point.value not in [other.value for other in same_name]:
                same_name.append(point)
        return points

    def _as_entry(self, found: Any, name: str) -> T:  # noqa: ANN401 - what a package declares
        return self._checked(found, name) if self._checked else found


def first_line(entry: object) -> str:
    """The first line of an entry's docstring; empty if it has none."""
    return (inspect.getdoc(entry) or "").split("\n")[0]


def defaults(entry: Any) -> dict[str, Any]:  # noqa: ANN401 - a class or a function
    """The parameters of a class or a function with their defaults; `NEEDED` where there is none.

    >>> defaults(sorted)
    {'iterable': <class 'inspect._empty'>, 'key': None, 'reverse': False}
    """
    return {
        name: parameter.default
        for name, parameter in inspect.signature(entry).parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }

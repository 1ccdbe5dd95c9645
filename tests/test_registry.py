"""The one registry, and that nothing which can be named is left out of it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import pytest

from routereval import features, routers
from routereval.errors import SpecError
from routereval.features import EMBEDDERS, TextEmbedder
from routereval.importers import IMPORTERS
from routereval.registry import Description, Registry
from routereval.routers import ROUTERS, Router
from routereval.scoring import METRICS

OWN = {"dumps": "json:dumps", "join": "posixpath:join"}


def short(text: str, *, width: int = 8) -> str:
    """Cut a text."""
    return text[:width]


def declare(monkeypatch: pytest.MonkeyPatch, **places: str | list[str]) -> None:
    """Let other packages bring these."""
    points = [
        EntryPoint(name, value, "example.functions")
        for name, values in places.items()
        for value in ([values] if isinstance(values, str) else values)
    ]

    def found(**group: str) -> list[EntryPoint]:
        return points if group == {"group": "example.functions"} else []

    monkeypatch.setattr("routereval.registry.entry_points", found)


def functions(
    *,
    checked: Callable[[object, str], object] | None = None,
    reserved: dict[str, str] | None = None,
) -> Registry[Any]:
    return Registry("function", "example.functions", OWN, checked=checked, reserved=reserved)


def test_an_entry_of_our_own_is_loaded_when_asked_for() -> None:
    import json

    known: Registry[Any] = Registry(
        "thing", "things", {"dumps": "json:dumps", "broken": "no_such:thing"}
    )
    assert list(known) == ["dumps", "broken"]
    assert len(known) == 2
    assert known["dumps"] is json.dumps
    assert known.get("dumps") is json.dumps
    assert known.get("loads", 3) == 3
    with pytest.raises(ModuleNotFoundError):  # our own mistake, not the user's
        known["broken"]


def test_a_module_alone_is_an_entry() -> None:
    import json.decoder

    assert Registry[ModuleType]("module", "g", {"d": "decoder"}, home="json")["d"] is json.decoder


def test_what_is_registered_is_found_and_a_name_is_taken_once() -> None:
    known = functions(reserved={"auto": "auto chooses one"})
    other = known.copy()
    known.register("short", short)
    assert known["short"] is short
    assert list(known) == ["dumps", "join", "short"]
    assert "short" not in other
    for name in ("short", "dumps", "auto"):
        with pytest.raises(
            SpecError,
            match=f"function '{name}' is registered already; choose another name",
        ):
            known.register(name, short)


def test_who_asks_for_a_reserved_name_is_told() -> None:
    with pytest.raises(SpecError, match=r"^auto chooses one$"):
        functions(reserved={"auto": "auto chooses one"})["auto"]


def test_an_unknown_name_is_answered_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, shorten=f"{__name__}:short")
    known = functions()
    with pytest.raises(SpecError, match=r"^unknown function 'dump'; did you mean 'dumps'\? known:"):
        known["dump"]
    with pytest.raises(SpecError, match="did you mean 'shorten'"):
        known["shortn"]


def test_other_packages_come_in_by_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, shorten=f"{__name__}:short", dumps=f"{__name__}:short")
    known = functions()
    assert known["shorten"] is short
    assert known["dumps"] is not short  # our own name stays our own
    assert known.known() == ["dumps", "join", "shorten"]
    assert list(known) == ["dumps", "join"]
    assert known.name_of(short) == "shorten"
    assert known.name_of(len) is None
    assert [one.name for one in known.described()] == ["dumps", "join", "shorten"]


def test_a_package_that_breaks_harms_only_who_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, broken="no_such_package:thing", twice=["json:dumps", "json:loads"])
    known = functions()
    assert known["dumps"]
    assert list(known.described())[-2].summary.startswith("function 'broken' comes from no_such_")
    with pytest.raises(SpecError, match="which cannot be loaded: ModuleNotFoundError: No module"):
        known["broken"]
    with pytest.raises(SpecError, match="declared by two packages, as json:dumps and as json:load"):
        known["twice"]


def test_what_cannot_be_an_entry_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def checked(found: object, name: str) -> object:
        if callable(found):
            return found
        raise SpecError(f"{name} cannot be called")

    declare(monkeypatch, number=f"{__name__}:OWN")
    known = functions(checked=checked)
    with pytest.raises(SpecError, match="number cannot be called"):
        known["number"]
    with pytest.raises(SpecError, match="three cannot be called"):
        known.register("three", 3)


def test_parameters_are_those_of_the_signature() -> None:
    known = functions()
    known.register("short", short)
    assert known.describe("short") == Description("short", "Cut a text.", {"text": "…", "width": 8})
    assert known.needs("short") == ["text"]
    known.check_parameters("short", {"text": "a"})
    with pytest.raises(SpecError, match="unknown parameter of short 'widht'; did you mean 'width'"):
        known.check_parameters("short", ["widht"])
    with pytest.raises(SpecError, match=r"function 'short' needs text; write short\(text=…\)"):
        known.check_parameters("short", [])


def classes_of(package: ModuleType, base: type) -> Iterator[type]:
    """The public subclasses that the modules of a package define."""
    for found in iter_modules(package.__path__):
        module = import_module(f"{package.__name__}.{found.name}")
        for name, value in vars(module).items():
            own = inspect.isclass(value) and value.__module__ == module.__name__
            if own and issubclass(value, base) and not name.startswith("_"):
                yield value


# What others are made of or made into, which no spec names.
NOT_NAMED = {
    "Router",
    "Bandit",
    "Guarded",
    "Extended",
    "LinearlyExtended",
    "ObjectAdapter",
    "EstimatorAdapter",
} | {
    *("TextEmbedder", "Frozen", "Pretrained", "Encoder"),
}


@pytest.mark.parametrize(
    ("package", "base", "registry"),
    [(routers, Router, ROUTERS), (features, TextEmbedder, EMBEDDERS)],
    ids=["routers", "features"],
)
def test_no_registration_is_forgotten(
    package: ModuleType, base: type, registry: Registry[Any]
) -> None:
    found = list(classes_of(package, base))
    assert found
    for each in found:
        named = each.__name__ in NOT_NAMED or registry.name_of(each) is not None
        assert named, (
            f"{each.__module__} defines {each.__name__}, which no name in {package.__name__} "
            f"reaches: add it to the table of its registry of {registry.kind}s"
        )


@pytest.mark.parametrize(
    "registry", [ROUTERS, EMBEDDERS, METRICS, IMPORTERS], ids=lambda one: one.kind
)
def test_every_entry_can_be_loaded_and_described(registry: Registry[Any]) -> None:
    for described in registry.described():
        assert described.summary, described.name
        assert registry.describe(described.name) == described


HEAVY = ("torch", "transformers", "lightgbm", "sentence_transformers", "model2vec")
LIST = """
import sys
from routereval.cli.main import cli
for kind in ("routers", "embedders", "metrics", "formats", "protocols"):
    cli(["list", kind], standalone_mode=False)
loaded = HEAVY & set(sys.modules)
assert not loaded, loaded
"""


def test_listing_imports_nothing_heavy(tmp_path: Path) -> None:
    for name in HEAVY:  # there to be imported, whatever is installed here
        (tmp_path / f"{name}.py").touch()
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); HEAVY = {set(HEAVY)}\n{LIST}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter
    assert ran.returncode == 0, ran.stderr

"""A router's folder is a stranger's: it runs nothing, asks nobody, and damage is told."""

from __future__ import annotations

import io
import json
import os
import shutil
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError, RouterEvalError, SpecError
from routereval.features import make_embedder
from routereval.features.openai import OpenAi
from routereval.routers import TrainedRouter, load_router, make_router, save_router
from routereval.routers.networked import allowed_hosts, contacts
from routereval.routers.persistence import restore
from tests.conftest import CommandLine
from tests.features.test_openai import service
from tests.routers.test_persistence import edit, with_sha
from tests.routers.test_trained import MODELS, SCORES, TEXTS, trained
from tests.service import Service

__all__ = ["service"]
SECRET = "aws-value"  # noqa: S105 - no real one


def evil(url: str, spec: str = "openai") -> TrainedRouter:
    """A router whose embedder sends prompts and a secret to an address of its author's."""
    asks = f"openai(url={url!r}, key_env=MY_OTHER_SECRET)"
    embedder = make_embedder(spec.replace("openai", asks)).fit(TEXTS)
    X = embedder.transform(TEXTS)
    about = {"router": "knn(k=2)", "embedder": spec.replace("openai", asks)}
    return TrainedRouter(
        make_router("knn(k=2)").fit(X, SCORES), MODELS, embedder, np.ones(3), about
    )


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_OTHER_SECRET", SECRET)


def secrets_in(service: Service) -> list[str]:
    return [headers.get("Authorization", "") for _, headers, _ in service.asked]


@pytest.mark.parametrize("spec", ["openai", "concat(parts=(openai, tfidf(dims=2)))"])
def test_an_embedder_of_a_file_asks_nobody_unallowed(
    spec: str, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_router(evil(service.url, spec), tmp_path / "evil")
    service.asked.clear()
    host = service.url.removeprefix("http://").removesuffix("/v1")
    with pytest.raises(DataError, match=rf"sends each prompt to {host} with the value of") as told:
        load_router(folder)
    assert "'MY_OTHER_SECRET' as the key" in str(told.value)
    assert f"--allow-network {host}=VARIABLE" in str(told.value)
    for other in ("example.com=MY_OTHER_SECRET", "127.0.0.1:1"):
        with pytest.raises(DataError, match="sends each prompt to"):
            load_router(folder, allow_network=[other])
    assert service.asked == []
    load_router(folder, allow_network=[host]).decide(["q"])
    assert secrets_in(service) == [""]  # the host alone gets no key
    monkeypatch.setenv("MY_KEY", "mine")
    load_router(folder, allow_network=["127.0.0.1=MY_KEY"]).decide(["q"])
    assert secrets_in(service)[1:] == ["Bearer mine"]  # of the variable that the user named


def test_a_router_of_a_file_asks_nobody_unallowed(service: Service, tmp_path: Path) -> None:
    spec = f"http(url={service.url!r}, key_env=MY_OTHER_SECRET)"
    router = make_router(spec).fit(TEXTS, SCORES, models=MODELS)
    made = TrainedRouter(router, MODELS, None, np.ones(3), {"router": spec})
    folder = save_router(made, tmp_path / "evil")
    with pytest.raises(DataError, match=r"router\.skops holds Http, which sends each prompt to"):
        load_router(folder)
    assert load_router(folder, allow_network=["127.0.0.1"]).router.key_env == ""  # type: ignore[attr-defined]
    assert service.asked == []


def test_a_manifest_does_not_call_a_part_something_else(service: Service, tmp_path: Path) -> None:
    folder = save_router(evil(service.url), tmp_path / "evil")
    service.asked.clear()
    for said in ("tfidf", "my-own", "openai"):
        edit(folder, about={"router": "knn(k=2)", "embedder": said})
        with pytest.raises(DataError, match=rf"holds OpenAi\(.*manifest.json says {said}"):
            load_router(folder, allow_network=["127.0.0.1"])
    edit(folder, about={"router": "knn(k=3)"})
    with pytest.raises(DataError, match=r"holds Knn\(k=2\), but manifest.json says knn\(k=3\)"):
        load_router(folder, allow_network=["127.0.0.1"])
    assert service.asked == []


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://h/v1", "http:///v1", "http://u:p@h/v1", "http://[::1", 7, None],
)
def test_an_address_that_is_none_is_never_allowed(url: Any, tmp_path: Path) -> None:  # noqa: ANN401
    embedder = OpenAi(url="https://h.example/v1")
    embedder.url = url
    (found,) = contacts([{"deep": (embedder,)}])
    assert (found.part, found.host) == ("OpenAi", "")
    about = {"router": "knn(k=2)"}
    made = replace(trained(), embedder=embedder, about=about)
    folder = save_router(made, tmp_path / "evil")
    with pytest.raises(DataError, match="is no address"):
        load_router(folder, allow_network=["h.example", "h"])


def test_hosts_are_named_with_their_ports_and_variables() -> None:
    assert allowed_hosts(["H.Example = KEY", "[::1]:80"]) == {"h.example": "KEY", "[::1]:80": ""}
    for wrong in ("", "https://h/v1", "h=", "=KEY", "u@h"):
        with pytest.raises(SpecError, match="HOST or HOST=VARIABLE"):
            allowed_hosts([wrong])


def test_the_command_names_hosts_and_says_what_is_held(
    service: Service, tmp_path: Path, command_line: CommandLine
) -> None:
    folder = save_router(evil(service.url), tmp_path / "evil")
    service.asked.clear()
    answer = command_line("route", folder, "confidential prompt")
    assert (answer.status, answer.out) == (2, "")
    assert "--allow-network 127.0.0.1" in answer.err
    told = command_line("inspect", folder)
    assert told.status == 0
    for word in ("OpenAi(", service.url, "MY_OTHER_SECRET", "It is loaded only with --allow"):
        assert word in told.out
    assert SECRET not in told.out
    assert service.asked == []
    answer = command_line("route", folder, "q", "--allow-network", "127.0.0.1")
    assert answer.status == 0
    assert len(service.asked) == 1


def test_inspect_tells_what_is_refused_and_what_asks_nobody(
    tmp_path: Path, command_line: CommandLine
) -> None:
    folder = save_router(trained(), tmp_path / "mine")
    assert "It asks no service." in command_line("inspect", folder).out
    held = json.loads(command_line("inspect", folder, "--format", "json").out)
    assert "routereval.routers.neighbours.Knn" in json.dumps(held)
    with_sha(folder, "embedder.skops", skops_file(calls("PartialNode")))
    told = command_line("inspect", folder)
    assert told.status == 0
    assert "It would not be loaded: " in told.out
    assert command_line("inspect", tmp_path).status == 2


# Code


def skops_file(schema: Any, **members: bytes) -> bytes:  # noqa: ANN401
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as held:
        held.writestr("schema.json", json.dumps(schema))
        for name, content in members.items():
            held.writestr(name, content)
    return out.getvalue()


def node(loader: str, name: str, content: Any, number: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    module, _, kind = name.rpartition(".")
    known = {"__class__": kind, "__module__": module, "__loader__": loader, "__id__": number}
    return {**known, "content": content, "protocol": 2, "_skops_version": "0.11.0", **more}


def calls(loader: str) -> dict[str, Any]:
    """A file that calls os.system under the name of one of our classes, as skops 0.11 let it."""
    nothing = node(
        "DictNode", "builtins.dict", {}, 5, key_types=node("ListNode", "builtins.list", [], 6)
    )
    words = node(
        "TupleNode", "builtins.tuple", [node("JsonNode", "builtins.str", '"touch x"', 3)], 4
    )
    system = node(
        "FunctionNode", "builtins.function", {"module_path": "os", "function": "system"}, 2
    )
    obj = node("ObjectNode", "routereval.features.openai.OpenAi", nothing, 7)
    content = {
        "PartialNode": {"func": system, "args": words, "kwds": nothing, "namespace": nothing},
        "MethodNode": {"func": "__init__.__globals__", "obj": obj},
        "OperatorFuncNode": words,
    }[loader]
    return node(loader, "routereval.features.openai.OpenAi", content, 1)


@pytest.mark.parametrize("loader", ["PartialNode", "MethodNode", "OperatorFuncNode"])
def test_no_call_hides_under_the_name_of_a_class(
    loader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "system", lambda _: pytest.fail("it ran"))
    with pytest.raises(DataError, match="asks for a call"):
        restore(skops_file(calls(loader)))
    within = node("ListNode", "builtins.list", [calls(loader)], 9)
    with pytest.raises(DataError, match="asks for a call"):
        restore(skops_file(within))


def test_no_skops_before_0_16_is_allowed() -> None:
    """0.11 ran code of such files."""
    here = Path(__file__).parents[2]
    wanted = tomllib.loads((here / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    (bound,) = (text for text in wanted if text.startswith("skops"))
    name, _, lowest = bound.partition(">=")
    assert name == "skops"
    assert tuple(map(int, lowest.split("."))) >= (0, 16)


# Damage


Change = Callable[[dict[str, Any]], object]


def walked(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """All nodes of a schema, the outermost first."""
    if isinstance(value, dict):
        if "__loader__" in value:
            yield value
        for inner in list(value.values()):
            yield from walked(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walked(inner)


def first(loader: str, schema: dict[str, Any]) -> dict[str, Any]:
    return next(found for found in walked(schema) if found["__loader__"] == loader)


def setting(loader: str, key: str, value: Any) -> Change:  # noqa: ANN401
    return lambda schema: first(loader, schema).__setitem__(key, value)


def nested(depth: int) -> Any:  # noqa: ANN401
    value: Any = node("JsonNode", "builtins.int", "1", 10_000)
    for number in range(depth):
        value = node("ListNode", "builtins.list", [value], number + 1)
    return value


ODD: list[Any] = [None, -1, "x", [], {"a": 1}]
CHANGES: dict[str, Change] = {
    **{
        f"{loader} {key} {value!r:.12}": setting(loader, key, value)
        for loader in ("ObjectNode", "NdArrayNode", "DictNode", "JsonNode")
        for key in ("__class__", "__module__", "__id__", "content", "file", "type", "key_types")
        for value in ODD
    },
    **{
        f"no {key}": lambda schema, key=key: [found.pop(key, 0) for found in walked(schema)]  # type: ignore[misc]
        for key in ("__class__", "__module__", "__loader__", "__id__", "content")
    },
    **{
        f"all {loader}": lambda schema, loader=loader: [  # type: ignore[misc]
            found.update(__loader__=loader) for found in walked(schema)
        ]
        for loader in ("ListNode", "TupleNode", "ReduceNode", "TreeNode", "TypeNode", "none")
    },
    "one number for all": lambda schema: [found.update(__id__=1) for found in walked(schema)],
    "itself": lambda schema: first("DictNode", schema).update(__id__=schema["__id__"]),
    "too deep": lambda schema: schema.update(nested(150)),
    "a list": lambda schema: schema.update(nested(2)),
}


def npy_of(array: Any) -> bytes:  # noqa: ANN401
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def claiming(header: str) -> bytes:
    return b"\x93NUMPY\1\0v\0" + header.encode().ljust(117) + b"\n"


ARRAYS = {
    "nothing": b"",
    "22 GiB": claiming("{'descr': '<f8', 'fortran_order': False, 'shape': (2952790016,), }"),
    "negative": claiming("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"),
    "objects": claiming("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"),
    "brackets": claiming("{" * 100),
    "no literal": claiming("__import__('os').system('x')"),
    "one number": npy_of(1.0),
    "texts": npy_of(np.array(["a", "b"])),
    "three axes": npy_of(np.zeros((2, 2, 2))),
    "no rows": npy_of(np.zeros((0, 2))),
    "dates": npy_of(np.array(["2020-01-01"], dtype="M8[D]")),
}


def rewritten(payload: bytes, change: Change | None = None, array: bytes | None = None) -> bytes:
    """The file with another schema, or with one array in place of each."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(payload)) as held, zipfile.ZipFile(out, "w") as kept:
        for name in held.namelist():
            content = held.read(name)
            if name == "schema.json" and change is not None:
                schema = json.loads(content)
                change(schema)
                content = json.dumps(schema).encode()
            if name.endswith(".npy") and array is not None:
                content = array
            kept.writestr(name, content)
    return out.getvalue()


def ends_well(folder: Path, name: str, payload: bytes) -> None:
    """Whoever changed a file can write its sha256 too."""
    with_sha(folder, name, payload)
    with suppress(RouterEvalError):
        load_router(folder).decide(TEXTS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_router(trained(), tmp_path_factory.mktemp("whole") / "mine")


def test_there_are_many_ways_to_damage_a_router() -> None:
    assert len(CHANGES) + len(ARRAYS) >= 150


@pytest.mark.parametrize("name", ["router.skops", "embedder.skops"])
@pytest.mark.parametrize("part", range(8))
def test_a_changed_schema_ends_in_decisions_or_our_errors(
    name: str, part: int, whole: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "mine"))
    payload = (whole / name).read_bytes()
    for change in list(CHANGES.values())[part::8]:
        with suppress(StopIteration):  # the file has no such node
            ends_well(folder, name, rewritten(payload, change))


@pytest.mark.parametrize("name", ["router.skops", "embedder.skops"])
@pytest.mark.parametrize("array", ARRAYS)
def test_a_changed_array_ends_in_decisions_or_our_errors(
    name: str, array: str, whole: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "mine"))
    ends_well(folder, name, rewritten((whole / name).read_bytes(), array=ARRAYS[array]))


def test_an_array_is_not_larger_than_it_is(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "mine"))
    with_sha(
        folder,
        "router.skops",
        rewritten((whole / "router.skops").read_bytes(), array=ARRAYS["22 GiB"]),
    )
    with pytest.raises(DataError, match=r"\.npy is not as large as it claims"):
        load_router(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"models": [1, 2, 3]},
        {"models": ["a", "b"]},
        {"models": "abc"},
        {"costs": ["x", 1, 2]},
        {"costs": [{}, 1, 2]},
        {"costs": [10**400, 1, 2]},
        {"costs": [1]},
        {"about": []},
        {"about": {"router": []}},
        {"about": {"router": "(" * 5000}},
        {"about": {"router": None, "embedder": 3}},
        {"files": {"router.skops": 3}},
        {"files": {}},
        {"schema": []},
    ],
    ids=repr,
)
def test_a_changed_manifest_ends_in_decisions_or_our_errors(
    change: dict[str, Any], whole: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "mine"))
    edit(folder, **change)
    with suppress(RouterEvalError):
        load_router(folder).decide(TEXTS)


def test_a_pipe_in_a_routers_folder_is_not_waited_for(whole: Path, tmp_path: Path) -> None:
    for name in ("manifest.json", "router.skops"):
        folder = Path(shutil.copytree(whole, tmp_path / name))
        (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises(DataError, match=name):
            load_router(folder)

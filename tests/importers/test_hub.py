from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError, MissingDependencyError, RouterEvalError, SpecError
from routereval.importers import hub
from routereval.importers.hub import REPO, download
from routereval.sources import open_source

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODELS = [f"org__model-{n}-details" for n in range(4)]
SUBSETS = {"gpqa_diamond": 12, "gpqa_extended": 14, "gpqa_main": 10, "ifeval": 20}


def dumped(value: object) -> bytes:
    return pickle.dumps(value, protocol=4)


def scores_of(subset: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    rng = np.random.default_rng(SUBSETS[subset])
    return rng.integers(0, 2, (SUBSETS[subset], len(MODELS))).astype(float)


def router_dataset() -> bytes:
    """Twenty prompts in the ready-made layout, one pool of three."""
    scores = scores_of("ifeval")[:, :3]
    cuts = {"train": slice(0, 16), "val": slice(16, 18), "test": slice(18, 20)}
    pool = {"data": {f"{n}_score": scores[c] for n, c in cuts.items()}, "model": MODELS[:3]}
    return dumped({"easy": {3: {"all_strong": pool}}, "hard": {}})


def leaderboard_score() -> bytes:
    data = {subset: {"correctness": scores_of(subset)} for subset in SUBSETS}
    return dumped({"model": MODELS, "data": data})


def zipped(packing: int = zipfile.ZIP_DEFLATED, /, **members: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


READY = "router_dataset/ifeval_router_dataset.pkl"
TEXTS = {s: np.array([f"{s} {row}?" for row in range(n)]) for s, n in SUBSETS.items()}
FILES = {
    "README.md": b"---\nlicense: mit\n---\n",
    "router_dataset.zip": zipped(
        **{READY: router_dataset(), "__MACOSX/router_dataset/._ifeval_router_dataset.pkl": b"junk"}
    ),
    "leaderboard_score.zip": zipped(
        **{"leaderboard_score/leaderboard_new.pkl": leaderboard_score()}
    ),
    # One of them not packed, as another revision might have it.
    "leaderboard_prompt/leaderboard_new_prompt.pkl": dumped(TEXTS),
    "full_data/ifeval/model.json": b"{}",
}
SMALL = {"README.md", "leaderboard_prompt/leaderboard_new_prompt.pkl"}


class Hub(ThreadingHTTPServer):
    """What the hub answers to the requests that its client makes, on the loopback."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.contents = dict(FILES)
        self.listed = dict(FILES)
        self.cut = 0
        """How many transfers break off half-way."""
        self.ranges: list[tuple[str, int]] = []
        """The file and first byte of each transfer."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if match := re.fullmatch(rf"/api/datasets/{REPO}/revision/(.+)", path):
            known = match[1] in {"main", COMMIT}
            self._json({"id": REPO, "sha": COMMIT} if known else {"error": "no"}, not known)
        elif match := re.fullmatch(rf"/api/datasets/{REPO}/tree/{COMMIT}(?:/(.+))?", path):
            self._json(tree(self.server.listed, match[1] or ""))
        elif match := re.fullmatch(rf"/datasets/{REPO}/resolve/{COMMIT}/(.+)", path):
            self._resolve(match[1])
        elif path.startswith("/cdn/"):
            self._content(path.removeprefix("/cdn/"))
        else:
            self._json({"error": path}, missing=True)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _json(self, value: object, missing: bool = False) -> None:
        body = json.dumps(value).encode()
        self.send_response(404 if missing else 200)
        if missing:
            self.send_header("X-Error-Code", "RevisionNotFound")
        self.send_header("Content-Type", "application/json")
        self._end(body)

    def _resolve(self, name: str) -> None:
        content = self.server.contents[name]
        if name in SMALL:
            self._content(name)
            return
        # Large files are elsewhere; what the client may cache by stands in the redirection.
        self.send_response(302)
        self.send_header("Location", f"{self.server.url}/cdn/{name}")
        self.send_header("X-Linked-Etag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Linked-Size", str(len(content)))
        self.send_header("X-Repo-Commit", COMMIT)
        self._end(b"")

    def _content(self, name: str) -> None:
        content = self.server.contents[name]
        first = int((self.headers["Range"] or "bytes=0-")[len("bytes=") :].split("-")[0])
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if self.command == "GET":
            self.server.ranges.append((name, first))
            if self.server.cut and not first:
                self.server.cut -= 1
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
                return
        self._end(content[first:])

    def _end(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def tree(files: dict[str, bytes], folder: str) -> list[dict[str, Any]]:
    """The hub's listing of a folder, or (of the root) of what lies directly in it."""
    entries: dict[str, dict[str, Any]] = {}
    for path, content in files.items():
        if folder and not path.startswith(f"{folder}/"):
            continue
        if not folder and "/" in path:
            top = path.partition("/")[0]
            entries[top] = {"type": "directory", "oid": "0", "size": 0, "path": top}
            continue
        header = f"blob {len(content)}\0".encode()
        blob = hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
        entry = {"type": "file", "oid": blob, "size": len(content), "path": path}
        if path not in SMALL:
            digest = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 130}
        entries[path] = entry
    return list(entries.values())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("ROUTEREVAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Hub() as running:
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_the_ready_made_files_become_a_collection(server: Hub, tmp_path: Path) -> None:
    (records,) = download(tmp_path / "dest", endpoint=server.url)
    assert records.name == "ifeval"
    assert records.models == tuple(MODELS[:3])
    np.testing.assert_array_equal(records.dense(), scores_of("ifeval")[:, :3])
    assert records.meta["published"]["pools"] == {"3": {"all-strong": MODELS[:3]}}
    assert records.meta["source"] == f"{REPO}@{COMMIT}, ifeval_router_dataset.pkl"
    assert records.meta["licence"] == "MIT"
    assert [r.name for r in open_source(tmp_path / "dest")] == ["ifeval"]
    assert not list((tmp_path / "cache" / "hub").glob(".unpacked-*"))


def test_scores_and_prompts_lie_side_by_side(server: Hub, tmp_path: Path) -> None:
    what = ["leaderboard_prompt", "leaderboard_score"]
    found = {r.name: r for r in download(tmp_path / "dest", what, endpoint=server.url)}
    assert sorted(found) == ["gpqa", "ifeval"]
    assert found["gpqa"].n_prompts == 36
    np.testing.assert_array_equal(found["ifeval"].dense(), scores_of("ifeval"))
    assert found["gpqa"].prompts["text"][12] == "gpqa_extended 0?"


def test_nothing_else_is_fetched_and_nothing_twice(server: Hub, tmp_path: Path) -> None:
    download(tmp_path / "one", endpoint=server.url)
    download(tmp_path / "two", endpoint=server.url, revision=COMMIT)
    assert server.ranges == [("router_dataset.zip", 0)]


@pytest.mark.slow
def test_a_broken_transfer_goes_on_where_it_stopped(server: Hub, tmp_path: Path) -> None:
    padding = bytes(24 << 20)  # more than the client holds back before it writes
    archive = zipped(zipfile.ZIP_STORED, **{READY: router_dataset(), "padding.bin": padding})
    server.contents["router_dataset.zip"] = server.listed["router_dataset.zip"] = archive
    server.cut = 1
    try:
        (records,) = download(tmp_path / "dest", endpoint=server.url)
    except DataError:  # older clients leave it to the next call
        (records,) = download(tmp_path / "dest", endpoint=server.url)
    first, second = server.ranges
    assert first == ("router_dataset.zip", 0)
    assert 0 < second[1] <= len(archive) // 2
    np.testing.assert_array_equal(records.dense(), scores_of("ifeval")[:, :3])


@pytest.mark.parametrize(
    "name", ["leaderboard_score.zip", "leaderboard_prompt/leaderboard_new_prompt.pkl"]
)
def test_a_file_that_is_not_the_listed_one_is_deleted(
    server: Hub, tmp_path: Path, name: str
) -> None:
    sound = server.contents[name]
    server.contents[name] = sound[:-1] + bytes([sound[-1] ^ 1])  # of the same size
    what = ["leaderboard_score", "leaderboard_prompt"]
    with pytest.raises(DataError, match=f"{name} is not what http://127.* lists"):
        download(tmp_path / "dest", what, endpoint=server.url)
    assert not (tmp_path / "dest").exists()
    server.contents[name] = sound
    assert len(download(tmp_path / "dest", what, endpoint=server.url)) == 2


def test_an_archive_without_its_folder_is_unpacked_into_it(server: Hub, tmp_path: Path) -> None:
    archive = zipped(**{Path(READY).name: router_dataset()})
    server.contents["router_dataset.zip"] = server.listed["router_dataset.zip"] = archive
    assert len(download(tmp_path / "dest", endpoint=server.url)) == 1


@pytest.mark.parametrize("member", ["/etc/x.pkl", "router_dataset/../../x.pkl"])
def test_an_archive_never_writes_outside(server: Hub, tmp_path: Path, member: str) -> None:
    archive = zipped(**{member: b""})
    server.contents["router_dataset.zip"] = server.listed["router_dataset.zip"] = archive
    with pytest.raises(DataError, match="outside its folder"):
        download(tmp_path / "dest", endpoint=server.url)


def test_a_damaged_archive_is_refused(server: Hub, tmp_path: Path) -> None:
    server.contents["router_dataset.zip"] = server.listed["router_dataset.zip"] = b"PK no"
    with pytest.raises(DataError, match=r"router_dataset\.zip: cannot be unpacked"):
        download(tmp_path / "dest", endpoint=server.url)


def test_what_the_hub_lacks_is_said_with_what_it_has(server: Hub, tmp_path: Path) -> None:
    what = ["leaderboard_score", "leaderboard_embed"]
    with pytest.raises(DataError, match=r"neither leaderboard_embed\.zip nor .* README\.md, full"):
        download(tmp_path / "dest", what, endpoint=server.url)
    with pytest.raises(DataError, match="cannot fetch") as told:
        download(tmp_path / "dest", endpoint=server.url, revision="no-such")
    assert "\n" not in str(told.value)


def test_what_exists_stops_a_download_before_it_begins(server: Hub, tmp_path: Path) -> None:
    download(tmp_path / "dest", endpoint=server.url)
    server.ranges.clear()
    with pytest.raises(DataError, match="exists already"):
        download(tmp_path / "dest", endpoint=server.url)
    (records,) = download(tmp_path / "dest", endpoint=server.url, overwrite=True)
    assert server.ranges == []
    assert records.name == "ifeval"


def test_without_a_network_one_sentence_says_so(server: Hub, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this needs a network") as told:
        download(tmp_path / "dest", endpoint="http://127.0.0.1:9")
    assert "\n" not in str(told.value)
    assert list(tmp_path.glob("*dest*")) == []


def test_the_environment_names_the_hub(server: Hub, tmp_path: Path) -> None:
    script = "import sys; from routereval.importers.hub import download; download(sys.argv[1])"
    subprocess.run(  # noqa: S603 - huggingface_hub reads the variable when it is imported
        [sys.executable, "-c", script, tmp_path / "dest"],
        check=True,
        env={**os.environ, "HF_ENDPOINT": server.url},
    )
    assert [records.name for records in open_source(tmp_path / "dest")] == ["ifeval"]


def test_bars_are_silenced_and_shown_again(
    server: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from importlib import import_module

    shown = import_module("huggingface_hub.utils").are_progress_bars_disabled()
    download(tmp_path / "dest", endpoint=server.url)
    assert import_module("huggingface_hub.utils").are_progress_bars_disabled() == shown
    assert capsys.readouterr().err == ""


def test_without_the_extra_its_line_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'routereval\[hub\]'"):
        download(tmp_path / "dest")


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        (["router_datasets"], "did you mean 'router_dataset'"),
        (["router_dataset", "leaderboard_score"], "each to a folder of its own"),
        (["leaderboard_embed", "leaderboard_prompt"], "add leaderboard_score"),
        ([], "add leaderboard_score"),
    ],
)
def test_folders_that_make_no_collection_are_refused(what: list[str], sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        hub.refuse_misfit(what)


def test_every_refusal_is_ours() -> None:
    assert issubclass(MissingDependencyError, RouterEvalError)

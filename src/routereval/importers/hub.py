"""RouterEval's published data from the Hugging Face hub: fetched, checked, converted on arrival.

The data set `REPO` holds RouterEval's folders as archives, ``router_dataset.zip`` and so on, each
with that one folder in it; folders that are not packed are read as well. Fetching is left to
huggingface_hub, which goes on where a broken transfer stopped and knows proxies, tokens and
mirrors (``HF_ENDPOINT``). It compares sizes only, so every file is checked here against the
checksum that the hub lists for it before it is opened.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from routereval.errors import DataError, MissingDependencyError, SpecError, unknown
from routereval.importers import routereval_dataset, routereval_raw
from routereval.records import cache_folder
from routereval.records.draft import Draft
from routereval.records.folder import read_records, write_collection
from routereval.records.records import Records

REPO = "linggm/RouterEval"
LICENCE = "MIT"

FOLDERS: Mapping[str, str] = {
    "router_dataset": "the ready-made pools, splits and embeddings of the twelve benchmarks",
    "leaderboard_score": "every model's score on every prompt",
    "leaderboard_prompt": "the prompts' texts, beside the scores",
    "leaderboard_embed": "the prompts' embeddings, beside the scores",
}
"""What can be fetched, and what it is."""

READY, SCORES = "router_dataset", "leaderboard_score"
_CHUNK = 1 << 20


def download(
    dest: str | Path,
    what: Sequence[str] = (READY,),
    *,
    revision: str = "main",
    endpoint: str | None = None,
    overwrite: bool = False,
    bars: bool = False,
) -> list[Records]:
    """Fetch RouterEval's published data and convert them to a collection of records.

    The fetched archives stay in ``hub`` of `cache_folder`, so that a download that broke off goes
    on there and another one does not fetch them again; they may be deleted. Which commit they are
    of is noted as the source of the records.

    Args:
        dest: the collection's folder, which appears whole or not at all.
        what: names of `FOLDERS`: ``router_dataset`` alone, or ``leaderboard_score`` and what goes
            with it.
        revision: branch, tag or commit of the data set.
        endpoint: the hub's address; None for huggingface_hub's own, which ``HF_ENDPOINT`` sets.
        overwrite: replace a collection that exists.
        bars: let huggingface_hub draw progress bars on standard error.

    Raises:
        MissingDependencyError: if huggingface_hub is not installed.
        SpecError: if there is no such folder, or the folders do not make one collection.
        DataError: if the hub cannot be reached, lacks a folder or sends another file than it lists,
            or the collection exists.
    """
    refuse_misfit(what)
    drafts = _drafts(_Hub.of(revision, endpoint, bars), what)
    return [read_records(p) for p in write_collection(drafts, Path(dest), overwrite=overwrite)]


def refuse_misfit(what: Sequence[str]) -> None:
    """Refuse folders that do not make one collection.

    Raises:
        SpecError: naming the remedy.

    >>> refuse_misfit(["leaderboard_prompt"])
    Traceback (most recent call last):
        ...
    routereval.errors.SpecError: leaderboard_prompt comes with scores only; add leaderboard_score
    """
    for name in what:
        if name not in FOLDERS:
            raise unknown("folder of the published data", name, FOLDERS)
    if READY in what and len(set(what)) > 1:
        raise SpecError(
            f"{READY} and {SCORES} both hold the twelve benchmarks; download each to a folder of "
            "its own"
        )
    if READY not in what and SCORES not in what:
        raise SpecError(f"{what[0] if what else 'nothing'} comes with scores only; add {SCORES}")


def _drafts(hub: _Hub, what: Sequence[str]) -> Iterator[Draft]:
    """The drafts of what is fetched; nothing is fetched before the first is asked for."""
    hub.connect()
    importer = routereval_dataset if READY in what else routereval_raw
    files = [file for name in FOLDERS if name in what for file in hub.files(name)]
    fetched = [(file, hub.fetch(file)) for file in files]
    with TemporaryDirectory(prefix=".unpacked-", dir=hub.cache) as folder:
        for file, local in fetched:
            _move_into_place(local, PurePosixPath(file.path), Path(folder))
        for draft in importer.read(Path(folder)):
            source = f"{REPO}@{hub.commit}, {draft.source.rpartition(', ')[2]}"
            yield replace(draft, source=source, licence=LICENCE)


class _Hub:
    """The data set on the hub, at one commit.

    Attributes:
        cache: where fetched files are kept.
        commit: what the revision stands for; empty before `connect`.
    """

    def __init__(self, hub: Any, revision: str, endpoint: str | None, bars: bool) -> None:  # noqa: ANN401 - untyped where it is not installed
        self._hub = hub
        self._endpoint = endpoint or str(hub.constants.ENDPOINT)
        self._api = hub.HfApi(endpoint=self._endpoint)
        self._revision = revision
        self._bars = bars
        self._root: list[Any] = []
        self.cache = cache_folder() / "hub"
        self.commit = ""

    @classmethod
    def of(cls, revision: str, endpoint: str | None, bars: bool) -> _Hub:
        """The data set, not asked yet.

        Raises:
            MissingDependencyError: if huggingface_hub is not installed.
        """
        try:
            hub = import_module("huggingface_hub")
            for part in ("constants", "errors", "utils"):
                import_module(f"huggingface_hub.{part}")
        except ImportError:
            raise MissingDependencyError.of("huggingface-hub", "hub") from None
        return cls(hub, revision, endpoint, bars)

    def connect(self) -> None:
        """Ask which commit the revision is, and what lies at the root there.

        Raises:
            DataError: if the hub does not answer.
        """
        self.cache.mkdir(parents=True, exist_ok=True)
        with self._reached():
            info = self._api.dataset_info(REPO, revision=self._revision, expand=["sha"])
            self.commit = str(info.sha)
            self._root = list(self._tree(None))

    def files(self, name: str) -> list[Any]:
        """The files of one of `FOLDERS`: its archive, or what lies in it.

        Raises:
            DataError: if the hub has neither.
        """
        archive = next((entry for entry in self._root if entry.path == f"{name}.zip"), None)
        if archive is not None:
            return [archive]
        if all(entry.path != name for entry in self._root):
            held = ", ".join(sorted(entry.path for entry in self._root)) or "nothing"
            raise DataError(
                f"{REPO} at {self.commit[:12]} has neither {name}.zip nor a folder {name}; it has: "
                f"{held[:300]}"
            )
        with self._reached():
            return [entry for entry in self._tree(name) if hasattr(entry, "blob_id")]

    def fetch(self, file: Any) -> Path:  # noqa: ANN401 - an entry of the hub's tree
        """The file on this machine, its checksum seen to be the hub's.

        Raises:
            DataError: if it cannot be had, or is not what the hub lists.
        """
        with self._reached(), self._silence():
            local = Path(
                self._hub.hf_hub_download(
                    REPO,
                    file.path,
                    repo_type="dataset",
                    revision=self.commit,
                    local_dir=self.cache / REPO.replace("/", "--"),
                    endpoint=self._endpoint,
                )
            )
        if not _is_whole(local, file):
            local.unlink()
            raise DataError(
                f"{file.path} is not what {self._endpoint} lists (its checksum differs); it was "
                "deleted, download again"
            )
        return local

    def _tree(self, path: str | None) -> Iterator[Any]:
        entries: Iterator[Any] = self._api.list_repo_tree(
            REPO, path, recursive=path is not None, revision=self.commit, repo_type="dataset"
        )
        return entries

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Says in one sentence that, and why, the hub cannot be reached."""
        # The client's own base classes: its versions differ in the HTTP library below them.
        http = self._hub.errors.HfHubHTTPError.__bases__
        try:
            yield
        except (OSError, RuntimeError, *http) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise DataError(
                f"cannot fetch {REPO} from {self._endpoint} ({reason[:200]}); this needs a network."
                f" The same command goes on where it stopped; or unpack {READY}.zip by hand and "
                "run: routereval import routereval-dataset FOLDER DEST"
            ) from None

    @contextmanager
    def _silence(self) -> Iterator[None]:
        utils = self._hub.utils
        shown = not utils.are_progress_bars_disabled()
        if self._bars or not shown:
            yield
            return
        utils.disable_progress_bars()
        try:
            yield
        finally:
            utils.enable_progress_bars()


def _is_whole(local: Path, file: Any) -> bool:  # noqa: ANN401 - an entry of the hub's tree
    """Whether the file is the one listed: large ones by sha256, others by git's own checksum."""
    if file.lfs is not None:
        return _digest(local, hashlib.sha256()) == str(file.lfs.sha256)
    header = f"blob {local.stat().st_size}\0".encode()
    return _digest(local, hashlib.sha1(header, usedforsecurity=False)) == str(file.blob_id)


def _digest(local: Path, digest: Any) -> str:  # noqa: ANN401 - a hash object of hashlib
    with local.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return str(digest.hexdigest())


def _move_into_place(local: Path, path: PurePosixPath, folder: Path) -> None:
    """Lay a fetched file, or what is packed in it, where RouterEval's layout has it."""
    if path.suffix != ".zip":
        _write(folder, path, lambda target: shutil.copyfile(local, target))
        return
    try:
        with zipfile.ZipFile(local) as archive:
            for member in archive.infolist():
                name = PurePosixPath(member.filename)
                if _is_data(name):
                    inside = name if name.parts[0] == path.stem else path.stem / name
                    _write(folder, path.parent / inside, _unpacked(archive, member))
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise DataError(
            f"{local}: cannot be unpacked ({error}); delete it, and download again"
        ) from None


def _is_data(name: PurePosixPath) -> bool:
    """True for a pickle; archives made on a Mac have a shadow of each."""
    return name.suffix == ".pkl" and not name.name.startswith(".")


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[Path], object]:
    def write(target: Path) -> None:
        with archive.open(member) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out, _CHUNK)

    return write


def _write(folder: Path, path: PurePosixPath, write: Callable[[Path], object]) -> None:
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"{path} would be unpacked outside its folder; this is no RouterEval data")
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    write(target)

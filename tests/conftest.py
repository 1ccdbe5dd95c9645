"""What holds for every test: none touches the user's own cache, and none fails by the clock."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# A first call pays for imports, and a busy machine for its other work: time decides no test.
settings.register_profile("routereval", deadline=None)
settings.load_profile("routereval")


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the whole session, so that what is slow to make is made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _private_cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTEREVAL_CACHE", str(shared_cache))

"""The demo prints the same, whatever vector instructions numpy finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dispatch import SWITCHED_OFF, python

pytestmark = pytest.mark.once

EMBED = """
import hashlib
from routereval.features import make_embedder
from tests.made import TEXTS

texts = [f"{text} {'again ' * (n % 9)}{n % 7}" for n, text in enumerate(TEXTS * 60)]
vectors = make_embedder("tfidf").fit(texts[:120]).transform(texts)
print(hashlib.sha256(vectors.tobytes()).hexdigest())
"""
DEMO = """
import sys
from routereval.cli.main import main

sys.argv = ["routereval", "run", "demo", "--jobs", "1"]
main()
"""

AUTO = """
import hashlib
import numpy as np
from routereval.features import make_embedder
from routereval.features.prompts import Prompts
from routereval.routers import make_router
from routereval.routers.persistence import dump
from tests.made import TEXTS

rng, kind = np.random.default_rng(0), np.arange(120) % 3
texts = [f"{TEXTS[k]} {'again ' * (n % 9)}{rng.integers(99)}" for n, k in enumerate(kind)]
X = make_embedder("tfidf").fit(texts).transform(texts)
scores = (rng.random((120, 4)) < 0.4 + 0.4 * np.eye(3, 4)[kind]).astype(float)
prompts = Prompts(X, texts, {"subset": [str(k) for k in kind]})
router = make_router("auto(known=subset)").fit(prompts, scores)
assert router.gain_.moved
print(hashlib.sha256(dump(router)).hexdigest())
print(hashlib.sha256(router.predict_scores(prompts).tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_texts_have_the_same_vectors() -> None:
    assert len({python(EMBED, without) for without in SWITCHED_OFF}) == 1


@pytest.mark.slow
def test_the_demo_prints_the_same_bytes(tmp_path: Path) -> None:
    """Each with a cache of its own, so that none takes what another made."""
    printed = {
        python(DEMO, without, ROUTEREVAL_CACHE=str(tmp_path / without)) for without in SWITCHED_OFF
    }
    assert len(printed) == 1


@pytest.mark.slow
def test_auto_learns_the_same_bytes() -> None:
    assert len({python(AUTO, without) for without in SWITCHED_OFF}) == 1

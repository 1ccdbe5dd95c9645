from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from routereval.errors import SpecError
from routereval.features import Tfidf, cache, embed, embedder_name
from routereval.features.concat import Concat

TEXTS = [f"prove the lemma {n} of {'rings' if n % 2 else 'sets'}" for n in range(20)]
TRAIN = np.arange(15)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts each embedder was fitted on, call by call."""
    seen: list[int] = []
    fit = Tfidf.fit

    def counted(self: Tfidf, texts: list[str], y: object = None) -> Tfidf:
        seen.append(len(texts))
        return fit(self, texts, y)

    monkeypatch.setattr(Tfidf, "fit", counted)
    return seen


def test_the_embedder_is_fitted_on_training_texts(fits: list[int]) -> None:
    X = embed("tfidf(dims=3)", TEXTS, TRAIN)
    assert fits == [15]
    expected = Tfidf(dims=3).fit(TEXTS[:15]).transform(TEXTS)
    np.testing.assert_array_equal(X, expected)


def test_vectors_are_made_once(tmp_path: Path, fits: list[int]) -> None:
    folder = tmp_path / "a" / "b"
    one = embed("tfidf(dims=3)", TEXTS, TRAIN, folder)
    other = embed("tfidf(dims=3)", TEXTS, TRAIN, folder)
    assert fits == [15]
    assert one.tobytes() == other.tobytes() == embed("tfidf(dims=3)", TEXTS, TRAIN).tobytes()
    assert len(files(folder)) == 1
    assert files(folder)[0].endswith(".npy")


@pytest.mark.parametrize(
    ("spec", "texts", "train"),
    [
        ("tfidf(dims=4)", TEXTS, TRAIN),
        ("tfidf(dims=3)", [*TEXTS[:-1], "another"], TRAIN),
        ("tfidf(dims=3)", TEXTS, np.arange(14)),
        ("tfidf(dims=3)", TEXTS[1:] + TEXTS[:1], TRAIN),
        ("tfidf(dims=3)", [TEXTS[0] + TEXTS[1][:3], TEXTS[1][3:], *TEXTS[2:]], TRAIN),
    ],
    ids=["spec", "text", "train", "order", "seam"],
)
def test_whatever_decides_the_vectors_decides_the_key(
    spec: str, texts: list[str], train: np.ndarray[tuple[int], np.dtype[np.int64]], tmp_path: Path
) -> None:
    embed("tfidf(dims=3)", TEXTS, TRAIN, tmp_path)
    embed(spec, texts, train, tmp_path)
    assert len(files(tmp_path)) == 2


def test_an_embedder_that_learns_nothing_embeds_once_for_all_splits(tmp_path: Path) -> None:
    embed("hashing", TEXTS, TRAIN, tmp_path)
    embed("hashing", TEXTS, np.arange(3), tmp_path)
    assert len(files(tmp_path)) == 1


class Counting:
    """An object with encode that counts its calls."""

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, texts: list[str]) -> list[list[float]]:
        self.encoded += len(texts)
        return [[len(text), text.count("e")] for text in texts]


def test_the_vectors_of_an_object_are_kept_under_its_name(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    X = embed(first, TEXTS, TRAIN, tmp_path)
    assert embed(second, TEXTS, TRAIN, tmp_path).tobytes() == X.tobytes()
    assert first.encoded >= len(TEXTS) > second.encoded  # which was only asked who it is
    by_name = embed(embedder_name(first), TEXTS, TRAIN, tmp_path)
    assert by_name.tobytes() == X.tobytes()


def test_the_parts_of_a_concatenation_are_kept_each(tmp_path: Path, fits: list[int]) -> None:
    X = embed("concat(parts=[tfidf(dims=3), hashing(dims=8)])", TEXTS, TRAIN, tmp_path)
    assert len(files(tmp_path)) == 2
    embed("concat(parts=[tfidf(dims=3), stats])", TEXTS, TRAIN, tmp_path)
    assert fits == [15]
    expected = Concat(parts=("tfidf(dims=3)", "hashing(dims=8)")).fit(TEXTS[:15]).transform(TEXTS)
    np.testing.assert_array_equal(X, expected)


def test_a_failed_embedding_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise SpecError("no")

    monkeypatch.setattr(cache, "_embed", broken)
    with pytest.raises(SpecError):
        embed("tfidf", TEXTS, TRAIN, tmp_path)
    assert files(tmp_path) == []


def test_a_half_written_file_of_another_process_is_not_read(tmp_path: Path) -> None:
    embed("tfidf(dims=3)", TEXTS, TRAIN, tmp_path)
    whole = tmp_path / files(tmp_path)[0]
    expected = whole.read_bytes()
    whole.rename(whole.with_suffix(".1.part"))
    whole.with_suffix(".1.part").write_bytes(expected[:50])
    embed("tfidf(dims=3)", TEXTS, TRAIN, tmp_path)
    assert whole.read_bytes() == expected


@pytest.mark.parametrize("left", [0, 50, 0.7])
def test_a_damaged_file_is_made_anew(left: float, tmp_path: Path) -> None:
    expected = embed("tfidf(dims=3)", TEXTS, TRAIN, tmp_path).tobytes()
    file = tmp_path / files(tmp_path)[0]
    whole = file.read_bytes()
    file.unlink()  # the arrays above are mapped from it
    file.write_bytes(whole[: int(left if left >= 1 else left * len(whole))])
    assert embed("tfidf(dims=3)", TEXTS, TRAIN, tmp_path).tobytes() == expected


def test_texts_of_any_unicode_have_a_key(tmp_path: Path) -> None:
    texts = ["\ud800 lone", "emoji 🙂", "\x00", *TEXTS[3:]]
    embed("tfidf(dims=2)", texts, TRAIN, tmp_path)
    assert len(files(tmp_path)) == 1

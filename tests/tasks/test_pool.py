from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.records import Records, complete_block
from routereval.tasks import GROUPS, PUBLISHED_SIZES, Pool, PreparedBenchmark, Split, Task
from routereval.tasks.pool import above_band, left_out
from routereval.tasks.scalar_order import scalar_order
from tests.made import Floats, made, made_scores

SIZES = (3, 5, 10)
ALL = [Pool(group, size) for size in SIZES for group in GROUPS]


def oracle(scores: Floats, models: list[int]) -> float:
    return float(np.max(scores[:, models], axis=1).mean())


def best_window(scores: Floats, region: list[int], size: int) -> list[int]:
    windows = [region[i : i + size] for i in range(len(region) - size + 1)]
    best = windows[0]
    for window in windows:  # the first on ties
        if oracle(scores, window) > oracle(scores, best):
            best = window
    return best


def best_draw(scores: Floats, band: list[int], size: int) -> list[int]:
    groups = np.array_split(np.array(band), size)
    best: list[int] = []
    for _ in range(1000):
        draw = [int(np.random.choice(group)) for group in groups]  # noqa: NPY002
        if not best or oracle(scores, draw) > oracle(scores, best):
            best = draw
    return best


def the_reference_way(
    scores: Floats,
    subset_sizes: list[int],
    sizes: tuple[int, ...],
    seed: int | list[int] = 42,
    rising: Callable[[Floats], NDArray[np.int64]] = np.argsort,
) -> dict[tuple[str, int], list[int]]:
    """DESIGN's words, one model at a time, on numpy's global stream."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    for n in subset_sizes:
        np.random.shuffle(np.arange(n))  # noqa: NPY002
    n_models = scores.shape[1]
    means = scores.mean(axis=0)
    ranked = rising(means)
    above = [i for i, model in enumerate(ranked) if means[model] > 0.1]
    beyond = [i for i, model in enumerate(ranked) if means[model] > 0.9]
    first, last = above[0], beyond[0] if beyond else n_models
    found = {}
    for m in sizes:
        s = max(n_models // 5, m)
        strong, weak = ranked[last - s : last].tolist(), ranked[first : first + s].tolist()
        found["all-strong", m] = best_window(scores, strong, m)
        found["all-weak", m] = best_window(scores, weak, m)
        found["strong-to-weak", m] = best_draw(scores, ranked[first:last].tolist(), m)
    np.random.set_state(before)  # noqa: NPY002
    return found


def stable(means: Floats) -> NDArray[np.int64]:
    return np.argsort(means, kind="stable")


def chosen(records: Records, split: str, pools: list[Pool]) -> dict[tuple[str, int], list[int]]:
    found = PreparedBenchmark(records, split).pools(pools)
    out = {}
    for pool, models in found.items():
        assert not isinstance(models, DataError), models
        out[pool.group, pool.size] = records.columns(models).tolist()
    return out


@pytest.mark.parametrize("kind", ["binary", "real"])
@pytest.mark.parametrize(
    ("n_models", "low", "high", "seed"),
    [
        (40, 0.3, 0.7, 0),
        (57, 0.02, 0.99, 1),  # models below 0.1 and above 0.9 are left out of the band
        (80, 0.05, 0.6, 2),
        (120, 0.3, 0.97, 3),
    ],
)
def test_faithful_pools_are_the_references(
    kind: str, n_models: int, low: float, high: float, seed: int
) -> None:
    scores, vectors = made_scores(90, n_models, seed=seed, kind=kind, low=low, high=high)
    scores = scores[:, np.random.default_rng(seed).permutation(n_models)]
    subsets = ["a"] * 37 + ["b"] * 53
    records = Records.from_arrays(
        "r", scores, [f"m{i}" for i in range(n_models)], subsets=subsets, features=vectors
    )
    assert records.kind == kind
    expected = the_reference_way(scores, [37, 53], SIZES)
    assert chosen(records, "faithful(ties=numpy)", ALL) == expected
    expected = the_reference_way(scores, [37, 53], SIZES, rising=scalar_order)
    assert chosen(records, "faithful", ALL) == expected


def test_faithful_pools_are_the_references_on_a_matrix_of_many_ties() -> None:
    rng = np.random.default_rng(5)
    scores = rng.integers(0, 2, (12, 60)).astype(float)
    scores[:, 0] = 1.0
    records = Records.from_arrays("r", scores, [f"m{i}" for i in range(60)], features=scores)
    for split, rising in (("seed=7", scalar_order), ("seed=7, ties=numpy", np.argsort)):
        expected = the_reference_way(scores, [12], SIZES, seed=7, rising=rising)
        assert chosen(records, f"faithful({split})", ALL) == expected


def test_a_faithful_size_of_its_own_leaves_the_published_ones_alone() -> None:
    records = made(n_prompts=80, n_models=50)
    alone = chosen(records, "faithful", ALL)
    among = chosen(records, "faithful", [Pool("strong-to-weak", m) for m in (10, 4, 7, 3)])
    assert among["strong-to-weak", 10] == alone["strong-to-weak", 10]
    assert among["strong-to-weak", 3] == alone["strong-to-weak", 3]


@pytest.mark.parametrize("split", ["clean", "faithful", "clean(seed=3)"])
@settings(max_examples=15)
@given(wanted=st.permutations(ALL).flatmap(lambda p: st.integers(1, 9).map(lambda n: p[:n])))
def test_no_pool_depends_on_which_others_are_asked_for(split: str, wanted: list[Pool]) -> None:
    records = made(n_prompts=50, n_models=40)
    whole = chosen(records, split, ALL)
    part = chosen(records, split, list(wanted))
    assert part == {key: whole[key] for key in part}


def test_asking_twice_gives_the_same() -> None:
    prepared = PreparedBenchmark(made(n_models=40), "faithful")
    assert prepared.pools(ALL) == prepared.pools(ALL)


@pytest.mark.parametrize("kind", ["binary", "real"])
@pytest.mark.parametrize("seed", [42, 43])
def test_clean_pools_are_the_references_on_training_prompts(kind: str, seed: int) -> None:
    records = made(n_prompts=90, n_models=60, kind=kind, seed=4)
    train = records.dense()[np.sort(PreparedBenchmark(records, Split("clean", seed)).rows.train)]
    expected: dict[tuple[str, int], list[int]] = {}
    for size in SIZES:  # but each size has a stream of its own
        expected |= the_reference_way(train, [], (size,), seed=[seed, size], rising=stable)
    assert chosen(records, f"clean(seed={seed})", ALL) == expected


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["binary", "real"]))
def test_clean_pools_never_look_at_test_or_validation_prompts(noise: int, kind: str) -> None:
    records = made(n_prompts=60, n_models=40, kind=kind)
    rows = PreparedBenchmark(records).rows
    unseen = np.concatenate([rows.val, rows.test])
    rng = np.random.default_rng(noise)
    scores = records.dense()
    scores[unseen] = rng.integers(0, 2, (len(unseen), 40))
    changed = Records.from_arrays(
        "one", scores, records.models, features=np.asarray(records.features["given"])
    )
    assert chosen(changed, "clean", ALL) == chosen(records, "clean", ALL)


def test_faithful_pools_do_look_at_test_prompts() -> None:
    records = made(n_prompts=60, n_models=40)
    test = PreparedBenchmark(records, "faithful").rows.test
    scores = records.dense()
    scores[test] = np.random.default_rng(1).integers(0, 2, (len(test), 40))
    changed = Records.from_arrays("one", scores, records.models)
    assert chosen(changed, "faithful", ALL) != chosen(records, "faithful", ALL)


def test_clean_seeds_draw_and_split_anew() -> None:
    records = made(n_prompts=60, n_models=60)
    one, other = (chosen(records, f"clean(seed={n})", ALL) for n in (42, 43))
    assert one != other


@pytest.mark.parametrize("n_models", [3, 4, 5, 6])
@pytest.mark.parametrize(("low", "high"), [(0.3, 0.7), (0.0, 0.05), (0.95, 1.0)])
def test_clean_makes_pools_of_a_handful_of_models(n_models: int, low: float, high: float) -> None:
    records = made(n_models=n_models, low=low, high=high)
    for group in GROUPS:
        for size in {3, n_models}:
            models = Task(records, Pool(group, size)).models
            assert len(set(models)) == size
            assert set(models) <= set(records.models)


def test_faithful_keeps_to_the_band_even_where_it_is_narrow() -> None:
    scores = np.zeros((50, 12))
    for model, share in enumerate([0, 2, 4, 10, 20, 25, 30, 46, 47, 48, 49, 50]):
        scores[:share, model] = 1  # means 0 .04 .08 .2 .4 .5 .6 .92 …: four in the band
    records = Records.from_arrays("narrow", scores, [f"m{i}" for i in range(12)])
    assert set(chosen(records, "faithful", [Pool("strong-to-weak", 4)])["strong-to-weak", 4]) == {
        3,
        4,
        5,
        6,
    }
    found = PreparedBenchmark(records, "faithful").pools([Pool("strong-to-weak", 5)])
    assert str(found[Pool("strong-to-weak", 5)]) == (
        "narrow: 4 of 12 models have a mean score between 0.1 and 0.9, too few for a pool of 5"
    )


@pytest.mark.parametrize("split", ["clean", "faithful"])
@pytest.mark.parametrize("group", GROUPS)
def test_too_few_models_are_told(split: str, group: str) -> None:
    records = made("small", n_models=4)
    found = PreparedBenchmark(records, split).pools([Pool(group, 5), Pool(group, 4)])
    assert str(found[Pool(group, 5)]) == "small: 4 models are too few for a pool of 5"
    assert not isinstance(found[Pool(group, 4)], DataError)
    with pytest.raises(DataError, match=r"^small: 4 models are too few for a pool of 5$"):
        Task(records, Pool(group, 5), split)


@pytest.mark.parametrize("split", ["clean", "faithful"])
@pytest.mark.parametrize("kind", ["binary", "real"])
def test_pools_come_from_the_complete_block_alone(split: str, kind: str) -> None:
    records = made(n_prompts=80, n_models=30, kind=kind)
    scores = records.dense()
    strongest = np.argsort(scores.mean(axis=0))[-4:]
    scores[5:, strongest] = np.nan  # the strongest were hardly ever asked
    scores[3, strongest[0]] = np.nan
    scores[70:75] = np.nan  # and five prompts put to a few models only
    scores[70:75, :3] = 1.0
    gappy = Records.from_arrays("gappy", scores, records.models)
    block = complete_block(gappy.scores)
    assert not set(block.models.tolist()) & set(strongest.tolist())
    found = chosen(gappy, split, ALL)
    assert not {model for models in found.values() for model in models} & set(strongest.tolist())
    # As if the block were all there is, each prompt in the part it was in.
    prompts = block.prompts
    if split == "clean":
        prompts = np.intersect1d(prompts, PreparedBenchmark(gappy).rows.train)
    inside = scores[np.ix_(prompts, block.models)]
    rising = stable if split == "clean" else scalar_order
    ranked = rising(inside.mean(axis=0))
    window = best_window(inside, ranked[-max(len(ranked) // 5, 5) :].tolist(), 5)
    assert found["all-strong", 5] == block.models[window].tolist()


def test_clean_tells_when_no_training_prompt_was_put_to_enough_models() -> None:
    names = ["a", "b", "c", "d"]
    rows = PreparedBenchmark(Records.from_arrays("apart", np.ones((30, 4)), names)).rows
    scores = np.full((30, 4), np.nan)
    scores[rows.test] = [[0, 1, 0, 1], [1, 0, 0, 1], [1, 1, 0, 0]]  # shared by all
    for model, row in enumerate(rows.train[:4]):
        scores[row, model] = 1
    records = Records.from_arrays("apart", scores, names)
    with pytest.raises(DataError, match=r"^apart: no training prompt was put to .*"):
        Task(records, Pool("all-strong", 3))


@pytest.mark.parametrize("split", ["clean", "faithful"])
def test_records_with_hardly_a_shared_prompt_give_a_sentence_or_a_pool(split: str) -> None:
    for seed in range(20):
        records = made("sparse", n_prompts=20, n_models=5, missing=0.8, seed=seed)
        for pool, models in (
            PreparedBenchmark(records, split).pools([Pool(g, 3) for g in GROUPS]).items()
        ):
            if isinstance(models, DataError):
                assert str(models).startswith("sparse: ")
            else:
                assert len(models) == pool.size


def test_faithful_takes_published_pools_and_says_which_there_are() -> None:
    records = made("ready", n_models=8)
    kept = {"split": {"train": list(range(40)), "val": [40, 41], "test": list(range(42, 60))}}
    names = list(records.models[:3])
    meta = {**records.meta, "published": {**kept, "pools": {"3": {"all-weak": names}}}}
    ready = replace(records, meta=meta)
    wanted = [Pool("all-weak", 3), Pool("all-strong", 3), Pool("all-weak", 5), Pool.of(names)]
    found = PreparedBenchmark(ready, "faithful").pools(wanted)
    assert found[wanted[0]] == tuple(names)
    for pool in wanted[1:3]:
        assert str(found[pool]) == (f"ready: no {pool} was published with these records (sizes: 3)")
    assert found[wanted[3]] == tuple(names)
    assert all(
        not isinstance(m, DataError)
        for m in PreparedBenchmark(ready, "clean").pools(wanted).values()
    )


def test_a_pool_of_names_keeps_their_order() -> None:
    records = made()
    names = tuple(reversed(records.models[1:4]))
    pool = Pool.of(names)
    assert PreparedBenchmark(records).pools([pool]) == {pool: names}
    assert Task(records, names).models == names
    assert Task(records, str(pool)).models == names
    assert Task(records, pool).test.scores.tolist() == (
        records.dense()[PreparedBenchmark(records).rows.test][:, records.columns(names)].tolist()
    )


def test_a_pool_of_unknown_names_is_told() -> None:
    with pytest.raises(
        DataError, match=r"one: unknown model 'org/modle_1'; did you mean 'org/model"
    ):
        Task(made(), ["org/modle_1", "org/model_2"])


names = st.one_of(
    st.text(min_size=1, max_size=8),
    st.sampled_from(["None", "lambda", "a\n", "a²", "ﬁve", "gpt-4", "3", "org/x(y)", "it's", "é"]),
)
pools = st.one_of(
    st.builds(Pool, st.sampled_from(GROUPS), st.integers(1, 2000)),
    st.lists(names, min_size=1, max_size=4, unique=True).map(Pool.of),
)


@given(pools)
def test_a_pool_is_its_text(pool: Pool) -> None:
    assert Pool.parse(str(pool)) == pool
    assert hash(Pool.parse(str(pool))) == hash(pool)
    assert Pool.parse(pool) is pool


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("all-stong(size=3)", r"unknown group 'all-stong'; did you mean 'all-strong'\?"),
        ("all-strong", r"pool 'all-strong': write all-strong\(size=5\)"),
        ("all-strong(n=3)", r"write all-strong\(size=5\)"),
        ("all-strong(size=0)", "at least 1 model, not 0"),
        ("all-strong(size=many)", "at least 1 model, not 'many'"),
        ("all-strong(size=2.5)", r"at least 1 model, not 2\.5"),
        ("models(size=3)", "names"),
        ("models(names=[])", "at least 1 model"),
        ("models(names=[a, b, a])", "the pool names 'a' twice"),
        ("models(names=alice)", "names"),
        ("all strong", "cannot read 'all strong'"),
    ],
)
def test_a_pool_that_means_nothing_is_told(text: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        Pool.parse(text)


def test_the_sizes_are_routerevals() -> None:
    assert PUBLISHED_SIZES == (3, 5, 10, 100, 1000)
    assert GROUPS == ("all-strong", "all-weak", "strong-to-weak")


def test_what_missing_cells_leave_out_is_told() -> None:
    scores = np.full((1000, 7), np.nan)
    scores[:, 0] = scores[:150, :6] = 1.0
    scores[:5, 6] = 1.0
    records = Records.from_arrays("gappy", scores, list("abcdefg"))
    assert left_out(records, [Pool("all-strong", 3), Pool("all-strong", 5)]) == (
        "gappy: pools are chosen from 6 of 7 models, on the 150 of 1,000 prompts put to all of "
        "them; left out for missing cells: g"
    )
    whole = Records.from_arrays("whole", np.ones((30, 3)), list("abc"))
    assert left_out(whole, [Pool("all-strong", 3)]) is None


def test_models_too_good_for_a_rule_are_told() -> None:
    scores = np.zeros((100, 14))
    for column in range(14):
        scores[: 30 + 5 * column, column] = 1
    names = list("abcdefghijklmn")
    pools, clean = [Pool("all-strong", 3)], Split("clean")
    records = Records.from_arrays("good", scores, names)
    assert (told := above_band(records, pools, clean)) is not None
    assert told.startswith("good: 1 of 14 models have a mean score above 0.9, n the highest")
    assert above_band(records, pools, Split("faithful")) is None
    assert above_band(records, [Pool.of(["a", "b"])], clean) is None
    few = Records.from_arrays("few", scores[:, 5:], names[5:])
    assert above_band(few, pools, clean) is None

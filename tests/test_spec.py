from __future__ import annotations

from keyword import iskeyword
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.errors import SpecError
from routereval.spec import Spec, parse_spec

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: not iskeyword(name)
)
keys = names.filter(lambda name: name != "at")
literals = st.one_of(
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.text(max_size=8),
    st.sampled_from(["lambda", "None", "a\n", "a²", "ﬁ", "it's", '"', "\\", "(", "a, b", "é", ""]),
)


def specs(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Spec]:
    params = st.dictionaries(keys, values, max_size=3).map(lambda d: tuple(d.items()))
    return st.builds(Spec, names, params)


values = st.recursive(
    literals, lambda inner: st.one_of(st.lists(inner, max_size=3).map(tuple), specs(inner))
)


@given(specs(values))
def test_a_spec_is_its_text(spec: Spec) -> None:
    again = parse_spec(str(spec))
    assert again == spec
    assert str(again) == str(spec)
    assert hash(again) == hash(spec)
    assert parse_spec(spec) is spec


@given(names, st.one_of(st.integers(0, 99), st.floats(0, 1), st.sampled_from(["low", "5k"])))
def test_what_stands_after_an_at_sign_is_a_parameter(name: str, at: object) -> None:
    spec = parse_spec(f"{name}@{at}")
    assert spec.kwargs == {"at": at}
    assert parse_spec(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "name", "kwargs"),
    [
        ("knn", "knn", {}),
        ("  knn ( ) ", "knn", {}),
        ("knn(k=5,)", "knn", {"k": 5}),
        ("knn(k = 5, metric=cosine)", "knn", {"k": 5, "metric": "cosine"}),
        ("knn(ks=[1, 3])", "knn", {"ks": (1, 3)}),
        ("knn(ks=(1, 3))", "knn", {"ks": (1, 3)}),
        ("knn(k=-1)", "knn", {"k": -1}),
        ("knn(k=None, w=True)", "knn", {"k": None, "w": True}),
        ("all-strong(size=5)", "all-strong", {"size": 5}),
        ("gpt.4(x='a (b) = c')", "gpt.4", {"x": "a (b) = c"}),
        ("cpt@0.5(k=2)", "cpt", {"at": 0.5, "k": 2}),
        ("cascade(of=knn(k=2))", "cascade", {"of": Spec("knn", (("k", 2),))}),
        ("a(b=c())", "a", {"b": Spec("c")}),
        ("a(\nb=1\n)", "a", {"b": 1}),
    ],
)
def test_forms(text: str, name: str, kwargs: dict[str, object]) -> None:
    spec = parse_spec(text)
    assert (spec.name, spec.kwargs) == (name, kwargs)


def test_a_bare_word_is_text_and_a_call_is_a_spec() -> None:
    assert parse_spec("a(b=c)").kwargs["b"] == "c"
    assert parse_spec("a(b=c())").kwargs["b"] == Spec("c")
    assert str(Spec("a", (("b", Spec("c")),))) == "a(b=c())"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "5",
        "knn(",
        "knn)",
        "knn(k=5))",
        "knn(k=)",
        "knn(5)",
        "knn(*a)",
        "knn(k=1).x(k=2)",
        "knn('a').b()",
        "knn(k=1)(k=2)",
        "knn(**a)",
        "knn k=5",
        "knn(k=5) x",
        "(k=5)",
        "knn(k=1+1)",
        "knn(k=f'{1}')",
        "knn(k=__import__('os').getcwd())",
        "knn(k=lambda: 1)",
        "knn(k=[x for x in y])",
        "knn(k=1, k=2)",
        "knn@1(at=2)",
        "knn(k={'a': 1})",
        "knn(k={1, 2})",
        "knn(k={[]: 1})",
        "knn(k='\x00')",
        "knn(k=\x00)",
        "knn(k=" + "(" * 300 + "1" + ")" * 300 + ")",
        "knn(k=" + "-" * 5000 + "1)",
        "knn(k=" + "9" * 5000 + ")",
    ],
    ids=lambda text: repr(text[:30]),
)
def test_what_is_no_spec_is_told_in_a_sentence(text: str) -> None:
    with pytest.raises(SpecError, match=r"^cannot read .*write a name"):
        parse_spec(text)


own_characters = st.text("knabs(=,[]'\"@) 1.-{}:", max_size=20)


@given(st.one_of(st.text(max_size=30), own_characters))
def test_any_text_is_a_spec_or_told(text: str) -> None:
    try:
        spec = parse_spec(text)
    except SpecError:
        return
    assert parse_spec(str(spec)) == spec


def test_a_spec_cannot_be_changed() -> None:
    spec = parse_spec("knn(k=5)")
    with pytest.raises(AttributeError):
        spec.name = "linear"  # type: ignore[misc]
    spec.kwargs["k"] = 6
    assert spec.kwargs == {"k": 5}

"""The one grammar for everything a user names: ``knn``, ``knn(k=20)``, ``cpt@0.5``.

A `Spec` is a value: frozen, hashable, and its text parses back to itself. Routers, metrics, pools,
splits and embedders are all named by it, in Python, on the command line and in files.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any

from routereval.errors import SpecError

_FORM = re.compile(r"^\s*([A-Za-z_][\w.-]*)\s*(?:@\s*([^\s()]+)\s*)?(?:\((.*)\))?\s*$", re.DOTALL)
_AT = "at"


@dataclass(frozen=True)
class Spec:
    """A name with parameters.

    Attributes:
        name: what is meant, as the registry spells it.
        params: pairs of parameter and value, in the order given.

    >>> spec = parse_spec("knn( k = 20, metric=cosine)")
    >>> spec.name, dict(spec.params)
    ('knn', {'k': 20, 'metric': 'cosine'})
    >>> str(spec)
    'knn(k=20, metric=cosine)'
    >>> parse_spec(str(spec)) == spec
    True
    """

    name: str
    params: tuple[tuple[str, Any], ...] = field(default=())

    @property
    def kwargs(self) -> dict[str, Any]:
        """The parameters as keyword arguments."""
        return dict(self.params)

    def __str__(self) -> str:
        rest = [(key, value) for key, value in self.params if key != _AT]
        at = "".join(f"@{value}" for key, value in self.params if key == _AT)
        inside = ", ".join(f"{key}={_text(value)}" for key, value in rest)
        return f"{self.name}{at}({inside})" if inside else f"{self.name}{at}"


def parse_spec(text: str | Spec) -> Spec:
    """Read a spec; a `Spec` passes through.

    Args:
        text: ``name``, ``name@value``, ``name(key=value, …)``; a value is a Python literal, a bare
            word (read as text) or another spec.

    Returns:
        The spec.

    Raises:
        SpecError: if the text has another form.

    >>> parse_spec("cpt@0.5")
    Spec(name='cpt', params=(('at', 0.5),))
    """
    if isinstance(text, Spec):
        return text
    match = _FORM.match(text)
    if not match:
        raise _malformed(text)
    name, at, inside = match.groups()
    params = [(_AT, _literal(at))] if at else []
    params += _parameters(text, inside or "")
    if len(dict(params)) < len(params):  # given twice
        raise _malformed(text)
    return Spec(name, tuple(params))


def combinations(spec: Spec, varied: Collection[str]) -> Iterator[tuple[Spec, dict[str, Any]]]:
    """The specs that one stands for whose lists are of values to be taken in turn.

    Args:
        spec: the spec.
        varied: its parameters that are such lists.

    Yields:
        A spec of each combination, and what of it varies; the spec itself if nothing does.

    >>> [str(one) for one, _ in combinations(parse_spec("knn(k=[5, 20], metric=cosine)"), ["k"])]
    ['knn(k=5, metric=cosine)', 'knn(k=20, metric=cosine)']
    """
    for values in itertools.product(*(spec.kwargs[key] for key in varied)):
        here = dict(zip(varied, values, strict=True))
        yield Spec(spec.name, tuple((key, here.get(key, old)) for key, old in spec.params)), here


def _parameters(text: str, inside: str) -> list[tuple[str, Any]]:
    try:
        call = ast.parse(f"f({inside})", mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):  # the last three: NUL, nesting
        raise _malformed(text) from None
    # A function that is no bare name means that the text closed our bracket and opened its own.
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
        raise _malformed(text)
    if any(k.arg is None for k in call.keywords):
        raise _malformed(text)
    return [(str(k.arg), _value(text, k.value)) for k in call.keywords]


def _value(text: str, node: ast.expr) -> Any:  # noqa: ANN401 - a literal is of any type
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call):
        return parse_spec(ast.unparse(node))
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(_value(text, item) for item in node.elts)
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        raise _malformed(text) from None
    if isinstance(value, (dict, set)):  # a spec is hashable
        raise _malformed(text)
    return value


def _literal(word: str) -> Any:  # noqa: ANN401 - a literal is of any type
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return word


def _text(value: Any) -> str:  # noqa: ANN401 - a literal is of any type
    if isinstance(value, Spec):
        return str(value) if value.params else f"{value.name}()"
    if isinstance(value, str) and _is_word(value):
        return value
    if isinstance(value, tuple):
        return "[" + ", ".join(_text(item) for item in value) + "]"
    return repr(value)


def _is_word(text: str) -> bool:
    """True if the text may stand without quotes; Python would read other identifiers anew."""
    return text.isascii() and text.isidentifier() and not iskeyword(text)


def _malformed(text: str) -> SpecError:
    return SpecError(f"cannot read {text!r}; write a name, or name(key=value, …) as in knn(k=20)")

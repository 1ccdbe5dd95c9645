"""No result hangs on an order that nobody promises: of equal values, of sets, of files.

`numpy.argsort` and the partitions leave equal values as the processor likes; polars sorts, groups
and joins as its threads like; sets go by their hashes and folders by the disk. Each such call in
the package is a stable one, or says there, or on the line before, why its ties cannot reach a
result: ``# ties: …``.

Not looked for, as their order is promised: `sorted`, `list.sort` and `np.lexsort` are stable;
`np.unique`, `np.argmax`, `np.argmin`, `max` and `min` take the first of equals; `np.sort` tells no
value from its equal.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import routereval

pytestmark = pytest.mark.once

SRC = Path(routereval.__file__).parent
SAYS_WHY = "# ties: "
PARTITIONS = {"argpartition", "topk", "top_k", "bottom_k", "arg_sort", "sort_by"}
FOLDERS = {"iterdir", "glob", "rglob", "listdir", "scandir"}
SETS = {"set", "frozenset"}
IN_ANY_ORDER = {"sorted", "set", "frozenset", "any", "all", "len", "min", "max", "sum"}
READERS = {"list", "tuple", "iter", "enumerate", "zip", "map", "fromkeys", "join", "array", "chain"}


def name_of(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == name), None)


def is_value(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value == value


def of_module(call: ast.Call, *modules: str) -> bool:
    return isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) in modules


class Order(ast.NodeVisitor):
    """The lines of a module whose order is not promised, each with what it calls."""

    def __init__(self) -> None:
        self.found: list[tuple[ast.AST, str]] = []
        self.parents: list[ast.AST] = []
        self.sets: list[set[str]] = [set()]

    def visit(self, node: ast.AST) -> None:
        self.parents.append(node)
        super().visit(node)
        self.parents.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        known = {
            a.arg for a in (*node.args.args, *node.args.kwonlyargs) if is_set_type(a.annotation)
        }
        self.sets.append(known)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Assign) and self.is_set(inner.value):
                known |= {t.id for t in inner.targets if isinstance(t, ast.Name)}
            elif isinstance(inner, ast.AnnAssign) and is_set_type(inner.annotation):
                known |= {inner.target.id} if isinstance(inner.target, ast.Name) else set()
        self.generic_visit(node)
        self.sets.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment] # noqa: N815

    def visit_Call(self, node: ast.Call) -> None:
        name, method = name_of(node), isinstance(node.func, ast.Attribute)
        if not self.promised(node, name, method):
            self.found.append((node, name))
        read = name in READERS and any(self.is_set(arg) for arg in node.args)
        if read and not self.in_any_order(self.parents[-2]):
            self.found.append((node, f"{name} of a set"))
        if name == "pop" and method and not node.args and self.is_set(node.func.value):  # type: ignore[attr-defined]
            self.found.append((node, "pop of a set"))
        self.generic_visit(node)

    def promised(self, node: ast.Call, name: str, method: bool) -> bool:
        """Whether the call's own order is one that is promised."""
        if name in PARTITIONS:
            return False
        if not method and name != "argsort":
            return True
        numpys = of_module(node, "np")
        kept = keyword(node, "maintain_order") is not None
        rules = {
            "argsort": is_value(keyword(node, "kind"), "stable"),
            "partition": not numpys,  # text has one, too
            "sort": numpys or kept or not (node.args or keyword(node, "by")),
            "unique": numpys or kept or self.is_sorted() or self.in_any_order(self.parents[-2]),
            "group_by": kept,
            "join": kept or not (keyword(node, "on") or keyword(node, "how")),
        }
        if name in FOLDERS:
            return self.in_any_order(self.read_by())
        return rules.get(name, True)

    def read_by(self) -> ast.AST:
        """What goes through what this call gives, of a comprehension that which takes it."""
        through = (ast.comprehension, ast.GeneratorExp, ast.IfExp)
        return next(node for node in self.parents[-2::-1] if not isinstance(node, through))

    def is_sorted(self) -> bool:
        """Whether the values that this call gives are sorted at once."""
        above = self.parents[-2]
        return isinstance(above, ast.Attribute) and above.attr == "sort"

    def in_any_order(self, parent: ast.AST) -> bool:
        """Whether what is made of it is the same in any order."""
        if isinstance(parent, ast.Call):
            return name_of(parent) in IN_ANY_ORDER
        return isinstance(parent, (ast.SetComp, ast.Compare))

    def visit_For(self, node: ast.For) -> None:
        if self.is_set(node.iter):
            self.found.append((node.iter, "for over a set"))
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        whole = self.parents[-2]
        above = self.parents[-3]
        free = isinstance(whole, ast.SetComp) or self.in_any_order(above)
        if self.is_set(node.iter) and not free:
            self.found.append((node.iter, "comprehension over a set"))
        self.generic_visit(node)

    def is_set(self, node: ast.AST) -> bool:
        if isinstance(node, (ast.Set, ast.SetComp)):
            return True
        if isinstance(node, ast.Call):
            return name_of(node) in SETS | {"intersection", "union", "difference"}
        if isinstance(node, ast.BinOp) and isinstance(
            node.op, (ast.Sub, ast.BitAnd, ast.BitOr, ast.BitXor)
        ):
            return any(self.is_set(side) or is_keys(side) for side in (node.left, node.right))
        return isinstance(node, ast.Name) and any(node.id in known for known in self.sets)


def is_keys(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and name_of(node) == "keys"


def is_set_type(node: ast.expr | None) -> bool:
    return node is not None and ast.unparse(node).split("[")[0] in {"set", "frozenset", "Set"}


def not_promised(text: str) -> Iterator[tuple[int, str]]:
    """Line and name of each call whose order is not promised, and that does not say why."""
    lines, order = text.splitlines(), Order()
    order.visit(ast.parse(text))
    for node, name in order.found:
        first, last = node.lineno, node.end_lineno  # type: ignore[attr-defined]
        if not any(SAYS_WHY in line for line in lines[max(first - 2, 0) : last]):
            yield first, name


@pytest.mark.slow
def test_no_result_hangs_on_an_order_that_nobody_promises() -> None:
    found = [
        f"{file.relative_to(SRC)}:{line} {name}"
        for file in sorted(SRC.rglob("*.py"))
        for line, name in not_promised(file.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "order = np.argsort(means)",
        "order = means.argsort(axis=1)",
        "order = np.argsort(means, kind='quicksort')",
        "best = np.argpartition(far, 3)[:3]",
        "best = np.partition(far, 3, axis=1)",
        "best = torch.topk(scores, 3)",
        "table = table.sort('mean')",
        "table = table.sort(by='mean', descending=True)",
        "names = table['model'].unique().to_list()",
        "means = table.group_by('model').agg(pl.mean('score'))",
        "both = one.join(other, on='model')",
        "files = [file for file in path.glob('*.json')]",
        "for name in {'a', 'b'}: pass",
        "for name in one.keys() & other.keys(): pass",
        "names = [name for name in set(models)]",
        "names = list(set(models))",
        "def f(names: set[str]) -> str: return ', '.join(names)",
        "def f(models):\n    left = set(models)\n    return [name for name in left]",
    ],
)
def test_what_is_not_promised_is_found_unless_it_says_why(line: str) -> None:
    assert len(list(not_promised(line))) == 1
    assert not list(not_promised(f"{line}  # ties: there are none"))


@pytest.mark.parametrize(
    "line",
    [
        "order = np.argsort(means, kind='stable')",
        "names = sorted(set(models))",
        "names.sort(key=len)",
        "values = np.sort(values)",
        "head, _, tail = text.partition(':')",
        "table = table.sort('mean', maintain_order=True)",
        "values = series.unique().sort()",
        "number = len(series.unique())",
        "text = ', '.join(names)",
        "files = sorted(path.glob('*.json'))",
        "some = any(name in known for name in set(models))",
    ],
)
def test_what_is_promised_is_let_through(line: str) -> None:
    assert not list(not_promised(line))

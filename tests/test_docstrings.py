"""What is public says what a caller must know: what it is, the shapes of tensors, and the errors it raises."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "overpaint"
# Docstrings of commands are help texts, whose errors are lines for people.
APART = ("cli",)
MODULES = [path for path in sorted(ROOT.rglob("*.py")) if path.relative_to(ROOT).parts[0] not in APART]
TENSOR = re.compile(r"\bTensor\b")
NAMED = re.compile(r"(?:[mM]apping|dict)\[str, (?:torch\.)?Tensor\]")
"""Tensors by name are whole states: they have the shapes of what they are states of."""
SHAPE = re.compile(r"\((?:[\w.*+/' -]+, ?)+(?:[\w.*+/' -]+)?\)|\b(?:scalar|shape)")
SEE = re.compile(r"[Ss]ee `|\bas `")
FAILS = re.compile(r"\b[Rr]aises?\b|\b[Rr]efuses?\b")
PASSED_ON = ("NotImplementedError", "StopIteration", "SystemExit")


@dataclass(frozen=True)
class Public:
    """A public function or method: where, its node, its own docstring, and those of its class and module with it."""

    where: str
    node: ast.FunctionDef
    own: str
    near: str


def exported(tree: ast.Module) -> set[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "__all__" for to in node.targets):
            return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return set()


def public(path: Path) -> Iterator[Public]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names, place = exported(tree), str(path.relative_to(ROOT))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in names:
            own = ast.get_docstring(node) or ""
            yield Public(f"{place}: {node.name}", node, own, f"{own}\n{ast.get_docstring(tree)}")
        if isinstance(node, ast.ClassDef) and node.name in names:
            for one in node.body:
                if isinstance(one, ast.FunctionDef) and (one.name == "__init__" or not one.name.startswith("_")):
                    own, of_class = ast.get_docstring(one) or "", ast.get_docstring(node) or ""
                    yield Public(f"{place}: {node.name}.{one.name}", one, own, "\n".join((own, of_class)))


def takes_or_gives_a_tensor(node: ast.FunctionDef) -> bool:
    arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    said = [ast.unparse(part) for part in (*(one.annotation for one in arguments), node.returns) if part is not None]
    return any(TENSOR.search(NAMED.sub("", text)) for text in said)


def raised(node: ast.FunctionDef) -> set[str]:
    """Names of the errors that a function's own lines raise."""
    found, todo = set(), list(node.body)
    while todo:
        one: ast.AST = todo.pop()
        if isinstance(one, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(one, ast.Raise) and one.exc is not None:
            error = one.exc.func if isinstance(one.exc, ast.Call) else one.exc
            found.add(ast.unparse(error).split(".")[-1])
        todo.extend(ast.iter_child_nodes(one))  # type: ignore[arg-type]
    return {name for name in found if name.endswith("Error")} - set(PASSED_ON)


@pytest.fixture(scope="module")
def everything() -> list[Public]:
    found = [one for path in MODULES for one in public(path)]
    assert len(found) > 500
    return found


def test_all_that_is_public_says_what_it_is(everything: list[Public]) -> None:
    assert [one.where for one in everything if not one.own and one.node.name != "__init__"] == []


def test_tensors_have_a_shape(everything: list[Public]) -> None:
    asked = [one for one in everything if one.node.name != "__init__" and takes_or_gives_a_tensor(one.node)]
    assert len(asked) > 100
    assert [one.where for one in asked if not SHAPE.search(one.near) and not SEE.search(one.own)] == []


def test_errors_are_announced(everything: list[Public]) -> None:
    asked = [(one, raised(one.node)) for one in everything]
    silent = [
        f"{one.where} raises {', '.join(sorted(errors))}"
        for one, errors in asked
        if errors
        and not any(name in one.near for name in errors)
        and not FAILS.search(one.near)
        and not SEE.search(one.own)
    ]
    assert silent == []

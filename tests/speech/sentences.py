"""Every sentence that the source can say, read from the source itself."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

SOURCE = Path(__file__).parents[2] / "omni_bulk"


@cache
def modules() -> list[tuple[Path, ast.Module]]:
    """Every module of the package, parsed."""
    return [(path, ast.parse(path.read_text("utf-8"))) for path in sorted(SOURCE.rglob("*.py"))]


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    """The calls of a function that is called by its plain name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


@cache
def templates() -> frozenset[str]:
    """The templates of `said`, and both forms of what is `counted`."""
    found: set[str] = set()
    for path, tree in modules():
        for call in calls(tree, "said"):
            assert isinstance(call.args[0], ast.Constant), (
                f"{path}:{call.lineno}: `said` takes its template as it stands"
            )
            found.add(str(call.args[0].value))
        for call in calls(tree, "counted"):
            words = [str(one.value) for one in call.args[1:] if isinstance(one, ast.Constant)]
            if words:
                found |= {f"{{number:,}} {words[0]}", f"{{number:,}} {words[1] if words[1:] else words[0] + 's'}"}
    return frozenset(found)


def fields(template: str) -> set[str]:
    """The names in the braces of a template."""
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def is_said(template: str) -> bool:
    """Whether there is a word in it, outside of the fields: else it is the same in every language."""
    return any(char.isalpha() for literal, *_ in Formatter().parse(template) for char in literal or "")

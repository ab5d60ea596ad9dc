"""Every sentence that the source can say, read from the source itself."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

SOURCE = Path(__file__).parents[2] / "omni_bulk"


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path, ast.parse(path.read_text("utf-8"))


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def templates() -> set[str]:
    """The templates of `said`, and both forms of what is `counted`."""
    found = set()
    for path, tree in modules():
        for call in calls(tree, "said"):
            assert isinstance(call.args[0], ast.Constant), f"{path}:{call.lineno}: `said` takes its template as it stands"
            found.add(str(call.args[0].value))
        for call in calls(tree, "counted"):
            words = [str(one.value) for one in call.args[1:] if isinstance(one, ast.Constant)]
            if words:
                found |= {f"{{number:,}} {words[0]}", f"{{number:,}} {words[1] if words[1:] else words[0] + 's'}"}
    return found


def fields(template: str) -> set[str]:
    """The names in the braces of a template."""
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def is_said(template: str) -> bool:
    """Whether there is a word in it, outside of the fields: else it is the same in every language."""
    return any(char.isalpha() for literal, *_ in Formatter().parse(template) for char in literal or "")

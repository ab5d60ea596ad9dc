"""The documentation as tests read it: fenced blocks with the comment above them, tables, links, headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.conftest import REPOSITORY

READMES = ("README.md", "README.ko.md")
PAGES = (*READMES, "ARCHITECTURE.md", "CHANGELOG.md", "samples/README.md")

_FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `mark` is the comment on the line above it: how it is run, or why it is not."""

    page: str
    line: int
    language: str
    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def exit_code(self) -> int:
        return int(self.mark.removeprefix("exit: ")) if self.mark.startswith("exit: ") else 0


@cache
def read(page: str) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


def blocks(page: str, *languages: str) -> list[Block]:
    text = read(page)
    found = [
        Block(page, text.count("\n", 0, match.start("text")), match["language"], match["mark"] or "", match["text"])
        for match in _FENCE.finditer(text)
    ]
    return [block for block in found if not languages or block.language in languages]


def prose(page: str) -> str:
    """The page without its blocks."""
    return _FENCE.sub("", read(page))


def tables(page: str) -> Iterator[list[list[str]]]:
    """Each table as rows of cells, the header first, without the ruler."""
    rows: list[list[str]] = []
    for line in [*prose(page).splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
        elif rows:
            yield [rows[0], *rows[2:]]
            rows = []


def table(page: str, of: str) -> list[list[str]]:
    """The rows, without the header, of the one table that has a row beginning with `of`."""
    (found,) = [rows for rows in tables(page) if any(row[0].strip().startswith(of) for row in rows)]
    return found[1:]


def codes(cell: str) -> list[str]:
    """What stands in backticks."""
    return _CODE.findall(cell)


def links(page: str) -> list[str]:
    return _LINK.findall(prose(page))


def anchors(page: str) -> set[str]:
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

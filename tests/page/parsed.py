"""HTML as a reader sees it: elements, attributes and text, strictly nested."""

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

ENDLESS = {"meta"}


@dataclass
class Parsed(HTMLParser):
    """What a page holds. `problems` are elements that do not nest."""

    tags: Counter[str] = field(default_factory=Counter)
    attributes: list[tuple[str, str, str | None]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in ENDLESS:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.problems.append(f"<!--{data}")

    def handle_pi(self, data: str) -> None:
        self.problems.append(f"<?{data}")

    @property
    def text(self) -> str:
        return "".join(self.texts)


def parse(html: str) -> Parsed:
    """Parses a whole document or a piece of one; everything must be closed."""
    parsed = Parsed()
    parsed.feed(html)
    parsed.close()
    parsed.problems += parsed._open
    return parsed

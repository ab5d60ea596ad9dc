"""What every section of a page is written with: its language, its zone, and its tables. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from typing import Final

from omni_bulk.captions import end_name, lasting, moment, say, whole
from omni_bulk.charts import Part, bar
from omni_bulk.cost import plain
from omni_bulk.figures import End, Figures
from omni_bulk.markup import Html, joined, tag
from omni_bulk.words import Language, clause

SHOWN: Final = 12
"""Countries and codes that have a row of their own; the rest is one row."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a page is written: the language, the zone of its times with the name it has, ISO code → country name."""

    language: Language
    zone: tzinfo
    zone_name: str
    countries: Mapping[str, str]
    version: str


class Sheet:
    """The figures of one page, and how they are written."""

    def __init__(self, figures: Figures, setting: Setting) -> None:
        self.figures = figures
        self.language = setting.language
        self.setting = setting

    def say(self, caption: str, **values: object) -> str:
        return say(self.language, caption, **values)

    def moment(self, at: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
        return moment(at, self.setting.zone, form)

    def lasting(self, milliseconds: float) -> str:
        return lasting(milliseconds, self.language)

    def name(self, campaign: str) -> str:
        return campaign or self.say("single_sends")

    def country(self, code: str) -> Html:
        """The name of a country, with its code behind."""
        if not code:
            return tag("span", self.say("country_unknown"))
        name = self.setting.countries.get(code)
        return joined([name, tag("span", code, class_="code")], " ") if name else tag("bdi", code)

    def clause(self, reason: str) -> str:
        """A reason for people, with the slug by which it is found elsewhere."""
        said = clause(reason, "", self.language)
        return said if said == reason else f"{said} ({reason})"

    def section(self, name: str, *children: object) -> Html:
        """Under the heading that is the caption `name`."""
        return tag(
            "section", tag("h2", self.say(name), id=f"h-{name}"), *children, class_=f"s-{name}",
            aria_labelledby=f"h-{name}",
        )  # fmt: skip

    def table(
        self, name: str, heads: Sequence[str], rows: Sequence[Sequence[object]], total: Sequence[object] | None = None,
        *, words: int = 1,
    ) -> Html:  # fmt: skip
        """The first `words` columns are words, the others numbers. A head is a caption's name, an ``end:``, or after
        an ``=`` itself.
        """

        def row(cells: Sequence[object]) -> Html:
            first, *others = cells
            return tag(
                "tr", tag("th", first, scope="row"),
                *(tag("td", cell, class_=None if at < words else "n") for at, cell in enumerate(others, start=1)),
            )  # fmt: skip

        columns = [
            tag("th", self._head(head), scope="col", class_=None if at < words else "n")
            for at, head in enumerate(heads)
        ]
        table = tag(
            "table", tag("caption", self.say(name), class_="unseen"), tag("thead", tag("tr", *columns)),
            tag("tbody", *map(row, rows)), tag("tfoot", row(total)) if total is not None else None,
        )  # fmt: skip
        return self.scrolled(name, table)

    def _head(self, head: str) -> str:
        if head.startswith("="):
            return head[1:]
        if head.startswith("end:"):
            return end_name(End(head[4:]), self.language)
        return self.say(head) if head else ""

    def scrolled(self, name: str, table: Html) -> Html:
        """A table that is wider than a phone moves within its own frame; the keyboard reaches it there."""
        return tag(
            "div", table, class_="frame", role="region", tabindex=0, aria_label=self.say("skip", name=self.say(name))
        )

    @staticmethod
    def share_bar(number: int, most: int) -> Html:
        """A small bar for the cell of a table."""
        return tag("div", bar([Part("plain", number, whole(number))], most, whole(number)), class_="small")


def pairs(rows: Iterable[tuple[str, str]]) -> Html:
    """A list of names, each with its number."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", number)) for name, number in rows), class_="pairs")


def tick(number: float) -> str:
    """A number of an axis: round as they are, it needs no zeros behind its point."""
    return f"{number:,.4f}".rstrip("0").rstrip(".")


def percent(number: float) -> str:
    """Of a number out of 100, with at most one digit behind the point."""
    return f"{tick(round(number, 1))}%"


def clipped(text: str, most: int = 80) -> str:
    """A text of others is as long as they like."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def amount(cost: Decimal | None) -> str:
    """For people; a dash where nobody knows."""
    return "–" if cost is None else money_text(cost)


def money_text(cost: Decimal) -> str:
    """``1,234.5``, without a currency."""
    number, point, rest = plain(cost).partition(".")
    return f"{int(number):,}{point}{rest}"

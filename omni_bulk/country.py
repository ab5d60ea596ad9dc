"""What a country wants of a message: rules as values, and which of them a message breaks. Pure; `tables` reads them.

A rule knows where it stands and since when, because routes differ by contract and rules grow old: what an operator
reads in the plan has to be checked somewhere.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final, Literal

from omni_bulk.errors import SettingsError
from omni_bulk.sentences import said

Severity = Literal["block", "warn", "off"]
Purpose = Literal["marketing", "notice"]
Sender = Literal["name", "number"]

EVERYWHERE: Final = "*"
SIGNATURE: Final = "signature"
"""The rule that `--signature` satisfies."""
SIGNATURE_MAX: Final = 30  # characters between the brackets; it stands in every text, and a text has 70

_SIGNED: Final = re.compile(r"【[^【】\s][^【】]*】")
_LINK: Final = re.compile(
    r"(?:https?://|www\.)\S"  # what says that it is one
    # Or a host and a path, or a host of a common ending: bit.ly/x, example.com. A sentence without a blank ("a.in")
    # has neither.
    r"|(?<![\w@.])(?:[a-z0-9-]+\.)+(?:[a-z]{2,24}/\S|(?:com|net|org|info|biz|shop|app|co|io|me|kr|cn|jp|vn|th|ph|my)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one country (`EVERYWHERE` for all). It is broken by a message that meets all of its conditions.

    `name` is what ``--allow`` lifts. `say` and `say_ko` are clauses for people, what is wrong and what to do. `source`
    and `read_on` tell where it stands and when it was read there. `unless_begins` is met by a text that does not begin
    so, `when_from` by a from that is a name (has a letter) or a number, `when_link` by a text with a link,
    `when_parts_over` by one of more parts.
    """

    name: str
    country: str
    severity: Severity
    say: str
    say_ko: str
    source: str
    read_on: date
    purpose: Purpose | None = None
    unless_begins: re.Pattern[str] | None = None
    when_from: Sender | None = None
    when_link: bool = False
    when_parts_over: int | None = None

    def broken(self, text: str, from_: str, segments: int) -> bool:
        """Whether this message breaks it."""
        return not (
            (self.unless_begins is not None and self.unless_begins.match(text) is not None)
            or (self.when_from is not None and self.when_from != sender_of(from_))
            or (self.when_link and _LINK.search(text) is None)
            or (self.when_parts_over is not None and segments <= self.when_parts_over)
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules, by country. `named` are the names that ``--allow`` may lift."""

    rules: tuple[Rule, ...] = field(default=(), repr=False)

    @property
    def named(self) -> frozenset[str]:
        return frozenset(rule.name for rule in self.rules)

    def over(self, below: "Rules") -> "Rules":
        """These rules on top of others: one for the same country, name and purpose takes the other's place."""
        mine = {(rule.country, rule.name, rule.purpose) for rule in self.rules}
        kept = (rule for rule in below.rules if (rule.country, rule.name, rule.purpose) not in mine)
        return Rules((*kept, *self.rules))

    def of(self, country: str, purpose: Purpose | None, allowed: frozenset[str]) -> tuple[Rule, ...]:
        """The rules that hold for a message, those that block first. A country's own go before those for all.

        Rules for a purpose hold only when it was said: nobody is warned of what may not concern the campaign.
        """
        own = {rule.name for rule in self.rules if rule.country == country}
        holding = (
            rule
            for rule in self.rules
            if (rule.country == country or (rule.country == EVERYWHERE and rule.name not in own))
            and rule.severity != "off"
            and rule.purpose in (None, purpose)
            and not {rule.name, f"{country}.{rule.name}"} & allowed
        )
        return tuple(sorted(holding, key=lambda rule: rule.severity != "block"))

    def wants_signature(self, country: str) -> bool:
        """Whether a text to this country begins with a signature."""
        return any(
            rule.name == SIGNATURE and rule.severity != "off" and rule.country in (country, EVERYWHERE)
            for rule in self.rules
        )


NO_RULES: Final = Rules()


def allowed_names(allowed: Iterable[str], rules: Rules, others: Iterable[str] = ()) -> Iterator[str]:
    """What is wrong with ``--allow``: names that nothing has, a sentence each. `others` are warnings that are no rules."""
    known = rules.named | frozenset(others)
    for name in sorted(allowed):
        country, dot, rule = name.rpartition(".")
        if rule not in known or (dot and not re.fullmatch("[A-Z]{2}", country)):
            shown = "".join(char if char.isprintable() else " " for char in name[:40])
            yield said(
                "--allow names no rule {shown!r}: there are {known}, alone or as CN.signature.",
                shown=shown,
                known=", ".join(sorted(known)),
            )


def signature_of(raw: str) -> str:
    """The signature as it stands in a text: in brackets 【】, which are put around it if it has none.

    :raises SettingsError: if it is empty, too long, or has brackets or line breaks inside.
    """
    name = raw.strip()
    signed = name if name.startswith("【") or name.endswith("】") else f"【{name}】"
    if _SIGNED.fullmatch(signed) is None or not signed.isprintable() or len(signed) > SIGNATURE_MAX + 2:
        raise SettingsError(
            said(
                "--signature is the registered name, such as 【INFO中国】 or INFO中国: one line, 1 to {most} characters.",
                most=SIGNATURE_MAX,
            )
        )
    return signed


def signed(text: str, signature: str) -> str:
    """The text with the signature in front; as it is, but for white space in front, if it begins with one already."""
    bare = text.lstrip()
    return bare if _SIGNED.match(bare) else signature + text


@lru_cache(maxsize=1024)
def sender_of(from_: str) -> Sender:
    """What a `from` is to a network: a name if it has a letter, else a number."""
    return "name" if any(map(str.isalpha, from_)) else "number"

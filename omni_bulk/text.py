"""What a phone gets: the template with its fields filled in, and how many billed segments that is.

Counting follows 3GPP TS 23.038: a text whose characters all stand in the GSM 7-bit default alphabet or its extension
table is sent as GSM-7, any other as UCS-2. One part holds 140 octets, that is 160 septets or 70 UTF-16 units; a longer
text pays 6 octets a part for its header and holds 153 or 67 (3GPP TS 23.040 §9.2.3.24.1). An extension character is an
escape and a character, two septets, and is never split; nor is a surrogate pair.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from omni_bulk.errors import SettingsError
from omni_bulk.model import Encoding
from omni_bulk.sentences import said

MAX_PARTS: Final = 5
"""Parts the API takes for one international message (vendor's guide, "International SMS")."""
TEXT_MAX: Final = 2000
"""Characters the API takes in `text` (vendor's guide, `POST /v1/send/international`)."""

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = "\f^{}\\[~]|€"
_IS_BASIC: Final = frozenset(_BASIC).issuperset  # in C over the whole text: 1 µs for 100 characters
_GSM: Final = frozenset(_BASIC + _EXTENDED)
_IS_GSM: Final = _GSM.issuperset
_TWO_SEPTETS: Final = re.compile("[" + re.escape(_EXTENDED) + "]")
_TWO_UNITS: Final = re.compile("[\U00010000-\U0010ffff]")


class Segmentation(NamedTuple):
    """`units` are septets (GSM-7) or UTF-16 units (UCS-2) of the whole text; `segments` the billed parts, at least 1."""

    encoding: Encoding
    units: int
    segments: int


def segment(text: str) -> Segmentation:
    """Count `text` as 3GPP TS 23.038 does. Total: any string has an answer; an empty one costs a part as well."""
    if _IS_BASIC(text):
        units = len(text)
        return Segmentation("GSM-7", units, 1 if units <= 160 else -(-units // 153))
    encoding, wide, single, room = _measure(text)
    units = len(text) + len(wide.findall(text))
    if units <= single:
        return Segmentation(encoding, units, 1)
    if units == len(text):
        return Segmentation(encoding, units, -(-units // room))
    return Segmentation(encoding, units, sum(1 for _ in _cuts(text, wide, room)))


def parts(text: str) -> list[str]:
    """The text as its parts, in order; joined they are the text again. ``len(parts(t)) == segment(t).segments``."""
    _, wide, single, room = _measure(text)
    if len(text) + len(wide.findall(text)) <= single:
        return [text]
    ends = list(_cuts(text, wide, room))
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@dataclass(frozen=True, slots=True)
class Replacements:
    """What GSM-7 has to say for characters that it lacks.

    `by_character` is the table. A letter with marks that is not in it is replaced by its parts, if all of them are in
    GSM-7 or in the table: so ``ế`` is ``e`` where the table drops accents, and a Cyrillic or Hangul letter is nothing.

    :raises ValueError: for a character that GSM-7 has, or a replacement that it has not.
    """

    by_character: Mapping[str, str] = field(repr=False)
    _puts: dict[str, str | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for char, put in self.by_character.items():
            if len(char) != 1 or _IS_GSM(char) or not _IS_GSM(put):
                raise ValueError(f"U+{ord(char[0]):04X} cannot be replaced so")
        object.__setattr__(self, "_puts", dict(self.by_character))

    def put(self, char: str) -> str | None:
        """What stands in for a character that GSM-7 lacks, None if nothing does."""
        if char not in self._puts:
            apart = unicodedata.normalize("NFD", char)
            known = apart != char and all(_IS_GSM(part) or part in self.by_character for part in apart)
            self._puts[char] = "".join(self.by_character.get(part, part) for part in apart) if known else None
        return self._puts[char]

    def incurable(self, text: str) -> frozenset[str]:
        """The characters that force UCS-2 whatever is replaced."""
        return frozenset(char for char in _strange(text) if self.put(char) is None)

    def plain(self, text: str) -> tuple[str, frozenset[str]] | None:
        """The text in GSM-7, and the characters that gave way; None if it is in GSM-7 or cannot be.

        It is the whole text or nothing: with one letter left that GSM-7 lacks it is UCS-2 all the same, and would have
        lost its quotation marks for nothing.
        """
        strange = _strange(text)
        if not strange or any(self.put(char) is None for char in strange):
            return None
        composed = unicodedata.normalize("NFC", text)  # GSM-7 has é, but no accent on its own
        return composed.translate({ord(char): self.put(char) or "" for char in _strange(composed)}), strange


def _strange(text: str) -> frozenset[str]:
    return frozenset(text) - _GSM


def _measure(text: str) -> tuple[Encoding, re.Pattern[str], int, int]:
    """The encoding, the characters that cost two units in it, and the room in a lone part and in one of several."""
    return ("GSM-7", _TWO_SEPTETS, 160, 153) if _IS_GSM(text) else ("UCS-2", _TWO_UNITS, 70, 67)


def _cuts(text: str, wide: re.Pattern[str], room: int) -> Iterator[int]:
    """Where each part ends. Only the characters that cost two units are looked at: the rest is arithmetic."""
    end = room
    for match in wide.finditer(text):
        place = match.start()
        while place >= end:
            yield end
            end += room
        end -= 1
        if place == end:  # one unit was left, and it needs two: it opens the next part
            yield place
            end += room - 1
    while end < len(text):
        yield end
        end += room
    yield len(text)


class TemplateError(SettingsError):
    """The template cannot be read. `position` is the character, counted from 1, at which reading stopped."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(said("At character {position} the template {message}.", position=position, message=message))
        self.position = position


@dataclass(frozen=True, slots=True)
class MissingField:
    """A recipient has nothing for the field `name`, and the template gives no fallback."""

    name: str


class _Slot(NamedTuple):
    name: str
    fallback: str | None
    after: str  # the literal text up to the next slot


_MARK: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Template:
    """Text with `{field}` and `{field|fallback}`; `{{` and `}}` are braces. Nothing else is expanded.

    A field name is letters (Hangul and other scripts too), digits and `_`. It finds the column of exactly that name,
    else one that differs only in case, space or punctuation: `{order_no}` finds ``Order No``. A fallback runs to the
    closing brace, may be empty, and holds no braces. `from_` is the originating number that goes with the text.

    :raises TemplateError: for a stray brace or a malformed field, with its position.
    """

    text: str = field(repr=False)
    from_: str | None = field(default=None, repr=False)
    braces: bool = field(init=False, repr=False, compare=False)  # whether it has braces that are meant as such
    _before: str = field(init=False, repr=False, compare=False)
    _slots: tuple[_Slot, ...] = field(init=False, repr=False, compare=False)
    _headers: dict[str, str] = field(init=False, repr=False, compare=False)  # field name → the header it was found by

    def __post_init__(self) -> None:
        before, slots = _parse(self.text)
        object.__setattr__(self, "braces", "{" in before or any("{" in slot.after for slot in slots))
        object.__setattr__(self, "_before", before)
        object.__setattr__(self, "_slots", slots)
        object.__setattr__(self, "_headers", {})

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields the text needs, each once, in the order of their first use."""
        return tuple(dict.fromkeys(slot.name for slot in self._slots))

    @property
    def required(self) -> tuple[str, ...]:
        """Those of `fields` that stand somewhere without a fallback."""
        return tuple(dict.fromkeys(slot.name for slot in self._slots if slot.fallback is None))

    def render(self, fields: Mapping[str, str]) -> str | MissingField:
        """The text for one recipient, or the first field it lacks. Never raises; values are not expanded again."""
        out = [self._before]
        for name, fallback, after in self._slots:
            value = self._find(fields, name)
            if value is None or not value.strip():
                if fallback is None:
                    return MissingField(name)
                value = fallback
            out += value, after
        return "".join(out)

    def _find(self, fields: Mapping[str, str], name: str) -> str | None:
        value = fields.get(name)
        if value is None:
            value = fields.get(self._headers.get(name, name))
        if value is None:
            wanted = _key(name)
            for header in fields:
                if _key(header) == wanted:
                    self._headers[name] = header
                    value = fields[header]
                    break
        return None if value is None else str(value)


def _parse(text: str) -> tuple[str, tuple[_Slot, ...]]:
    literals = [""]
    names: list[tuple[str, str | None]] = []
    at = 0
    for match in _MARK.finditer(text):
        literals[-1] += text[at : match.start()]
        at = match.end()
        mark, inside = match[0], match[1]
        if mark in ("{{", "}}"):
            literals[-1] += mark[0]
        elif inside is None:
            what = (
                said("opens a field that is never closed: write {{ for a brace")
                if mark == "{"
                else said("has a stray }: write }} for a brace")
            )
            raise TemplateError(what, match.start() + 1)
        else:
            names.append(_named(inside, match.start() + 1))
            literals.append("")
    literals[-1] += text[at:]
    slots = (_Slot(name, fallback, after) for (name, fallback), after in zip(names, literals[1:], strict=True))
    return literals[0], tuple(slots)


def _named(inside: str, position: int) -> tuple[str, str | None]:
    name, bar, fallback = inside.partition("|")
    name = unicodedata.normalize("NFC", name)  # Hangul typed on a Mac may come apart into its letters
    if not name:
        raise TemplateError(said("has a field without a name: write {{ and }} for braces"), position)
    if not _key(name) or not all(char == "_" or _counts(char) for char in name):
        raise TemplateError(said("has a field whose name is not of letters, digits and _"), position)
    return name, fallback if bar else None


def _counts(char: str) -> bool:
    """Letters and digits, and the marks without which Thai or Hindi names would fall together."""
    return char.isalnum() or unicodedata.category(char).startswith("M")


@lru_cache(maxsize=1024)
def _key(name: str) -> str:
    """What is compared of a name. `records.key` says the same: siblings of one layer do not import each other."""
    return "".join(filter(_counts, unicodedata.normalize("NFKC", name).casefold()))

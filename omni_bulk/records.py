"""Which column is what, and a row made a `Recipient`.

Names are compared without case, space and punctuation, in English and Korean. Readers split a file into rows
(`source`); a mapping given by a caller is a row as well (`Shapes`).
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal, get_args

from omni_bulk.errors import InputError
from omni_bulk.model import Recipient
from omni_bulk.sentences import said

Role = Literal["to", "from", "text", "ref"]

# What shops and address books put in front of 휴대폰 and its like, the recipient of goods first.
_WHOSE: Final = ["수취인", "수령인", "받는분", "고객", "회원", "주문자", "구매자", "신청자", "담당자"]
_PHONES: Final = [
    "휴대폰번호",
    "휴대전화번호",
    "핸드폰번호",
    "휴대폰",
    "휴대전화",
    "핸드폰",
    "전화번호",
    "연락처",
    "연락처1",
    "전화",
]

# By falling certainty: where two columns could play a role, the one named earlier here does.
_ALIASES: Final[Mapping[Role, str]] = {
    "to": f"""to tonumber msisdn phonenumber phone phoneno mobilenumber mobile mobileno mobilephone mobilephonenumber
        cellphonenumber cellphone cellnumber cell handphone hp recipientnumber recipientphone recipientphonenumber
        receivernumber receiverphone destinationnumber destination telephonenumber telephone telno tel number
        contactnumber contactno recipient receiver contact
        수신번호 수신자번호 수신전화번호 수신자전화번호 수신인번호 받는번호 받는사람번호 받는사람전화번호 휴대폰번호 휴대전화번호 핸드폰번호
        휴대폰번호필수 휴대전화번호필수 핸드폰번호필수 휴대폰 휴대전화 핸드폰 휴대폰필수 휴대폰1 휴대전화1 이동전화번호 이동전화 모바일번호
        모바일 폰번호 국제전화번호 해외전화번호 전화번호 전화번호필수 전화번호1 전화 연락처 연락처필수 연락처1 연락번호 phone1 mobile1
        {" ".join(whose + phone for whose in _WHOSE for phone in _PHONES)} 수신자 수신인 받는사람 받는분""",
    "from": """from fromnumber originator originatingnumber senderid sendernumber sender callback callbacknumber
        발신번호 발신자번호 발신전화번호 회신번호 보내는번호 보내는사람번호 발신자""",
    "text": """text message messagetext messagebody smstext sms msg content contents body
        내용 메시지 메세지 메시지내용 메세지내용 문자내용 문자메시지 문자메세지 문자 본문 발송내용 전송내용""",
    "ref": """ref reference refkey refid refno referencekey referenceid referencenumber referenceno clientref messageref
        uniquekey 참조 참조키 참조번호 참조값 고유번호 고유키 고유값""",
}
ALIASES: Final[Mapping[Role, tuple[str, ...]]] = MappingProxyType({r: tuple(a.split()) for r, a in _ALIASES.items()})
"""For each role the names that are recognised, as `key` makes them, the surest first."""

Row = tuple[int, list[str], str | None]
"""A row of a table as a reader gives it: the line on which it begins (the header is 1), its cells, and its problem."""

FIELD_MAX: Final = 65_536
"""Characters of one cell. A longer one makes its row `field_too_long`."""

REF_MAX: Final = 190
"""Characters of a caller's ref. The API takes 200; a copy that an operator orders appends to it (`…~2`)."""

ROW_PROBLEMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bad_row": "its quotes are broken: a quoted cell never ends, or something follows its closing quote",
        "too_many_cells": "it has more cells than the header: is a cell with a comma in it unquoted?",
        "field_too_long": "one of its cells, or the row as a whole, is longer than any text can be",
        "nul_byte": "it holds a NUL character",
        "bad_json": "it is not a JSON object",
        "bad_value": "one of its values is not a string, a number, true, false or null",
        "bad_cell": "one of its cells shows an error such as #N/A, or has a formula whose result was not saved",
        "inexact_number": "one of its cells is a number of more digits than a spreadsheet keeps: format it as text",
        "invalid_ref": f"its ref is longer than {REF_MAX} characters, ends in ~ and digits, or holds control characters",
    }
)
"""What `Recipient.problem` may be, and a clause for people."""

_TO_KEPT: Final = 64  # of the number cell of a bad row: enough to tell rows apart, however broken
_MOVED: Final = frozenset({"too_many_cells", "bad_row"})  # what stands in the ref column there may be another's ref
_SHAPES_KEPT: Final = 256
_ROLES: Final[tuple[Role, ...]] = get_args(Role)
_RANKS: Final[Mapping[Role, Mapping[str, int]]] = {
    role: {alias: rank for rank, alias in enumerate(aliases)} for role, aliases in ALIASES.items()
}
_BAD_REF: Final = re.compile("~[0-9]+\\Z|[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@lru_cache(maxsize=1024)
def key(name: str) -> str:
    """What is compared of a column's name: letters and digits, full-width forms made plain, in lower case."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(char for char in plain if char.isalnum() or unicodedata.category(char).startswith("M"))


def usable_ref(ref: str) -> bool:
    """Whether a ref may go on the wire: 1 to `REF_MAX` characters, no control characters, not ending in `~digits`."""
    return 0 < len(ref) <= REF_MAX and _BAD_REF.search(ref) is None


def unfit(cells: Sequence[str], size: int) -> str | None:
    """What is wrong with cells of `size` characters together, as a key of `ROW_PROBLEMS`."""
    if size > FIELD_MAX and any(len(cell) > FIELD_MAX for cell in cells):
        return "field_too_long"
    return "nul_byte" if any("\0" in cell for cell in cells) else None


# Reasons that are about one cell → its role.
_CELL_OF: Final[Mapping[str, str]] = {
    "invalid_number": "to", "ambiguous_number": "to", "not_mobile": "to", "invalid_from": "from", "invalid_ref": "ref",
    "empty_text": "text", "bad_character": "text", "text_too_long": "text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a list. `names` is the header as written; the roles are positions in it, None if absent.

    `fields` gives the position of each template field: every named column, and what `--map` calls otherwise. `notes`
    are sentences for the plan, about choices a reader of it may want to overrule.
    """

    names: tuple[str, ...]
    to: int | None
    from_: int | None
    text: int | None
    ref: int | None
    fields: Mapping[str, int]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, header: Iterable[str], mapping: Mapping[str, str] | None = None, *, strict: bool = True) -> "Columns":
        """Recognise the columns of `header`. `mapping` is column → field: a role, or another name for a template.

        :raises InputError: if no column holds the number, two claim one role by the same name, or `mapping` does not
            fit. Not with `strict=False`, where what is missing is None and the first of two counts.
        """
        names = tuple(name.strip() for name in header)
        _check_targets(mapping or {})
        notes: list[str] = []
        mapped = _mapped(names, mapping or {}, notes, strict=strict)
        roles = {role: _place(role, names, mapped, notes, strict=strict) for role in _ROLES}
        if strict and roles["to"] is None:
            raise InputError(_no_number(names))
        fields: dict[str, int] = {}
        seen: set[str] = set()
        for place, name in enumerate(names):
            if not name:
                continue
            if key(name) in seen:
                notes.append(said("Two columns are called {name}: a template reads the first.", name=_shown(name)))
            seen.add(key(name))
            fields.setdefault(name, place)
        fields.update({name: place for place, name in mapped.items() if name not in _ROLES})
        return cls(names, roles["to"], roles["from"], roles["text"], roles["ref"], fields, tuple(notes))

    def column_of(self, reason: str) -> str | None:
        """The column in which the cell stands that is wrong for this reason, None where no single one is."""
        place = {"to": self.to, "from": self.from_, "text": self.text, "ref": self.ref}.get(_CELL_OF.get(reason, ""))
        return None if place is None else self.names[place]

    def lacks(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of `names` (`Template.fields`) that no column holds, by the comparison that templates make."""
        known = {key(name) for name in self.fields}
        return tuple(name for name in names if name not in self.fields and key(name) not in known)

    def recipient(self, cells: Sequence[str], row: int, problem: str | None = None) -> Recipient:
        """The row as a `Recipient`. Missing cells are empty; what cannot be used sets its `problem`."""
        width = len(self.names)
        if len(cells) < width:
            cells = [*cells, *[""] * (width - len(cells))]
        elif len(cells) > width and any(cell.strip() for cell in cells[width:]):
            problem = problem or "too_many_cells"
        to = "" if self.to is None else cells[self.to]
        ref = None if self.ref is None else cells[self.ref].strip() or None
        if ref is not None and not usable_ref(ref):
            ref, problem = None, problem or "invalid_ref"
        if problem is not None:
            return Recipient(to[:_TO_KEPT], row, None if problem in _MOVED else ref, problem=problem)
        text = None if self.text is None or not cells[self.text].strip() else cells[self.text]
        from_ = None if self.from_ is None else cells[self.from_].strip() or None
        return Recipient(to, row, ref, text, from_, {name: cells[place] for name, place in self.fields.items()})


@dataclass(slots=True)
class Shapes:
    """Makes recipients of mappings, each of which brings its own names: JSON objects, or a library caller's dicts.

    `mapping` is as for `Columns.of`; :raises InputError: if it gives two columns one field. The columns of the last few
    hundred sets of names are kept.
    """

    mapping: Mapping[str, str] | None = None
    _known: dict[tuple[str, ...], Columns] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        _check_targets(self.mapping or {})

    def columns(self, names: tuple[str, ...]) -> Columns:
        """The columns that `names` make. Never raises: a name that is missing is for the row to answer for."""
        columns = self._known.get(names)
        if columns is None:
            if len(self._known) >= _SHAPES_KEPT:
                self._known.clear()
            columns = self._known[names] = Columns.of(names, self.mapping, strict=False)
        return columns

    def recipient(self, row: Mapping[str, object], number: int = 0, problem: str | None = None) -> Recipient:
        """One mapping as the recipient of row `number`. Numbers and truth values read as JSON writes them, None is empty."""
        cells = [cell_of(value) for value in row.values()]
        if None in cells:
            problem = problem or "bad_value"
        return self.columns(tuple(row)).recipient([cell or "" for cell in cells], number, problem)


class Cells:
    """The cells of one row, fed line by line: RFC 4180, strictly, for a row with quotes in it."""

    def __init__(self, delimiter: str) -> None:
        self.cells: list[str] = []
        self._delimiter = delimiter
        self._quoted: list[str] | None = None  # what is read so far of a quoted cell that has not ended

    def feed(self, line: str) -> Literal["whole", "open", "broken"]:
        """Whether the row is whole after this line, goes on in the next, or breaks the rules of quoting."""
        at = 0
        while True:
            if self._quoted is not None:
                end = line.find('"', at)
                while end >= 0 and line.startswith('""', end):
                    end = line.find('"', end + 2)
                if end < 0:
                    self._quoted.append(line[at:])
                    return "open"
                self._quoted.append(line[at:end])
                self.cells.append("".join(self._quoted).replace('""', '"'))
                self._quoted = None
                at = end + 1
                if not line[at:].rstrip("\r\n"):
                    return "whole"
                if line[at] != self._delimiter:
                    return "broken"
                at += 1
            if line.startswith('"', at):
                self._quoted = []
                at += 1
                continue
            end = line.find(self._delimiter, at)
            if end < 0:
                self.cells.append(line[at:].rstrip("\r\n"))
                return "whole"
            self.cells.append(line[at:end])
            at = end + 1


def cell_of(value: object) -> str | None:
    """The value as a cell would hold it; None for what no cell can hold."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else None


def _check_targets(mapping: Mapping[str, str]) -> None:
    targets = [target.strip() for target in mapping.values()]
    if not all(targets) or len(set(targets)) < len(targets):
        raise InputError(
            said("--map COLUMN=FIELD needs a field each time, and a different one: to, from, text, ref or a name.")
        )


def _mapped(names: tuple[str, ...], mapping: Mapping[str, str], notes: list[str], *, strict: bool) -> dict[int, str]:
    """`--map` by position."""
    mapped: dict[int, str] = {}
    for column, target in mapping.items():
        places = [place for place, name in enumerate(names) if name == column]
        places = places or [place for place, name in enumerate(names) if key(name) == key(column)]
        if not places:
            lacking = said(
                "--map names a column {column} that the list does not have: {names}.",
                column=_shown(column),
                names=listed(names),
            )
            if strict:
                raise InputError(lacking)
            notes.append(lacking)
            continue
        if strict and len(places) > 1:
            raise InputError(
                said("--map names {column}, and two columns are called so: rename one of them.", column=_shown(column))
            )
        mapped[places[0]] = target.strip()
    return mapped


def _place(
    role: Role, names: tuple[str, ...], mapped: Mapping[int, str], notes: list[str], *, strict: bool
) -> int | None:
    """Where the column of `role` is: as mapped, else by the surest alias among the columns that are not mapped."""
    for place, target in mapped.items():
        if target == role:
            return place
    ranks = _RANKS[role]
    found = sorted((ranks[key(name)], p) for p, name in enumerate(names) if p not in mapped and key(name) in ranks)
    if not found:
        return None
    (rank, place), others = found[0], found[1:]
    if strict and others and others[0][0] == rank:
        raise InputError(
            said(
                "Two columns are called {names}: rename one of them, or say --map COLUMN=FIELD.",
                names=_shown(names[place]),
            )
        )
    if others:
        also = listed(names[p] for _, p in others)
        notes.append(
            said(
                "{role!r} is read from {column}, not from {also}: --map COLUMN={role} changes that.",
                role=role,
                column=_shown(names[place]),
                also=also,
            )
        )
    return place


def _no_number(names: tuple[str, ...]) -> str:
    if any(sum(map(str.isdigit, name)) >= 5 for name in names):
        return said("The first line is not a header but looks like a row: put one above it, such as to,name.")
    return said(
        "No column is known to hold the number among {names}: call it to, phone or 수신번호, or say --map COLUMN=to.",
        names=listed(filter(None, names)),
    )


def _shown(name: str) -> str:
    """A column's name in a sentence: quoted, shortened, in one line."""
    line = " ".join(name.split())
    return f'"{line if len(line) <= 40 else line[:39] + "…"}"'


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: the first dozen of them."""
    shown = [_shown(name) for name in names]
    first = ", ".join(shown[:12])
    return said("{first} and {more} more", first=first, more=len(shown) - 12) if len(shown) > 12 else first

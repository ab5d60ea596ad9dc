"""Numbers: from any usual writing to E.164, without guessing.

A number is read as international when it says so (`+` or `00`), as national when a region is given and it starts with
a zero, which no country code does. Anything else has two readings, and a wrong one is somebody else's phone: a Chinese
mobile of eleven digits is a valid US number half the time. What a writing does not settle, a flag has to.

Validity is libphonenumber's (`phonenumbers`), and so are the countries.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Final, Literal, NamedTuple

import phonenumbers as lib

Numbers = Literal["international", "national"]
Line = Literal["mobile", "fixed_line", "premium_rate", "other_line"]

VERSION: Final[str] = lib.__version__
"""Of libphonenumber's metadata: another one may judge the same number differently."""
REGIONS: Final[frozenset[str]] = frozenset(lib.SUPPORTED_REGIONS)
"""ISO 3166 codes that have a numbering plan: what `--region` and `--countries` may name."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A valid number: E.164 with the plus, the ISO 3166 code of its country, and what kind of line it is.

    `line` is "mobile" also where the numbering plan does not tell mobiles from landlines (US, CA and others);
    "other_line" is freephone, shared cost, VoIP, personal numbers, pagers and voice mail.
    """

    e164: str = field(repr=False)
    country: str
    line: Line = field(default="mobile", compare=False)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a number or a `from` cannot be used: a slug, and a clause for people that holds no digit of it."""

    reason: Literal["invalid_number", "ambiguous_number", "invalid_from"]
    detail: str


def _invalid(detail: str) -> Trouble:
    return Trouble("invalid_number", detail)


def _ambiguous(detail: str) -> Trouble:
    return Trouble("ambiguous_number", detail)


_EMPTY: Final = _invalid("the number is empty")
_POWER: Final = _invalid("a spreadsheet made it a power of ten: format the column as text and export again")
_STRANGE: Final = _invalid("it holds something other than digits and the usual punctuation")
_LENGTH: Final = _invalid("it has too few or too many digits for a number")
_NOT_VALID: Final = _invalid("no country has such a number")
_NOWHERE: Final = _invalid("it belongs to no country (satellite, freephone or shared), so no SMS reaches it")
_NOT_IN_REGION: Final = _invalid("the country of --region has no such number")
_EITHER_ZERO: Final = _ambiguous("it is valid both with and without the (0): write it without parentheses")
_NEEDS_REGION: Final = _ambiguous("it is written in national form: --region CC says of which country")
_NEEDS_BOTH: Final = _ambiguous("digits alone: --numbers national with --region CC says that they are national")
_EITHER: Final = _ambiguous("digits alone: --numbers international or --numbers national says what they are")
_NEEDS_INTERNATIONAL: Final = _ambiguous("digits alone: --numbers international says that the country code comes first")
_NEEDS_NATIONAL: Final = _ambiguous("digits alone: --numbers national says that they are of --region")

_PLAIN: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_CODES: Final = {str(code): regions for code, regions in lib.COUNTRY_CODE_TO_REGION_CODE.items()}
_FORMULA: Final = re.compile(r'="(.*)"', re.DOTALL)  # how some exports keep a spreadsheet from eating zeros
_AREA: Final = re.compile(r"\(([0-9]+)\)")  # in front: an area code, unless it is a country code as a whole
_FLOAT: Final = re.compile(r"(\+?[0-9]{6,15})\.0+")  # below 16 digits a binary float is exact, so this is certain
_EXPONENT: Final = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+")
_DASHES_AND_DOTS: Final = frozenset("-.\u2212\u30fc\u00b7\u2027\u2219\u30fb\uff0e")  # those that are not of class Pd

_FROM_DIGITS: Final = re.compile(r"\+?[0-9]+(-[0-9]+)*")
_FROM_NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_BAD_FROM: Final = Trouble("invalid_from", "from is neither 3 to 15 digits nor a name of up to 11 letters and digits")


class _Fold(dict[int, str]):
    """A table for `str.translate`, filled as characters are met: digits of any script become ASCII, separators go."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if char in _DASHES_AND_DOTS or unicodedata.category(char) in {"Pd", "Zs", "Cf"}:
            folded = ""  # Cf: zero-width and direction marks, soft hyphens, stray byte order marks
        elif (digit := unicodedata.decimal(char, None)) is not None:
            folded = str(digit)
        else:
            folded = {"＋": "+", "﹢": "+", "（": "(", "）": ")"}.get(char, char)
        self[code] = folded
        return folded


_FOLD: Final = _Fold()


def normalise(raw: str, *, region: str | None = None, numbers: Numbers | None = None) -> Phone | Trouble:
    """Read a number as it stands in a list. Total: never raises.

    `region` (one of `REGIONS`) makes national writings readable. `numbers` says what digits without `+`, `00` or a
    leading zero are: "international" puts the country code first, "national" reads them in `region`. Without it they
    are `ambiguous_number`, and the detail names the flag that would help; with punctuation, which people give to
    national numbers, and a `region`, they are national if no international reading is valid. If no flag would help
    they are `invalid_number`, as are letters, extensions, and numbers a spreadsheet has rounded.

    Repaired is only what is certain: a trunk zero after the country code where the number is valid only without it, and
    the ``.0`` of a number that went through a float.
    """
    text = raw.strip()
    if _PLAIN.fullmatch(text):
        return _international(text[1:], bracketed_zero=False)
    text = _unwrapped(text)
    folded = text.translate(_FOLD)
    digits = folded.replace("(", "").replace(")", "")
    prefix = 1 if digits.startswith("+") else 2 if digits.startswith("00") else 0
    digits = digits[prefix:]
    if not (digits.isascii() and digits.isdigit()):
        return _EMPTY if not folded else _POWER if _EXPONENT.fullmatch(text) else _STRANGE
    if not 4 <= len(digits) <= 17:  # Tokelau has four
        return _LENGTH
    if prefix:
        return _international(digits, bracketed_zero="(0)" in folded)
    if digits.startswith("0") or numbers == "national":
        if region is None:
            return _NEEDS_REGION
        return _national(digits, region) or _NOT_IN_REGION
    if numbers == "international":
        return _international(digits, bracketed_zero="(0)" in folded)
    return _undecided(digits, region, text, folded)


@lru_cache(maxsize=1024)  # a campaign has few
def check_from(raw: str) -> str | Trouble:
    """A `from` that may be registered, as given but for outer white space, else a `Trouble`. Total: never raises.

    3 to 15 digits, with a plus in front or dashes inside if so registered; or, where the country allows it, a name of
    up to 11 ASCII letters, digits and spaces with at least one letter (3GPP TS 23.040 §9.1.2.5: 7-bit, 11 characters).
    """
    text = raw.strip()
    if _FROM_DIGITS.fullmatch(text) and 3 <= sum(map(str.isdigit, text)) <= 15:
        return text
    if _FROM_NAME.fullmatch(text):
        return text
    return _BAD_FROM


def _unwrapped(text: str) -> str:
    """Without what spreadsheets and address books put around a number."""
    if formula := _FORMULA.fullmatch(text):
        text = formula[1].strip()
    if text[:1] in ("'", "’"):
        text = text[1:].strip()
    if text[:4].lower() == "tel:":
        text = text[4:].strip()
    exact = _FLOAT.fullmatch(text)
    return exact[1] if exact else text


def _undecided(digits: str, region: str | None, text: str, folded: str) -> Phone | Trouble:
    """Digits that neither a plus nor a leading zero explains: both readings are tried, and one has to be excluded."""
    abroad = isinstance(_international(digits, bracketed_zero=False), Phone)
    if region is None:
        return _EITHER if abroad else _NEEDS_BOTH
    home = _national(digits, region)
    if home is None:
        return _NEEDS_INTERNATIONAL if abroad else _NOT_VALID
    area = _AREA.match(folded)
    if abroad and (area is None or int(area[1]) in lib.COUNTRY_CODE_TO_REGION_CODE):
        return _EITHER
    punctuated = any(not char.isalnum() and unicodedata.category(char) != "Cf" for char in text)
    return home if punctuated else _NEEDS_NATIONAL


def _international(digits: str, *, bracketed_zero: bool) -> Phone | Trouble:
    """Country code first. As written if that is valid, else without a trunk zero if its country has one."""
    code = 1 if digits[:1] in _CODES else 2 if digits[:2] in _CODES else 3
    if digits[:code] not in _CODES:
        return _NOT_VALID
    rest = digits[code:]
    found = _valid(digits[:code], rest)
    if rest.startswith("0") and (found is None or bracketed_zero):
        home = _CODES[digits[:code]][0]
        if bracketed_zero or lib.ndd_prefix_for_region(home, strip_non_digits=True) == "0":
            bare = _valid(digits[:code], rest[1:])
            if found is not None and bare is not None:
                return _EITHER_ZERO
            found = found or bare
    if found is None:
        return _NOT_VALID
    return _NOWHERE if found.country == "001" else found


class _Plan(NamedTuple):
    """A country's numbering plan, compiled: what `phonenumbers` looks up anew for each number.

    `leading` are the first digits that tell a country from others of the same code, where the metadata has them.
    `of_length` gives the patterns that a number of that many digits can match, in the order in which the first counts.
    """

    leading: re.Pattern[str] | None
    general: re.Pattern[str]
    of_length: dict[int, tuple[tuple[Line, re.Pattern[str]], ...]]

    def line(self, national: str) -> Line | None:
        """What kind of line the national number is; None if it is no number of this country."""
        if self.general.fullmatch(national) is None:
            return None
        for line, pattern in self.of_length.get(len(national), ()):
            if pattern.fullmatch(national) is not None:
                return line
        return None


@cache  # one for each country of the world
def _plan(code: str, country: str) -> _Plan:
    found = lib.PhoneMetadata.metadata_for_region_or_calling_code(int(code), country)
    assert found is not None and found.general_desc is not None  # noqa: S101, PT018  the codes come from the metadata
    general, of_length = found.general_desc, dict[int, list[tuple[Line, re.Pattern[str]]]]()
    for line, desc in _descriptions(found):
        if desc is None or not desc.national_number_pattern:
            continue
        pattern = re.compile(desc.national_number_pattern)
        for length in desc.possible_length or general.possible_length:
            of_length.setdefault(length, []).append((line, pattern))
    leading = None if found.leading_digits is None else re.compile(found.leading_digits)
    lines = {length: tuple(patterns) for length, patterns in of_length.items()}
    return _Plan(leading, re.compile(general.national_number_pattern or ""), lines)


def _descriptions(found: lib.PhoneMetadata) -> Iterator[tuple[Line, lib.PhoneNumberDesc | None]]:
    """In libphonenumber's order: the first that matches is what a number is."""
    yield "premium_rate", found.premium_rate
    others = (found.toll_free, found.shared_cost, found.voip, found.personal_number, found.pager, found.uan)
    for other in (*others, found.voicemail):
        yield "other_line", other
    if not found.same_mobile_and_fixed_line_pattern:
        # Mobile goes first, because a number that matches both patterns may be a mobile.
        yield "mobile", found.mobile
        yield "fixed_line", found.fixed_line
    else:
        yield "mobile", found.fixed_line


def _valid(code: str, rest: str) -> Phone | None:
    """The number as these digits, if there is such a one.

    Our own way through libphonenumber's metadata: with `PhoneNumber` objects the same answer takes 9 µs instead of 2.5,
    and `parse` drops a trunk prefix even where the number is valid as written.
    """
    if not rest:
        return None
    regions = _CODES[code]
    for country in regions:
        plan = _plan(code, country)
        if len(regions) > 1 and plan.leading is not None and plan.leading.match(rest) is None:
            continue
        line = plan.line(rest)
        if line is not None:
            return Phone(f"+{code}{rest}", country, line)
        if len(regions) > 1 and plan.leading is not None:
            return None  # it has the first digits of this country, so it is no other's
    return None


def _national(digits: str, region: str) -> Phone | None:
    """The number of `region` that is dialled so from within, by libphonenumber's knowledge of trunk prefixes."""
    try:
        number = lib.parse(digits, region, keep_raw_input=True)
    except lib.NumberParseException:
        return None
    if number.country_code_source != lib.CountryCodeSource.FROM_DEFAULT_COUNTRY and not (
        # In North America the trunk prefix is the country code, so 1 201 … is a national writing as well.
        digits.startswith(str(number.country_code))
        and lib.ndd_prefix_for_region(region, strip_non_digits=True) == str(number.country_code)
    ):
        return None  # leading digits were taken for a country code or an exit code: that is not a national reading
    return _valid(str(number.country_code), lib.national_significant_number(number))

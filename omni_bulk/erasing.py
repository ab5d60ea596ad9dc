"""What is left of a line when somebody's number is erased. Pure.

A number stands in its own field, and may stand in others that the list or the API took from it: a ref, a cell in any
writing. Such a field goes as well. What counts stays: state, codes, msgKey, country, times, and the place in the file.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import orjson

from omni_bulk.identity import Identities, identity_of_own_ref, own_ref
from omni_bulk.joining import base_ref, read_json
from omni_bulk.model import Result
from omni_bulk.results import from_line, to_line

ALIKE: Final = 8  # last digits by which a number is found in another field, as in `cells`; fewer would meet by chance
_NO_DIGITS: Final = bytes(set(range(256)) - set(b"0123456789"))
# Of a report; their digits are the API's and ours. A msgKey that holds a number's last digits by chance must stay.
_NEVER_A_NUMBER: Final = frozenset(
    {
        "msgKey", "reportCode", "reportType", "reportTime", "sendTime", "resCnt", "collectedSeq", "collectedAt",
        "collectedBy",
    }
)  # fmt: skip


class Asked:
    """E.164 numbers that are to be erased, and whether something gives one of them away."""

    def __init__(self, numbers: Iterable[str]) -> None:
        self._numbers = frozenset(numbers)
        self._tails = frozenset(number.removeprefix("+")[-ALIKE:] for number in self._numbers)
        self._sizes = frozenset(map(len, self._tails))

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, number: object) -> bool:
        return number in self._numbers

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def in_text(self, text: str | None) -> bool:
        """Whether a field gives one of them away, in any writing."""
        return text is not None and self._in_digits("".join(_digits(text)))

    def in_bytes(self, content: bytes) -> bool:
        """Whether a line may give one away: a first look that is fast, and true too often rather than too seldom."""
        return self._in_digits(content.translate(None, _NO_DIGITS).decode("ascii"))

    def _in_digits(self, digits: str) -> bool:
        return any(
            digits[at : at + size] in self._tails for size in self._sizes for at in range(len(digits) - size + 1)
        )


def _digits(text: str) -> Iterable[str]:
    """The digits of a text, full-width ones too."""
    return (str(value) for char in text if (value := unicodedata.digit(char, None)) is not None)


def erased_ref(ref: str | None, asked: Asked, identities: Identities) -> str | None:
    """The ref as it is, or a keyed hash in its place if it gives a number away."""
    if ref is None or identity_of_own_ref(base_ref(ref)) is not None or not asked.in_text(ref):
        return ref
    own = base_ref(ref)
    return own_ref(identities.of_ref(own)) + ref[len(own) :]


def erased(result: Result, asked: Asked, identities: Identities) -> Result:
    """The result without a number that is asked for, nor what gives one away; the same one where there is none."""
    left = replace(
        result,
        to=None if result.to in asked else result.to,
        ref=erased_ref(result.ref, asked, identities),
        wire_ref=erased_ref(result.wire_ref, asked, identities),
        duplicate_of=erased_ref(result.duplicate_of, asked, identities),
        result=None if asked.in_text(result.result) else result.result,
    )
    return result if left == result else replace(left, forgotten=True)


def erased_line(line: bytes, asked: Asked, identities: Identities) -> bytes:
    """A line of a results file without them, byte for byte the same where there is nothing to erase.

    Raises ValueError for what is no such line.
    """
    if not asked.in_bytes(line):
        return line
    result = from_line(line)
    left = erased(result, asked, identities)
    return line if left is result else to_line(left)


def erased_json(body: bytes, asked: Asked) -> bytes:
    """A report as received (or its line in a file) without any value that gives a number away."""
    if not asked.in_bytes(body):
        return body
    found = read_json(body)
    left = _erased_value(found, asked)
    if left == found:
        return body
    end = b"\n" if body.endswith(b"\n") else b""
    try:
        return orjson.dumps(left) + end
    except TypeError:  # half a surrogate pair
        return json.dumps(left).encode("ascii") + end


def _erased_value(value: Any, asked: Asked) -> Any:
    if isinstance(value, dict):
        return {name: kept if name in _NEVER_A_NUMBER else _erased_value(kept, asked) for name, kept in value.items()}
    if isinstance(value, list):
        return [_erased_value(one, asked) for one in value]
    if isinstance(value, bool | float) or value is None:
        return value
    return None if asked.in_text(str(value)) else value

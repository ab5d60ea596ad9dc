"""Rows of a list that a run need not look at again: sent by an earlier run over the same list, in the same way. Pure.

Whoever resumes a list of a million rows of which 900,000 are done would compose and look up all of them, only to find
that there is nothing to do. Which ones that are the ledger knows: it keeps with each run what list it was over and how
its messages were made (`trace`), and with each message its row and run. So the state of every message decides, as it
is now; nothing is kept beside it that could be wrong.
"""

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from hashlib import sha256


class Passed:
    """The lines of the list at which such rows begin, an eighth of a byte each; `runs` are those that sent to them."""

    def __init__(self, rows: Iterable[int], runs: Iterable[int]) -> None:
        bits = bytearray(1)
        size = 8
        for row in rows:
            if row >= size:
                bits += bytes(max(len(bits), (row >> 3) + 1 - len(bits)))
                size = len(bits) * 8
            bits[row >> 3] |= 1 << (row & 7)
        self.runs = frozenset(runs)
        self._bits = bytes(bits)
        self._size = size

    def __contains__(self, row: object) -> bool:
        return isinstance(row, int) and 0 <= row < self._size and bool(self._bits[row >> 3] >> (row & 7) & 1)

    def __len__(self) -> int:
        return int.from_bytes(self._bits, "little").bit_count()

    def between(self, after: int, upto: int | None) -> int:
        """How many of them begin behind line `after`, and at `upto` or before it (None: up to the end)."""
        end = self._size if upto is None else min(upto + 1, self._size)
        start = min(after + 1, end)
        low, high = start >> 3, (end + 7) >> 3
        window = int.from_bytes(self._bits[low:high], "little") & ((1 << (end - low * 8)) - 1)
        return (window >> (start - low * 8)).bit_count()

    def sent(self, row: int | None, run: int) -> bool:
        """Whether a message that this run admitted for this row is one of them."""
        return run in self.runs and row in self


def trace(*made_of: object) -> str:
    """The same for two runs only if all that they are made of is: values, and dataclasses and collections of them."""
    return sha256(repr(_plain(made_of)).encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: object) -> object:
    """Something whose `repr` says everything, in one order. What a dataclass works out by itself does not count."""
    if is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, [(one.name, _plain(getattr(value, one.name))) for one in fields(value) if one.init]
    if isinstance(value, re.Pattern):  # its own repr cuts long ones
        return value.pattern, value.flags
    if isinstance(value, Mapping):
        return sorted((repr(_plain(key)), _plain(one)) for key, one in value.items())
    if isinstance(value, AbstractSet):
        return sorted(repr(_plain(one)) for one in value)
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value

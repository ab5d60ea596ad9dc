"""Adopting what was sent without this ledger: our own results files whole, other tools' logs by number or ref."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from omni_bulk.errors import InputError
from omni_bulk.identity import Identities
from omni_bulk.ledger import Ledger, Transaction, book
from omni_bulk.model import CampaignRow, Result, Status
from omni_bulk.phone import Phone, normalise
from omni_bulk.results import from_line
from omni_bulk.rules import Composition
from omni_bulk.source import read_recipients

T = TypeVar("T")
BATCH = 500  # lines in one transaction
_SENT = frozenset({Status.ACCEPTED, Status.UNKNOWN})


def first_result(path: Path) -> Result | None:
    """The first line of a results file of ours, None for anything else. Raises InputError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return from_line(file.readline())
    except ValueError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): --already names a results file or a log") from None


async def adopt(ledger: Ledger, campaign: CampaignRow, path: Path, identities: Identities, how: Composition) -> int:
    """Makes the ledger know what `path` says was sent. Gives the number of recipients adopted.

    A results file of this very campaign is taken back line by line when the ledger has none of them yet. Of any other
    results file the accepted and unknown lines count, of another tool's log every row: its ref, else its number.
    """
    first = first_result(path)
    if first is not None and first.campaign_id == campaign.uuid:
        if campaign.seq:
            return 0
        return await _in_batches(ledger, _own_lines(path), partial(_restore, campaign, identities))
    keys = _foreign_log(path, identities, how) if first is None else _sent_lines(path, identities)
    return await _in_batches(ledger, keys, partial(_adopt, campaign.id))


def _own_lines(path: Path) -> Iterator[Result]:
    with path.open("rb") as file:
        for expected, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return  # torn by the crash that ended it
            try:
                result = from_line(line)
            except ValueError:
                raise InputError(f"{path}, line {expected}: not a line of a results file; repair it first") from None
            if result.seq != expected:
                raise InputError(f"{path}, line {expected}: its seq is {result.seq}, so lines are missing before it")
            yield result


def _sent_lines(path: Path, identities: Identities) -> Iterator[tuple[bytes, str | None]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                result = from_line(line)
            except ValueError:
                raise InputError(f"{path}, line {number}: not a line of a results file; repair it first") from None
            if result.status in _SENT and result.ref is not None:
                yield identities.of_ref(result.ref), result.msg_key
                if result.to is not None:
                    yield identities.of_number(result.to), result.msg_key


def _foreign_log(path: Path, identities: Identities, how: Composition) -> Iterator[tuple[bytes, str | None]]:
    source = read_recipients(path)
    for row in source:
        msg_key = row.fields.get("msgKey") or row.fields.get("msg_key")
        if row.ref is not None:
            yield identities.of_ref(row.ref), msg_key
        phone = normalise(row.to, region=how.region, numbers=how.numbers)
        if isinstance(phone, Phone) and row.ref is None:
            yield identities.of_number(phone.e164), msg_key


def _restore(campaign: CampaignRow, identities: Identities, batch: list[Result], tx: Transaction) -> int:
    return book.restore(tx, campaign, identities, batch)


def _adopt(campaign: int, batch: list[tuple[bytes, str | None]], tx: Transaction) -> int:
    return book.adopt(tx, campaign, batch)


async def _in_batches(ledger: Ledger, rows: Iterable[T], write: Callable[[list[T], Transaction], int]) -> int:
    count = 0
    rest = iter(rows)
    while batch := list(islice(rest, BATCH)):
        count += await ledger.write(partial(write, batch))
    return count

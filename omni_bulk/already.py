"""Adopting what was sent without this ledger: our own results files whole, other tools' logs by number or ref."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from omni_bulk.errors import InputError
from omni_bulk.identity import Identities, identity_of_own_ref
from omni_bulk.ledger import Ledger, Transaction, book
from omni_bulk.model import CampaignRow, Result, Status
from omni_bulk.phone import Phone, Trouble, normalise
from omni_bulk.records import ROW_PROBLEMS
from omni_bulk.results import from_line
from omni_bulk.rules import Composition
from omni_bulk.sentences import said, system, term
from omni_bulk.sink import same_line
from omni_bulk.source import read_recipients

T = TypeVar("T")
Sent = tuple[list[bytes], str | None]  # the identities under which a recipient may be on our list, and the msgKey
BATCH = 200  # lines in one transaction: nothing holds the write lock for longer
_SENT = frozenset({Status.ACCEPTED, Status.UNKNOWN})


def first_result(path: Path) -> Result | None:
    """The first line of a results file of ours, None for anything else. Raises InputError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return from_line(file.readline())
    except ValueError:
        return None
    except OSError as error:
        raise InputError(
            said(
                "{path} cannot be read ({strerror}): --already names a results file or a log",
                path=path,
                strerror=system(error),
            )
        ) from None


async def adopt(ledger: Ledger, campaign: CampaignRow, path: Path, identities: Identities, how: Composition) -> int:
    """Makes the ledger know what `path` says was sent. Gives the number of lines or recipients that are new to it.

    A results file of this very campaign is taken back line by line from where the ledger ends: also when the ledger is
    an older copy, or when taking it back was interrupted. Of any other results file the accepted and unknown lines
    count, of another tool's log every row, by its ref and by its number.

    Raises InputError for what cannot be read, since it could hide somebody who has a message already.
    """
    first = await asyncio.to_thread(first_result, path)
    if first is None:
        return await _in_batches(ledger, _foreign_log(path, identities, how), partial(_adopt, campaign.id))
    if first.campaign_id == campaign.uuid:
        kind = await asyncio.to_thread(_kind_of_own, ledger, campaign, path)
        if kind is not None:
            lines = _own_lines(path, campaign.seq)
            return await _in_batches(ledger, lines, partial(_restore, campaign, identities, kind))
    return await _in_batches(ledger, _sent_lines(path, identities), partial(_adopt, campaign.id))


def sent_before(path: Path, identities: Identities, how: Composition) -> Iterator[Sent]:
    """Whom `path` says has a message, for a plan: what `adopt` would mark. Raises InputError as that does."""
    return _foreign_log(path, identities, how) if first_result(path) is None else _sent_lines(path, identities)


def _kind_of_own(ledger: Ledger, campaign: CampaignRow, path: Path) -> str | None:
    """The kind of list that an own results file shows; None when it and the ledger tell two histories.

    They do when an older copy of the ledger was put back and went on: then the file counts like any other campaign's.
    """
    kind = "number"
    with ledger.reading() as db, path.open("rb") as file:
        known = map(from_line, book.lines(db, campaign.id, 0))
        pruned = book.pruned_seq(db, campaign.id)  # those lines the ledger had, and let go
        for raw in file:
            try:
                line = from_line(raw)
            except ValueError:
                continue  # `_own_lines` tells where it matters
            if line.ref is not None and identity_of_own_ref(line.ref) is None:
                kind = "ref"
            if pruned < line.seq <= campaign.seq:
                own = next((own for own in known if own.seq >= line.seq), None)
                if own is None or own.seq != line.seq or not same_line(own, line):
                    return None
    return kind


def _own_lines(path: Path, after: int) -> Iterator[Result]:
    """The lines that follow what the ledger has."""
    expected, damaged = after + 1, 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break  # torn by the crash that ended it
            try:
                result = from_line(line)
            except ValueError:
                damaged = damaged or number
                continue
            if result.seq <= after:
                damaged = 0  # what was before it, the ledger has
                continue
            if damaged:
                break
            if result.seq != expected:
                raise InputError(
                    said(
                        "{path}, line {number}: its seq is {seq}, so lines are missing before it",
                        path=path,
                        number=number,
                        seq=result.seq,
                    )
                )
            expected += 1
            yield result
    if damaged:
        raise _damaged(path, damaged)


def _sent_lines(path: Path, identities: Identities) -> Iterator[Sent]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                result = from_line(line)
            except ValueError:
                raise _damaged(path, number) from None
            if result.status in _SENT and result.ref is not None:
                numbers = [] if result.to is None else [identities.of_number(result.to)]
                if result.forgotten and (own := identity_of_own_ref(result.ref)):
                    numbers.append(own)
                yield [identities.of_ref(result.ref), *numbers], result.msg_key


def _damaged(path: Path, number: int) -> InputError:
    return InputError(
        said("{path}, line {number}: not a line of a results file; repair it first", path=path, number=number)
    )


def _foreign_log(path: Path, identities: Identities, how: Composition) -> Iterator[Sent]:
    """By ref and by number: what another tool calls ref need not be what our list calls so."""
    rows = known = 0
    for row in read_recipients(path):
        rows += 1
        phone = normalise(row.to, region=how.region, numbers=how.numbers)
        if row.problem is not None and row.problem != "invalid_ref":
            raise InputError(
                said(
                    "{path}, line {row}: {problem}; repair it first",
                    path=path,
                    row=row.row,
                    problem=term(ROW_PROBLEMS[row.problem]),
                )
            )
        if isinstance(phone, Trouble) and phone.reason == "ambiguous_number":
            raise InputError(
                said(
                    "{path}, line {row}: {detail}; without it nobody knows who has a message",
                    path=path,
                    row=row.row,
                    detail=term(phone.detail),
                )
            )
        keys = [] if row.ref is None else [identities.of_ref(row.ref)]
        if isinstance(phone, Phone):
            keys.append(identities.of_number(phone.e164))
        if keys:
            known += 1
            yield keys, row.fields.get("msgKey") or row.fields.get("msg_key")
    if rows and not known:
        raise InputError(
            said("{path} has neither a ref nor a number that can be read, so nobody knows who has a message", path=path)
        )


def _restore(campaign: CampaignRow, identities: Identities, kind: str, batch: list[Result], tx: Transaction) -> int:
    return book.restore(tx, campaign, identities, batch, kind=kind)


def _adopt(campaign: int, batch: list[Sent], tx: Transaction) -> int:
    return book.adopt(tx, campaign, batch)


async def _in_batches(ledger: Ledger, rows: Iterator[T], write: Callable[[list[T], Transaction], int]) -> int:
    count = 0
    while batch := await asyncio.to_thread(_next, rows):
        count += await ledger.write(partial(write, batch))
    return count


def _next(rows: Iterator[T]) -> list[T]:
    return list(islice(rows, BATCH))

"""Forgetting numbers: they get nothing any more, and are erased everywhere we wrote them.

The order makes it safe to kill at any moment and to run again. First a keyed digest of each number is put on the list
of those who get nothing. Then, campaign by campaign and under its lock: the files, the reports, and last the ledger,
which is where a second run finds what the first did not get to. In the end the free space of both databases.
"""

import gzip
import io
import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from omni_bulk.erasing import Asked, erased_json, erased_line
from omni_bulk.errors import InputError, OmniBulkError, Refused
from omni_bulk.identity import Identities
from omni_bulk.ledger import Transaction, book, erasure, places, reading
from omni_bulk.ledger.report_file import open_reports, reports_path
from omni_bulk.ledger.schema import ledger_key
from omni_bulk.lock import CollectorLock, UpkeepLock, anybody, is_alive, owner_path
from omni_bulk.model import CampaignRow
from omni_bulk.pruning import packing
from omni_bulk.replacing import replacing
from omni_bulk.results import from_line
from omni_bulk.sentences import said, system
from omni_bulk.source import read_recipients

BIG = 512 * 1024**2  # bytes; a file up to that size is built anew within the 30 s that others wait for the write lock


@dataclass(slots=True)
class Forgotten:
    """What was done. `files` were written anew; `missing` were written once and are not where they were; `exports` of
    these campaigns were left as they are; `unknown` are campaigns of whose results file nobody knows where it is;
    `held` are sentences about what could not be done yet.
    """

    numbers: int = 0
    messages: int = 0
    campaigns: int = 0
    lines: int = 0
    reports: int = 0
    files: list[Path] = field(default_factory=list)
    missing: list[Path] = field(default_factory=list)
    exports: list[Path] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)


def survey(ledger: Path, asked: Asked) -> tuple[int, int]:
    """How many messages of how many campaigns hold one of the numbers."""
    with closing(erasure.open_for_erasing(ledger)) as db:
        hits = erasure.find(db, asked)
    return sum(hits.values()), len(hits)


def forget(ledger: Path, asked: Asked, results: Sequence[Path], now: int, *, beside: Path) -> Forgotten:
    """Forgets these numbers. `results` are results files that the ledger does not know of; `beside` is the folder in
    which those of older ledgers are looked for.

    What cannot be done now is in `held`; it can be run again at any time. Raises InputError for a file in `results`
    that is none.
    """
    done = Forgotten(len(asked))
    extra = {path.absolute(): _campaign_of(path) for path in results}
    with closing(erasure.open_for_erasing(ledger)) as db:
        erasure.bar(db, asked, now)
        hits = erasure.find(db, asked)
        work = _Erasing(db, ledger, asked, done, beside)
        with ExitStack() as stack:
            work.reports = erasure.open_reports_for_erasing(ledger)
            if work.reports is not None:
                stack.enter_context(closing(work.reports))
            for row in book.campaigns(db, "ORDER BY id"):
                own = [path for path, uuid in extra.items() if uuid == row.uuid]
                if row.id in hits or own or work.is_in_files_only(row):
                    work.campaign(row, own, found=row.id in hits)
            for path, uuid in extra.items():  # of a ledger that is lost
                if book.campaigns(db, "WHERE uuid = ?", (uuid,)) == []:
                    work.results(path, uuid)
            for account in reading.accounts(db):
                work.collected(account)
            if work.reports is not None:
                done.reports += erasure.erase_strays(work.reports, asked)
    if not done.held:
        _purge(ledger, asked, done)
    return done


def _purge(ledger: Path, asked: Asked, done: Forgotten) -> None:
    def may_rebuild(path: Path) -> bool:
        return path.stat().st_size <= BIG or not anybody(ledger)

    try:
        erasure.purge(ledger, lambda: erasure.open_for_erasing(ledger), asked, may_rebuild=may_rebuild)
        path = reports_path(ledger)
        if path.exists():
            erasure.purge(path, lambda: open_reports(ledger), asked, may_rebuild=may_rebuild)
    except Refused as refused:
        done.held.append(str(refused))


class _Erasing:
    """One `forget`, on one connection to each database."""

    def __init__(self, db: sqlite3.Connection, ledger: Path, asked: Asked, done: Forgotten, beside: Path) -> None:
        self.reports: sqlite3.Connection | None = None
        self._db = db
        self._ledger = ledger
        self._key = ledger_key(db)
        self._asked = asked
        self._done = done
        self._beside = beside

    def campaign(self, row: CampaignRow, own: Iterable[Path], *, found: bool) -> None:
        """Everything of one campaign, under its lock; a sentence in `held` when somebody has that."""
        lock = UpkeepLock(self._ledger, row.uuid, name=repr(row.name))
        try:
            with lock:
                self._end_claims(row)
                for path in dict.fromkeys((*self._results_files(row, told=found), *own)):
                    self.results(path, row.uuid)
                for path in self._rejects_files(row):
                    self._rewritten(path, self._kept_rows)
                for path in self._archives(row):
                    self._rewritten(path, partial(self._kept_packed, Identities(self._key, row.uuid)), packed=True)
                self._rows(row)
        except OmniBulkError as error:
            self._done.held.append(error.sentence)

    def is_in_files_only(self, row: CampaignRow) -> bool:
        """Whether files may hold what the ledger does not: numbers of a pruned campaign, cells that are no number."""
        if book.pruned_seq(self._db, row.id):
            return True
        with suppress(OmniBulkError):
            return any(_differs(path, self._kept_rows) for path in self._rejects_files(row))
        return True  # it cannot be read, which is told with the campaign's lock held

    def _end_claims(self, row: CampaignRow) -> None:
        """What a dead process left claimed is `unknown`; a live one of single sends must end first."""
        for owner in erasure.owners_at_work(self._db, row.id):
            if is_alive(owner_path(self._ledger, owner)):
                raise Refused(
                    said("a single message to one of these numbers is being sent. Run the same command again")
                )
            self._recover(row, owner)
        self._recover(row, None)

    def _recover(self, row: CampaignRow, owner: str | None) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        book.recover(Transaction(self._db), row, owned_by=owner)
        self._db.execute("COMMIT")

    def _rows(self, row: CampaignRow) -> None:
        identities = Identities(self._key, row.uuid)
        count = 0
        for block in erasure.found(self._db, row.id):
            if self.reports is not None:
                self._done.reports += erasure.erase_reports(self.reports, block, self._asked)
            messages, lines = erasure.erase(self._db, block, self._asked, identities)
            count += messages
            self._done.lines += lines
        self._done.messages += count
        self._done.campaigns += count > 0

    # ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _results_files(self, row: CampaignRow, *, told: bool) -> list[Path]:
        known = places.noted(self._db, "results", row.uuid)
        there = [path for path in known if path.exists()]
        guess = self._beside / f"{row.name}.results.jsonl"
        if guess not in there and guess.is_file() and _campaign_of(guess, strict=False) == row.uuid:
            there.append(guess)
        trial = self._beside / f"{row.name}.sandbox.jsonl"
        if trial.is_file() and _campaign_of(trial, strict=False):
            there.append(trial)
        if told:
            self._done.missing += [path for path in known if not path.exists()]
            self._done.exports += self._exports(row)
            if not there and not known and row.name and row.seq:
                self._done.unknown.append(row.name)
        return there

    def _rejects_files(self, row: CampaignRow) -> list[Path]:
        """Where a run wrote them, and where `check`, which writes nothing into the ledger, puts them."""
        stems = (row.name, f"{row.name}.sandbox")
        names = [f"{stem}.rejects{again}.csv" for stem in stems for again in ("", ".again")]
        beside = [folder / name for folder in self._folders(row) for name in names]
        known = places.noted(self._db, "rejects", row.uuid)
        return [path for path in dict.fromkeys((*known, *beside)) if path.exists()]

    def _exports(self, row: CampaignRow) -> list[Path]:
        """Exports that were written under their own names. They are people's, who may have worked in them since."""
        names = [f"{row.name}.export.{form}" for form in ("csv", "jsonl", "xlsx")]
        return [path for folder in self._folders(row) for name in names if (path := folder / name).exists()]

    def _folders(self, row: CampaignRow) -> list[Path]:
        known = places.noted(self._db, "results", row.uuid)
        return list(dict.fromkeys((self._beside, *(path.parent for path in known))))

    def _archives(self, row: CampaignRow) -> list[Path]:
        known = places.noted(self._db, "archive", row.uuid)
        self._done.missing += [path for path in known if not path.exists()]
        return [path for path in known if path.exists()]

    def _kept_packed(self, identities: Identities, path: Path) -> Iterator[tuple[bytes, bytes]]:
        """The lines of an archive: results or reports."""
        with gzip.open(path) as file:
            for line in file:
                if path.name.endswith(".reports.jsonl.gz"):
                    yield line, erased_json(line, self._asked)
                else:
                    yield line, erased_line(line, self._asked, identities)

    def results(self, path: Path, uuid: str) -> None:
        """A results file. The campaign's lock is held, or nobody has it."""
        identities = Identities(self._key, uuid)

        def kept(path: Path) -> Iterator[tuple[bytes, bytes]]:
            with path.open("rb") as file:
                for line in file:
                    try:
                        yield line, erased_line(line, self._asked, identities)
                    except ValueError:  # torn, or damaged: the ledger has it whole
                        yield line, b""

        self._rewritten(path, kept)

    def collected(self, account: int) -> None:
        """The files of reports of one account. A collector appends to them, so none may be at work."""
        known = places.noted(self._db, "reports", str(account))
        files = [path for path in known if path.exists()]
        if self._done.reports:
            self._done.missing += [path for path in known if not path.exists()]

        def kept(path: Path) -> Iterator[tuple[bytes, bytes]]:
            with path.open("rb") as file:
                for line in file:
                    yield line, erased_json(line, self._asked)

        if any(_differs(path, kept) for path in files):
            try:
                with CollectorLock(self._ledger, account):
                    for path in files:
                        self._rewritten(path, kept)
            except OmniBulkError as error:
                self._done.held.append(error.sentence)

    def _kept_rows(self, path: Path) -> Iterator[tuple[bytes, bytes]]:
        """The rows of a rejects file, those that hold a number gone: all of it is the recipient's."""
        source = read_recipients(path)
        rows = [(number, any(map(self._asked.in_text, cells))) for number, cells, _ in source.cells()]
        content = path.read_bytes()
        encoding = source.encoding or "utf-8"
        lines = list(io.StringIO(content.decode(encoding), newline=""))  # cut as `source` cuts them
        ends = [number for number, _ in rows[1:]]
        kept = [
            "".join(lines[start - 1 : end - 1])
            for (start, holds), end in zip(rows, [*ends, len(lines) + 1], strict=True)
            if not holds
        ]
        yield content, "".join(kept).encode(encoding) if len(kept) < len(rows) else content

    def _rewritten(self, path: Path, kept: "Kept", *, packed: bool = False) -> None:
        """Writes a file of ours anew, if that changes it; also removes what a killed run left half written beside it."""
        for draft in (*path.parent.glob(f".{path.name}.*.draft"), path.with_name(f".{path.name}.rebuild")):
            with suppress(FileNotFoundError):
                draft.unlink()
        if not _differs(path, kept):
            return
        mode = stat.S_IMODE(path.stat().st_mode)
        with replacing(path, "the file", "--results") as file:
            with packing(file) if packed else nullcontext(file) as lines:
                lines.writelines(after for _, after in kept(path))
            if hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), mode)
        self._done.files.append(path)


Kept = Callable[[Path], Iterator[tuple[bytes, bytes]]]
"""Of a file: each piece as it is, and what is to be left of it."""


def _differs(path: Path, kept: Kept) -> bool:
    return any(before != after for before, after in kept(path))


def _campaign_of(path: Path, *, strict: bool = True) -> str:
    """The UUID of the campaign whose results file this is; "" for another file, which with `strict` raises InputError."""
    try:
        with path.open("rb") as file:
            return from_line(file.readline()).campaign_id
    except (OSError, ValueError) as error:
        if not strict:
            return ""
        why = system(error) if isinstance(error, OSError) else said("it is no results file")
        raise InputError(said("--results {path}: {why}", path=path, why=why)) from None

"""Which files of ours hold people's numbers: noted in the ledger when they are opened, for whoever is to erase a number."""

import os
import sqlite3
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from omni_bulk.ledger.writer import Transaction

Kind = Literal["results", "rejects", "reports", "archive"]


def note(tx: Transaction, kind: Kind, whose: str, path: Path) -> None:
    """A file of this kind is about to be written. `whose`: the campaign's UUID, of reports the account's id."""
    place = os.fsencode(path.absolute())
    name = f"{kind}:{whose}:{blake2b(place, digest_size=16).hexdigest()}"  # a path need be no text
    tx.db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (name, place))


def noted(db: sqlite3.Connection, kind: Kind, whose: str) -> list[Path]:
    """The files of this kind that were ever written; some may be gone by now."""
    sql = "SELECT value FROM meta WHERE name >= ? AND name < ? ORDER BY value"
    return [Path(os.fsdecode(row[0])) for row in db.execute(sql, (f"{kind}:{whose}:", f"{kind}:{whose};"))]

"""What the verbs that read the ledger share: opening it, finding a campaign, times as people write them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import tzinfo
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from shlex import quote
from time import time

from omni_bulk.delivery import Codes, parse_codes
from omni_bulk.errors import SettingsError
from omni_bulk.joining import INQUIRY_AFTER, age_warning
from omni_bulk.ledger import no_ledger, read_ledger, reading
from omni_bulk.ledger.report_file import attach_reports
from omni_bulk.model import CampaignRow
from omni_bulk.sentences import said
from omni_bulk.settings import Settings
from omni_bulk.spans import Span, month_of, span_of


@contextmanager
def opened_ledger(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that reads the ledger, with its reports. Raises SettingsError when there is none."""
    db = read_ledger(path)
    if db is None:
        raise no_ledger(path)
    with closing(db):
        attach_reports(db, path)
        yield db


def report_codes() -> Codes:
    """What the codes of reports mean."""
    return parse_codes((files("omni_bulk") / "data" / "report-codes.toml").read_text("utf-8"))


def how_read(settings: Settings) -> reading.Reading:
    """How the settings say that reports are read: codes, DLR, and the price list if there is one."""
    prices = None
    if settings.prices is not None:
        from omni_bulk.pricelist import read_prices  # noqa: PLC0415  the tables of phonenumbers take 0.1 s

        prices = read_prices(settings.prices)
    return reading.Reading(report_codes(), settings.dlr, prices)


def campaign_named(db: sqlite3.Connection, name: str, ledger: Path) -> CampaignRow:
    """The newest campaign of this name. Raises SettingsError when there is none."""
    found = reading.campaigns_named(db, name)
    if not found:
        nobody = said("the ledger {ledger} knows no campaign {name!r}; see omni-bulk status", ledger=ledger, name=name)
        names = [str(known) for (known,) in db.execute("SELECT DISTINCT name FROM campaign")]
        if near := get_close_matches(name, names, n=1):
            nobody = said("{nobody}. Did you mean {near}?", nobody=nobody, near=quote(near[0]))
        raise SettingsError(nobody)
    return found[0]


def span_asked(since: str | None, until: str | None, zone: tzinfo) -> Span:
    """What `--since` and `--until` say."""
    try:
        return span_of(since, until, zone)
    except ValueError:
        raise SettingsError(
            said(
                "--since and --until take a day or a time, such as 2026-11-22 or 2026-11-22T09:30, and until is the later"
            )
        ) from None


def month_asked(text: str, zone: tzinfo) -> Span:
    """What `--month` says."""
    try:
        return month_of(text, zone)
    except ValueError:
        raise SettingsError(said("--month takes a month such as 2026-11, not {text!r}", text=text)) from None


def age_warnings(db: sqlite3.Connection, account: int | None = None) -> list[str]:
    """Sentences about reports that wait too long at the API, of one account or of all; each once."""
    now = round(time() * 1000)
    chosen = reading.accounts(db) if account is None else [account]
    told = (age_warning(reading.waiting_since(db, one, now - INQUIRY_AFTER), now) for one in chosen)
    return list(dict.fromkeys(sentence for sentence in told if sentence is not None))

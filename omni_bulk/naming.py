"""What a campaign is called, and whether a run may go on with one the ledger knows. Pure.

A campaign is named by its period so that a nightly job needs no names; it is refused when going on could send somebody
twice or the wrong text. Each refusal shows what changed and names the ways on.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from omni_bulk.model import CampaignRow
from omni_bulk.sentences import listed, said

Period = Literal["day", "week", "month"]
STALE_AFTER = 12 * 3600 * 1000  # ms after completion from which a changed file is likely another list
_NAME = re.compile(r"[^\x00-\x1f\x7f/\\\ud800-\udfff]{1,120}\Z")  # half a surrogate pair is a byte that was no UTF-8

BAD_NAME = said("the campaign's name must be 1 to 120 characters without / \\ or control characters")


def is_name(name: str) -> bool:
    """Whether a campaign may be called so: it becomes part of a file name."""
    return bool(_NAME.match(name)) and name.strip() == name and name not in {".", ".."}


def period_of(day: date, per: Period) -> str:
    """``2026-11-22``, ``2026-W47`` or ``2026-11``."""
    if per == "day":
        return day.isoformat()
    if per == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02d}"
    return f"{day.year}-{day.month:02d}"


def previous_day(day: date, per: Period) -> date:
    """A day of the period before."""
    if per == "day":
        return day - timedelta(days=1)
    if per == "week":
        return day - timedelta(days=7)
    return day.replace(day=1) - timedelta(days=1)


def period_name(base: str, as_of: datetime, per: Period) -> str:
    """The name of the campaign of the period in which `as_of` (local time) lies."""
    return f"{base}-{period_of(as_of.date(), per)}"


def previous_name(base: str, as_of: datetime, per: Period) -> str:
    """The name of the campaign of the period before."""
    return f"{base}-{period_of(previous_day(as_of.date(), per), per)}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run wants to send. `template` and `from_` are None when each row brings its own.

    `implied`: the name comes from the file's; `input_digest` is of the file's bytes; `now` in milliseconds since 1970.
    """

    template: str | None
    from_: str | None
    now: int
    implied: bool = False
    input_digest: bytes | None = None
    changed_text: bool = False
    extend: bool = False


def refusal(known: CampaignRow, wanted: Wanted, *, taken: bool) -> str | None:
    """Why a known campaign must not go on like this, None when it may. `taken`: somebody has a message already."""
    if taken and not wanted.changed_text and (differences := list(_differences(known, wanted))):
        return said(
            "campaign {name!r} already sent messages, and since then {differences}. "
            "Give --changed-text to send the new one to the rest, or --campaign NEW to start another campaign",
            name=known.name,
            differences=listed(differences, "; "),
        )
    if _is_another_list(known, wanted):
        return said(
            "campaign {name!r} was complete over 12 hours ago and its file has changed since. "
            "For a new campaign give --campaign NEW; to send to the new rows of this one give --extend",
            name=known.name,
        )
    return None


def _differences(known: CampaignRow, wanted: Wanted) -> Iterator[str]:
    if known.template != wanted.template:
        yield said(
            "the template changed from {before} to {now}", before=_shown(known.template), now=_shown(wanted.template)
        )
    if known.template_from != wanted.from_:
        yield said(
            "the from changed from {before} to {now}", before=_shown(known.template_from), now=_shown(wanted.from_)
        )


def _shown(value: str | None) -> str:
    return said("a column of the list") if value is None else repr(value)


def _is_another_list(known: CampaignRow, wanted: Wanted) -> bool:
    return (
        wanted.implied
        and not wanted.extend
        and known.completed_at is not None
        and wanted.now - known.completed_at > STALE_AFTER
        and known.input_digest is not None
        and wanted.input_digest is not None
        and known.input_digest != wanted.input_digest
    )


def kind_refusal(known: CampaignRow, kind: str) -> str | None:
    """Why a list of this kind (``ref`` or ``number``) cannot go on with the campaign, None when it can."""
    if known.kind is None or known.kind == kind:
        return None
    if known.kind == "ref":
        return said(
            "campaign {name!r} knows its recipients by a ref column, which the list no longer has: people could "
            "get a second message. Put the column back, or give --campaign NEW",
            name=known.name,
        )
    return said(
        "campaign {name!r} knows its recipients by number, but the list now has a ref column: people could get "
        "a second message. Remove the column (or rename it), or give --campaign NEW",
        name=known.name,
    )

"""An approved plan: what somebody looked at and agreed to, in digests and counts, and whether it still is that. Pure.

A plan says which campaign goes to which list with which text and settings. It holds no number and no text, so it can be
mailed and kept. It stays good for the whole campaign: a run that resumes it is compared by list, text and settings, and
the counts only matter as long as nobody has a message.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

from omni_bulk.sentences import said
from omni_bulk.stats import Tally

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Approval:
    """What was approved. `list` is the SHA-256 of the list's bytes, `text` that of the template, None where each row
    brings its own; `settings` whatever else changes what is sent, by name. `by` and `at` (ISO 8601) say who and when.
    """

    campaign: str
    list: str
    text: str | None
    settings: Mapping[str, str]
    recipients: int
    messages: int
    segments: int
    countries: Mapping[str, int]
    by: str = ""
    at: str = ""


def approval(
    tally: Tally, *, campaign: str, digest: bytes, text: str | None, settings: Mapping[str, str], by: str = "", at: str = ""
) -> Approval:  # fmt: skip
    """The plan that was counted, as it can be approved. `digest` is the list's."""
    return Approval(
        campaign, digest.hex(), None if text is None else sha256(text.encode("utf-8", "replace")).hexdigest(), dict(settings), tally.read,
        tally.ready, tally.segments, dict(tally.countries), by, at,
    )  # fmt: skip


def to_json(approved: Approval) -> bytes:
    """The file that is kept."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps({"omniBulkPlan": VERSION, **asdict(approved)}, option=options)


def from_json(content: bytes) -> Approval:
    """The way back. Raises ValueError for what is no plan, or one of a newer version."""
    read: Any = orjson.loads(content)
    if not isinstance(read, dict) or read.pop("omniBulkPlan", None) != VERSION:
        raise ValueError("not a plan")
    try:
        approved = Approval(**read)
    except TypeError:
        raise ValueError("not a plan") from None
    strings = (
        approved.campaign,
        approved.list,
        approved.by,
        approved.at,
        *approved.settings,
        *approved.settings.values(),
    )
    whole = (approved.recipients, approved.messages, approved.segments, *approved.countries.values())
    if not all(isinstance(one, str) for one in strings) or not all(type(one) is int for one in whole):
        raise ValueError("not a plan")
    return approved


def differences(approved: Approval, now: Approval, *, begun: bool) -> Iterator[str]:
    """What is not as it was approved, a clause each. `begun`: somebody of the campaign has a message already."""
    if approved.campaign != now.campaign:
        yield said("it is for campaign {approved!r}, and this is {now!r}", approved=approved.campaign, now=now.campaign)
    if approved.list != now.list:
        yield said("the list has changed since")
    if approved.text != now.text:
        yield said("the text has changed since")
    for name in sorted({*approved.settings, *now.settings}):
        then, here = approved.settings.get(name), now.settings.get(name)
        if then != here:
            yield said("{name} was {then} and is {here}", name=name, then=_shown(then), here=_shown(here))
    if begun or approved.list != now.list:
        return
    if approved.messages != now.messages:
        yield said(
            "{approved:,} messages were approved, and {now:,} would be sent",
            approved=approved.messages,
            now=now.messages,
        )
    elif (approved.segments, dict(approved.countries)) != (now.segments, dict(now.countries)):
        yield said(
            "{approved:,} segments were approved, and now it is {now:,}, or to other countries",
            approved=approved.segments,
            now=now.segments,
        )


def _shown(value: str | None) -> str:
    return said("not given") if value is None else repr(value)

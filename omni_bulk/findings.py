"""What a check-up makes of what it measured: is it well, and if not, what to do. Pure; measuring is in `checkup`."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from omni_bulk.sentences import counted, said

CLOCK_WARN = 30.0  # s off; times in the results and in reports are compared by people
CLOCK_FAIL = 300.0  # s off; windows and periods begin at the wrong time
CERTIFICATE_WARN = 14.0  # days left
POLL_WARN, POLL_FAIL = (
    48 * 3600.0,
    72 * 3600.0,
)  # s; the API deletes reports that nobody collected within 3 days (guide)
BYTES_EACH = (
    2_000  # of disk for one message: ledger 690 and results 390 (20,000 measured); the rest for log and reports
)
ROOM_WARN, ROOM_FAIL = 1 << 30, 64 << 20  # bytes free
DESCRIPTORS_BESIDE = 64  # open files besides the requests in flight: ledger, locks, results, the list, libraries

SETTINGS, NETWORK, CREDENTIALS, LEDGER = 2, 69, 5, 74  # exit codes
_WORST_FIRST = (SETTINGS, LEDGER, CREDENTIALS, NETWORK)


class Mark(StrEnum):
    """How a check ended. `skipped`: it could not be made, because of another one."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was found, what to do about it ("" for nothing), and the exit code it asks for."""

    check: str
    mark: Mark
    said: str
    todo: str = ""
    exit_code: int = 0


def ok(check: str, said: str) -> Finding:
    """All is well."""
    return Finding(check, Mark.OK, said)


def warn(check: str, said: str, todo: str) -> Finding:
    """Sending works, and somebody should look."""
    return Finding(check, Mark.WARN, said, todo)


def fail(check: str, said: str, todo: str, exit_code: int) -> Finding:
    """Sending would not work, or not as promised."""
    return Finding(check, Mark.FAIL, said, todo, exit_code)


def skipped(check: str, said: str) -> Finding:
    """The check was not made, and why."""
    return Finding(check, Mark.SKIPPED, said)


def exit_code(findings: Sequence[Finding]) -> int:
    """The code of the worst finding, in the order of the contract; 0 when nothing failed."""
    codes = {finding.exit_code for finding in findings}
    return next((code for code in _WORST_FIRST if code in codes), 0)


def clock(offset: float) -> Finding:
    """`offset`: seconds by which this computer's clock is ahead of the server's Date header."""
    off = abs(offset)
    way = (
        said("{off:,.0f} s ahead of the server's", off=off)
        if offset > 0
        else said("{off:,.0f} s behind the server's", off=off)
    )
    todo = said("Turn on time synchronisation (NTP) on this computer.")
    if off > CLOCK_FAIL:
        return fail(
            "clock", said("it is {way}: windows and periods would begin at the wrong time", way=way), todo, SETTINGS
        )
    if off > CLOCK_WARN:
        return warn("clock", said("it is {way}", way=way), todo)
    return ok("clock", said("within {off:.0f} s of the server's", off=max(1.0, off)))


def certificate(days: float) -> Finding:
    """`days`: until the server's certificate, which verifies, expires."""
    left = said("the certificate is good for {days:,.0f} more days", days=days)
    if days < CERTIFICATE_WARN:
        return warn("TLS", left, said("Nothing on your side: tell the vendor, if it is not renewed in time."))
    return ok("TLS", left)


def room(free: int, place: str) -> Finding:
    """`free` bytes where the ledger is, or will be."""
    many = said(
        "{gib:,.1f} GiB free at {place}, room for some {messages:,} messages",
        gib=free / (1 << 30),
        place=place,
        messages=free // BYTES_EACH,
    )
    if free < ROOM_FAIL:
        return fail("disk", many, said("Make room: without it nothing can be recorded, so nothing is sent."), LEDGER)
    if free < ROOM_WARN:
        return warn("disk", many, said("Make room before a large campaign."))
    return ok("disk", many)


def descriptors(limit: int, workers: int) -> Finding:
    """`limit` open files of this process, against the requests that may be in flight."""
    needed = workers + DESCRIPTORS_BESIDE
    if limit < needed:
        return fail(
            "open files",
            said(
                "the limit is {limit:,}, and {workers} workers need {needed:,}",
                limit=limit,
                workers=workers,
                needed=needed,
            ),
            said(
                "Run `ulimit -n {needed}` before (in a service LimitNOFILE={needed}), or give fewer --workers.",
                needed=needed,
            ),
            SETTINGS,
        )
    return ok(
        "open files",
        said("the limit is {limit:,}; {workers} workers need {needed:,}", limit=limit, workers=workers, needed=needed),
    )


def in_doubt(count: int) -> Finding:
    """`count` messages of the ledger that are claimed and have no result."""
    if not count:
        return ok("in doubt", said("no message"))
    return warn(
        "in doubt",
        said("{messages} claimed without a result", messages=counted(count, "message")),
        said(
            "If a run is going on, that is as it should be. If not, one was cut off: run its command again, which records "
            "them as unknown and sends nobody twice."
        ),
    )


def polled(age: float) -> Finding:
    """`age`: seconds since delivery reports were last asked for."""
    told = said("last collected {hours:,.0f} h ago", hours=age / 3600)
    todo = said("Run `omni-bulk reports --poll`, every few hours: the API deletes them after 3 days.")
    if age > POLL_FAIL:
        return warn("reports", said("{told}: some may be deleted already", told=told), todo)
    return warn("reports", told, todo) if age > POLL_WARN else ok("reports", told)

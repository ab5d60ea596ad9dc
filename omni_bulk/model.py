"""The values that travel through the house. Nothing here does anything; everything else speaks in these words.

A `Recipient` is a row as written. `rules.compose` makes a `Message` of it, or a `Problem`. The ledger admits an
`Entry`; a worker turns a message's attempts into `Verdict`s and the last of them into a `Result`.

Numbers and texts are kept out of every ``repr``, so that no log line or traceback can show them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from typing import Literal

Encoding = Literal["GSM-7", "UCS-2"]


class Status(StrEnum):
    """The final state of a recipient; each is its own string: ``Status.ACCEPTED == "accepted"``.

    `accepted`: the API took it, and bills it; whether a phone has it is known only from reports. `rejected`: the API
    refused it. `failed`: provably not sent, and given up; the next run tries again. `unknown`: it may have been sent, and
    is never sent again by itself. `invalid`: the row cannot be sent. `skipped`: a rule or a list left it out.
    """

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FAILED = "failed"
    UNKNOWN = "unknown"
    INVALID = "invalid"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One row of the input, as written.

    `to` is the number in any usual writing; `row` the line of the input on which the row begins (the header is 1);
    `ref` the caller's own key, at most 190 characters; `text` overrides the template; `from_` overrides its `from`;
    `fields` are all columns of the row, by the name in the header. `problem` is set by a reader for a row that could
    not be read whole: such a row becomes `invalid` without touching its neighbours.
    """

    to: str = field(repr=False)
    row: int = 0
    ref: str | None = None
    text: str | None = field(default=None, repr=False)
    from_: str | None = field(default=None, repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What one phone gets. `to` is E.164 with the plus, `country` its ISO 3166 code, `segments` the billed parts.

    `warnings` are slugs: of country rules, or of `rules.WARNINGS`. `replaced` are the characters that gave way to others
    of GSM-7, each once.
    """

    to: str = field(repr=False)
    from_: str = field(repr=False)
    text: str = field(repr=False)
    country: str
    encoding: Encoding
    segments: int
    row: int = 0
    ref: str | None = None
    warnings: tuple[str, ...] = ()
    replaced: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is not sent. `reason` is a slug of ours (``invalid_number``, ``missing_field`` …).

    `identity` is what stands for the number when it could not be read: the cell as written. `detail` is a clause for
    people that names columns and flags, never a number or a text.
    """

    status: Literal[Status.INVALID, Status.SKIPPED]
    reason: str
    detail: str = ""
    row: int = 0
    ref: str | None = None
    to: str | None = field(default=None, repr=False)
    from_: str | None = field(default=None, repr=False)
    country: str | None = None
    identity: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """The final record of sending to one recipient; a line of the results file.

    `seq` counts the lines of the campaign from 1 without gaps; `ref` is the key sent on the wire, None for a row that
    repeats another (`duplicate_of` then names that ref). `copy` is 2 for a message that the operator had posted again,
    under `wire_ref`. `msg_key`, `code` and `result` are the API's, `reason` is a slug of ours where we decided. `to` is
    E.164, None where the cell is no number; `country` ISO 3166; `encoding` ``GSM-7`` or ``UCS-2``; `segments`
    the billed parts; `row` the line of the list. `http` is the status of the last answer, and in the ledger only.
    `sent_at` is ISO 8601 with offset, `latency_ms` the duration of the last POST in milliseconds, `attempts` the POSTs
    whose bytes may have left. `replayed` marks a result that was recorded before this call, `forgotten` one whose number
    was erased. The README lists the reasons.
    """

    seq: int
    campaign_id: str
    campaign: str
    status: Status
    ref: str | None = None
    msg_key: str | None = None
    code: str | None = None
    result: str | None = None
    reason: str | None = None
    to: str | None = field(default=None, repr=False)
    from_: str | None = field(default=None, repr=False)
    country: str | None = None
    encoding: str | None = None
    segments: int | None = None
    row: int | None = None
    attempts: int = 0
    sent_at: str | None = None
    latency_ms: int | None = None
    warnings: tuple[str, ...] = ()
    duplicate_of: str | None = None
    replayed: bool = False
    copy: int = 1
    wire_ref: str | None = None
    http: int | None = None
    forgotten: bool = False


class Kind(Enum):
    """What one attempt proves. The table of the README has one row for each."""

    ACCEPTED = "accepted"  # A000: taken
    TOKEN = "token"  # noqa: S105 - the codes about tokens: not taken; the token is old or bad
    THROTTLED = "throttled"  # A020, HTTP 429: not taken; everyone slows down
    ACCOUNT = "account"  # not taken, and the next message would fare the same
    FROM = "from"  # A325, A327: not taken; this originating number is unusable
    BARE_REFUSAL = "bare_refusal"  # 401, 403, 404, 405 without an OMNI body: not taken
    REFUSED = "refused"  # any other known refusal: not taken, and asking again is useless
    NOT_SENT = "not_sent"  # no byte of the request was written
    UNKNOWN = "unknown"  # anything else: it may have been taken

    __hash__ = object.__hash__  # members are one of a kind; Enum's own hashes their names, in Python, 5 times a message


@dataclass(frozen=True, slots=True)
class Verdict:
    """The classified outcome of one attempt.

    `code` and `result` are the API's, `reason` a slug of ours for what went wrong below or beside the API.
    `retry_after` is in seconds, already read from either form of the header. `omni` says whether an OMNI body came.
    """

    kind: Kind
    code: str | None = None
    result: str | None = None
    msg_key: str | None = None
    reason: str | None = None
    retry_after: float | None = None
    omni: bool = False


class Evidence(Enum):
    """What is known of the bytes of one request when it failed."""

    NOTHING_WRITTEN = "nothing_written"
    MAY_HAVE_LEFT = "may_have_left"


class State(IntEnum):
    """Where a message stands in the ledger. The last six are the `Status` of a result."""

    READY = 0  # admitted, or released after a proof that it was not accepted
    CLAIMED = 1  # may be posted from here on; in doubt while no result is recorded
    ACCEPTED = 2
    REJECTED = 3
    FAILED = 4
    UNKNOWN = 5
    INVALID = 6
    SKIPPED = 7

    @property
    def status(self) -> Status:
        return Status[self.name]

    @classmethod
    def of(cls, status: Status) -> "State":
        return cls[status.name]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row on its way into the ledger: what it is, and the keys by which the ledger knows it again.

    `identity` (16 bytes) and the digests (8 bytes each) are keyed with the ledger's own key. `number_digest` covers
    the number, `text_digest` the rendered text, `digest` number, text and from together.
    """

    identity: bytes
    ref: str
    item: Message | Problem
    digest: bytes = b""
    number_digest: bytes = b""
    text_digest: bytes = b""


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign as the ledger knows it. `id` is the ledger's, `uuid` the one in the results."""

    id: int
    uuid: str
    account: int
    name: str
    kind: str | None = None
    template: str | None = field(default=None, repr=False)
    template_from: str | None = None
    template_version: int = 0
    seq: int = 0
    created_at: int = 0
    completed_at: int | None = None
    input_digest: bytes | None = None


class Way(StrEnum):
    """How a report reached us."""

    POLL = "poll"
    WEBHOOK = "webhook"
    INQUIRY = "inquiry"
    IMPORT = "import"


class Whose(StrEnum):
    """Whose a report is, as judged against the ledger."""

    JOINED = "joined"  # a message of ours bears its msgKey, or was settled by it
    WAITING = "waiting"  # its ref is of a message whose own answer is not recorded yet; judged again
    HINT = "hint"  # it would settle an unknown, but nobody vouches for it; the inquiry may
    DOUBLE = "double"  # our message was accepted under another msgKey too, and nobody resent it
    UNMATCHED = "unmatched"  # its ref is one of ours, but a rule forbids to take it for that message
    FOREIGN = "foreign"  # neither its msgKey nor its ref is known here


@dataclass(slots=True)  # not frozen: there are millions of them, and making one would take 4 µs in place of 0.5
class Report:
    """One delivery report. Every field is as the API wrote it, None where it wrote nothing that can be read.

    `at` (reportTime) and `sent_at` (sendTime) are ms since 1970, `parts` the billed parts (resCnt). `json` is the whole
    object as received, with the fields nobody has listed. `proven`: it came by an authenticated way. `message` is the
    ledger's message it belongs to, `whose` how that was judged (None: not yet) and `reason` why not.
    """

    msg_key: str
    ref: str | None = None
    type: str | None = None
    code: str | None = None
    text: str | None = None
    at: int | None = None
    sent_at: int | None = None
    service: str | None = None
    msg_type: str | None = None
    carrier: str | None = None
    parts: int | None = None
    json: bytes = field(default=b"", repr=False)
    source: Way = Way.POLL
    proven: bool = True
    received_at: int = 0
    id: int = 0
    message: int | None = None
    whose: Whose | None = None
    reason: str | None = None

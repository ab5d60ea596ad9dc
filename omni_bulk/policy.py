"""What to do about a verdict, a streak of verdicts, and a row the ledger already knows. Tables, not branches.

Everything here is pure: verdicts and times in, decisions out. The worker and the campaign carry them out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from omni_bulk.errors import Stopped
from omni_bulk.model import Entry, Kind, Message, State, Status, Verdict
from omni_bulk.sentences import said, term


class Step(Enum):
    """What becomes of the message after one attempt."""

    SETTLE = "settle"  # write the result
    RETRY = "retry"  # release the claim and go through the gate again
    STOP = "stop"  # release the claim and stop the campaign: the next message would fare the same


@dataclass(frozen=True, slots=True)
class Action:
    """`status` is set for SETTLE; `refresh` asks for a new token first; `backoff` waits before the gate."""

    step: Step
    status: Status | None = None
    refresh: bool = False
    backoff: bool = False


_ACTIONS: Mapping[Kind, Action] = {
    Kind.ACCEPTED: Action(Step.SETTLE, Status.ACCEPTED),
    Kind.TOKEN: Action(Step.RETRY, refresh=True),
    Kind.THROTTLED: Action(Step.RETRY),  # the gate slows everyone down; a wait of its own would punish it twice
    Kind.ACCOUNT: Action(Step.STOP),
    Kind.FROM: Action(Step.STOP),
    Kind.BARE_REFUSAL: Action(Step.RETRY, backoff=True),
    Kind.REFUSED: Action(Step.SETTLE, Status.REJECTED),
    Kind.NOT_SENT: Action(Step.RETRY, backoff=True),
    Kind.UNKNOWN: Action(Step.SETTLE, Status.UNKNOWN),
}
_FROM_OF_ITS_OWN = Action(Step.SETTLE, Status.REJECTED)


def decide(verdict: Verdict, *, shared_from: bool) -> Action:
    """The next step for one message. `shared_from`: its originating number is the whole campaign's."""
    if verdict.kind is Kind.FROM and not shared_from:
        return _FROM_OF_ITS_OWN
    return _ACTIONS[verdict.kind]


def allows_another(verdict: Verdict) -> bool:
    """Whether a verdict proves that the message was not taken and trying again may succeed."""
    return _ACTIONS[verdict.kind].step is Step.RETRY


def may_have_left(verdict: Verdict) -> bool:
    """Whether bytes of the attempt may have left the process: such attempts are counted."""
    if verdict.kind is Kind.ACCOUNT and not verdict.omni:
        return verdict.result is not None  # an HTTP 407 has one, a failure before the request has none
    return verdict.kind is not Kind.NOT_SENT


_STOPS: Mapping[str, tuple[str, str]] = {
    "A100": ("bad_credentials", "the client id or password is wrong: check OMNI_CLIENT_ID and OMNI_CLIENT_PASSWORD"),
    "A110": ("account_blocked", "the account is blocked: ask the vendor"),
    "A111": ("account_blocked", "the account is blocked: ask the vendor"),
    "A113": ("account_expired", "the account has expired: ask the vendor"),
    "A320": ("quota", "the account's message quota is used up: raise it, then run the same command again"),
    "A325": ("no_permission", "the account may not send international messages: ask the vendor"),
    "A327": ("from_unregistered", "the originating number is not registered: register it or give another --from"),
    "certificate": (
        "certificate",
        "the server's certificate cannot be verified: check the clock, --base-url or --ca-file",
    ),
    "proxy_auth": ("proxy_auth", "the proxy refuses its credentials: check OMNI_PROXY"),
}


def account_stop(verdict: Verdict) -> Stopped:
    """Why a verdict on the account ends the campaign: what to cure, after which the same command goes on."""
    key = verdict.code or verdict.reason or ""
    reason, sentence = _STOPS.get(key, ("account", "the account was refused: ask the vendor"))
    return Stopped(
        said("{why} ({code})", why=term(sentence), code=verdict.code) if verdict.code else term(sentence), reason=reason
    )


BACKOFF_FIRST = 1.0  # s, the most before the second try
BACKOFF_MAX = 30.0  # s


def backoff(attempt: int, draw: float) -> float:
    """Seconds before try number `attempt` (2, 3 …): full jitter, so `draw` in [0, 1) times a doubling bound."""
    return draw * min(BACKOFF_MAX, BACKOFF_FIRST * 2.0 ** min(attempt - 2, 16))


# ── streaks: when the whole campaign should pause or stop ──────────────────────────────────────────────────────────


class Then(Enum):
    PROBE = "probe"  # pause, let one message through; if it fares the same, stop
    PROBE_ON = "probe_on"  # pause and probe until it works or patience ends
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Streak:
    """`limit` verdicts of one kind in a row, counted over all workers, mean something about the world."""

    name: str
    limit: int
    then: Then
    exit_code: int
    sentence: str


STREAKS: Mapping[str, Streak] = {
    s.name: s
    for s in (
        Streak("not_connected", 20, Then.PROBE_ON, 69, "the server cannot be reached"),
        Streak(
            "bare_refusal", 3, Then.PROBE, 5,
            "the server refuses requests without an answer of the OMNI API: check --base-url, the proxy and whether "
            "this address is allowed",
        ),
        Streak(
            "not_omni", 3, Then.PROBE, 69,
            "something other than the OMNI API answers: a gateway's error page or a captive portal; run again when "
            "the service is back",
        ),
        Streak("bad_json", 20, Then.STOP, 5, "the API could not read 20 requests in a row (A010): please report this"),
        Streak(
            "from", 20, Then.STOP, 5,
            "20 originating numbers in a row were refused (A325, A327): register them or ask for the permission",
        ),
    )
}  # fmt: skip

PATIENCE = 600.0  # s without one acceptance before a run gives up with exit 69


def streak_of(verdict: Verdict) -> str | None:
    """The streak a verdict belongs to, None for any other."""
    match verdict.kind:
        case Kind.NOT_SENT:
            return "not_connected"
        case Kind.BARE_REFUSAL:
            return "bare_refusal"
        case Kind.FROM:
            return "from"
        case Kind.REFUSED if verdict.code == "A010":
            return "bad_json"
        case Kind.UNKNOWN if verdict.reason == "bad_answer":
            return "not_omni"
        case _:
            return None


def _api_works(verdict: Verdict) -> bool:
    """Whether the API itself answered, whatever it said. A timeout or a lost connection shows nothing either way."""
    return verdict.omni or verdict.kind is Kind.THROTTLED


@dataclass(frozen=True, slots=True)
class Signal:
    """What the breaker wants of the gate: nothing, a pause of `pause` seconds and then one probe, or a stop."""

    pause: float | None = None
    stop: Streak | None = None
    out_of_patience: bool = False


PROBE_FIRST = 1.0  # s
PROBE_MAX = 30.0  # s
_CALM = Signal()


class Breaker:
    """Counts streaks over all workers. Feed it every verdict with the time; do what its signal says.

    Only an answer of the API ends a streak or a pause: a probe that ends in silence, or in another kind of trouble, is
    followed by a longer pause, because opening the gate could make every message behind it `unknown`.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._name: str | None = None
        self._count = 0
        self._probes = 0
        self._drought_since: float | None = None
        self._seen = 0.0

    @property
    def probing(self) -> str | None:
        """The name of the streak that holds the gate shut, None while it is open."""
        return self._name if self._probes else None

    def hold(self, name: str) -> None:
        """Probe from now on, for a cause that is no streak: a pause that the caller begins itself."""
        if not self._probes:
            self._name, self._count, self._probes = name, 0, 1

    def observe(self, verdict: Verdict, now: float, *, probe: bool = False) -> Signal:
        """`now` is monotonic seconds; `probe` marks the verdict of the one message let through while paused."""
        if self._is_out_of_patience(verdict, now):
            self._probes = 0
            return Signal(out_of_patience=True)
        name = streak_of(verdict)
        if _api_works(verdict):
            self._probes = 0
            if name is None:
                self._name, self._count = None, 0
        elif self._probes and not probe:
            return _CALM  # in flight when the gate shut: it says nothing new
        if name is None:
            return self._pause() if self._probes else _CALM
        self._count = self._count + 1 if name == self._name else 1
        self._name = name
        return self._judge(STREAKS[name])

    def _is_out_of_patience(self, verdict: Verdict, now: float) -> bool:
        """Time in which nothing was tried does not count: after a long silence patience begins anew."""
        if verdict.kind is Kind.ACCEPTED or now - self._seen >= self._patience:
            self._drought_since = None
        self._seen = now
        if allows_another(verdict) and self._drought_since is None:
            self._drought_since = now
        tried = allows_another(verdict) or not verdict.omni
        return tried and self._drought_since is not None and now - self._drought_since >= self._patience

    def _judge(self, streak: Streak) -> Signal:
        if not self._probes and self._count < streak.limit:
            return _CALM
        if streak.then is Then.STOP or (streak.then is Then.PROBE and self._count > streak.limit):
            self._probes = 0  # the count stays: what is still in flight, or tried later and fares the same, stops too
            return Signal(stop=streak)
        return self._pause()

    def _pause(self) -> Signal:
        self._probes += 1
        return Signal(pause=min(PROBE_MAX, PROBE_FIRST * 2.0 ** min(self._probes - 1, 10)))


# ── admission: what to do with a row, given what the ledger knows of its identity ─────────────────────────────────


class Admit(Enum):
    SEND = "send"  # a message for the workers
    RECORD = "record"  # a new line: this row is not sent, and why
    REPLAY = "replay"  # settled before, nothing changed: no POST, no line
    REPEAT = "repeat"  # a line about this row beside the recipient's own, which stays what it is


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger holds of an identity. `stale` means: sent from a template that was since changed on purpose."""

    state: State
    reason: str | None
    digest: bytes
    number_digest: bytes
    text_digest: bytes
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    do: Admit
    status: Status | None = None
    reason: str | None = None


_SEND = Admission(Admit.SEND)
_RECORD = Admission(Admit.RECORD)
_REPLAY = Admission(Admit.REPLAY)
OTHER_TEXT = "already_sent_other_text"
TAKEN = frozenset({State.CLAIMED, State.ACCEPTED, State.UNKNOWN})


def admit(entry: Entry, known: Known | None, *, repeats: bool) -> Admission:
    """The fate of one row. `repeats`: an earlier row of this run has the same identity, and `known` is that one."""
    made = entry.item
    if known is None:
        return _SEND if isinstance(made, Message) else _RECORD
    if repeats:
        return _repeated(entry, known)
    if known.state in TAKEN:
        return _already_taken(entry, known)
    if isinstance(made, Message):
        same = known.state is State.REJECTED and known.digest == entry.digest
        return _REPLAY if same else _SEND
    same = known.state is State.of(made.status) and known.reason == made.reason
    return _REPLAY if same else _RECORD


def _repeated(entry: Entry, first: Known) -> Admission:
    made = entry.item
    if not isinstance(made, Message):
        same = first.state is State.of(made.status) and first.reason == made.reason
        return Admission(Admit.REPEAT, Status.SKIPPED, "duplicate") if same else _repeat_of(made.status, made.reason)
    # Without a digest the first was adopted from elsewhere: nothing can be compared, so it counts as the same. Nor has
    # a first row that could not be sent, but this one can: calling it a duplicate would hide that nobody gets it.
    same_number = first.number_digest in {b"", entry.number_digest}
    same_text = first.stale or first.text_digest in {b"", entry.text_digest}
    if same_number and same_text and first.state not in {State.INVALID, State.SKIPPED}:
        return Admission(Admit.REPEAT, Status.SKIPPED, "duplicate")
    return Admission(Admit.REPEAT, Status.INVALID, "number_repeated" if made.ref is None else "ref_conflict")


def _already_taken(entry: Entry, known: Known) -> Admission:
    if not isinstance(entry.item, Message):
        return _REPLAY  # it has its message; that the row could not be composed today changes nothing
    if known.number_digest not in {b"", entry.number_digest}:
        return Admission(Admit.REPEAT, Status.INVALID, "ref_conflict")
    if known.text_digest not in {b"", entry.text_digest} and not known.stale:
        return Admission(Admit.REPEAT, Status.SKIPPED, OTHER_TEXT)
    return _REPLAY


def _repeat_of(status: Status, reason: str) -> Admission:
    return Admission(Admit.REPEAT, status, reason)


OTHER_TEXT_SHARE = 0.01
OTHER_TEXT_SAMPLE = 1000


def too_many_other_texts(count: int, rows: int, *, whole: bool) -> bool:
    """Over 1 % of the list already got another text: likely the wrong file.

    Before the end is known, 1,000 rows count as the least a list may have, so that one early row does not stop it.
    """
    return count > OTHER_TEXT_SHARE * (rows if whole else max(rows, OTHER_TEXT_SAMPLE))

"""What can go wrong with a post that would otherwise have been accepted, drawn from a seeded random source.

A fault never meets a post that is refused anyway (bad token, over the rate, invalid field), so its two facts are exact:
`taken` (the message was taken all the same) and `ambiguous` (the client cannot know). A test can therefore demand that
exactly the ambiguous ones end as `unknown`.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from random import Random
from types import MappingProxyType
from typing import Literal, get_args

from omni_bulk.sandbox.codes import CODES, ambiguous
from omni_bulk.sentences import said

Wire = Literal["answer", "slow", "cut", "hang", "half"]
Place = Literal["send", "token", "poll", "ack", "inquiry"]
PLACES: tuple[str, ...] = get_args(Place)

_HTML = b"<html><body><h1>%s</h1></body></html>\n"


@dataclass(frozen=True, slots=True, eq=False)
class Fault:
    """One kind of fault.

    `taken`: the server does what was asked (takes the message) all the same. `ambiguous`: what the client sees proves
    nothing about that. `wire` is what happens on the connection: an ``answer``; a ``slow`` one; the connection is
    ``cut`` without an answer; it ``hang``s without an answer; or ``half`` the answer comes, then the cut. An answer is
    `body` (with `content_type`) or else `code` in the usual JSON, under `status`; with neither it is the usual answer,
    with `changes` made to it (None drops the field).
    """

    kind: str
    taken: bool
    ambiguous: bool
    wire: Wire = "answer"
    status: int = 200
    code: str | None = None
    body: bytes | None = None
    content_type: str = "text/html"
    changes: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        fault.kind: fault
        for fault in (
            Fault("drop_before", taken=False, ambiguous=True, wire="cut"),
            Fault("drop_after", taken=True, ambiguous=True, wire="cut"),
            Fault("hang_before", taken=False, ambiguous=True, wire="hang"),
            Fault("hang_after", taken=True, ambiguous=True, wire="hang"),
            Fault("cut_body", taken=True, ambiguous=True, wire="half"),
            Fault("a999", taken=False, ambiguous=True, status=500, code="A999"),
            Fault("a999_taken", taken=True, ambiguous=True, status=500, code="A999"),
            Fault("a920", taken=False, ambiguous=True, status=503, code="A920"),
            Fault("unlisted", taken=False, ambiguous=True, status=400, code="A777"),
            Fault("html502", taken=False, ambiguous=True, status=502, body=_HTML % b"502 Bad Gateway"),
            Fault("not_json", taken=True, ambiguous=True, body=b"accepted\n", content_type="application/json"),
            Fault("other_ref", taken=True, ambiguous=True, changes={"ref": "the-ref-of-somebody-else"}),
            Fault("no_msg_key", taken=True, ambiguous=False, changes={"msgKey": None}),
            Fault("a001", taken=False, ambiguous=False, status=401, code="A001"),
            Fault("a020", taken=False, ambiguous=False, status=429, code="A020"),
            Fault("a020_200", taken=False, ambiguous=False, status=200, code="A020"),
            Fault("html429", taken=False, ambiguous=False, status=429, body=_HTML % b"429 Too Many Requests"),
            Fault("html403", taken=False, ambiguous=False, status=403, body=_HTML % b"403 Forbidden"),
            Fault("slow", taken=True, ambiguous=False, wire="slow"),
        )
    }
)


WORDS: Mapping[str, str] = MappingProxyType({"hang": "hang_after", "drop": "drop_after", "refuse": "a020"})
"""Short words for `fail_next`: of the kinds that are alike, the one that is harder on the client."""


def fault_of(kind: str) -> Fault:
    """The fault that `fail_next` means: a kind of `FAULTS`, a word of `WORDS`, or a code of the API such as ``A306``.

    Raises ValueError for anything else.
    """
    if kind in CODES and kind != "A000":
        return Fault(kind, taken=False, ambiguous=ambiguous(kind), status=CODES[kind][0], code=kind)
    if WORDS.get(kind, kind) not in FAULTS:
        raise ValueError(
            said(
                "There is no fault {kind!r}; give {words}, a code such as A306, or one of {kinds}.",
                kind=kind,
                words=", ".join(WORDS),
                kinds=_kinds(),
            )
        )
    return FAULTS[WORDS.get(kind, kind)]


def _kinds() -> str:
    return ", ".join(FAULTS)


def check_probability(kind: str, probability: float) -> None:
    """Raise ValueError, in one sentence for the user, unless `kind` exists and `probability` lies in 0…1."""
    if kind not in FAULTS:
        raise ValueError(said("There is no fault {kind!r}; the kinds are {kinds}.", kind=kind, kinds=_kinds()))
    if not (isfinite(probability) and 0 <= probability <= 1):
        raise ValueError(
            said(
                "The probability of the fault {kind} must lie between 0 and 1, not {probability:g}.",
                kind=kind,
                probability=probability,
            )
        )


def parse_fault(written: str) -> tuple[str, float]:
    """Read ``KIND=PROBABILITY``, for example ``drop_after=0.01``.

    Raises ValueError with one sentence that lists the kinds when it cannot be read.
    """
    kind, equals, share = written.partition("=")
    kind = kind.strip()
    try:
        probability = float(share)
    except ValueError:
        equals = ""
    if not equals or kind not in FAULTS:
        raise ValueError(
            said(
                "A fault is written KIND=PROBABILITY, such as drop_after=0.01, not {written!r}; the kinds are {kinds}.",
                written=written,
                kinds=_kinds(),
            )
        )
    check_probability(kind, probability)
    return kind, probability


class Faults:
    """Which fault strikes next. `counts` tells how often each kind struck so far.

    Raises ValueError for an unknown kind, a probability outside 0…1, or probabilities that sum to more than 1.
    """

    def __init__(self, probabilities: Mapping[str, float], rng: Random) -> None:
        self.counts: Counter[str] = Counter()
        self._rng = rng
        self._probabilities: dict[str, float] = {}
        self._queued: dict[str, deque[Fault]] = {place: deque() for place in PLACES}
        for kind, probability in probabilities.items():
            self.set(kind, probability)

    @property
    def probabilities(self) -> Mapping[str, float]:
        """Kind → probability for each otherwise good post; kinds at 0 are left out."""
        return MappingProxyType(self._probabilities)

    def set(self, kind: str, probability: float) -> None:
        """From now on `kind` strikes each otherwise good post with this probability (0 switches it off)."""
        check_probability(kind, probability)
        others = sum(share for other, share in self._probabilities.items() if other != kind)
        if others + probability > 1 + 1e-9:
            raise ValueError(
                said(
                    "The probabilities of all faults sum to {sum:g}; at most 1 is possible.",
                    sum=others + probability,
                )
            )
        self._probabilities.pop(kind, None)
        if probability:
            self._probabilities[kind] = probability

    def fail_next(self, kind: str, times: int = 1, *, on: Place = "send") -> None:
        """Let `kind` strike the next `times` otherwise good requests of one place, in the order of the calls.

        `on` is ``send`` (posts) by default, else ``token``, ``poll``, ``ack`` or ``inquiry``; there `taken` means that
        the server did what was asked. `kind` is one of `FAULTS`, a word (``hang``, ``drop``, ``refuse``) or a code such
        as ``A306``. Raises ValueError for an unknown kind or place, or a kind that only a post has.
        """
        fault = fault_of(kind)
        if on not in PLACES:
            raise ValueError(
                said("There is no place {on!r}; the places are {places}.", on=on, places=", ".join(PLACES))
            )
        if on != "send" and fault.changes:
            raise ValueError(said("The fault {kind} is for posts alone; it cannot strike {on}.", kind=kind, on=on))
        self._queued[on].extend([fault] * times)

    def draw(self) -> Fault | None:
        """The fault for one post that would otherwise be accepted, or None. Counted."""
        queued = self._queued["send"]
        if queued:
            return self._count(queued.popleft())
        if not self._probabilities:
            return None
        left = self._rng.random()
        for kind, probability in self._probabilities.items():
            left -= probability
            if left < 0:
                return self._count(FAULTS[kind])
        return None

    def queued(self, on: Place) -> Fault | None:
        """The fault that `fail_next` asked for at a place other than ``send``, or None. Counted."""
        queued = self._queued[on]
        return self._count(queued.popleft()) if queued else None

    def _count(self, fault: Fault) -> Fault:
        self.counts[fault.kind] += 1
        return fault

"""The account behind the sandbox: a pure state machine. Its clock and its random source are parameters.

Each method takes what a request said and gives back the `Answer`; nothing here waits, listens or writes.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection
from random import Random
from typing import Any, NamedTuple

import orjson

from omni_bulk.sandbox.codes import Answer, ambiguous, answer
from omni_bulk.sandbox.faults import Fault, Faults
from omni_bulk.sandbox.limiter import Peak, make_limiter
from omni_bulk.sandbox.options import Options
from omni_bulk.sandbox.reports import Reports
from omni_bulk.sandbox.taken import Taken
from omni_bulk.sandbox.tokens import Tokens

REF_LIMIT = 200  # characters (guide)

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_FROM = re.compile(r"[0-9]{3,20}|[0-9A-Za-z .&_-]{1,11}")  # a national number, or a name where a country allows one
_TOKEN_CODES = frozenset({"A001", "A002"})


class Outcome(NamedTuple):
    """What became of one post: the answer meant for the client, the fault that strikes it, and the message if taken."""

    answer: Answer
    fault: Fault | None = None
    message: Taken | None = None


def refusal(fields: Any, *, text_limit: int = 2000, from_numbers: Collection[str] | None = None) -> str | None:
    """The code that refuses this body of a post, or None when it is good.

    A010 not an object; A302 `from`, A327 `from` that is not among `from_numbers`; A306 `to`, which must be E.164 with
    the plus; A303 `text` empty or no string, A328 over `text_limit` characters; A305 `ref` empty or over 200
    characters (it may be left out, or null). Fields and sizes are the guide's; the codes are from the vendor's next
    API; which one comes first when several fields are wrong is our choice.
    """
    if not isinstance(fields, dict):
        return "A010"
    from_, to, text, ref = fields.get("from"), fields.get("to"), fields.get("text"), fields.get("ref")
    if not (isinstance(from_, str) and from_.strip() and _FROM.fullmatch(from_)):
        return "A302"
    if from_numbers is not None and from_ not in from_numbers:
        return "A327"
    if not (isinstance(to, str) and _E164.fullmatch(to)):
        return "A306"
    if not (isinstance(text, str) and text):
        return "A303"
    if len(text) > text_limit:
        return "A328"
    if ref is not None and not (isinstance(ref, str) and 0 < len(ref) <= REF_LIMIT):
        return "A305"
    return None


class State:
    """One account. `messages` is what was taken, in order; `refuse` may be changed at any time (see `Options`).

    `ambiguous_refs` has one entry for each post whose answer, or lack of one, proves nothing to the client: its ref, or
    None when it had none. `codes` counts the OMNI codes with which posts were answered.
    """

    def __init__(self, options: Options, *, clock: Callable[[], float], rng: Random) -> None:
        self.options = options
        self.refuse = options.refuse
        self.messages: list[Taken] = []
        self.ambiguous_refs: list[str | None] = []
        self.codes: Counter[str] = Counter()
        self.faults = Faults(options.faults, rng)
        self.tokens = Tokens(options, clock=clock, rng=rng)
        self.reports = Reports(options, clock=clock, rng=rng)
        self.posts = 0
        self._clock = clock
        self._limiter = make_limiter(options.limiter, options.tps, clock, options.capacity)
        self._peak = Peak()
        self._key = f"{rng.getrandbits(48):012x}"
        self._refs: Counter[str] = Counter()
        self._doubles = 0
        self._ambiguous_taken = 0

    def token(self, client_id: str | None, client_password: str | None) -> Answer:
        """Answer a token request."""
        return self.tokens.issue(client_id, client_password)

    def post(self, authorization: str | None, body: bytes) -> Outcome:
        """Judge one post: token, then rate, then its fields; a good one meets a fault, or is taken, or both."""
        self.posts += 1
        self._peak.add(self._clock())
        code = self._refused_token(authorization) or self._refused_post()
        if code is not None:
            return self._refused(code, body)
        try:
            fields = orjson.loads(body)
        except orjson.JSONDecodeError:
            fields = None
        code = refusal(fields, text_limit=self.options.text_limit, from_numbers=self.options.from_numbers)
        if code is not None:
            return self._refused(code, body)
        fault = self.faults.draw()
        message = self._take(fields) if fault is None or fault.taken else None
        if fault is not None and fault.ambiguous:
            self.ambiguous_refs.append(fields.get("ref"))
            self._ambiguous_taken += fault.taken
        return self._outcome(message, fault)

    def poll(self, authorization: str | None) -> Answer:
        """Answer ``GET /v1/report/polling``."""
        code = self._refused_token(authorization)
        return answer(code) if code else self.reports.poll()

    def ack(self, authorization: str | None, report_id: str) -> Answer:
        """Answer ``DELETE /v1/report/polling/{reportId}``."""
        code = self._refused_token(authorization)
        return answer(code) if code else self.reports.ack(report_id)

    def inquire(self, authorization: str | None, msg_key: str) -> Answer:
        """Answer ``GET /v1/report/inquiry/{msgKey}``."""
        code = self._refused_token(authorization)
        return answer(code) if code else self.reports.inquire(msg_key)

    def stats(self) -> dict[str, Any]:
        """Counts: tokens issued, posts, messages taken, distinct refs, doubles (refs taken more than once) and so on."""
        return {
            "tokens": self.tokens.issued,
            "posts": self.posts,
            "taken": len(self.messages),
            "distinctRefs": len(self._refs),
            "doubles": self._doubles,
            "ambiguous": len(self.ambiguous_refs),
            "ambiguousTaken": self._ambiguous_taken,
            "maxPostsPerSecond": self._peak.most,
            "codes": dict(self.codes),
            "faults": dict(self.faults.counts),
            "reports": self.reports.counts(),
        }

    def _refused_token(self, authorization: str | None) -> str | None:
        return self.refuse if self.refuse in _TOKEN_CODES else self.tokens.check(authorization)

    def _refused_post(self) -> str | None:
        if self.refuse is not None:
            return self.refuse
        return "A020" if self._limiter is not None and not self._limiter.allow() else None

    def _refused(self, code: str, body: bytes) -> Outcome:
        self.codes[code] += 1
        if ambiguous(code):
            self.ambiguous_refs.append(_ref_in(body))
        return Outcome(answer(code, retry_after=self.options.retry_after))

    def _take(self, fields: dict[str, Any]) -> Taken:
        ref = fields.get("ref")
        msg_key = f"{self._key}{len(self.messages):010d}"
        message = Taken(msg_key, fields["to"], fields["from"], fields["text"], ref, self._clock())
        self.messages.append(message)
        self.reports.add(message)
        if ref is not None:
            self._refs[ref] += 1
            self._doubles += self._refs[ref] == 2
        return message

    def _outcome(self, message: Taken | None, fault: Fault | None) -> Outcome:
        success: dict[str, Any] = {}
        if message is not None:
            success["msgKey"] = message.msg_key
            if message.ref is not None:
                success["ref"] = message.ref
        if fault is not None:
            for name, value in fault.changes.items():
                success.pop(name, None) if value is None else success.update({name: value})
        reply = struck(answer("A000", **success), fault, retry_after=self.options.retry_after)
        if reply.code is not None and (fault is None or fault.wire in {"answer", "slow"}):
            self.codes[reply.code] += 1
        return Outcome(reply, fault, message)


def struck(usual: Answer, fault: Fault | None, *, retry_after: str | None = None) -> Answer:
    """The answer that `fault` puts in the place of the usual one; the usual one when it leaves the answer alone."""
    if fault is None:
        return usual
    if fault.body is not None:
        late = retry_after if fault.status == 429 else None
        return Answer(fault.status, fault.body, None, fault.content_type, late)
    if fault.code is not None:
        return answer(fault.code, status=fault.status, retry_after=retry_after)
    return usual


def _ref_in(body: bytes) -> str | None:
    try:
        ref = orjson.loads(body)["ref"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return ref if isinstance(ref, str) else None

"""One token for all workers, refreshed once when it is due or refused.

Tokens are counted by generation. A message remembers the generation it was posted with, so ten A001 for the same old
token are one refresh. A generation is proven by its first OMNI answer other than A001 and A002; three in a row that
never get one mean that tokens do not work, and sending stops instead of fetching for ever.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from omni_bulk.errors import Stopped
from omni_bulk.model import Kind, Verdict
from omni_bulk.policy import PATIENCE, account_stop, backoff
from omni_bulk.sentences import said, term
from omni_bulk.wire import CODES, Answer, Failure, Token, read_omni, read_token, retry_after

LIFE_UNKNOWN = 23 * 3600.0  # s: the guide says 24 h; used when `expired` does not parse or is out of bounds
LIFE_MIN, LIFE_MAX = 60.0, 48 * 3600.0  # s; so the clock alone never asks for two tokens within half a minute
AHEAD_MAX = 600.0  # s before the end of its life that a token is replaced, or a tenth of the life if that is less
UNPROVEN_MAX = 3
REST = 30.0  # s in which no further token is asked for after such a stop, or after one that could not be had
logger = logging.getLogger("omni_bulk")


@dataclass(frozen=True, slots=True)
class Grant:
    """A token in use. It is to be replaced from `refresh_at` on and good until `ends_at`, both monotonic seconds."""

    generation: int
    authorization: str = field(repr=False)
    refresh_at: float
    ends_at: float


def life_of(stated: float | None) -> float:
    """Seconds for which a token of this stated life is good."""
    return stated if stated is not None and LIFE_MIN <= stated <= LIFE_MAX else LIFE_UNKNOWN


def due(life: float) -> float:
    """Seconds after its issue at which a token of this life is to be replaced."""
    return life - min(AHEAD_MAX, life / 10)


class Tokens:
    """`fetch` asks the token endpoint once; `clock`, `sleep` and `draw` (in [0, 1)) are injected."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Answer]],
        *,
        clock: Callable[[], float],
        epoch: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        draw: Callable[[], float],
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._epoch = epoch
        self._sleep = sleep
        self._draw = draw
        self._grant: Grant | None = None
        self._refresh: asyncio.Task[Grant] | None = None
        self._generation = 0
        self._unproven = 0  # generations in a row that no answer has proven
        self._refused_invalid = False  # the last generation ended with A002
        self._stopped: Stopped | None = None
        self._rests_until = 0.0
        self.fetched = 0
        self._came_at = 0.0

    async def get(self) -> Grant:
        """The token to use now. Raises Stopped when no token can be had.

        One that is due is replaced in the background while it is still good, so that trouble at the token endpoint
        stops nobody before its end. Only without a good one does this wait.
        """
        now, grant = self._clock(), self.peek()
        if grant is not None and now < grant.refresh_at:
            return grant
        resting = self._stopped is not None and now < self._rests_until
        if self._refresh is None and not resting:
            self._refresh = asyncio.create_task(self._renew(), name="omni-bulk-token")
            self._refresh.add_done_callback(self._refreshed)
        if grant is not None:
            return grant
        if self._refresh is None:
            assert self._stopped is not None  # noqa: S101  or it would not rest
            raise self._stopped
        return await asyncio.shield(self._refresh)

    @property
    def age(self) -> float | None:
        """Seconds since the token in use came; None without one."""
        return None if self.peek() is None else self._clock() - self._came_at

    def peek(self) -> Grant | None:
        """The token to use now, None when there is none that is good."""
        grant = self._grant
        return grant if grant is not None and self._clock() < grant.ends_at else None

    def proven(self, generation: int) -> None:
        """An OMNI answer other than A001 and A002 came for a message of this generation."""
        if generation == self._generation:
            self._unproven = 0
            self._refused_invalid = False

    def refused(self, generation: int, verdict: Verdict) -> Stopped | None:
        """A001 or A002 for a message of this generation. Gives the reason to stop when tokens do not work."""
        if generation != self._generation or self._grant is None:
            return None  # an old token; its successor is here or on its way
        self._grant = None
        if verdict.code == "A002" and self._unproven and self._refused_invalid:
            return self._stop(said("a fresh token was refused as invalid (A002): check the account"), "token_invalid")
        self._refused_invalid = verdict.code == "A002"
        if self._unproven >= UNPROVEN_MAX:
            return self._stop(
                said(
                    "{number} tokens in a row were refused ({code}) without one that worked: "
                    "the API issues tokens that it does not accept; ask the vendor",
                    number=UNPROVEN_MAX,
                    code=verdict.code,
                ),
                "tokens_do_not_work",
            )
        return None

    def _stop(self, sentence: str, reason: str) -> Stopped:
        self._stopped, self._rests_until = Stopped(sentence, reason=reason), self._clock() + REST
        return self._stopped

    async def close(self) -> None:
        """Ends a refresh under way."""
        if self._refresh is not None:
            self._refresh.cancel()
            await asyncio.gather(self._refresh, return_exceptions=True)

    def _refreshed(self, task: "asyncio.Task[Grant]") -> None:
        self._refresh = None
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._grant = task.result()
        elif isinstance(error, Stopped) and self.peek() is not None:
            # Nobody waits for it, and nobody needs one yet: it is asked for again after a rest.
            self._stopped, self._rests_until = error, self._clock() + REST

    async def _renew(self) -> Grant:
        token = await self._fetch_until_sure()
        self._generation += 1
        self._unproven += 1
        self.fetched += 1
        logger.info("token fetched", extra={"event": "token_fetched", "generation": self._generation})
        now, life = self._clock(), life_of(token.life)
        self._came_at = now
        return Grant(self._generation, token.authorization, now + due(life), now + life)

    async def _fetch_until_sure(self) -> Token:
        """Tries through 429, 5xx and lost connections with full jitter, for as long as sending has patience."""
        since = self._clock()

        def wait(state: RetryCallState) -> float:
            asked = retry_after(self._outcome(state).headers, self._epoch())
            return max(min(asked or 0.0, 60.0), backoff(state.attempt_number + 1, self._draw()))

        answer: Answer = await AsyncRetrying(
            sleep=self._sleep,
            wait=wait,
            stop=lambda state: self._clock() + state.upcoming_sleep - since > PATIENCE,
            retry=retry_if_result(lambda got: read_token(got) is None and passing(got)),
            retry_error_callback=self._outcome,
        )(self._fetch)
        token = read_token(answer)
        if token is None:
            raise no_token(answer)
        return token

    @staticmethod
    def _outcome(state: RetryCallState) -> Answer:
        assert state.outcome is not None  # noqa: S101  tenacity asks after an attempt
        answer: Answer = state.outcome.result()
        return answer


def passing(answer: Answer) -> bool:
    """Whether trouble at the token endpoint may pass by itself. Asking for a token costs nothing, so most may."""
    if answer.failure is not None:
        return answer.failure not in {Failure.CERTIFICATE, Failure.PROXY_AUTH}
    if answer.status == 429 or (answer.status or 0) >= 500:
        return True
    omni = read_omni(answer.body)
    if omni is None:
        return answer.status in {200, 408}  # a captive portal, a gateway's page
    return str(omni["code"]) == "A020" or CODES.get(str(omni["code"])) is None


def no_token(answer: Answer) -> Stopped:
    """The sentence and exit code for an account that gets no token."""
    omni = read_omni(answer.body)
    code = None if omni is None else str(omni["code"])
    if answer.failure in {Failure.CERTIFICATE, Failure.PROXY_AUTH}:
        return account_stop(Verdict(Kind.ACCOUNT, reason=answer.failure.value))
    if passing(answer):
        what = term(answer.failure.value.replace("_", " ") if answer.failure else f"HTTP {answer.status}")
        message = said(
            "no token could be had for {minutes:.0f} minutes ({what}); run again later",
            minutes=PATIENCE / 60,
            what=what,
        )
        return Stopped(message, reason="unavailable", exit_code=69)
    if code in {"A110", "A111", "A113"}:
        return account_stop(Verdict(Kind.ACCOUNT, code=code))
    if code not in {None, "A000"} or answer.status in {401, 403}:
        return account_stop(Verdict(Kind.ACCOUNT, code="A100" if code is None else code))
    return Stopped(
        said(
            "the token endpoint answers HTTP {status} without a token that can be used: check --base-url",
            status=answer.status,
        ),
        reason="no_token",
    )

"""Questions about reports: asked with a token, and repeated until the API itself has answered.

A GET or an ack may be repeated without harm, so all that may pass by itself is waited for: lost connections, 429, 5xx,
gateways' pages, A9xx. What no waiting cures ends in `Stopped`.
"""

import logging
from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from omni_bulk.account import Account
from omni_bulk.auth import passing
from omni_bulk.errors import Stopped
from omni_bulk.joining import Batch, read_batch, read_json
from omni_bulk.model import Kind, Verdict
from omni_bulk.policy import PATIENCE, account_stop, backoff
from omni_bulk.sentences import said, term
from omni_bulk.wire import CODES, Answer, read_omni, retry_after

ASKED_WAIT_MAX = 60.0  # s that a Retry-After is believed
logger = logging.getLogger("omni_bulk")
Ask = Callable[[str], Awaitable[Answer]]  # with the value of the Authorization header


class Questions:
    """The three questions about reports, for one account. `patience` is in seconds, None for ever."""

    def __init__(self, account: Account, *, patience: float | None = PATIENCE) -> None:
        self._account = account
        self._patience = patience

    async def poll(self) -> Batch:
        """The reports that wait. Raises Stopped when they cannot be had, or cannot be understood."""
        return _batch(await self._ask(self._account.client.poll_reports))

    async def inquire(self, msg_key: str) -> Batch:
        """Every report of one message. Raises Stopped like `poll`."""
        return _batch(await self._ask(lambda authorization: self._account.client.inquire(authorization, msg_key)))

    async def ack(self, report_id: str) -> bool:
        """Deletes a batch from the queue; False when the API says that it was deleted before (or has grown too old)."""
        answer = await self._ask(lambda authorization: self._account.client.ack_reports(authorization, report_id))
        omni = read_omni(answer.body)
        code = None if omni is None else str(omni["code"])
        if code == "A000" or (code is None and answer.status in {200, 204}):
            return True
        if code == "A802" or answer.status == 404:
            return False
        raise _unexpected(answer, code)

    async def _ask(self, ask: Ask) -> Answer:
        """The API's own answer; a plain call first, tenacity after one that may pass."""
        since = self._account.world.clock()
        answer = await self._once(ask)
        if not _passes(answer):
            return answer

        def wait(state: RetryCallState) -> float:
            return self._wait(_outcome(state), state.attempt_number + 1)

        def out_of_patience(state: RetryCallState) -> bool:
            waited = self._account.world.clock() + state.upcoming_sleep - since
            return self._patience is not None and waited > self._patience

        await self._account.world.sleep(self._wait(answer, 2))
        answer = await AsyncRetrying(
            sleep=self._account.world.sleep, wait=wait, stop=out_of_patience, retry=retry_if_result(_passes),
            retry_error_callback=_outcome,
        )(self._once, ask)  # fmt: skip
        if _passes(answer):
            what = term(answer.failure.value.replace("_", " ") if answer.failure else f"HTTP {answer.status}")
            minutes = (self._patience or 0) / 60
            message = said(
                "the API did not answer about reports for {minutes:.0f} minutes ({what}); run again later",
                minutes=minutes,
                what=what,
            )
            raise Stopped(message, reason="unavailable", exit_code=69)
        return answer

    async def _once(self, ask: Ask) -> Answer:
        """One question, and again at once with a new token while the old one is refused."""
        while True:
            grant = await self._account.tokens.get()
            answer = await ask(grant.authorization)
            omni = read_omni(answer.body)
            code = None if omni is None else str(omni["code"])
            kind = None if code is None else CODES.get(code)
            if kind is Kind.TOKEN:
                verdict = Verdict(Kind.TOKEN, code=code, omni=True)
                if stopped := self._account.tokens.refused(grant.generation, verdict):
                    raise stopped
                continue
            if code is not None:
                self._account.tokens.proven(grant.generation)
            if kind is Kind.ACCOUNT:
                raise account_stop(Verdict(Kind.ACCOUNT, code=code))
            if code == "A801":
                raise _no_polling()
            return answer

    def _wait(self, answer: Answer, attempt: int) -> float:
        what = answer.failure.value if answer.failure else f"HTTP {answer.status}"
        logger.debug("no answer about reports (%s)", what, extra={"event": "reports_retry"})
        asked = retry_after(answer.headers, self._account.world.epoch()) or 0.0
        return max(min(asked, ASKED_WAIT_MAX), backoff(attempt, self._account.world.draw()))


def _outcome(state: RetryCallState) -> Answer:
    assert state.outcome is not None  # noqa: S101  tenacity asks after an attempt
    answer: Answer = state.outcome.result()
    return answer


def _passes(answer: Answer) -> bool:
    """Whether this is no answer yet, and one may come."""
    if answer.failure is None and answer.status in {200, 204} and read_omni(answer.body) is None:
        # An ack may be answered without a body; a gateway's page in its place is no answer.
        return bool(answer.body) and not isinstance(read_json(answer.body), dict)
    omni = read_omni(answer.body)
    if omni is not None and str(omni["code"]) in {"A000", "A802"}:
        return False
    return passing(answer)


def _batch(answer: Answer) -> Batch:
    read = read_json(answer.body)
    code = read.get("code") if isinstance(read, dict) else None
    batch = read_batch(read) if isinstance(read, dict) and code == "A000" else None
    if batch is None:
        raise _unexpected(answer, code if isinstance(code, str) else None)
    return batch


def _no_polling() -> Stopped:
    return Stopped(
        said(
            "the account may not poll reports (A801): it may have a webhook instead, which excludes polling. "
            "Listen to that with `omni-bulk reports --webhook HOST:PORT`, or ask the vendor"
        ),
        reason="no_polling",
    )


def _unexpected(answer: Answer, code: str | None) -> Stopped:
    what = f"{code[:4]}, HTTP {answer.status}" if code else f"HTTP {answer.status}"
    return Stopped(
        said(
            "the API's answer about reports cannot be understood ({what}), so nothing more was acknowledged: check "
            "--base-url, and upgrade omni_bulk or ask the vendor",
            what=what,
        ),
        reason="reports_unreadable",
    )

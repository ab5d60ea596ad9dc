"""The results of one `campaign.send` as its caller reads them, and waiting that a cancellation does not cut short."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from omni_bulk.errors import Stopped
from omni_bulk.model import Result
from omni_bulk.sink import Spool
from omni_bulk.stats import Summary

Deliver = Callable[[Result], None]
_GOES_ON = frozenset({0, 1, 3, 6})  # exit codes of a run that ended where it should


async def waited(
    tasks: Iterable[asyncio.Future[Any]], interrupt: Callable[[], object] = lambda: None, *, limit: float | None = None
) -> None:
    """Waits until all `tasks` are done. Errors stay in them.

    `interrupt` is called after `limit` seconds, and at each cancellation of the caller; the waiting goes on, because
    what may have left must be recorded first. A cancellation is raised in the end.
    """
    left = {task for task in tasks if not task.done()}
    cancelled: asyncio.CancelledError | None = None
    while left:
        try:
            done, left = await asyncio.wait(left, timeout=limit)
        except asyncio.CancelledError as error:
            cancelled, done = error, set()
            left = {task for task in left if not task.done()}
        if left and not done:
            interrupt()
            limit = None
    if cancelled is not None:
        raise cancelled


class ResultStream:
    """The results of one `campaign.send`, in the order of their recording. A slow caller neither slows sending nor
    grows memory.

    Leaving the loop early stops sending: what is in flight is recorded, the rest is left for the next run. The stream
    notices when nobody holds it any more; `aclose` does it at a known moment.
    """

    def __init__(
        self, run: Callable[[Deliver], Coroutine[Any, Any, Summary]], leave: Callable[[Deliver], bool]
    ) -> None:  # `leave` stops the run that delivers there, without waiting; False when it has not begun
        self._run = run
        self._leave = leave
        self._closed = False
        self._spool: Spool | None = None
        self._sending: asyncio.Task[Summary] | None = None

    def __aiter__(self) -> "ResultStream":
        return self

    async def __anext__(self) -> Result:
        if self._closed:
            raise StopAsyncIteration
        if self._spool is None:
            self._start()
        assert self._spool is not None and self._sending is not None  # noqa: S101, PT018  just started
        result = await self._spool.get()
        if result is not None:
            return result
        self._spool.close()
        summary = await self._sending  # raises what ended it
        if summary.stopped is not None and summary.exit_code not in _GOES_ON:
            raise Stopped(summary.stopped, reason=summary.stop_reason or "stopped", exit_code=summary.exit_code)
        raise StopAsyncIteration

    def _start(self) -> None:
        spool = self._spool = Spool()
        self._sending = asyncio.create_task(self._run(spool.put), name="omni-bulk-stream")
        self._sending.add_done_callback(lambda _: spool.end())

    async def aclose(self) -> None:
        """Stops sending, and waits until what is in flight is recorded. The stream is at its end then."""
        self._closed = True
        if self._spool is None or self._sending is None:
            return
        _left(self._sending, self._spool, self._leave)
        await waited([self._sending], self._sending.cancel)

    def __del__(self) -> None:
        if self._spool is None or self._sending is None:
            return
        loop = self._sending.get_loop()
        if loop.is_closed():
            self._spool.close()
        else:  # whichever thread dropped the last reference
            loop.call_soon_threadsafe(_left, self._sending, self._spool, self._leave)


def _left(sending: asyncio.Task[Summary], spool: Spool, leave: Callable[[Deliver], bool]) -> None:
    if not leave(spool.put):
        sending.cancel()
    sending.add_done_callback(lambda _: spool.close())

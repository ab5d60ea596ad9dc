"""What ``send --test-to`` does: the message of the first row, to a number of one's own, outside the campaign."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import islice
from uuid import uuid4

from omni_bulk.cli.ending import Ending
from omni_bulk.cli.order import Order
from omni_bulk.cli.screen import Screen
from omni_bulk.errors import InputError
from omni_bulk.model import Message, Result, Status
from omni_bulk.omni import Omni
from omni_bulk.rules import Composition, compose
from omni_bulk.sentences import said, term

ROWS_MAX = 10_000  # looked through for one that can be sent
_EXIT = {Status.ACCEPTED: 0, Status.UNKNOWN: 3}


class Trial:
    """One single send with a ref of its own. `agreed` asks, where somebody can be asked."""

    def __init__(self, order: Order, screen: Screen, ending: Ending, agreed: Callable[[int], Awaitable[bool]]) -> None:
        self.order = order
        self.screen = screen
        self.ending = ending
        self._agreed = agreed

    async def go(self, omni: Omni, taken: Callable[[], int] | None) -> int:
        """Sends, says what came of it, and gives the exit code: 0 accepted, 1 not, 3 unknown."""
        order, say = self.order, self.screen.say
        how = omni.campaign(order.name, order.template, options=order.options).composition  # it is not opened
        message = await asyncio.to_thread(self._first, how)
        say(
            "test",
            said(
                "Test message, as row {row} would get it ({encoding}, {segments} parts):",
                row=message.row,
                encoding=message.encoding,
                segments=message.segments,
            ),
        )
        if self.screen.live:  # texts are for eyes: no log has them
            say("test", message.text)
        if not order.yes and not await self._agreed(1):
            say("declined", said("Nothing was sent."), always=True)
            self.ending.write({"campaign": order.name, "exit": 2, "stopped": "declined"})
            return 2
        result = await omni.send(str(order.test_to), message.text, ref=f"test-{uuid4()}", from_=message.from_)
        if taken is not None:
            say("sandbox", said("SANDBOX: nothing was sent."), style="bold")
        code = _EXIT.get(result.status, 1)
        say("tested", _told(result), ref=result.ref, status=str(result.status), code=result.code)
        self.ending.write(
            {
                "test": True, "ref": result.ref, "status": str(result.status), "code": result.code,
                "reason": result.reason, "msgKey": result.msg_key, "segments": result.segments, "exit": code,
            }
        )  # fmt: skip
        return code

    def _first(self, how: Composition) -> Message:
        """What the first row that can be sent would get."""
        for row in islice(self.order.source, ROWS_MAX):
            made = compose(row, how)
            if isinstance(made, Message):
                return made
        raise InputError(
            said(
                "none of the first {most:,} rows can be sent, so there is no message to test: correct the list",
                most=ROWS_MAX,
            )
        )


def _told(result: Result) -> str:
    end: str = term(result.status)
    if result.code:
        end = said("{end} ({answer})", end=end, answer=" ".join(filter(None, (result.code, result.result))))
    if result.reason:
        end = said("{end}: {reason}", end=end, reason=result.reason)
    return said("Test message: {end}; nothing of the campaign was touched.", end=end)

"""The part of the account's rate that this process has: asked for in the ledger while it sends, given back when idle.

Two processes of one account would each send at the whole rate, and the server would refuse half of it.
"""

import asyncio
from collections.abc import Callable

from omni_bulk.errors import LedgerError
from omni_bulk.gate import Gate
from omni_bulk.ledger import Lease, Ledger, Part
from omni_bulk.shares import wanted

LOOK = 0.25  # s between looks at what the others have; most of them only read
LOOK_SOON = 0.1  # s while others still have what is ours
IDLE = 2.0  # s without a message after which its part is given back, and nothing more is written
ENOUGH = 0.95  # of what is due


class Sharing:
    """Keeps `gate.share`. While messages are claimed it costs no commit of its own: it goes along with theirs.

    A process that was stopped for longer than its lease (SIGSTOP, a laptop's lid) sends for one look at what it had.
    """

    def __init__(self, gate: Gate, ledger: Ledger, lease: Lease, clock: Callable[[], float]) -> None:
        self._gate = gate
        self._ledger = ledger
        self._lease = lease
        self._clock = clock
        self._passed = 0
        self._wants = 0.0
        self._looked_at = 0.0
        self.of = 1  # processes on the rate, this one too
        self.most = 1  # since it was opened
        gate.share = 0.0

    async def run(self) -> None:
        """Until cancelled; then what is held is given back."""
        try:
            while True:
                await self._gate.came.wait()
                await self._hold()
        except LedgerError as error:
            # Without a ledger nothing is claimed and so nothing sent, but who waits must hear of it.
            self._gate.lose(error)
        finally:
            if self._gate.share:
                self._ledger.give_back(self._lease)

    async def _hold(self) -> None:
        """From the first message on, until there was none for a while."""
        gate = self._gate
        self._passed, self._wants, self._looked_at = gate.passed, 0.0, self._clock() - LOOK
        part, last = await self._look(patient=False), self._clock()
        while self._clock() - last < IDLE:
            await asyncio.sleep(LOOK if part.uses >= ENOUGH * part.due else LOOK_SOON)
            if gate.waiting or gate.passed != self._passed:
                last = self._clock()
            part = await self._look(patient=True)
        if not gate.waiting:
            gate.share = 0.0
            await self._ledger.give_back(self._lease)

    async def _look(self, *, patient: bool) -> Part:
        gate, now = self._gate, self._clock()
        gate.came.clear()
        if gate.waits_for is not None:
            self._wants = 0.0  # who is told to wait needs nothing meanwhile
        else:
            seconds = max(now - self._looked_at, LOOK_SOON)
            self._wants = wanted(
                self._lease.ceiling, self._wants, passed=gate.passed - self._passed, waiting=gate.waiting,
                seconds=seconds,
            )  # fmt: skip
        self._passed, self._looked_at = gate.passed, now
        part = await self._ledger.renew(self._lease, self._wants, patient=patient)
        gate.share = min(1.0, part.uses / self._lease.ceiling)
        self.of, self.most = part.of, max(self.most, part.of)
        return part

"""The rate guards at work: whole runs through the public API against the sandbox, what stops them and what does not."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from omni_bulk import Omni, Recipient, Result, Settings, Stopped, Summary, Template
from omni_bulk.guards import MAX_FAILURE_RATE, MAX_UNKNOWN_RATE, UNKNOWN_WINDOW
from omni_bulk.testing import Sandbox
from tests.campaign.kit import number, until

FROM = "0212345678"
RATE = 2_000.0  # messages a second
WORKERS = 64
NINE = (
    "drop_before", "drop_after", "hang_before", "hang_after", "cut_body", "a999_taken", "html502", "not_json",
    "other_ref",
)  # fmt: skip


def people(count: int) -> list[Recipient]:
    return [Recipient(number(i), i + 1, f"r{i}") for i in range(1, count + 1)]


@dataclass
class Told:
    """What one run told its caller."""

    results: list[Result]
    summary: Summary
    stopped: Stopped | None

    @property
    def states(self) -> Counter[str]:
        return Counter(str(result.status) for result in self.results)


async def send(url: str, count: int, *, timeout: float = 10.0, guarded: bool = True) -> Told:
    """One run of its own over the first `count` people. With the same ledger, the next one goes on."""
    settings = Settings(
        client_id="sandbox", client_password="sandbox", base_url=url, ledger=Path("ledger.db"), rate=RATE,
        workers=WORKERS, timeout=timeout,
    )  # fmt: skip
    rows, results, stopped = people(count), [], None
    async with Omni(settings) as omni, omni.campaign("guarded", Template("Hello", from_=FROM)) as campaign:
        shares = (MAX_FAILURE_RATE, MAX_UNKNOWN_RATE) if guarded else (1.0, 1.0)
        stream = campaign.send(rows, max_failure_rate=shares[0], max_unknown_rate=shares[1])
        try:
            async for result in stream:
                results.append(result)  # noqa: PERF401  what came before a stop counts
        except Stopped as error:
            stopped = error
        assert campaign.summary is not None
        return Told(results, campaign.summary, stopped)


class Relay:
    """A balancer in front of the sandbox: it hands bytes on, and can abort every connection at one moment."""

    def __init__(self, port: int) -> None:
        self.url = ""
        self.resets = 0
        self._port = port
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, ahead = await asyncio.open_connection("127.0.0.1", self._port)
        self._open |= {writer, ahead}
        await asyncio.gather(_hand_on(reader, ahead), _hand_on(behind, writer))
        self._open -= {writer, ahead}

    def reset(self) -> None:
        for writer in self._open:
            writer.transport.abort()
            self.resets += 1


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while some := await reader.read(65536):
            writer.write(some)
    except ConnectionError:
        pass
    writer.close()


@asynccontextmanager
async def relay(sandbox: Sandbox) -> AsyncIterator[Relay]:
    made = Relay(sandbox.port)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        made.reset()
        server.close()
        await server.wait_closed()


def nobody_is_taken_twice_or_forgotten(sandbox: Sandbox, told: Told) -> bool:
    """Whoever was taken has a result that says so, or `unknown`; whoever is accepted was taken; all of them once."""
    taken = [message.ref for message in sandbox.messages]
    states = {result.ref: str(result.status) for result in told.results}
    accepted = {ref for ref, state in states.items() if state == "accepted"}
    known = {ref for ref, state in states.items() if state in {"accepted", "unknown"}}
    return len(taken) == len(set(taken)) and accepted <= set(taken) <= known


async def test_one_reset_of_all_connections_does_not_stop_a_healthy_run() -> None:
    async with Sandbox(tps=None, latency_ms=10) as sandbox, relay(sandbox) as balancer:
        sending = asyncio.create_task(send(balancer.url, 5_000))
        await until(lambda: len(sandbox.messages) > 2_000 and sandbox._in_flight > 16)
        balancer.reset()
        told = await sending
    assert balancer.resets > 2
    assert told.stopped is None
    assert told.summary.exit_code == 3
    assert told.states.keys() == {"accepted", "unknown"}
    assert told.states.total() == 5_000
    assert UNKNOWN_WINDOW * MAX_UNKNOWN_RATE < told.states["unknown"] <= WORKERS  # one by one they would be too many
    assert nobody_is_taken_twice_or_forgotten(sandbox, told)


async def test_a_server_that_begins_to_cut_one_answer_in_ten_stops_the_run_which_can_go_on() -> None:
    async with Sandbox(tps=None, latency_ms=10, seed=7) as sandbox:
        sending = asyncio.create_task(send(sandbox.url, 5_000))
        await until(lambda: len(sandbox.messages) > 1_000)
        sandbox.faults.set("drop_after", 0.1)
        told = await sending
        assert told.stopped is not None
        assert (told.stopped.reason, told.stopped.exit_code) == ("unknown_rate", 5)
        assert (told.summary.stop_reason, told.summary.exit_code) == ("unknown_rate", 5)
        assert told.states["unknown"] == sandbox.stats()["ambiguous"]
        assert told.states.total() < 4_000
        assert nobody_is_taken_twice_or_forgotten(sandbox, told)
        sandbox.faults.set("drop_after", 0)
        again = await send(sandbox.url, 5_000)
    assert again.stopped is None
    assert again.states == {"accepted": 5_000 - told.states["unknown"], "unknown": told.states["unknown"]}
    assert sandbox.stats()["doubles"] == 0
    assert sandbox.stats()["taken"] == 5_000


async def test_half_of_the_messages_refused_stop_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox(tps=None, latency_ms=2) as sandbox:
        state, post = sandbox.state, sandbox.state.post
        turns: Iterator[int] = iter(range(1_000_000))

        def every_other(authorization: str | None, body: bytes) -> Any:
            state.refuse = "A322" if next(turns) % 2 else None
            return post(authorization, body)

        monkeypatch.setattr(state, "post", every_other)
        told = await send(sandbox.url, 2_000)
    assert told.stopped is not None
    assert (told.stopped.reason, told.stopped.exit_code, told.summary.exit_code) == ("failure_rate", 5, 5)
    assert told.states.keys() == {"accepted", "rejected"}
    assert told.states.total() < 2_000
    assert abs(told.states["accepted"] - told.states["rejected"]) <= 1
    assert nobody_is_taken_twice_or_forgotten(sandbox, told)


async def test_nine_faults_short_tokens_and_a_rate_limit_leave_as_many_unknown_as_were_ambiguous() -> None:
    """With the guards off (a share of 1), nothing is taken twice, nobody is missing, and `unknown` is exact."""
    # 200 a second is less than any machine that runs these tests can send, so the limit is met.
    async with Sandbox(tps=200, token_ttl=3.0, latency_ms=5, faults=dict.fromkeys(NINE, 0.01), seed=7) as sandbox:
        told = await send(sandbox.url, 4_000, timeout=2.0, guarded=False)
        stats = sandbox.stats()
    assert told.stopped is None
    assert sorted(str(result.ref) for result in told.results) == sorted(f"r{i}" for i in range(1, 4_001))
    assert told.states.keys() == {"accepted", "unknown"}
    assert told.states["unknown"] == stats["ambiguous"] > 0
    assert {str(result.ref) for result in told.results if result.status == "unknown"} == set(
        sandbox.state.ambiguous_refs
    )
    assert set(stats["faults"]) == set(NINE)
    assert stats["doubles"] == 0
    assert stats["tokens"] > 1
    assert stats["codes"].get("A020", 0) > 0
    assert nobody_is_taken_twice_or_forgotten(sandbox, told)

"""The pace over real sockets, from the server's clock: limits of three kinds, and processes that share one."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from tests.cli.kit import FROM, Served, environment, judge, run, sandbox, started, until, write_list

KINDS = pytest.mark.parametrize("limiter", ["bucket", "fixed", "sliding"])
SETTLED = 1.0  # s until a process has found its pace


def times(served: Served) -> dict[str, list[float]]:
    """When the server took each message, by the first word of its text."""
    took: dict[str, list[float]] = {}
    for line in served.log.read_bytes().splitlines():
        one = json.loads(line)
        took.setdefault(one["text"].split(" ")[0], []).append(datetime.fromisoformat(one["time"]).timestamp())
    return took


def pace(times: Sequence[float], since: float, until: float) -> float:
    """Messages a second that were taken between two moments."""
    return sum(since <= time < until for time in times) / (until - since)


def send(name: str, rate: float, *more: str) -> list[str]:
    text = f"{name} {{name}}"
    return ["send", f"{name}.csv", "--from", FROM, "--text", text, "--rate", str(rate), "--ledger", "ledger.db", *more]


def campaign(served: Served, rate: float, seconds: float, **settings: str) -> Mapping[str, Any]:
    """Sends for about so long; gives the summary."""
    write_list(round(rate * seconds), "a.csv")
    ran = run(*send("a", rate, "--yes", "--summary-json", "-"), env=environment(served, **settings))
    assert ran.code == 0, ran.err
    judge(served, round(rate * seconds), "a.results.jsonl")
    return ran.json


def keeps_to(served: Served, rate: float, *, busy: bool = False) -> None:
    """`busy` machines hold back the server too, which then sees at once what left one after the other."""
    slack = rate / 20 if busy else 0
    assert served.stats()["maxPostsPerSecond"] <= 1.015 * rate + max(2, rate / 100) + 2 + slack


@KINDS
def test_a_known_limit_is_kept(limiter: str) -> None:
    """How much of it is used depends on the machine's other work: the soak test below measures that."""
    with sandbox(limiter=limiter, tps=100, latency_ms=30) as served:
        campaign(served, 100, 2.5)
        keeps_to(served, 100, busy=True)
        assert served.stats()["codes"].get("A020", 0) <= 25  # a tenth, where the first second alone could bring 99
        took = times(served)["a"]
        assert pace(took, took[0] + 0.5, took[0] + 2) >= 70


@pytest.mark.soak
@KINDS
@pytest.mark.parametrize("retry_after", [None, "1"])
@pytest.mark.parametrize(("limit", "latency"), [(100, 300), (400, 20)])
def test_a_known_limit_is_used_to_the_last_per_cent(
    limiter: str, retry_after: str | None, limit: int, latency: int
) -> None:
    with sandbox(limiter=limiter, tps=limit, latency_ms=latency, retry_after=retry_after) as served:
        campaign(served, limit, 32, OMNI_WORKERS="128")
        keeps_to(served, limit)
        took, stats = times(served)["a"], served.stats()
        share = pace(took, took[0], took[0] + 30) / limit
        refused = stats["codes"].get("A020", 0) / stats["posts"]
        print(f"{limiter} {limit}/s {latency} ms: {share:.3f}, A020 {refused:.4f}, {stats['maxPostsPerSecond']}")
        assert share >= 0.97
        assert refused <= 0.002


@pytest.mark.soak
@KINDS
@pytest.mark.parametrize(("retry_after", "least"), [(None, 0.93), ("1", 0.90)])
def test_a_rate_a_quarter_too_high_finds_the_limit(limiter: str, retry_after: str | None, least: float) -> None:
    with sandbox(limiter=limiter, tps=400, latency_ms=20, retry_after=retry_after) as served:
        campaign(served, 500, 26, OMNI_WORKERS="128")
        keeps_to(served, 500)
        took, stats = times(served)["a"], served.stats()
        share = pace(took, took[0], took[0] + 30) / 400
        refused = stats["codes"].get("A020", 0) / stats["posts"]
        print(f"{limiter} 400/s, 500 set: {share:.3f}, A020 {refused:.4f}, {stats['maxPostsPerSecond']}")
        assert share >= least
        assert refused <= 0.03


# ── processes on one ledger ────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def campaigns(served: Served, rates: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """A campaign each, of these names and rates, all under way."""
    env = environment(served)
    with ExitStack() as stack:
        children = {}
        for name, rate in rates.items():
            write_list(3_000, f"{name}.csv")
            children[name] = stack.enter_context(started(*send(name, rate, "--yes"), env=env))
        until(lambda: set(times(served)) == set(rates))
        sleep(SETTLED)
        yield children


def last(served: Served) -> float:
    return max(max(took) for took in times(served).values())


def test_processes_on_one_ledger_share_the_rate_and_have_that_of_one_that_dies() -> None:
    """Each keeps to its own rate, and together they keep to the largest: a to 30 of 120, so b and c have 45 each."""
    with sandbox(latency_ms=20) as served, campaigns(served, {"a": 30, "b": 120, "c": 120}) as children:
        since = last(served)
        until(lambda: last(served) > since + 2)
        took = times(served)
        paces = {name: pace(took[name], since, since + 2) for name in took}
        assert 15 <= paces["a"] <= 33
        assert 25 <= paces["b"] <= 50 and 25 <= paces["c"] <= 50
        children["b"].send_signal(signal.SIGKILL)
        killed = last(served)
        until(lambda: last(served) > killed + 6.5)
        took = times(served)
        assert pace(took["c"], killed + 5, killed + 6.5) >= 55
        assert pace(took["a"], killed + 5, killed + 6.5) <= 33
        keeps_to(served, 120, busy=True)


_SERVICE = """
import asyncio, json, sys, time
from omni_bulk import Omni, Settings

async def main():
    async with Omni(Settings()) as omni:
        for number in range(4):
            begun = time.monotonic()
            result = await omni.send("+821012345678", f"service {number}", from_="0212345678", ref=f"s-{number}")
            assert result.status == "accepted"
            print(time.monotonic() - begun, flush=True)
            await asyncio.sleep(0.5)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_service_beside_a_campaign_sends_at_once_and_holds_no_rate_back() -> None:
    with sandbox(latency_ms=20) as served, campaigns(served, {"a": 120}):
        env = environment(served, OMNI_RATE="120", OMNI_LEDGER=str(Path("ledger.db").absolute()))
        with started_code(_SERVICE, env) as service:
            assert service.stdout is not None
            waits = [float(service.stdout.readline()) for _ in range(4)]
            since = last(served)
            until(lambda: last(served) > since + 1.5)
        assert max(waits[1:]) <= 1.0
        assert pace(times(served)["a"], since, since + 1.5) >= 80
        keeps_to(served, 120, busy=True)


@contextmanager
def started_code(code: str, env: Mapping[str, str]) -> Iterator[Any]:
    with subprocess.Popen([sys.executable, "-c", code], env=dict(env), stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()

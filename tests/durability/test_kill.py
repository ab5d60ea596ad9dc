"""``kill -9`` at any moment: nobody gets a second message, nobody is lost, and the next run goes on."""

import random
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.cli.kit import (
    FROM,
    Ran,
    Served,
    ended,
    environment,
    final,
    judge,
    results,
    run,
    sandbox,
    started,
    until,
    write_list,
)

RECIPIENTS = 1_500  # at least; more where more runs are killed, so that there is always something left to send
EACH = 220  # recipients for each kill
WORKERS = 24
FLAGS = ("--text", "Hello {name}", "--from", FROM, "--ledger", "ledger.db", "--rate", "1000", "--workers", str(WORKERS))
OUT = "list.results.jsonl"

# What the server does meanwhile. The first is a good day.
DAYS: dict[str, dict[str, Any]] = {
    "a good day": {},
    "half of the posts are throttled": {"faults": {"a020": 0.5}},
    "tokens live for half a second": {"token_ttl": 0.5, "claimed_ttl": 86_400},
}


def found_in_doubt() -> int:
    """How many claims resumes have found open so far; a torn last line says nothing."""
    whole = Path(OUT).read_bytes().splitlines(keepends=True) if Path(OUT).exists() else []
    return sum(b'"interrupted"' in line for line in whole if line.endswith(b"\n"))


def run_and_kill(served: Served, chance: random.Random, under: Sequence[str]) -> bool:
    """Starts the command and kills it: mostly in the middle of sending, sometimes before. False when it was over before."""
    before = served.taken()
    few = chance.randrange(2, 200)
    early = chance.random() < 0.25
    with started("list.csv", *FLAGS, "--yes", env=environment(served), under=under) as child:
        begun = monotonic()
        moment = chance.uniform(0.2, 0.7)
        under_way = until(
            lambda: monotonic() - begun > moment if early else served.taken() >= before + few,
            child,
        )
        child.send_signal(signal.SIGKILL)
        return ended(child).code == -signal.SIGKILL and under_way


def finish(served: Served) -> Ran:
    """Runs until nobody is left, in pieces: a server that refuses half of the posts whatever the pace drives the pace
    from 150 a second down to 49 within 50 s, and each run begins anew with it.
    """
    while (done := run("list.csv", *FLAGS, "--yes", "--deadline", "5s", env=environment(served))).code == 6:
        pass
    return done


def loop(kills: int, seed: int, under: Sequence[str] = (), **day: Any) -> None:
    chance = random.Random(seed)
    recipients = max(RECIPIENTS, kills * EACH)
    write_list(recipients)
    with sandbox(latency_ms=20, seed=seed, **day) as served:
        settled = 0
        for _ in range(kills):
            assert run_and_kill(served, chance, under), "the run was over before it could be killed"
            assert found_in_doubt() - settled <= WORKERS
            settled = found_in_doubt()
        done = finish(served)
        states = judge(served, recipients)
        assert states == Counter(accepted=recipients - found_in_doubt(), unknown=found_in_doubt()), done.err
        assert done.code == (3 if found_in_doubt() else 0), done.err
        lines = results(OUT)
        assert len(lines) == len(final(lines))  # nobody was settled twice
        again = run("list.csv", *FLAGS, "--yes", env=environment(served))
        assert again.code == done.code
        assert served.taken() == len(set(served.refs()))


@pytest.mark.parametrize("day", DAYS)
def test_four_kills_in_a_row_send_nobody_a_second_message(day: str) -> None:
    loop(4, seed=len(day), **DAYS[day])


@pytest.mark.soak
@pytest.mark.parametrize("kills", [20, 100])
@pytest.mark.parametrize("day", DAYS)
def test_many_kills_in_a_row_send_nobody_a_second_message(day: str, kills: int) -> None:
    seed = random.SystemRandom().randrange(10_000)
    print(f"seed {seed}")
    loop(kills, seed=seed, **DAYS[day])

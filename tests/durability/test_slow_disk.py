"""A disk that takes 10 ms for every sync, which is what many take: the promise holds, and the pace too."""

import random
import re
from pathlib import Path

import pytest

from tests.cli.kit import FROM, environment, judge, run, sandbox, write_list
from tests.durability.test_kill import loop
from tests.durability.test_trace import can_trace

SYNC = 10_000  # us added to each
RECIPIENTS = 600
RATE = 1_000


def slow(trace: str = "/dev/null") -> tuple[str, ...]:
    """-D: the command itself is our child, and what kills it leaves no tracer that would let it live on."""
    calls = "fdatasync,fsync"
    inject = f"inject={calls}:delay_exit={SYNC}"
    return ("strace", "-D", "-f", "-qq", "--seccomp-bpf", "-o", trace, "-e", f"trace={calls}", "-e", inject)


pytestmark = pytest.mark.skipif(not can_trace(), reason="strace is not there, or may not trace")


def test_group_commits_carry_many_messages_over_a_slow_sync() -> None:
    write_list(RECIPIENTS)
    flags = ("--text", "Hello {name}", "--from", FROM, "--ledger", "ledger.db", "--rate", str(RATE), "--yes")
    with sandbox() as served:
        done = run("list.csv", *flags, env=environment(served), under=slow("trace"))
        assert done.code == 0, done.err
        assert judge(served, RECIPIENTS) == {"accepted": RECIPIENTS}
    syncs = len(re.findall(r"sync\(.*DELAYED", Path("trace").read_text(encoding="ascii")))
    # One by one a claim and a result each would be 1,200 syncs, and 12 s of waiting for the disk.
    assert 0 < syncs < RECIPIENTS / 2


def test_kills_on_a_slow_disk_send_nobody_a_second_message() -> None:
    loop(3, seed=10, under=slow())


@pytest.mark.soak
@pytest.mark.parametrize("kills", [20, 100])
def test_many_kills_on_a_slow_disk_send_nobody_a_second_message(kills: int) -> None:
    seed = random.SystemRandom().randrange(10_000)
    print(f"seed {seed}")
    loop(kills, seed=seed, under=slow())

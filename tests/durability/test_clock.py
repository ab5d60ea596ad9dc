"""A clock that is set in the middle of a run, and is wrong ever after: the run goes on as if nothing had happened."""

from datetime import datetime, timedelta

import pytest

from tests.cli.kit import judge, results, sandbox, write_list
from tests.durability.test_windows import RECIPIENTS, run_each

DAY = 86_400

# Executed in the process before the command runs: from the third post on, the wall clock is `jump` seconds off.
_SET = """
import time
from omni_bulk import omni
real_world, real_time, posts = omni.World, time.time, itertools.count(1)
off = [0]
omni.World = lambda: real_world(epoch=lambda: real_time() + off[0])
real_post = client.Client.post_message
async def post(*given):
    if next(posts) == 3:
        off[0] = {jump}
    return await real_post(*given)
client.Client.post_message = post
"""


@pytest.mark.parametrize("jump", [-10 * 365 * DAY, -DAY, 120, 10 * 365 * DAY])
def test_a_clock_set_during_a_run_neither_stops_nor_repeats_anything(jump: int) -> None:
    write_list(RECIPIENTS)
    with sandbox(token_ttl=3600) as served:
        assert run_each(served, _SET.format(jump=jump), "") == [0, 0]
        assert judge(served, RECIPIENTS) == {"accepted": RECIPIENTS}
        assert served.stats()["tokens"] == 1  # its life is counted by a clock that nobody sets
    times = [datetime.fromisoformat(line["sentAt"]) for line in results()]
    assert abs(times[-1] - times[0] - timedelta(seconds=jump)) < timedelta(seconds=60)  # told as the clock had it
    assert [line["latencyMs"] < 10_000 for line in results()] == [True] * RECIPIENTS

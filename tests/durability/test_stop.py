"""A machine that sleeps and wakes: nothing is made up for in a burst, and everybody gets one."""

import signal
from time import sleep

from tests.cli.kit import FROM, ended, environment, judge, sandbox, started, until, write_list

RECIPIENTS = 240
RATE = 80
ASLEEP = 2.0  # s; real, for the kernel's clock is what it is about


def test_after_sigstop_and_sigcont_there_is_no_burst() -> None:
    write_list(RECIPIENTS)
    flags = ("--text", "Hello", "--from", FROM, "--ledger", "ledger.db", "--rate", str(RATE), "--yes")
    with sandbox() as served, started("list.csv", *flags, env=environment(served)) as child:
        until(lambda: served.taken() >= RECIPIENTS // 3)
        child.send_signal(signal.SIGSTOP)
        sleep(ASLEEP)
        asleep = served.taken()
        child.send_signal(signal.SIGCONT)
        assert ended(child).code == 0
        assert asleep < RECIPIENTS
        assert judge(served, RECIPIENTS) == {"accepted": RECIPIENTS}
        assert served.stats()["maxPostsPerSecond"] <= RATE * 1.1

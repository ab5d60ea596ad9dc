"""The verb `sandbox`: a stand-in in a terminal of its own."""

import signal
import subprocess

import pytest

from omni_bulk.sandbox import Sandbox
from tests.cli.conftest import Call
from tests.cli.kit import FROM, environment, run, started, write_list


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_it_prints_is_what_another_terminal_needs(number: signal.Signals) -> None:
    write_list(2)
    with started("sandbox", "--port", "0", "--dlr", env=environment(), stdout=subprocess.PIPE) as served:
        assert served.stdout is not None
        lines = [served.stdout.readline().decode() for _ in range(4)]
        exports = dict(pair.split("=", 1) for line in lines[2:] for pair in line.split()[1:])
        assert set(exports) == {"OMNI_BASE_URL", "OMNI_CLIENT_ID", "OMNI_CLIENT_PASSWORD"}
        flags = ("--text", "x", "--from", FROM, "--ledger", "ledger.db")
        assert run("list.csv", *flags, env=environment(None, **exports)).code == 0
        served.send_signal(number)
        out, err = served.communicate(timeout=30)
        assert (served.returncode, out, err) == (0 if number is signal.SIGINT else -signal.SIGTERM, b"", b"")


def test_a_port_that_is_taken(call: Call, api: Sandbox) -> None:
    ran = call("sandbox", "--port", api.port)
    assert (ran.code, "give another --port" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--fault", "nonsense=1"), "KIND=PROBABILITY"),
        (("--fault", "slow=2"), "between 0 and 1"),
        (("--tps", "0"), "tps"),
        (("--limiter", "leaky"), "limiter"),
        (("--webhook", "http://example.invalid/"), "on this machine"),
        (("--port", "70000"), "--port"),
    ],
)
def test_what_cannot_be_served(flags: tuple[str, ...], sentence: str, call: Call) -> None:
    ran = call("sandbox", *flags)
    assert (ran.code, sentence in ran.err) == (2, True)
    assert "Traceback" not in ran.err

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
        (("--report-copies", "2"), "probability"),
        (("--handset-delay", "-1"), "at least 0"),
        (("--report-code", "23001"), "--report-code takes"),
    ],
)
def test_what_cannot_be_served(flags: tuple[str, ...], sentence: str, call: Call) -> None:
    ran = call("sandbox", *flags)
    assert (ran.code, sentence in ran.err) == (2, True)
    assert "Traceback" not in ran.err


def test_it_plays_what_a_queue_of_reports_does() -> None:
    write_list(20)
    flags = (
        "--port", "0", "--dlr", "--seed", "5", "--report-copies", "0.5", "--foreign-reports", "0.2", "--report-code",
        "+821020000003=23001",
    )  # fmt: skip
    with started("sandbox", *flags, env=environment(), stdout=subprocess.PIPE) as served:
        assert served.stdout is not None
        lines = [served.stdout.readline().decode() for _ in range(4)]
        exports = dict(pair.split("=", 1) for line in lines[2:] for pair in line.split()[1:])
        env = environment(None, **exports, OMNI_LEDGER="ledger.db")
        assert run("send", "list.csv", "--text", "x", "--from", FROM, env=env).code == 0
        ran = run("reports", "--poll", "--json", env=env)
        assert ran.code == 0, ran.err
        assert ran.json["joined"] == 40
        assert ran.json["foreign"] > 0 and ran.json["duplicates"] > 0
        assert run("status", "list", "--json", env=env).json["delivery"]["undelivered"] == 1

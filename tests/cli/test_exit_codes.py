"""The exit codes are a contract. What a code promises (run again? nothing sent?) is checked along with it."""

import errno
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import pytest

from omni_bulk import auth, gate, lock, policy, wire, worker
from omni_bulk.client import Client
from omni_bulk.ledger import Admitter, book
from omni_bulk.lock import CampaignLock
from omni_bulk.model import Evidence
from omni_bulk.sandbox import Sandbox
from omni_bulk.wire import Answer, Failure
from tests.cli.conftest import Call
from tests.cli.kit import FROM, ended, environment, judge, results, run, sandbox, started, until, write_list

USUAL = ("list.csv", "--text", "Hello {name}", "--from", FROM, "--ledger", "ledger.db", "--yes")
AGAIN = "Run the same command again to go on; nobody gets a second message."


def summary() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(Path("summary.json").read_bytes())
    return found


def test_0_everybody_accepted_and_once_more(call: Call, api: Sandbox) -> None:
    write_list(5)
    assert call(*USUAL).code == 0
    again = call(*USUAL)
    assert again.code == 0
    assert "This campaign was already complete" in again.err
    assert len(api.messages) == 5


def test_0_skipped_by_rule(call: Call, api: Sandbox) -> None:
    write_list(2, extra=[["+819012345671", "x"], ["+821020000000", "name 0"]])
    assert call(*USUAL, "--countries", "KR").code == 0
    assert {line["reason"] for line in results()} == {None, "country_rule", "duplicate"}


@pytest.mark.parametrize(("tolerate", "code"), [("invalid=60%", 0), ("invalid=40%", 1), ("failed=1", 1)])
def test_1_some_invalid_unless_tolerated(tolerate: str, code: int, call: Call, api: Sandbox) -> None:
    write_list(1, extra=[["nonsense", "x"]])
    assert call(*USUAL).code == 1
    assert call(*USUAL, "--tolerate", tolerate).code == code


def test_1_some_rejected(call: Call, api: Sandbox) -> None:
    write_list(2)
    api.state.refuse = "A305"
    ran = call(*USUAL)
    assert ran.code == 1
    assert "2 rejected" in ran.err


def test_3_some_unknown(call: Call, api: Sandbox) -> None:
    write_list(3)
    api.fail_next("drop_after")
    ran = call(*USUAL, "--workers", "1")
    assert ran.code == 3
    assert "omni-bulk status list" in ran.err
    assert call(*USUAL).code == 3
    assert len(api.messages) == 3


def test_4_another_run_holds_the_campaign(call: Call, api: Sandbox) -> None:
    write_list(2)
    assert call(*USUAL, "--limit", "1").code == 6
    other = CampaignLock(Path("ledger.db").absolute(), results()[0]["campaignId"])
    other.acquire()
    ran = call(*USUAL)
    other.release()
    assert ran.code == 4
    assert f"pid {os.getpid()}" in ran.err
    assert len(api.messages) == 1


def test_4_the_template_changed(call: Call, api: Sandbox) -> None:
    write_list(2)
    assert call(*USUAL, "--limit", "1").code == 6
    ran = call(*USUAL[:2], "Another text", *USUAL[3:], "--summary-json", "summary.json")
    assert ran.code == 4
    assert "--changed-text" in ran.err
    assert summary()["exit"] == 4
    assert len(api.messages) == 1


def test_5_bad_credentials(call: Call, api: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    write_list(2)
    monkeypatch.setenv("OMNI_CLIENT_PASSWORD", "wrong")
    ran = call(*USUAL, "--summary-json", "summary.json")
    assert ran.code == 5
    assert "OMNI_CLIENT_PASSWORD" in ran.err
    assert (summary()["exit"], summary()["stopReason"], summary()["remaining"]) == (5, "bad_credentials", 2)
    assert api.stats()["posts"] == 0
    monkeypatch.setenv("OMNI_CLIENT_PASSWORD", "sandbox")
    assert call(*USUAL).code == 0


def test_5_a_certificate_that_cannot_be_verified(call: Call, api: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(_: Client) -> Answer:
        return Answer(None, {}, None, Failure.CERTIFICATE, Evidence.NOTHING_WRITTEN, 1)

    monkeypatch.setattr(Client, "fetch_token", refused)
    write_list(2)
    ran = call(*USUAL)
    assert (ran.code, "certificate" in ran.err) == (5, True)


@pytest.mark.parametrize("flags", [("--limit", "2"), ("--deadline", "1", "--rate", "4")], ids=lambda flags: flags[0])
def test_6_stopped_where_told(flags: tuple[str, ...], call: Call, api: Sandbox) -> None:
    write_list(9)
    ran = call(*USUAL, *flags, "--summary-json", "summary.json")
    assert ran.code == 6
    assert AGAIN in ran.err
    assert 2 <= len(api.messages) < 9
    assert summary()["remaining"] > 0
    assert call(*USUAL).code == 0
    assert len(api.messages) == 9


def test_69_no_token_to_be_had(call: Call, api: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "PATIENCE", 0.0)
    write_list(2)
    ran = call(*USUAL, "--base-url", "http://127.0.0.1:9")
    assert ran.code == 69
    assert "run again later" in ran.err
    assert AGAIN in ran.err


def test_69_the_server_is_gone_in_the_middle(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "Breaker", lambda: policy.Breaker(patience=0.5))
    for name in ("PROBE_FIRST", "PROBE_MAX", "BACKOFF_FIRST"):  # pauses must be short against the patience
        monkeypatch.setattr(policy, name, 0.02)
    write_list(60)
    with sandbox(latency_ms=0) as served:
        for name, value in served.settings.items():
            monkeypatch.setenv(name, value)
        flags = (*USUAL, "--workers", "4", "--rate", "40")
        real = wire.classify
        posts = iter(range(1_000_000))

        def classify(answer: Answer, ref: str, now: float) -> Any:
            if next(posts) == 9:
                served.stop()
            return real(answer, ref, now)

        monkeypatch.setattr(worker, "classify", classify)
        ran = call(*flags)
        assert ran.code == 69
        assert AGAIN in ran.err
        assert {line["status"] for line in results()} <= {"accepted", "unknown"}
        assert sorted(served.refs()) == sorted(set(served.refs()))


def test_70_a_bug_leaves_the_ledger_consistent(call: Call, api: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    write_list(9)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "classify", lambda *_: 1 // 0)
        ran = call(*USUAL, "--workers", "1", "--summary-json", "summary.json")
    assert ran.code == 70
    assert "ZeroDivisionError" in ran.err
    assert "this is a bug" in ran.err
    assert summary()["exit"] == 70
    assert call(*USUAL).code == 3
    assert len(api.messages) == 9
    assert len({message.ref for message in api.messages}) == 9


def test_70_a_bug_before_sending(call: Call, api: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "recover", lambda *_, **__: 1 // 0)
    write_list(1)
    assert call(*USUAL, "--summary-json", "summary.json").code == 70
    assert summary() == {"exit": 70, "stopped": "internal error"}
    assert api.stats()["posts"] == 0


def small_files(size: int) -> Callable[[], None]:
    """No file of the process may grow beyond this many bytes: what a full disk looks like from inside."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_74_a_full_disk_under_the_ledger() -> None:
    write_list(400)
    flags = (*USUAL, "--rate", "400", "--workers", "8")
    with sandbox() as served:
        assert run(*flags, "--limit", "1", env=environment(served)).code == 6
        full = run(*flags, "--summary-json", "summary.json", env=environment(served), preexec_fn=small_files(250_000))
        assert full.code == 74, full.err
        assert summary()["exit"] == 74
        assert "could not be written" in full.err
        unrecorded = [orjson.loads(line) for line in full.err.splitlines() if line.startswith("{")]
        assert all(set(line) == {"level", "event", "ref", "row", "status", "code", "msgKey"} for line in unrecorded)
        assert "+8210" not in full.err
        assert 1 < served.taken() < 400
        last = run(*flags, env=environment(served))
        states = judge(served, 400)
        assert states["unknown"] <= 8
        assert last.code == (3 if states["unknown"] else 0)
        assert states["unknown"] <= len(unrecorded)  # whatever is unknown now was printed then


def test_74_results_that_nobody_takes() -> None:
    write_list(100)
    with sandbox() as served, Path("/dev/full").open("wb") as full:
        with started(*USUAL, "--out", "-", env=environment(served), stdout=full) as child:
            ran = ended(child)
        assert ran.code == 74
        assert os.strerror(errno.ENOSPC) in ran.err
        assert served.taken() < 100
        last = run(*USUAL, env=environment(served))
        assert judge(served, 100)["unknown"] == 0, last.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_75_interrupted_once(number: signal.Signals) -> None:
    write_list(300)
    with sandbox(latency_ms=50) as served:
        with started(*USUAL, "--summary-json", "summary.json", env=environment(served)) as child:
            until(lambda: served.taken() > 20)
            child.send_signal(number)
            ran = ended(child)
        assert ran.code == 75
        assert AGAIN in ran.err
        assert summary()["exit"] == 75
        assert {line["status"] for line in results()} == {"accepted"}
        assert len(results()) == served.taken()
        assert run(*USUAL, "--rate", "2000", env=environment(served)).code == 0
        assert judge(served, 300) == {"accepted": 300}


def test_75_interrupted_while_it_begins_sends_nothing(
    call: Call, api: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the question and the first message: opening the results file of a large campaign takes a while."""
    real = book.begin_run

    def begin(*given: Any, **named: Any) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return real(*given, **named)

    monkeypatch.setattr(book, "begin_run", begin)
    write_list(50)
    ran = call(*USUAL, "--summary-json", "summary.json")
    assert ran.code == 75
    assert summary()["exit"] == 75
    assert api.stats()["posts"] == 0


def test_75_interrupted_while_planning(call: Call, api: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Admitter.admit

    def admit(self: Any, *given: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return real(self, *given)

    monkeypatch.setattr(Admitter, "admit", admit)
    write_list(2_000)
    ran = call(*USUAL[:-1], "--summary-json", "summary.json")
    assert ran.code == 75
    assert "interrupted before anything was sent" in ran.err
    assert summary()["exit"] == 75
    assert api.stats()["posts"] == 0


def test_130_interrupted_twice() -> None:
    write_list(100)
    with sandbox(faults={"hang_after": 1.0}) as served:
        with started(*USUAL, "--workers", "4", "--summary-json", "summary.json", env=environment(served)) as child:
            until(lambda: served.taken() == 4)
            child.send_signal(signal.SIGTERM)
            assert child.stderr is not None
            assert b"Once more ends it at once" in child.stderr.readline()
            child.send_signal(signal.SIGTERM)
            assert ended(child).code == 130
        assert (summary()["exit"], summary()["states"]["unknown"]) == (130, 4)
        assert [line["status"] for line in results()] == ["unknown"] * 4
        assert sorted(line["ref"] for line in results()) == sorted(served.refs())


def test_75_interrupted_while_it_waits_for_another_run(
    call: Call, api: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_list(2)
    tries = iter(range(1_000_000))

    def held(_: Path) -> None:
        if next(tries) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(lock, "_try_lock", held)
    begun = monotonic()
    assert call(*USUAL, "--lock-wait", "20").code == 75
    assert monotonic() - begun < 10
    assert api.stats()["posts"] == 0

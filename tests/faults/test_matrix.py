"""Each fault, end to end: a campaign through the public API, real sockets, and a server that misbehaves once or for ever.

Whatever the fault: no message is taken twice, nobody is lost, the results line says what the server knows, the command
run again finishes the list, and no secret or number is to be read anywhere.
"""

import logging
import socket
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

import omni_bulk.worker
from omni_bulk.model import Kind, Status, Verdict
from omni_bulk.wire import Answer, classify
from tests.faults.acts import again, any_of, fin, rst, stop_accepting
from tests.faults.campaigns import MANY, Told, lines, send, settings
from tests.faults.certificates import Certificates
from tests.faults.rows import FAULTS, LONG, LOST, RELEASED, TAKEN, Ends, Fault, Line
from tests.faults.secrets_kept import CREDENTIALS, PERSONAL, found, shown, told
from tests.faults.server import FOR_EVER, Act, At, FaultServer, Misbehaviour, Variant

BINDING = {"accepted", "unknown"}
MEMORY_MAX = 8 << 20  # bytes at the peak of a run, whatever the server sends
WHERE_LOOPS_DIFFER = {At.LISTENER, At.ACCEPT, At.CONNECT, At.HEAD}


def cases() -> Iterator[ParameterSet]:
    """Each fault under asyncio's loop; those of connections under uvloop too, when it is installed."""
    for fault in FAULTS:
        marks = [pytest.mark.xfail(strict=True, reason=fault.wrong)] if fault.wrong else []
        if fault.misbehaviour.act is stop_accepting and sys.platform != "linux":
            marks.append(pytest.mark.skip(reason="only Linux lets a full queue stay silent"))
        yield pytest.param(fault, False, id=fault.name, marks=marks)
        differs = fault.misbehaviour.at in WHERE_LOOPS_DIFFER or fault.line == LOST or fault.paced
        if find_spec("uvloop") and differs and not fault.names and fault.exit_code != 69:
            yield pytest.param(fault, True, id=f"{fault.name}-uvloop", marks=marks)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.made_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Kind]]:
    """Every verdict by ref, in order."""
    seen: list[tuple[str, Kind]] = []

    def noted(answer: Answer, ref: str, now: float) -> Verdict:
        verdict = classify(answer, ref, now)
        seen.append((ref, verdict.kind))
        return verdict

    monkeypatch.setattr(omni_bulk.worker, "classify", noted)
    return seen


@pytest.fixture(autouse=True)
def _results_wait_for_no_company(monkeypatch: pytest.MonkeyPatch) -> None:
    """One message after the other: 10 ms for each would be most of the time these tests take."""
    monkeypatch.setattr("omni_bulk.ledger.writer.SPACING", 0.0)


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", "asyncio", "aiohttp.client", "aiohttp.internal", "omni_bulk"):
        caplog.set_level(logging.DEBUG, name)


def believe(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve names as the server says, and remember no address: ten seconds of caching are not what is tested."""
    resolve: Callable[..., Any] = socket.getaddrinfo

    def getaddrinfo(*arguments: Any, **options: Any) -> Any:
        if server.unresolvable:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr("aiohttp.connector._DNSCacheTable.expired", lambda _self, _key: True)


@pytest.mark.parametrize(("fault", "uvloop"), list(cases()))
def test_fault(
    fault: Fault,
    uvloop: bool,
    certificates: Certificates,
    verdicts: list[tuple[str, Kind]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with FaultServer(fault.misbehaviour, fault.variant, certificates) as server:
        if fault.names:
            believe(server, monkeypatch)
        how = settings(server, fault.variant, timeout=fault.timeout, names=fault.names)
        first = send(server, how, fault.size, paced=fault.paced, uvloop=uvloop, debug=not uvloop)
        assert server.acts > 0, "the fault never happened"
        check_promise(server)
        check_run(fault, first, caplog.records)
        check_lines(fault, first, server)
        check_posts(fault, server, verdicts)

        runs = [first]
        if not uvloop:  # what a second run does has nothing to do with the loop
            bound = {ref: server.taken[ref] for ref, line in lines().items() if line["status"] in BINDING}
            server.heal()
            how = settings(server, fault.variant, timeout=LONG, names=fault.names, workers=fault.size)
            runs.append(send(server, how, fault.size))
            check_second_run(fault, runs[-1], server, bound)
        assert not server.trapped, "somebody connected where nobody should"
    output = "".join(capfd.readouterr())
    check_secrets(runs, shown(caplog.records) + output)


@pytest.mark.parametrize("name", ["gzip_bomb", "endless_body", "endless_headers", "long_header", "interim_for_ever"])
def test_memory_is_bounded_whatever_the_server_sends(name: str, certificates: Certificates) -> None:
    fault = next(fault for fault in FAULTS if fault.name == name)
    with FaultServer(fault.misbehaviour, fault.variant, certificates) as server:
        how = settings(server, fault.variant, timeout=fault.timeout)
        tracemalloc.start()
        try:
            send(server, how, fault.size)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert server.acts == 1
    assert peak < MEMORY_MAX


@pytest.mark.parametrize("end", [fin, rst])
def test_closing_on_accept_never_doubles_a_message_whoever_is_faster(end: Act, certificates: Certificates) -> None:
    """Whether the POST is written before or after the connection ends is a race; its consequence is not."""
    closing = Misbehaviour(At.ACCEPT, end, first=1, times=20)
    with FaultServer(closing, Variant.PLAIN, certificates) as server:
        run = send(server, settings(server, Variant.PLAIN, timeout=LONG, workers=8), 40)
        assert server.acts == 20
        check_promise(server)
        assert len(run.results) == 40


@pytest.mark.parametrize("uvloop", [False, *([True] if find_spec("uvloop") else [])])
@pytest.mark.parametrize("seed", range(3))
def test_in_chaos_nobody_gets_two_and_nobody_is_lost(
    seed: int, uvloop: bool, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    """Sixteen workers, a fault of any kind in half of the POSTs, and the same command until everybody is settled."""
    faults = [(fault.misbehaviour.act, fault.misbehaviour.refuses) for fault in FAULTS if is_quick(fault)]
    chaos = Misbehaviour(At.BODY, any_of([*faults, *[(again, False)] * len(faults)], seed), first=1, times=FOR_EVER)
    runs = []
    with FaultServer(chaos, Variant.PLAIN, certificates) as server:
        how = settings(server, Variant.PLAIN, timeout=LONG, workers=16)
        while len(lines()) < MANY:
            runs.append(send(server, how, MANY, uvloop=uvloop))
            check_promise(server)
            assert len(runs) <= MANY, "each run settles somebody"
        assert server.acts >= MANY
        assert {line["status"] for line in lines().values()} >= BINDING
        assert not server.trapped
    check_secrets(runs, shown(caplog.records))


def is_quick(fault: Fault) -> bool:
    """Whether a row can be mixed with others: on plain HTTP, about a POST, over at once, without a pause or a stop."""
    lasts = fault.timeout < LONG or fault.paced or fault.ends is not Ends.GOES_ON or fault.wrong
    return fault.misbehaviour.at is At.BODY and fault.variant is Variant.PLAIN and not lasts


def check_promise(server: FaultServer) -> None:
    """No message is taken twice; and what the results file says is what the server knows."""
    final = lines()
    assert {ref: count for ref, count in server.taken.items() if count > 1} == {}
    assert all(server.taken[ref] == 1 for ref, line in final.items() if line["status"] == "accepted")
    assert all(final[ref]["status"] in BINDING for ref, count in server.taken.items() if count)


def check_run(fault: Fault, run: Told, records: list[logging.LogRecord]) -> None:
    assert run.summary is not None
    assert run.summary.exit_code == fault.exit_code
    assert (run.summary.stopped is not None) == fault.ends.stops
    assert (run.stopped is not None) == (run.summary.exit_code not in {0, 1, 3, 6})
    assert any(getattr(record, "event", "") == "paused" for record in records) == fault.ends.pauses
    lost = [record for record in records if record.levelno >= logging.ERROR]
    assert lost == [], "a task's exception was never retrieved, or a callback failed"


def check_lines(fault: Fault, run: Told, server: FaultServer) -> None:
    """Every recipient is accounted for: by its line, or as remaining."""
    expected = {
        f"r{place}": line for place in range(1, fault.size + 1) if (line := expected_line(fault, place)) is not None
    }
    final = lines()
    said = {ref: Line(line["status"], line["reason"], line["code"], line["attempts"]) for ref, line in final.items()}
    assert said == {ref: replace(line, own_key=False) for ref, line in expected.items()}
    for ref, line in expected.items():
        assert not line.own_key or final[ref]["msgKey"] in server.keys[ref]
        assert line.status is not Status.UNKNOWN or final[ref]["msgKey"] is None
    assert run.results.keys() == expected.keys()
    summary = run.summary
    assert summary is not None
    assert dict(summary.campaign) == Counter(line.status for line in expected.values())
    if summary.whole:
        assert summary.remaining == fault.size - len(expected)


def expected_line(fault: Fault, place: int) -> Line | None:
    if place in fault.hit:
        return fault.line
    return None if fault.ends.stops and place > max(fault.hit) else TAKEN


def check_posts(fault: Fault, server: FaultServer, verdicts: list[tuple[str, Kind]]) -> None:
    """What the server saw of each message that met the fault, and what was made of it."""
    for ref in (f"r{place}" for place in fault.hit):
        kinds = [kind for of, kind in verdicts if of == ref]
        assert kinds[0] is fault.verdict
        after = int(fault.verdict in RELEASED and fault.line is not None)
        assert set(kinds[: len(kinds) - after]) == {fault.verdict}
        assert server.whole[ref] == fault.posts + after
        assert server.begun[ref] == (fault.misbehaviour.at is At.HEAD)
    others = {f"r{place}" for place in range(1, fault.size + 1) if place not in fault.hit}
    assert all(server.whole[ref] == (ref in lines()) for ref in others)


def check_second_run(fault: Fault, run: Told, server: FaultServer, bound: Mapping[str, int]) -> None:
    """The same command again: it finishes the list, and posts nothing of what was or may have been taken."""
    check_promise(server)
    assert {ref: server.taken[ref] for ref in bound} == bound
    final = lines()
    assert final.keys() == run.results.keys() == {f"r{place}" for place in range(1, fault.size + 1)}
    states = {line["status"] for line in final.values()}
    assert states <= {*BINDING, "rejected"}
    assert run.stopped is None
    assert run.summary is not None
    assert run.summary.exit_code == (3 if "unknown" in states else 1 if "rejected" in states else 0)


def check_secrets(runs: list[Told], logged: str) -> None:
    said = [logged, *(note for run in runs for note in run.notes)]
    said += [part for run in runs if run.stopped is not None for part in told(run.stopped)]
    said += [repr(result) for run in runs for result in run.results.values()]
    said += [repr(run.summary) for run in runs]
    assert found("\n".join(said), [*CREDENTIALS, *PERSONAL]) == []
    kept = [{**line, "to": None, "from": None} for line in lines().values()]
    assert found(repr(kept), [*CREDENTIALS, *PERSONAL]) == []
    for path in filter(Path.is_file, Path().rglob("*")):
        assert found(path.read_bytes().decode("latin-1"), CREDENTIALS) == [], path

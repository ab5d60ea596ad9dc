"""The collector dies at any moment, or the power goes: every report is kept once, and none is acked before it is kept."""

import http.client
import json
import random
import signal
import sqlite3
import subprocess
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.cli.kit import FROM, PATIENCE, Served, command, ended, environment, run, sandbox, started, until, write_list
from tests.durability.test_trace import can_trace
from tests.durability.trace import STRACE, Disk, Step, steps

BATCH = 1_000  # reports of one poll at most
REPORTS = Path("ledger.reports.db")
_ACK = b"DELETE /v1/report/polling/"


def env(served: Served) -> dict[str, str]:
    return environment(served, OMNI_LEDGER="ledger.db")


def send(served: Served, count: int) -> None:
    sent = run(
        "send", write_list(count), "--text", "hi {name}", "--from", FROM, "--yes", "--rate", "5000", env=env(served)
    )
    assert sent.code == 0, sent.err


class OtherSystem:
    """Somebody else who sends under this account: each message makes a report."""

    def __init__(self, served: Served) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(served.url).netloc, timeout=PATIENCE)
        token = self._ask("/v1/auth/token", {"X-IB-Client-Id": "sandbox", "X-IB-Client-Passwd": "sandbox"}, b"")
        self._headers = {"Authorization": f"{token['data']['schema']} {token['data']['token']}"}
        self.sent = 0

    def send(self, count: int) -> None:
        for _ in range(count):
            body = {"from": FROM, "to": "+821012345678", "text": "theirs", "ref": f"theirs-{self.sent}"}
            assert self._ask("/v1/send/international", self._headers, json.dumps(body).encode())["code"] == "A000"
            self.sent += 1

    def close(self) -> None:
        self._connection.close()

    def _ask(self, path: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        self._connection.request("POST", path, body, headers)
        found: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return found


def at_work(served: Served, before: int) -> bool:
    """Whether a batch was given out since, or acked."""
    reports = served.stats()["reports"]
    return bool(reports["outstanding"] or reports["delivered"] > before)


def numbered(path: str) -> Counter[int]:
    return Counter(json.loads(line)["collectedSeq"] for line in Path(path).read_bytes().splitlines())


def loop(kills: int, seed: int) -> None:
    chance = random.Random(seed)
    with sandbox(latency_ms=0, seed=seed, dlr=True) as served, closing(OtherSystem(served)) as others:
        send(served, 5)
        for _ in range(kills):
            others.send(chance.randrange(50, 400))
            before = served.stats()["reports"]["delivered"]
            with started("reports", "--follow", "--own-queue", env=env(served)) as child:
                if chance.random() < 0.5:  # around an ack, else anywhere
                    until(partial(at_work, served, before), child)
                    sleep(chance.uniform(0, 0.05))
                else:
                    sleep(chance.uniform(0.2, 0.9))
                child.send_signal(signal.SIGKILL)
                ended(child)
        last = run("reports", "--poll", "--own-queue", env=env(served))
        assert last.code == 0, last.err
        total = 2 * (5 + others.sent)
        stats = served.stats()["reports"]
        assert (stats["delivered"], stats["purged"], stats["outstanding"]) == (total, 0, 0)
        with closing(sqlite3.connect(REPORTS)) as db:
            keys = db.execute("SELECT msg_key, count(*), count(DISTINCT at) FROM report GROUP BY msg_key").fetchall()
            foreign = {row[0] for row in db.execute("SELECT id FROM report WHERE verdict = 'foreign'")}
        assert len(keys) == total // 2 and {row[1:] for row in keys} == {(2, 2)}
        assert numbered("reports.jsonl") == dict.fromkeys(range(1, total + 1), 1)
        assert numbered("foreign.jsonl") == dict.fromkeys(foreign, 1)
        assert len(foreign) == 2 * others.sent


def test_three_kills_of_the_collector_lose_and_double_no_report() -> None:
    loop(3, seed=11)


@pytest.mark.soak
def test_fifty_kills_of_the_collector_lose_and_double_no_report() -> None:
    seed = random.SystemRandom().randrange(10_000)
    print(f"seed {seed}")
    loop(50, seed=seed)


# ── loss of power ─────────────────────────────────────────────────────────────────────────────────────────────────


class ReportsDisk(Disk):
    """The reports file as it would be found after a loss of power."""

    def count(self) -> int:
        with tempfile.TemporaryDirectory() as folder:
            for path, file in self.files.items():
                (Path(folder) / Path(path).name).write_bytes(file.content())
            with closing(sqlite3.connect(Path(folder) / Path(self.ledger).name)) as db:
                if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'report'").fetchone():
                    return 0
                return int(db.execute("SELECT count(*) FROM report").fetchone()[0])


@dataclass
class Lines:
    """How many lines of a file were written, and how many of them are on the disk for certain."""

    path: str
    written: int = 0
    synced: int = 0
    _syncing: int = 0

    def observe(self, step: Step) -> None:
        if step.path != self.path:
            return
        if step.call == "write" and step.returned is not None:
            self.written += step.strings[0][: step.returned].count(b"\n")
        elif step.call == "fsync" and step.returned is None:
            self._syncing = self.written
        elif step.call == "fsync" and step.returned == 0:
            self.synced = self._syncing


@pytest.mark.skipif(not can_trace(), reason="strace is not there, or may not trace")
def test_no_report_is_acked_before_it_is_on_the_disk_twice() -> None:
    trace = Path("trace").absolute()
    messages = 1_100
    with sandbox(dlr=True, latency_ms=0) as served:
        send(served, messages)
        traced = subprocess.run(
            [*STRACE, "-o", trace, *command("reports", "--poll", "--quiet")],
            env=env(served), stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert traced.returncode == 0, traced.stderr
        assert served.stats()["reports"]["delivered"] == 2 * messages
    disk, lines, acks = ReportsDisk(REPORTS.absolute()), Lines(str(Path("reports.jsonl").absolute())), 0
    with trace.open(encoding="ascii") as file:
        for step in steps(file):
            if step.returned is None and any(_ACK in string for string in step.strings):
                acks += 1
                wanted = min(acks * BATCH, 2 * messages)
                assert disk.count() >= wanted, f"ack {acks} left before its reports were in the reports file"
                assert lines.synced >= wanted, f"ack {acks} left before its reports were in reports.jsonl"
            disk.observe(step)
            lines.observe(step)
    assert acks == 3
    assert lines.written == 2 * messages

"""`doctor` against a sandbox, a TLS server and ledgers in every state: what it finds, what it exits with."""

import json
import os
import socket
import sqlite3
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from omni_bulk import checkup
from omni_bulk.errors import SettingsError
from omni_bulk.findings import Mark
from omni_bulk.ledger.schema import APPLICATION_ID, VERSION, open_ledger
from omni_bulk.wire import Answer
from tests.cli import kit
from tests.first.kit import Here

LEDGER = Path("ledger.db")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[kit.Served]:
    with kit.sandbox() as served:
        for name, value in served.settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("OMNI_LEDGER", str(LEDGER))
        yield served


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNI_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OMNI_LEDGER", str(LEDGER))


def checks(ran: kit.Ran) -> dict[str, dict[str, Any]]:
    found = {one["check"]: one for one in ran.json["checks"]}
    assert ran.code == ran.json["exit"]
    return found


def test_all_is_well_and_nothing_was_sent(here: Here, served: kit.Served) -> None:
    open_ledger(LEDGER).close()
    found = checks(ran := here("doctor", "--json"))
    marks = {name: one["mark"] for name, one in found.items()}
    assert marks == {
        **dict.fromkeys(("settings", "DNS", "credentials", "clock", "ledger", "in doubt", "disk", "open files"), "ok"),
        "TLS": "skipped",
    }
    assert ran.code == 0
    assert ran.json["versions"]["sqlite"] == sqlite3.sqlite_version
    assert served.stats() | {"tokens": 0} == served.stats() | {"tokens": 0, "posts": 0}
    shown = here("doctor")
    assert "You can send." in shown.out.decode()
    assert shown.code == 0


@pytest.mark.parametrize(
    ("variables", "check", "code"),
    [
        ({"OMNI_CLIENT_PASSWORD": "mistyped-secret"}, "credentials", 5),
        ({"OMNI_CLIENT_PASSWORD": ""}, "credentials", 2),
        ({"OMNI_BASE_URL": "http://127.0.0.1:9"}, "credentials", 69),
        ({"OMNI_BASE_URL": "https://no.such.host.invalid"}, "DNS", 69),
        ({"OMNI_WORKERS": "0"}, "settings", 2),
    ],
)
def test_each_trouble_has_its_code_and_a_way_out(
    here: Here, served: kit.Served, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], check: str, code: int
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = checks(ran := here("doctor", "--json"))
    assert ran.code == code
    assert [name for name, one in found.items() if one["exit"]] == [check]
    assert found[check]["todo"]
    assert "mistyped-secret" not in ran.out.decode()


def test_every_problem_with_the_settings_is_named(here: Here) -> None:
    Path("omni-bulk.toml").write_text('rate = -1\nledgr = "x"\nprices = "gone.csv"\n', encoding="utf-8")
    ran = here("doctor")
    assert ran.code == 2
    assert [word for word in ("rate", "ledgr", "gone.csv") if word in ran.out.decode()] == ["rate", "ledgr", "gone.csv"]


def damaged(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-4096, os.SEEK_END)  # the last page: the schema can still be read
        file.write(b"\xff" * 4096)


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")


def others(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA application_id = 7")


def no_database(path: Path) -> None:
    path.write_bytes(b"something else entirely, and longer than a header" * 20)


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize(
    ("harm", "said"),
    [(damaged, "damaged"), (newer, "newer"), (others, "something else"), (no_database, "cannot be read")],
)
def test_a_ledger_that_is_no_good_is_74(here: Here, monkeypatch: pytest.MonkeyPatch, harm: Any, said: str) -> None:
    db = open_ledger(LEDGER)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    harm(LEDGER)
    before = LEDGER.read_bytes()
    monkeypatch.setenv("OMNI_CLIENT_ID", "x")
    monkeypatch.setenv("OMNI_CLIENT_PASSWORD", "y")
    found = checks(ran := here("doctor", "--json"))
    assert ran.code == 74
    assert said in found["ledger"]["said"]
    assert found["ledger"]["todo"]
    assert LEDGER.read_bytes() == before, "looking changed it"


@pytest.mark.usefixtures("nobody")
def test_an_older_ledger_stays_as_it_is(here: Here) -> None:
    open_ledger(LEDGER).close()
    with closing(sqlite3.connect(LEDGER)) as db:
        db.execute("PRAGMA user_version = 1")
    assert checks(here("doctor", "--json"))["ledger"]["mark"] == "ok"
    with closing(sqlite3.connect(LEDGER)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)


@pytest.mark.usefixtures("nobody")
def test_messages_in_doubt_and_reports_that_wait_are_told(here: Here) -> None:
    with closing(open_ledger(LEDGER)) as db:
        assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        db.execute("INSERT INTO message (campaign, identity, state, run) VALUES (1, x'01', 1, 1), (1, x'02', 2, 1)")
    with closing(sqlite3.connect("ledger.reports.db")) as db:
        db.execute("CREATE TABLE queue (account INTEGER, polled_at INTEGER, emptied_at INTEGER)")
        db.execute("CREATE TABLE report (account INTEGER, message INTEGER, verdict TEXT)")
        db.execute("INSERT INTO queue VALUES (1, NULL, NULL), (2, 1000, NULL)")
        db.commit()
    found = checks(here("doctor", "--json"))
    assert "1 message claimed" in found["in doubt"]["said"]
    assert "2 recipients" in found["ledger"]["said"]
    assert "deleted already" in found["reports"]["said"]
    Path("ledger.reports.db").write_bytes(b"no database at all")
    assert "reports" not in checks(here("doctor", "--json"))


@pytest.mark.usefixtures("nobody")
def test_a_network_filesystem_is_refused(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise SettingsError(f"The ledger {path} lies on a network filesystem (nfs4)")

    monkeypatch.setattr(checkup, "refuse_network_filesystem", refuse)
    found = checks(here("doctor", "--json"))
    assert found["ledger"]["exit"] == 74
    assert "nfs4" in found["ledger"]["said"]


@pytest.mark.usefixtures("nobody")
def test_places_that_cannot_be_written(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    assert "cannot be made" in checks(here("doctor", "--json", "--ledger", "a/b/new.db"))["ledger"]["said"]
    open_ledger(LEDGER).close()
    assert "may not write" in checks(here("doctor", "--json"))["ledger"]["said"]


@contextmanager
def tls_server(certificate: trustme.LeafCert) -> Iterator[int]:
    """Takes connections and shakes hands, nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    taken, _ = listening.accept()
                except OSError:
                    return
                with taken:
                    taken.settimeout(5)
                    try:
                        context.wrap_socket(taken, server_side=True).close()
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.usefixtures("nobody")
def test_the_certificate_is_looked_at(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path("ca.pem")
    with tls_server(authority.issue_cert("127.0.0.1")) as port:
        monkeypatch.setenv("OMNI_BASE_URL", f"https://127.0.0.1:{port}")
        found = checks(here("doctor", "--json"))
        assert found["TLS"]["exit"] == 5
        assert "does not verify" in found["TLS"]["said"]
        monkeypatch.setenv("OMNI_CA_FILE", "ca.pem")
        assert "more days" in checks(here("doctor", "--json"))["TLS"]["said"]


@pytest.mark.parametrize(
    ("header", "mark"), [("Thu, 26 Nov 2026 05:00:00 GMT", Mark.FAIL), ("soon", Mark.SKIPPED), (None, Mark.SKIPPED)]
)
def test_the_clock_is_held_to_the_servers(header: str | None, mark: Mark) -> None:
    answer = Answer(200, {} if header is None else {"Date": header})
    assert checkup._clock(answer, 1_000_000_000.0).mark is mark


@pytest.mark.usefixtures("nobody")
def test_json_is_one_line(here: Here) -> None:
    ran = here("doctor", "--json")
    assert ran.out.count(b"\n") == 1
    assert set(json.loads(ran.out)) == {"checks", "versions", "exit"}

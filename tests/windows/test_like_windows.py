"""`send`, `check`, `reports` and `export` with nothing that Windows lacks, and with its way with open files."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from omni_bulk import read_results
from tests.cli import kit
from tests.cli.kit import LOOK_EVERY, PATIENCE, Served

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for open files")
PEOPLE = 12
SEND = ("--text", "Hello {name}", "--from", kit.FROM, "--ledger", "ledger.db", "--out", "a.jsonl")


def words(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.windows.like_windows", *arguments]


def run(*arguments: str, served: Served | None = None, **more: str) -> tuple[int, str, bytes]:
    done = subprocess.run(
        words(*arguments), env=kit.environment(served, **more), stdin=subprocess.DEVNULL, capture_output=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr.decode(), done.stdout


@pytest.fixture
def listed() -> None:
    rows = "".join(f"+8210200001{person:02d},guest {person}\n" for person in range(PEOPLE))
    Path("a.csv").write_text(f"to,name\n{rows}8.21E+11,nobody\n")


@pytest.fixture
def served(listed: None) -> Iterator[Served]:
    with kit.sandbox(latency_ms=20) as sandbox:
        yield sandbox


def test_a_campaign_from_check_to_export(served: Served) -> None:
    code, said, shown = run("check", "a.csv", *SEND[:4], "--ledger", "ledger.db", served=served)
    assert (code, f"to send: {PEOPLE}" in shown.decode()) == (1, True), said
    code, said, _ = run("send", "a.csv", *SEND, "--limit", "5", served=served)
    assert code == 6, said
    text = Path("a.jsonl").read_bytes().splitlines(keepends=True)
    Path("a.jsonl").write_bytes(b"".join(text[1:]))  # a line is lost, so the file is written anew
    code, said, _ = run("send", "a.csv", *SEND, served=served)
    assert code == 1, said
    assert read_results("a.jsonl").count("accepted") == served.taken() == PEOPLE
    assert Path("a.rejects.csv").exists()
    code, said, shown = run("reports", "--poll", "--json", "--ledger", "ledger.db", served=served)
    assert (code, json.loads(shown)["joined"]) == (0, PEOPLE), said
    for name in ("all.csv", "all.csv", "all.xlsx"):  # the second one replaces the first
        code, said, _ = run("export", "a", "--out", name, "--ledger", "ledger.db")
        assert code == 0, said


def test_ctrl_c_drains_where_the_loop_has_no_handlers(served: Served) -> None:
    environment = kit.environment(served)
    with subprocess.Popen(
        words("send", "a.csv", *SEND, "--rate", "5", "--yes"), env=environment, stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    ) as sending:  # fmt: skip
        until = monotonic() + PATIENCE
        while not served.log.exists() or not served.taken():
            assert monotonic() < until
            sleep(LOOK_EVERY)
        os.kill(sending.pid, signal.SIGINT)
        _, said = sending.communicate(timeout=PATIENCE)
    assert sending.returncode == 75, said
    assert read_results("a.jsonl").count("accepted") == served.taken() < PEOPLE
    assert run("send", "a.csv", *SEND, served=served)[0] == 1
    assert served.taken() == PEOPLE


HELD: list[tuple[str, tuple[str, ...], int]] = [
    ("a.jsonl", ("send", "a.csv", *SEND), 2),
    ("a.rejects.csv", ("send", "a.csv", *SEND), 1),  # sending was whole: only a note
    ("sum.json", ("send", "a.csv", *SEND, "--summary-json", "sum.json"), 2),
    ("a.xlsx", ("export", "a", "--out", "a.xlsx", "--ledger", "ledger.db"), 2),
    ("reports.jsonl", ("reports", "--poll", "--ledger", "ledger.db"), 2),
]


def test_a_file_that_excel_holds_has_a_sentence(served: Served) -> None:
    assert run("send", "a.csv", *SEND, "--summary-json", "sum.json", served=served)[0] == 1
    assert run("export", "a", "--out", "a.xlsx", "--ledger", "ledger.db")[0] == 0
    Path("reports.jsonl").touch()
    taken = served.taken()
    for held, arguments, expected in HELD:
        code, said, _ = run(*arguments, served=served, OMNI_TEST_EXCEL=str(Path(held).resolve()))
        assert (code, "Traceback" in said) == (expected, False), said
        assert "open in Excel or another program, close it there" in said, held
        assert served.taken() == taken


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", "{name}..."), ("cp949", "{name}…"), ("utf-8", "{name}…")])
def test_a_stderr_that_cannot_show_a_letter_shows_plain_ones(listed: None, encoding: str, shown: str) -> None:
    script = (
        "import sys; from omni_bulk.cli import streams; streams.make_safe(); "
        "print('{name}… 【INFO】 한', file=sys.stderr, flush=True)"
    )
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True)
    assert shown.encode(encoding) in done.stderr
    if encoding == "ascii":
        assert done.stderr.rstrip() == rb"{name}... [INFO] \ud55c"

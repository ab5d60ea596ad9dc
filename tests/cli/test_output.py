"""Words go to stderr, records to files or stdout; and what must be in neither."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from omni_bulk.sandbox import Sandbox
from tests.cli.conftest import Call
from tests.cli.kit import FROM, command, environment, results, run, sandbox, write_list

SECRET = "s3cr3t-Planted"
USUAL = ("list.csv", "--text", "Hello {name}", "--from", FROM, "--ledger", "ledger.db")


def objects(text: str | bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in text.splitlines()]


def test_the_first_walk_needs_nothing_and_leaves_only_its_results(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNI_PROXY", "http://127.0.0.1:9")  # what is set for the real API does not reach the sandbox
    monkeypatch.setenv("OMNI_BASE_URL", "nonsense")
    monkeypatch.setenv("OMNI_LEDGER", "real.db")
    write_list(3, extra=[["+821020000000", "name 0"], ["8.2E+11", "x"]])
    ran = call(*USUAL[:5], "--sandbox")
    assert ran.code == 1
    assert "Plan of campaign list: 5 recipients" in ran.err
    assert "SANDBOX: nothing was sent. The sandbox took 3 messages." in ran.err
    assert "3 accepted" in ran.err
    assert "To send it for real, leave out --sandbox" in ran.err
    assert ran.out == b""
    assert sorted(path.name for path in Path().iterdir()) == [
        "list.csv", "list.sandbox.jsonl", "list.sandbox.rejects.csv",
    ]  # fmt: skip
    assert call(*USUAL[:5], "--sandbox", "--yes").code == 1
    assert len(results("list.sandbox.jsonl")) == 5  # replaced


def test_quiet_says_nothing_but_errors(call: Call, api: Sandbox) -> None:
    write_list(2)
    ran = call(*USUAL, "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    ran = call("nowhere.csv", "--quiet")
    assert (ran.code, ran.out) == (2, b"")
    assert "nowhere.csv" in ran.err


def test_json_events(call: Call, api: Sandbox) -> None:
    write_list(2, extra=[["nonsense", "x"]])
    events = objects(call(*USUAL, "--log-format", "json", "--verbose").err)
    assert [one["event"] for one in events if one["event"] in {"plan", "summary", "next"}] == [
        "plan",
        "summary",
        "next",
    ]
    assert all("time" in one and "message" in one for one in events)
    plan = next(one for one in events if one["event"] == "plan")
    assert (plan["recipients"], plan["ready"], plan["reasons"]) == (3, 2, {"invalid_number": 1})
    summary = next(one for one in events if one["event"] == "summary")
    assert (summary["states"]["accepted"], summary["exit"]) == (2, 1)


def test_json_errors(call: Call) -> None:
    events = objects(call("nowhere.csv", "--log-format", "json").err)
    assert {(one["event"], one["exit"]) for one in events} == {("error", 2)}


def test_the_summary_has_the_keys_of_the_contract(call: Call, api: Sandbox) -> None:
    write_list(4, extra=[["nonsense", "x"]])
    assert call(*USUAL, "--limit", "1").code == 6
    ran = call(*USUAL, "--summary-json", "-", "--quiet")
    summary = ran.json
    assert summary["states"] == {
        "accepted": 4, "rejected": 0, "failed": 0, "unknown": 0, "invalid": 1, "skipped": 0
    }  # fmt: skip
    assert {"remaining", "alreadyHandled", "exit", "seconds", "rate", "cost", "segments"} <= set(summary)
    assert (summary["remaining"], summary["alreadyHandled"], summary["exit"], summary["posts"]) == (0, 2, ran.code, 3)


def test_a_summary_is_replaced_and_an_older_one_never_taken_for_it(call: Call, api: Sandbox) -> None:
    write_list(1)
    assert call(*USUAL, "--summary-json", "summary.json").code == 0
    assert call("nowhere.csv", "--summary-json", "summary.json").code == 2
    found = orjson.loads(Path("summary.json").read_bytes())
    assert found["exit"] == 2
    assert "nowhere.csv" in found["stopped"]
    assert call(*USUAL, "--summary-json", "/dev/null").code == 0


def test_results_on_stdout_are_alone_there(call: Call, api: Sandbox) -> None:
    write_list(3)
    ran = call(*USUAL, "--out", "-", "--verbose")
    assert [line["status"] for line in objects(ran.out)] == ["accepted"] * 3
    assert "3 accepted" in ran.err
    assert not list(Path().glob("*.jsonl"))
    assert call(*USUAL, "--out", "-").out == b""  # this run's lines only


def test_a_list_from_stdin() -> None:
    with sandbox() as served:
        rows = write_list(3).read_bytes()
        flags = ("--campaign", "piped", *USUAL[1:])
        assert run("-", *flags, env=environment(served), stdin=rows).code == 0
        assert run("-", *flags, env=environment(served), stdin=rows).code == 0
        assert served.taken() == 3


def test_a_reader_of_stdout_that_leaves_is_told_by_exit_74_and_no_traceback() -> None:
    write_list(50)
    with sandbox() as served:
        ran = subprocess.run(
            ["/bin/sh", "-c", '"$@" | head -n 1 >/dev/null; exit "${PIPESTATUS:-0}"', "sh", *command(*USUAL, "--out", "-")],
            env=environment(served), capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert "Traceback" not in ran.stderr
        assert "Exception ignored" not in ran.stderr
        assert "Broken pipe" in ran.stderr or served.taken() == 50
        assert run(*USUAL, env=environment(served)).code in {0, 3}
        assert len(served.refs()) == len(set(served.refs()))


@pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full", "1>&- 2>&-", "0<&- 1>&- 2>&-"])
def test_words_that_nobody_hears_end_no_run(closed: str) -> None:
    """A file opened as number 2 would get every stray word, the ledger's too."""
    write_list(20)
    with sandbox() as served:
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *command(*USUAL, "--verbose")],
            env=environment(served), check=False, timeout=60, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0
        assert served.taken() == 20
    assert [line["status"] for line in results()] == ["accepted"] * 20


def test_neither_secrets_nor_numbers_nor_texts_are_shown(
    call: Call, api: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [["+821055550101", "PRIVATE-NAME"], ["0105555", "PRIVATE-NAME"], ["+821055550101", "PRIVATE-NAME"]]
    write_list(0, extra=rows)
    api.fail_next("a999_taken")
    shown = ""
    for flags in ((), ("--yes",), ("--log-format", "json"), ("--changed-text", "--yes")):
        shown += call(*USUAL, "--verbose", "--summary-json", "-", *flags).err
    monkeypatch.setenv("OMNI_CLIENT_PASSWORD", SECRET)
    write_list(1)
    wrong = call(*USUAL, "--verbose", "--log-format", "json", "--campaign", "other", "--summary-json", "-")
    assert wrong.code == 5
    shown += wrong.err + wrong.out.decode()
    for secret in ("5555", "PRIVATE", "Hello", SECRET, "Bearer", "8210"):
        assert secret not in shown, secret
    assert "unknown" in shown


def test_progress_without_a_terminal_is_a_line_now_and_then(
    call: Call, api: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omni_bulk.cli.sending.LINE_EVERY", 0.3)
    write_list(40)
    ran = call(*USUAL, "--rate", "20")
    lines = [line for line in ran.err.splitlines() if " of 40 done, " in line]
    assert lines
    assert lines[-1].endswith("accepted")


_IMPORTED = """
import sys
before = set(sys.modules)  # coverage has some of its own
from omni_bulk.cli import run
run(sys.argv[1:])
print(*set(sys.modules) - before, file=sys.stderr)
"""


@pytest.mark.parametrize("verb", [(), ("send",), ("check",), ("status",), ("sandbox",)])
def test_help_waits_for_no_heavy_module(verb: tuple[str, ...]) -> None:
    called = [sys.executable, "-c", _IMPORTED, *verb, "--help"]
    imported = subprocess.run(called, capture_output=True, text=True, check=True, timeout=60).stderr.split()
    heavy = {"aiohttp", "omni_bulk.settings", "omni_bulk.ledger", "phonenumbers", "rich"}
    if not verb:  # typer itself asks it about the flags of a verb
        heavy |= {"pydantic"}
    assert "typer" in imported
    assert not heavy & set(imported)


@pytest.mark.parametrize("verb", ["send", "check", "status", "sandbox"])
def test_every_verb_has_help_and_so_has_every_flag(verb: str, call: Call) -> None:
    assert f"\n  {verb} " in call("--help").out.decode()
    ran = call(verb, "--help")
    assert ran.code == 0
    options = ran.out.decode().split("Options:\n")[1]
    assert not re.search(
        r"<(str|int|float|path)", options
    )  # a type is no name: TEXT, NUMBER and ZONE say more than <str>
    names = re.compile(r"^  (?:-\w, )?--[\w-]+(?: [^ ]+)?", re.MULTILINE)
    for found in names.finditer(options):
        assert options[found.end() :].split("\n  -")[0].strip(), f"{found[0]} has no help"


def test_the_version(call: Call) -> None:
    assert call("--version").out.startswith(b"omni-bulk ")


def test_no_arguments_show_the_help(call: Call) -> None:
    ran = call()
    assert ran.code == 2
    assert "Usage: omni-bulk" in ran.out.decode() + ran.err

"""Bad input: one clear sentence and exit 2, or one row `invalid`; nothing is sent, nothing is lost."""

import os
from pathlib import Path

import pytest

from omni_bulk.sandbox import Sandbox
from tests.cli.conftest import Call
from tests.cli.kit import FROM, results, write_list

TEXT = ("--text", "Hello {name}")
LEDGER = ("--ledger", "ledger.db")
USUAL = (*TEXT, "--from", FROM, *LEDGER)


def make(name: str, content: bytes) -> str:
    Path(name).write_bytes(content)
    return name


def nothing_was_sent(api: Sandbox) -> bool:
    return api.state.posts == 0 and api.state.tokens.issued == 0


# What is wrong → the list, the flags, and what the sentence says.
REFUSED: dict[str, tuple[bytes | None, tuple[str, ...], str]] = {
    "no such file": (None, USUAL, "There is no file list.csv"),
    "empty": (b"", USUAL, "list.csv is empty"),
    "no number column": (b"a,b\n1,2\n", USUAL, "No column is known to hold the number"),
    "no text anywhere": (b"to\n+821020000001\n", ("--from", FROM, *LEDGER), "there is no text"),
    "no from anywhere": (b"to,name\n+821020000001,x\n", (*TEXT, *LEDGER), "there is no originating number"),
    "a field without a column": (b"to\n+821020000001\n", USUAL, "the template needs {name}"),
    "an open brace": (b"to\n+821020000001\n", ("--text", "{", "--from", FROM, *LEDGER), "never closed"),
    "text twice": (b"to\n+821020000001\n", (*USUAL, "--text-file", "text"), "keep one"),
    "no text file": (b"to\n+821020000001\n", ("--text-file", "nowhere", "--from", FROM, *LEDGER), "nowhere"),
    "an encoding that is none": (b"to,name\n+821020000001,x\n", (*USUAL, "--encoding", "martian"), "martian"),
    "NUL bytes in the header": (b"\0\0\0", USUAL, "NUL"),
    "a rate of nothing": (b"to,name\n+821020000001,x\n", (*USUAL, "--rate", "0"), "--rate"),
    "a rate that is no number": (b"to,name\n+821020000001,x\n", (*USUAL, "--rate", "fast"), "--rate"),
    "an unknown flag": (b"to,name\n+821020000001,x\n", (*USUAL, "--bogus"), "--bogus"),
    "http to another machine": (
        b"to,name\n+821020000001,x\n", (*USUAL, "--base-url", "http://example.invalid"), "must begin with https://",
    ),
    "results to a folder that is not there": (
        b"to,name\n+821020000001,x\n", (*USUAL, "--out", "nowhere/results"), "there is no folder nowhere",
    ),
    "results to a folder": (b"to,name\n+821020000001,x\n", (*USUAL, "--out", "."), "cannot be written"),
    "results over the list": (b"to,name\n+821020000001,x\n", (*USUAL, "--out", "list.csv"), "not a results file"),
    "a folder for a ledger": (b"to,name\n+821020000001,x\n", (*TEXT, "--from", FROM, "--ledger", "."), "directory"),
    "the list for a ledger": (
        b"to,name\n+821020000001,x\n", (*TEXT, "--from", FROM, "--ledger", "list.csv"), "not a database",
    ),
    "a required ledger that is not there": (
        b"to,name\n+821020000001,x\n", (*USUAL, "--require-ledger"), "--require-ledger",
    ),
    "a summary over the list": (
        b"to,name\n+821020000001,x\n", (*USUAL, "--summary-json", "list.csv"), "not a summary",
    ),
    "a summary over the results": (
        b"to,name\n+821020000001,x\n", (*USUAL, "--summary-json", "list.results.jsonl"), "written by this run",
    ),
    "a summary over the ledger": (
        b"to,name\n+821020000001,x\n", (*USUAL, "--summary-json", "ledger.db"), "written by this run",
    ),
    "a summary in a folder that is not there": (
        b"to,name\n+821020000001,x\n", (*USUAL, "--summary-json", "nowhere/x"), "cannot be written",
    ),
    "both on stdout": (
        b"to,name\n+821020000001,x\n", (*USUAL, "--out", "-", "--summary-json", "-"), "both write to stdout",
    ),
    "an unknown log format": (b"to,name\n+821020000001,x\n", (*USUAL, "--log-format", "xml"), "--log-format"),
    "an unknown period": (b"to,name\n+821020000001,x\n", (*USUAL, "--per", "year"), "--per"),
    "a time without a period": (b"to,name\n+821020000001,x\n", (*USUAL, "--as-of", "2026-11-22"), "--per"),
    "a name that is a path": (b"to,name\n+821020000001,x\n", (*USUAL, "--campaign", "a/b"), "campaign's name"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_one_sentence(case: str, call: Call, api: Sandbox) -> None:
    content, flags, sentence = REFUSED[case]
    Path("text").write_text("x")
    if content is not None:
        make("list.csv", content)
    ran = call("list.csv", *flags, "--yes")
    assert ran.code == 2
    assert sentence in ran.err
    assert "Traceback" not in ran.err
    assert ran.err.count("omni-bulk: ") + ran.err.count("Error: ") == 1
    assert nothing_was_sent(api)
    assert content is None or Path("list.csv").read_bytes() == content


def test_a_directory_is_no_list(call: Call, api: Sandbox) -> None:
    Path("folder").mkdir()
    assert "folder is a directory" in call("folder", *USUAL).err


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads and writes everything")
@pytest.mark.parametrize("what", ["list.csv", "ledger.db", "list.results.jsonl"])
def test_a_file_that_may_not_be_used(what: str, call: Call, api: Sandbox) -> None:
    write_list(2)
    Path(what).touch()
    Path(what).chmod(0)
    ran = call("list.csv", *USUAL, "--yes")
    assert (ran.code, what in ran.err) == (2, True)
    assert nothing_was_sent(api)


def test_all_problems_are_told_at_once(call: Call) -> None:
    make("list.csv", b"to\n+821020000001\n")
    ran = call("list.csv", "--rate", "0", "--deadline", "soon", "--tolerate", "x", "--file-mode", "9", "--map", "x")
    assert ran.code == 2
    for told in ("--rate", "--deadline", "--tolerate", "--file-mode", "--map"):
        assert told in ran.err


def test_what_a_first_try_forgets_is_told_at_once(call: Call) -> None:
    make("list.csv", b"to\n+821020000001\n")
    ran = call("list.csv")
    assert ran.code == 2
    for told in ("OMNI_CLIENT_ID ", "OMNI_CLIENT_PASSWORD ", "there is no text", "there is no originating number"):
        assert told in ran.err
    assert ran.err.count("omni-bulk: ") == 4


# A row that cannot be used → its reason. Its neighbours are sent.
ROWS = {
    "an empty field": (b"+821020000009,", "missing_field"),
    "a number that is none": (b"hello,x", "invalid_number"),
    "digits alone": (b"821020000009,x", "ambiguous_number"),
    "a power of ten": (b"8.21E+11,x", "invalid_number"),
    "a NUL byte": (b"+821020000009,a\0b", "nul_byte"),
    "2 MB": (b"+821020000009," + b"x" * 2_000_000, "field_too_long"),
    "a cell too many": (b"+821020000009,x,y", "too_many_cells"),
    "too long a text": (b"+821020000009," + b"x" * 3_000, "text_too_long"),
}


@pytest.mark.parametrize("case", ROWS)
def test_a_bad_row_is_invalid_and_its_neighbours_are_sent(case: str, call: Call, api: Sandbox) -> None:
    row, reason = ROWS[case]
    good = [f"+8210200000{number:02d},n{number}".encode() for number in range(20, 28)]
    make("list.csv", b"\n".join([b"to,name", *good[:5], row, *good[5:], b""]))  # it is line 7
    ran = call("list.csv", *USUAL, "--yes")
    assert ran.code == 1
    bad = [line for line in results() if line["status"] != "accepted"]
    assert [(line["status"], line["reason"], line["row"]) for line in bad] == [("invalid", reason, 7)]
    assert len(api.messages) == 8
    assert "Correct the rows that were not sent" in ran.err


def test_a_header_without_rows_is_a_campaign_of_nobody(call: Call, api: Sandbox) -> None:
    make("list.csv", b"to,name\n")
    assert call("list.csv", *USUAL).code == 0
    assert nothing_was_sent(api)


def test_a_list_on_stdin_needs_a_name(call: Call, api: Sandbox) -> None:
    ran = call("-", *USUAL)
    assert (ran.code, "give --campaign NAME" in ran.err) == (2, True)


def test_without_a_terminal_a_ledger_that_was_not_named_is_never_created(
    call: Call, api: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_list(1)
    state = Path("state").absolute()
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    ran = call("list.csv", *TEXT, "--from", FROM, "--yes")
    assert ran.code == 2
    assert "give --ledger FILE or set OMNI_LEDGER" in ran.err
    assert not state.exists()
    assert nothing_was_sent(api)
    (state / "omni-bulk").mkdir(parents=True)
    assert call("list.csv", *USUAL, "--yes").code == 0
    Path("ledger.db").rename(state / "omni-bulk/ledger.db")  # one that exists is used
    assert call("list.csv", *TEXT, "--from", FROM, "--yes").code == 0
    assert len(api.messages) == 1


def test_a_required_ledger_that_exists_is_used(call: Call, api: Sandbox) -> None:
    write_list(1)
    assert call("list.csv", *USUAL, "--yes", "--limit", "0").code == 6
    assert call("list.csv", *USUAL, "--yes", "--require-ledger").code == 0


def test_an_empty_file_is_not_the_ledger_that_was_required(call: Call, api: Sandbox) -> None:
    write_list(1)
    Path("ledger.db").touch()
    assert call("list.csv", *USUAL, "--yes", "--require-ledger").code == 2
    assert nothing_was_sent(api)


def test_a_name_that_is_no_text_is_refused_with_a_sentence(call: Call, api: Sandbox) -> None:
    name = os.fsdecode(b"\xff.csv")
    Path(name).write_bytes(b"to,name\n+821020000001,x\n")
    ran = call(name, *USUAL, "--yes")
    assert ran.code == 2
    assert "campaign" in ran.err
    assert call(name, *USUAL, "--yes", "--campaign", "named", "--log-format", "json").code == 0

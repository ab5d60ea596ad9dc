"""Text from the list, the server and the settings reaches no terminal raw, and fakes no line of a log."""

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omni_bulk.errors import SettingsError
from omni_bulk.ledger.schema import open_ledger
from omni_bulk.settings import Settings
from tests.cli.kit import Ran, results, run, write_list
from tests.cli.terminal import on_terminal
from tests.input.workbooks import write_workbook
from tests.security.kit import SEND, accepted, account, api

# Clears the screen, names the window, rings; turns the reading order round; begins a line of its own, in three ways.
EVIL = "x\x1b[2J\x1b]0;pwned\x07\u202egnp\u2066\x9b31m\r\nFAKED\x85FAKED\rFAKED\x7f"
ALLOWED = "x\u202egnp\u2066\x85FAKED\x9b31m"  # what a campaign may be called
SEPARATED = "x\u2028FAKED\u2029FAKED"  # a terminal breaks no line there, many viewers do
OWN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # what rich draws with; EVIL's own is looked for by name

Arguments = tuple[str | Path, ...]


def raw(shown: str) -> list[str]:
    """What of `shown` a terminal would obey, or an eye be misled by."""
    return [char for char in shown if char != "\n" and unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"}]


def faked(shown: str) -> list[str]:
    """Lines, or sentences of ours, that are none."""
    return [line for line in shown.split("\n") if line.startswith(("FAKED", "omni-bulk: FAKED"))]


def safe(ran: Ran) -> None:
    assert raw(ran.err) == []
    assert faked(ran.err) == []


# ── names in the list and in the arguments ────────────────────────────────────────────────────────────────────────


def a_file_that_is_not_there() -> Arguments:
    return (f"{EVIL}.csv", *SEND)


def the_name_of_the_file() -> Arguments:
    return (write_list(1, f"{EVIL}.csv"), *SEND[:-1])


def a_campaign() -> Arguments:
    return (write_list(1), *SEND[:-1], "--campaign", EVIL, "--out", "out.jsonl")


def a_campaign_that_may_be_called_so() -> Arguments:
    return (write_list(1), *SEND[:-1], "--campaign", ALLOWED)


def a_column() -> Arguments:
    Path("list.csv").write_text(f'to,"{EVIL.replace(chr(10), " ")}","phone"\n+821020000001,a,b\n', newline="")
    return ("list.csv", "--text", "Hello", *SEND[2:-1])


def a_value() -> Arguments:
    return (write_list(0, extra=[["8.2E+11", EVIL], [EVIL, EVIL], ["+821020000001", EVIL]]), *SEND[:-1])


def a_sheet() -> Arguments:
    name = "\u202egnp\u2066 FAKED"
    book = write_workbook("list.xlsx", {name: [["to"], ["+821020000001"]], "other": [["to"]]})
    return (book, *SEND, "--sheet", EVIL)


def a_cell_of_a_header() -> Arguments:
    book = write_workbook("list.xlsx", [["\u202eto\u2066"], ["+821020000001"]])
    return (book, "--text", "Hello", *SEND[2:])


def a_map() -> Arguments:
    return (write_list(1), *SEND, "--map", f"{EVIL}=to")


def a_map_without_a_field() -> Arguments:
    return (write_list(1), *SEND, "--map", EVIL)


def a_results_file() -> Arguments:
    return (write_list(1), *SEND, "--out", f"none/{EVIL}")


def a_ledger() -> Arguments:
    Path(EVIL).mkdir()
    return (write_list(1), *SEND, "--ledger", EVIL)


def a_template() -> Arguments:
    return (write_list(1), "--text", f"{{{EVIL}}}", *SEND[2:])


def a_file_for_the_template() -> Arguments:
    return (write_list(1), "--text-file", EVIL, *SEND[2:])


def a_zone() -> Arguments:
    return (write_list(1), *SEND, "--tz", EVIL)


def a_log_format() -> Arguments:
    return (write_list(1), *SEND, "--log-format", EVIL)


def a_summary_elsewhere() -> Arguments:
    return (write_list(1), *SEND, "--summary-json", f"none/{EVIL}")


def toml(text: str) -> Arguments:
    Path("omni-bulk.toml").write_text(text, encoding="utf-8")
    return (write_list(1), *SEND)


def a_key_of_the_toml() -> Arguments:
    return toml(f"{json.dumps(EVIL)} = 1")


def a_value_of_the_toml() -> Arguments:
    return toml(f"region = {json.dumps(EVIL)}\nca_file = {json.dumps(EVIL)}\nbase_url = {json.dumps(EVIL)}")


def a_toml_that_is_none() -> Arguments:
    return toml(f"a = {EVIL}")


def the_name_of_the_toml() -> Arguments:
    return (write_list(1), *SEND, "--config", EVIL)


NAMES: list[Callable[[], Arguments]] = [
    a_file_that_is_not_there, the_name_of_the_file, a_campaign, a_campaign_that_may_be_called_so, a_column, a_value,
    a_sheet, a_cell_of_a_header, a_map, a_map_without_a_field, a_results_file, a_ledger, a_template,
    a_file_for_the_template, a_zone, a_log_format, a_summary_elsewhere, a_key_of_the_toml, a_value_of_the_toml,
    a_toml_that_is_none, the_name_of_the_toml,
]  # fmt: skip


@pytest.mark.parametrize("make", NAMES)
def test_a_name_moves_no_cursor_and_fakes_no_line(make: Callable[[], Arguments]) -> None:
    given = make()
    with api() as server:
        ran = run(*given, "--verbose", env=account(server))
    assert ran.code in {0, 1, 2}, ran.err
    assert ran.err
    safe(ran)


@pytest.mark.parametrize(
    "make", [the_name_of_the_file, a_campaign_that_may_be_called_so, a_column, a_value, a_key_of_the_toml]
)
def test_a_line_of_json_stays_one(make: Callable[[], Arguments]) -> None:
    given = make()
    with api() as server:
        ran = run(*given, "--verbose", "--log-format", "json", env=account(server))
    safe(ran)
    events = [json.loads(line) for line in ran.err.splitlines()]
    assert events
    assert [raw(text) for text in texts(events) if raw(text)] == []


def texts(value: Any) -> list[str]:
    """Every string in a JSON value: a viewer that decodes one shows it on a terminal too."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in texts(one)]
    return [text for one in value for text in texts(one)] if isinstance(value, list) else []


@pytest.mark.parametrize("given", [a_key_of_the_toml, the_name_of_the_toml])
def test_a_name_with_line_breaks_is_one_problem(given: Callable[[], Arguments]) -> None:
    named = {"config": EVIL} if "--config" in given() else {}
    with pytest.raises(SettingsError) as caught:
        Settings(**named)  # type: ignore[arg-type]
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    "make", [the_name_of_the_file, a_campaign_that_may_be_called_so, a_column, a_value, a_key_of_the_toml]
)
def test_nor_on_a_terminal(make: Callable[[], Arguments]) -> None:
    given = make()
    with api() as server, on_terminal(*given, "--yes", "--verbose", env=account(server)) as terminal:
        assert terminal.finish() in {0, 1, 2}
    assert terminal.seen
    for sequence in ("\x1b[2J", "\x1b]", "\x9b", "\x07", "\u202e", "\u2066", "\x85"):
        assert sequence not in terminal.seen
    assert raw(OWN.sub("", terminal.seen).replace("\r", "")) == []
    assert faked(terminal.plain) == []


def test_a_separator_of_lines_is_none_of_ours() -> None:
    safe(run(f"{SEPARATED}.csv", *SEND))


@pytest.mark.parametrize(
    "given",
    [
        ("status", EVIL, "--ledger", "state/ledger.db"),
        ("status", "--ledger", EVIL),
        ("status", "--config", EVIL),
        ("list.csv", "--rate", EVIL),
        ("sandbox", "--tps", EVIL),
        ("send", f"--{EVIL}"),
    ],
)
def test_an_argument_that_is_wrong_neither(given: Arguments) -> None:
    open_ledger(Path("state/ledger.db")).close()
    ran = run(*given)
    assert ran.code == 2
    assert ran.err
    safe(ran)


def test_status_shows_a_campaigns_name_safely() -> None:
    with api() as server:
        assert run(*a_campaign_that_may_be_called_so(), env=account(server)).code == 0
    for name in ((), (ALLOWED,)):
        shown = run("status", *name, "--ledger", "state/ledger.db").out.decode()
        assert raw(shown) == []


# ── answers of the server ─────────────────────────────────────────────────────────────────────────────────────────

ANSWERS: dict[str, dict[str, Any]] = {
    "taken": {"code": "A000", "result": EVIL},
    "refused": {"code": "A300", "result": EVIL},
    "account": {"code": "A111", "result": EVIL},
    "unproven": {"code": "A999", "result": EVIL},
    "a_code_that_is_none": {"code": EVIL, "result": EVIL},
    "a_ref_that_is_not_ours": {"code": "A000", "ref": EVIL},
    "a_key": {"code": "A000", "msgKey": EVIL, "result": EVIL},
}


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_moves_no_cursor_and_fakes_no_line(name: str, log_format: str) -> None:
    write_list(1)
    with api(lambda sent: {**accepted(sent), **ANSWERS[name]}) as server:
        ran = run(
            "list.csv", *SEND, "--verbose", "--log-format", log_format, "--summary-json", "-", env=account(server)
        )
    assert ran.code in {0, 1, 3, 5}, ran.err
    safe(ran)
    if log_format == "json":
        assert [raw(text) for text in texts([json.loads(line) for line in ran.err.splitlines()]) if raw(text)] == []
    assert ran.json["exit"] == ran.code


# ── the key that the server gives ─────────────────────────────────────────────────────────────────────────────────

KEYS = [
    "../../etc/passwd",
    "a/b\\c",
    "C:\\x",
    EVIL,
    '"},{"status":"accepted',
    "'; DROP TABLE message; --",
    "\x00",
    "가" * 100,
]


def test_a_key_is_recorded_as_it_came_and_as_nothing_but_a_string() -> None:
    write_list(len(KEYS))
    before = {*Path().iterdir()}
    left = iter(KEYS)
    with api(lambda sent: {**accepted(sent), "msgKey": next(left)}) as server:
        assert run("list.csv", *SEND, "--workers", "1", env=account(server)).code == 0
    content = Path("list.results.jsonl").read_bytes()
    assert content.count(b"\n") == len(KEYS)
    assert all(byte >= 0x20 for byte in content.replace(b"\n", b""))
    assert [line["msgKey"] for line in results()] == KEYS
    made = {path.name for path in {*Path().iterdir()} - before}
    assert made == {"list.results.jsonl", "state", "temporary"}


def test_a_key_is_bounded() -> None:
    write_list(1)
    with api(lambda sent: {**accepted(sent), "msgKey": "k" * 10_000}) as server:
        assert run("list.csv", *SEND, env=account(server)).code == 0
    (line,) = results()
    assert line["status"] == "accepted"
    assert line["msgKey"] is None or len(line["msgKey"]) <= 200

"""Every event in the source stands in the table, and nothing else does; and what a run logs is made of them."""

import ast
import json
import logging
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from omni_bulk.cli.screen import JsonLog
from omni_bulk.events import EVENTS
from tests.cli import kit
from tests.conftest import REPOSITORY

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
PACKAGE = sorted((REPOSITORY / "omni_bulk").rglob("*.py"))
Emitted = tuple[str, str, str]  # event, level ("" where the call has none), where


def named(node: ast.AST) -> Iterator[str]:
    """The events of the dictionaries inside `node`."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Dict):
            for key, value in zip(inner.keys, inner.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "event" and isinstance(value, ast.Constant):
                    yield str(value.value)


def extra_of(call: ast.Call, around: ast.AST) -> list[str]:
    """The events that a call of the logger names, in its `extra` or in the variable that this is."""
    (given,) = [keyword.value for keyword in call.keywords if keyword.arg == "extra"] or [ast.Dict([], [])]
    if isinstance(given, ast.Name):
        assigned = (one for one in ast.walk(around) if isinstance(one, ast.Assign))
        values = [one.value for one in assigned if any(getattr(target, "id", "") == given.id for target in one.targets)]
        return [event for value in values for event in named(value)]
    return list(named(given))


@cache
def emitted() -> list[Emitted]:
    found: list[Emitted] = []
    for path in PACKAGE:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
        for around in functions:
            for call in (one for one in ast.walk(around) if isinstance(one, ast.Call)):
                where = f"{path.relative_to(REPOSITORY)}:{call.lineno}"
                function = call.func
                called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
                owner = getattr(function.value, "id", "") if isinstance(function, ast.Attribute) else ""
                if owner == "logger" and called in LEVELS:
                    events = extra_of(call, around)
                    assert len(events) == 1, f"{where}: a call of the logger names exactly one event"
                    found.append((events[0], called, where))
                elif (
                    called == "say"
                    and path.parent.name == "cli"
                    and call.args
                    and isinstance(call.args[0], ast.Constant)
                ):
                    found.append((str(call.args[0].value), "", where))
                elif called == "dumps":
                    found += [(event, "", where) for event in named(call)]
    return found


def test_every_event_of_the_source_is_in_the_table_and_none_is_invented() -> None:
    assert {event for event, _, _ in emitted()} == set(EVENTS)


def test_each_is_logged_at_the_level_of_the_table() -> None:
    wrong = [(event, level, where) for event, level, where in emitted() if level and EVENTS[event].level != level]
    assert not wrong


def test_the_logger_is_used_by_its_name_alone() -> None:
    """No module logs past `logger`, whose calls the table is held against."""
    for path in PACKAGE:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"logging\.(debug|info|warning|error|exception|log)\(", text), path
        assert set(re.findall(r"getLogger\((.*?)\)", text)) <= {'"omni_bulk"'}, path


def test_names_are_slugs() -> None:
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in EVENTS)
    assert all(event.level in LEVELS for event in EVENTS.values())


def test_a_run_writes_one_object_a_line_without_number_and_text() -> None:
    kit.write_list(5, extra=[["nonsense", "x"]])
    with kit.sandbox(seed=1, faults={"a920": 0.3}) as served:
        ran = kit.run(
            "list.csv", "--text", "hush {name}", "--from", kit.FROM, "--ledger", "l.db", "--log-format", "json",
            "--verbose", "--max-unknown-rate", "1", env=kit.environment(served),
        )  # fmt: skip
        tried = kit.run(
            "list.csv", "--text", "hush {name}", "--from", kit.FROM, "--ledger", "l.db", "--log-format", "json",
            "--test-to", "+821020000009", env=kit.environment(served),
        )  # fmt: skip
    lines = [json.loads(line) for line in (ran.err + tried.err).splitlines()]
    assert {"plan", "token_fetched", "summary", "tested"} <= {line["event"] for line in lines} <= set(EVENTS)
    assert all({"time", "level", "message"} <= set(line) for line in lines)
    assert all(line["level"] == EVENTS[line["event"]].level for line in lines)
    for secret in ("hush", "20000000", "20000009", "Bearer"):
        assert secret not in ran.err + tried.err


def test_a_bug_is_an_object_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from omni_bulk import cli  # noqa: PLC0415
    from omni_bulk.cli import sending  # noqa: PLC0415

    def broken(_: object) -> None:
        raise ZeroDivisionError("by a test")

    monkeypatch.setattr(sending, "order_of", broken)
    Path("l.csv").write_text("to\n", encoding="utf-8")
    assert cli.run(["l.csv", "--log-format", "json"]) == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "bug"
    assert "by a test" in json.loads(line)["traceback"]
    assert cli.run(["l.csv"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_a_record_of_the_library_keeps_its_fields() -> None:
    record = logging.makeLogRecord({"name": "omni_bulk", "msg": "paused", "levelno": 30, "levelname": "WARNING"})
    record.event, record.seconds = "paused", 2.0
    line = json.loads(JsonLog().format(record))
    assert (line["event"], line["level"], line["seconds"]) == ("paused", "warning", 2.0)

"""The tables of both READMEs against the code: nothing is missing from them, and nothing in them is invented."""

import ast
import re
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from omni_bulk import errors, naming, policy, settings, wire
from omni_bulk.cli import VERBS
from omni_bulk.layers import FROM_ENVIRONMENT, IN_FILES
from omni_bulk.model import Kind, Result, Status, Verdict
from omni_bulk.records import ROW_PROBLEMS
from omni_bulk.results import to_line
from omni_bulk.sandbox import FAULTS
from omni_bulk.stats import Tally, exit_code
from tests.conftest import REPOSITORY
from tests.docs.desk import help_of
from tests.docs.pages import READMES, codes, prose, read, table, tables

pytestmark = pytest.mark.parametrize("page", READMES)

PACKAGE = sorted((REPOSITORY / "omni_bulk").rglob("*.py"))
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


@cache
def flags_of(*verb: str) -> frozenset[str]:
    """The flags in the first column of a verb's help; of a verb that has verbs of its own, theirs."""
    own = re.findall(r"^  ([a-z]+)  ", help_of(*verb).partition("Commands:")[2], re.MULTILINE) if verb else []
    if own:
        return frozenset().union(*(flags_of(*verb, one) for one in own))
    columns = [line[:60] for line in help_of(*verb).splitlines() if re.match(r" +-", line)]
    return frozenset(flag for column in columns for flag in _FLAG.findall(column.split("  ", 2)[1])) - {"--help"}


@cache
def all_flags() -> frozenset[str]:
    return frozenset({"--help"}).union(flags_of(), *map(flags_of, VERBS))


def documented_flags(page: str) -> dict[str, set[str]]:
    """Flags by verb: those of a table headed by a verb are its own, those of the others belong to `send`.

    A row in parentheses says that the verb has the flags of `send` too, all but those named beside it.
    """
    found: dict[str, set[str]] = {verb: set() for verb in VERBS}
    but: dict[str, set[str]] = {}
    for head, *rows in tables(page):
        if rows and rows[0][0].startswith(("`--", "(")):
            verb = next((code.split()[0] for code in codes(head[0])), "send")
            found[verb].update(flag for row in rows for flag in _FLAG.findall(row[0]))
            if rows[0][0].startswith("("):
                but[verb] = set(_FLAG.findall(rows[0][1]))
    return found | {verb: found[verb] | (found["send"] - without) for verb, without in but.items()}


@cache
def literals() -> frozenset[str]:
    """Every string in the package's source."""
    nodes = (node for path in PACKAGE for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return frozenset(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


# ── verbs and flags ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("verb", VERBS)
def test_every_flag_of_a_verb_is_documented_and_none_is_invented(page: str, verb: str) -> None:
    assert documented_flags(page)[verb] == flags_of(verb)


def test_no_other_flag_is_mentioned(page: str) -> None:
    assert set(_FLAG.findall(re.sub(r"<!--.*?-->", "", read(page)))) <= all_flags()


def test_every_verb_is_documented_and_none_is_invented(page: str) -> None:
    listed = set(re.findall(r"^  ([a-z]+)  ", help_of().partition("Commands:")[2], re.MULTILINE))
    assert listed == set(VERBS)
    assert set(re.findall(r"`(\w+)` ?\(", prose(page))) & {*VERBS, "reports", "resolve"} == listed


def test_every_setting_is_documented_with_its_default(page: str) -> None:
    rows = table(page, "`OMNI_CLIENT_ID`")
    environment = {name for row in rows for name in codes(row[0])}
    names = {f"OMNI_{name.upper()}" for name in FROM_ENVIRONMENT}
    assert environment == names | {f"OMNI_{name.upper()}_FILE" for name in IN_FILES}
    sample = (REPOSITORY / "samples" / "omni-bulk.toml").read_text(encoding="utf-8")
    in_sample = set(re.findall(r"^#(\w+) = ", sample, re.MULTILINE))
    keys = {key for row in rows for key in codes(row[2])}
    assert in_sample <= keys
    assert keys == {name.strip("_") for name in settings.Settings.model_fields if name != "config"} | {
        f"{name}_file" for name in IN_FILES
    }
    assert {flag for row in rows for flag in codes(row[1])} <= flags_of("send")
    default = {codes(row[2])[0]: row[3] for row in rows}
    assert default["base_url"] == f"`{settings.BASE_URL_DEFAULT}`"
    assert default["tz"] == f"`{settings.TZ_DEFAULT}`"
    for key in ("rate", "workers", "timeout", "drain", "text_max"):
        stated = float(re.search(r"[\d.]+", default[key])[0])  # type: ignore[index]
        assert stated == getattr(settings, f"{key.upper()}_DEFAULT"), key


# ── what an answer proves ─────────────────────────────────────────────────────────────────────────────────────────


def verdicts(page: str) -> dict[Kind, list[str]]:
    return {Kind(codes(row[3])[0]): row for row in table(page, "A000")}


def test_the_verdict_table_has_a_row_for_each_kind(page: str) -> None:
    assert list(verdicts(page)) == list(Kind)


def test_every_code_stands_in_the_row_of_its_kind(page: str) -> None:
    stated = [(code, kind) for kind, row in verdicts(page).items() for code in re.findall(r"A\d{3}", row[0])]
    assert sorted(stated, key=str) == sorted(wire.CODES.items(), key=str)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 429])
def test_a_status_without_an_omni_body_stands_in_the_row_of_its_kind(page: str, status: int) -> None:
    kind = wire.classify(wire.Answer(status=status, body=b"<html>"), "ref", 0.0).kind
    assert [found for found, row in verdicts(page).items() if str(status) in row[0]] == [kind]


def test_the_exits_in_the_verdict_table_are_those_of_the_code(page: str) -> None:
    stopping = {
        Kind.TOKEN: 5,
        Kind.ACCOUNT: policy.account_stop(Verdict(Kind.ACCOUNT, code="A100")).exit_code,
        Kind.FROM: policy.STREAKS["from"].exit_code,
        Kind.BARE_REFUSAL: policy.STREAKS["bare_refusal"].exit_code,
        Kind.REFUSED: policy.STREAKS["bad_json"].exit_code,
        Kind.UNKNOWN: policy.STREAKS["not_omni"].exit_code,
    }
    for kind, row in verdicts(page).items():
        stated = {int(number) for number in re.findall(r"(?:exit|종료 코드) (\d+)", row[2])}
        assert stated == ({stopping[kind]} if kind in stopping else set()), kind


def test_only_what_is_accepted_is_taken_and_only_the_last_row_is_not_known(page: str) -> None:
    rows = list(verdicts(page).values())
    assert [row[1] for row in rows] == [rows[0][1], *[rows[1][1]] * (len(rows) - 2), rows[-1][1]]
    assert len({row[1] for row in rows}) == 3


# ── exits, fields, reasons ────────────────────────────────────────────────────────────────────────────────────────


def exits_in(path: Path) -> set[int]:
    """Every number that the module gives as an `exit_code`."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [getattr(target, "id", None) for target in targets] + [getattr(node, "arg", None)]
        if "exit_code" in names and isinstance(given := getattr(node, "value", None), ast.AST):
            values = ast.walk(given)
            found |= {value.value for value in values if isinstance(value, ast.Constant) and type(value.value) is int}
    return found


def test_the_exit_codes_are_those_of_the_code(page: str) -> None:
    by_state = {exit_code(Tally())}
    for status in (Status.REJECTED, Status.UNKNOWN):
        tally = Tally(read=1)
        tally.states[status] = 1
        by_state.add(exit_code(tally))
    assert by_state == {0, 1, 3}
    streaks = {streak.exit_code for streak in policy.STREAKS.values()}
    in_code = by_state | streaks | set().union(*map(exits_in, PACKAGE)) | {130}
    stated = [int(row[0]) for row in table(page, "130")]
    assert sorted(stated) == stated
    assert set(stated) == in_code
    assert {errors.SettingsError.exit_code, errors.Refused.exit_code, errors.LedgerError.exit_code} <= in_code


def test_the_fields_are_those_of_a_line(page: str) -> None:
    line = to_line(
        Result(
            1,
            "id",
            "name",
            Status.ACCEPTED,
            warnings=("one",),
            duplicate_of="ref",
            wire_ref="ref~2",
            copy=2,
            forgotten=True,
        )
    ).decode()
    stated = [name for row in table(page, "`seq`") for name in codes(row[0])]
    assert stated == sorted(stated, key=stated.index)
    assert set(stated) == set(re.findall(r'"(\w+)":', line))


def test_every_status_is_named(page: str) -> None:
    (row,) = [row for row in table(page, "`seq`") if row[0] == "`status`"]
    assert codes(row[1]) == list(map(str, Status))


def test_reasons_exist_and_those_of_rows_are_complete(page: str) -> None:
    rows = table(page, "`invalid_number`")
    stated = {reason for row in rows for reason in codes(row[0])}
    assert stated <= literals()
    assert set(ROW_PROBLEMS) <= stated
    source = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE)
    assert set(re.findall(r'problem\("([a-z_]+)"', source)) | {policy.OTHER_TEXT} <= stated
    assert {codes(row[1])[0] for row in rows} <= set(Status)


def test_every_fault_of_the_sandbox_is_named(page: str) -> None:
    (paragraph,) = [part for part in prose(page).split("\n\n") if "--fault drop_after" in part]
    assert set(FAULTS) <= {*codes(paragraph), "drop_after"}


def test_the_names_of_periods_are_real(page: str) -> None:
    day = date(2026, 11, 22)
    for per in ("day", "week", "month"):
        assert f"`nightly-{naming.period_of(day, per)}`" in read(page)

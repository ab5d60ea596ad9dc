"""Invalid rows in a file of their own: corrected there, sent under the same campaign name, and nobody gets two."""

from pathlib import Path

import pytest

from omni_bulk.sandbox import Sandbox
from tests.cli.conftest import Call
from tests.cli.kit import FROM, write_list

USUAL = ("--text", "Hello {name}", "--from", FROM, "--ledger", "ledger.db", "--yes")
REJECTS = Path("list.rejects.csv")


def test_fix_and_resend_sends_just_those(call: Call, api: Sandbox) -> None:
    write_list(5, extra=[["1", "first"], ["2", "second"]])
    ran = call("list.csv", *USUAL)
    assert (ran.code, api.state.posts) == (1, 5)
    assert "list.rejects.csv (2 rows to correct" in ran.err
    content = REJECTS.read_text(encoding="utf-8-sig")
    assert content.splitlines()[0] == "to,name,omni-bulk: reason"
    Path("fixed.csv").write_text(content.replace("'1,", "+821020000008,"), encoding="utf-8")
    assert call("fixed.csv", *USUAL, "--campaign", "list").code == 1
    assert api.state.posts == 6
    content = REJECTS.read_text(encoding="utf-8-sig")
    assert [row.split(",")[:2] for row in content.splitlines()[1:]] == [["'2", "second"]]
    REJECTS.write_text(content.replace("'2,", "+821020000009,"), encoding="utf-8")
    assert call(REJECTS, *USUAL, "--campaign", "list").code == 0
    assert api.state.posts == 7
    assert REJECTS.exists()
    assert call("list.csv", *USUAL, "--rejects", "none").code == 1


def test_the_list_that_is_sent_is_never_replaced(call: Call, api: Sandbox) -> None:
    write_list(0, extra=[["x", "one"], ["y", "two"]])
    assert call("list.csv", *USUAL).code == 1
    before = REJECTS.read_bytes()
    assert call(REJECTS, *USUAL, "--campaign", "list").code == 1
    assert REJECTS.read_bytes() == before
    assert Path("list.rejects.again.csv").read_text(encoding="utf-8-sig").count("\n") == 3


@pytest.mark.parametrize(
    ("flags", "env", "said"),
    [
        (("--lang", "ko"), {}, "번호의 자릿수가 맞지 않습니다"), ((), {"LC_ALL": "ko_KR.UTF-8"}, "번호의 자릿수가"),
        (("--lang", "en"), {"LC_ALL": "ko_KR.UTF-8"}, "too few or too many digits"), ((), {"LANG": "C", "LC_ALL": ""}, "too few"),
    ],
)  # fmt: skip
def test_reasons_are_in_the_readers_language(
    flags: tuple[str, ...], env: dict[str, str], said: str, call: Call, api: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    write_list(1, extra=[["12", "x"]])
    assert call("list.csv", *USUAL, *flags).code == 1
    assert said in REJECTS.read_text(encoding="utf-8-sig")
    assert said in call("check", "list.csv", *USUAL[:-1], *flags).out.decode()


def test_check_writes_it_only_where_it_was_named(call: Call) -> None:
    write_list(1, extra=[["12", "x"]])
    usual = ("check", "list.csv", *USUAL[:-1])
    assert call(*usual).code == 1
    assert not REJECTS.exists()
    assert call(*usual, "--rejects", "mine.csv").code == 1
    assert Path("mine.csv").read_text(encoding="utf-8-sig").count("\n") == 2
    refused = call(*usual, "--rejects", "list.csv")
    assert (refused.code, "not a rejects file" in refused.err) == (2, True)


def test_a_foreign_file_in_its_place_is_told_before_anything_is_sent(call: Call, api: Sandbox) -> None:
    write_list(1)
    REJECTS.write_text("somebody's\n")
    ran = call("list.csv", *USUAL)
    assert (ran.code, api.state.posts, REJECTS.read_text()) == (2, 0, "somebody's\n")


def test_a_run_that_was_cut_short_keeps_what_it_did_not_look_at(call: Call, api: Sandbox) -> None:
    write_list(1, extra=[["12", "x"]])
    assert call("list.csv", *USUAL).code == 1
    write_list(400)
    assert call("list.csv", *USUAL, "--limit", "3").code == 6
    assert REJECTS.exists()
    assert call("list.csv", *USUAL).code == 0
    assert not REJECTS.exists()


def test_the_sandbox_has_its_own(call: Call) -> None:
    write_list(1, extra=[["12", "x"]])
    assert call("list.csv", "--text", "x", "--from", FROM, "--sandbox").code == 1
    assert Path("list.sandbox.rejects.csv").exists()
    assert not REJECTS.exists()

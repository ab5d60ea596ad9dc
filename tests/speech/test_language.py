"""In which language a command speaks, and what is the same in every language."""

import inspect
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from omni_bulk import cli
from omni_bulk.cli import language
from omni_bulk.cli.doctor import _head
from omni_bulk.cli.screen import columns
from omni_bulk.errors import SettingsError
from omni_bulk.sentences import said
from tests.cli.kit import FROM, environment, results, run, write_list

SANDBOX = (
    "list.csv",
    "--text",
    "Hi {name}",
    "--from",
    FROM,
    "--sandbox",
    "--ledger",
    "l.db",
    "--tolerate",
    "invalid=50%",
)
KO = "ko_KR.UTF-8"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["status"], None), (["status", "--lang", "ko"], "ko"), (["status", "--lang=ko", "x"], "ko"), (["--lang", "fr"], None),
        (["a", "--lang", "ko", "--lang", "en"], "en"), (["a", "--", "--lang", "ko"], None), (["a", "--lang"], None),
        (["a", "--language", "ko"], None), (["a", "--lang", "ko", "--lang", "fr"], "ko"),
    ],
)  # fmt: skip
def test_what_the_flag_says(arguments: list[str], expected: str | None) -> None:
    assert language.asked(arguments) == expected


@pytest.mark.parametrize(
    ("stdout", "stderr", "spoken"),
    [("utf-8", "utf-8", "ko"), ("cp949", "cp949", "ko"), ("ascii", "utf-8", "en"), ("utf-8", "cp1252", "en"),
     ("utf-8", None, "ko"), ("utf-8", "no such encoding", "en")],
)  # fmt: skip
def test_where_hangul_cannot_be_shown_it_is_english(
    monkeypatch: pytest.MonkeyPatch, stdout: str, stderr: str | None, spoken: str
) -> None:
    monkeypatch.setattr(language, "_meant", "en")
    monkeypatch.setattr(language, "_spoken", "en")
    monkeypatch.setattr(
        language,
        "sys",
        SimpleNamespace(stdout=SimpleNamespace(encoding=stdout), stderr=SimpleNamespace(encoding=stderr)),
    )
    language.speak(["status"], {"LANG": KO})
    assert (language.speaks(), language.meant()) == (spoken, "ko")
    nothing = language.spoken(said("Nothing was sent."))
    assert nothing == ("Nothing was sent." if spoken == "en" else "아무것도 보내지 않았습니다.")
    assert language.spoken("plain") == "plain"
    language.speak(["status", "--lang", "en"], {"LANG": KO})
    assert language.speaks() == "en"


def test_a_language_that_there_is_not() -> None:
    language.checked(None)
    language.checked("ko")
    with pytest.raises(SettingsError, match="--lang is one of en, ko, not 'fr'"):
        language.checked("fr")


def test_every_verb_takes_the_flag() -> None:
    """And each of them looks at it: what is no language is refused."""
    cli.run(["--version"])  # it loads the verbs
    commands: list[Any] = [
        *cli.app.registered_commands,
        *(one for group in cli.app.registered_groups for one in group.typer_instance.registered_commands),  # type: ignore[union-attr]
    ]
    assert len(commands) == len(cli.VERBS) - 2 + 5  # two of the verbs are groups: three commands and two
    for command in commands:
        assert "lang" in inspect.signature(command.callback).parameters, command.name


def korean(*arguments: str) -> str:
    """What a command says under a Korean locale, stdout and then stderr."""
    ran = run(*arguments, env=environment(OMNI_LEDGER=os.fspath(Path("l.db").absolute()), LC_ALL=KO))
    return ran.out.decode() + ran.err


def test_a_day_in_korean() -> None:
    write_list(3, extra=[["010-12", "x"]])
    sent = korean(*SANDBOX)
    for line in (
        "캠페인 list 발송 계획: 수신자 4명", "  보낼 것: 3건, 3 세그먼트, 초당 200건으로 1초 미만", "  국가: KR 3",
        "샌드박스: 실제로는 아무것도 보내지 않았습니다. 샌드박스가 받은 것: 3건.", "캠페인 list: 수신자 4명",
        "          3명 접수(accepted)", "          1명 잘못된 행(invalid)", "  원장: l.db",
        "실제로 보내려면 --sandbox를 빼세요. 인증 정보는 `omni-bulk init`으로 넣고 `omni-bulk doctor`로 점검합니다.",
    ):  # fmt: skip
        assert line in sent.replace(str(Path.cwd()) + "/", ""), sent
    assert "캠페인 list: 수신자 4명\n          3 접수(accepted)\n" in korean("status", "list")
    assert "list: 수신자 4명, 접수 3, 완료" in korean("status")
    told = korean("explain", "+821020000000")
    assert "캠페인 list, 2행: 접수(accepted), 리포트 없음\n  수신 +821020000000 (KR), 발신 0212345678" in told
    assert "  -> 아직 받은 리포트 없음\n     omni-bulk reports --poll\n" in told
    assert f"수신자 4명, 쓴 파일: {Path.cwd()}/list.export.csv" in korean("export", "list")
    assert "결과를 모르는 것이 없습니다." in korean("resolve", "list")
    assert "번호 1개: 앞으로 아무것도 보내지 않습니다." in korean("forget", "--yes", "--file", _numbers())
    assert "1개 가운데 새로 등록한 번호 1개." in korean("suppress", "add", "--file", _numbers("+821020000001"))


def _numbers(number: str = "+821020000000") -> str:
    Path("numbers.txt").write_text(f"{number}\n")
    return "numbers.txt"


def test_programs_read_the_same_in_every_language() -> None:
    write_list(2, extra=[["010-12", "x"]])
    read: dict[str, Any] = {}
    for locale in ("C.UTF-8", KO):
        env = environment(LC_ALL=locale, OMNI_LEDGER="")
        ran = run(
            *SANDBOX,
            "--out",
            f"{locale}.jsonl",
            "--summary-json",
            "s.json",
            "--campaign",
            "c",
            "--log-format",
            "json",
            env=env,
        )
        assert ran.code == 0, ran.err
        logged = [json.loads(line) for line in ran.err.splitlines()]
        read[locale] = [
            [(one["status"], one["reason"]) for one in results(f"{locale}.jsonl")],
            sorted(json.loads(Path("s.json").read_text())),
            [one["message"] for one in logged if one["event"] in {"plan", "sandbox", "next"}],
            list(run("check", *SANDBOX[:5], "--json", env=env).json["reasons"]),
        ]
        for file in ("l.db", "l.db-wal", "l.db-shm"):
            Path(file).unlink(missing_ok=True)
    assert read["C.UTF-8"] == read[KO]


def test_a_terminal_that_knows_no_hangul_gets_english_and_the_files_korean() -> None:
    write_list(1, extra=[["010-12", "x"]])
    ran = run(*SANDBOX, env=environment(LC_ALL=KO, PYTHONIOENCODING="ascii"))
    assert ran.code == 0 and "Plan of campaign list: 2 recipients" in ran.err
    assert "국내 형식 번호입니다" in Path("list.sandbox.rejects.csv").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["send"], "빠졌습니다: INPUT"), (["send", "x", "--limit", "a"], "--limit: 쓸 수 없는 값입니다"),
        (["send", "x", "--limit"], "값이 필요한 옵션입니다: --limit"), (["status", "a", "b"], "명령을 이해할 수 없습니다: "),
        (["send", "x", "--qqqqqqq"], "없는 옵션입니다: --qqqqqqq"),
    ],
)  # fmt: skip
def test_what_the_parser_refuses(arguments: list[str], sentence: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*arguments[:1], "--lang=ko", *arguments[1:]]) == 2
    err = capfd.readouterr().err
    language.speak([], {})
    assert f"omni-bulk: {sentence}" in err and f"`omni-bulk {arguments[0]} --help`" in err.replace(
        "`omni-bulk --", "`omni-bulk send --"
    )


@pytest.mark.parametrize("spoken", ["en", "ko"])
def test_a_check_up_stands_in_columns(monkeypatch: pytest.MonkeyPatch, spoken: str) -> None:
    """Hangul is two columns wide, and `str.ljust` counts it as one."""
    monkeypatch.setattr(language, "_spoken", spoken)
    checks = (
        "settings",
        "DNS",
        "TLS",
        "credentials",
        "clock",
        "ledger",
        "in doubt",
        "disk",
        "open files",
        "reports",
        "versions",
    )
    heads = {check: _head(mark, check) for check in checks for mark in ("ok", "WARN", "FAIL", "skipped")}
    assert all(columns(head) <= 21 for head in heads.values())
    assert {columns(_head(mark, "")) for mark in ("ok", "WARN", "FAIL", "skipped")} == {9}

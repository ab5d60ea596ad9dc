"""A sentence is its English, and can be said in Korean after it went through exceptions, lists and other sentences."""

import json
import logging

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.errors import Refused, SettingsError, Stopped
from omni_bulk.sentences import Sentence, both, counted, in_language, listed, said, system, term
from omni_bulk.words import CLAUSES


def korean(text: str) -> str:
    assert isinstance(text, Sentence)
    return text.spoken("ko")


def test_it_is_its_english() -> None:
    made = said("campaign {name!r} is already sending", name="october")
    assert made == "campaign 'october' is already sending" == made.spoken("en")
    assert type(str(made)) is str and hash(made) == hash(str(made))
    assert korean(made) == "캠페인 'october': 이미 보내는 중입니다"


@pytest.mark.parametrize("text", ["{", "}", "{name}", "{{", "100 %", ""])
def test_without_fields_braces_are_braces(text: str) -> None:
    assert said(text) == text == korean(said(text))


def test_what_fills_it_is_said_in_korean_too_and_braces_in_it_are_harmless() -> None:
    ready = counted(1_234, "message")
    assert korean(said("Send {messages}? [y/N] ", messages=ready)) == "1,234건 보낼까요? [y/N] "
    odd = said("  note: {note}", note=said("{path} changed while it was read: start again.", path="{0}{x!r}.csv"))
    assert odd == "  note: {0}{x!r}.csv changed while it was read: start again."
    assert korean(odd) == "  참고: {0}{x!r}.csv: 읽는 동안 바뀌었습니다. 다시 시작하세요."


def test_counted() -> None:
    assert [counted(number, "copy", "copies") for number in (0, 1, 2)] == ["0 copies", "1 copy", "2 copies"]
    assert {korean(counted(number, "recipient")) for number in (1, 2_000)} == {"1명", "2,000명"}


def test_listed_and_terms() -> None:
    both_of_them = listed((said("{number:,} {status}", number=2, status=term("accepted")), "KR 7"), "; ")
    assert both_of_them == "2 accepted; KR 7" and korean(both_of_them) == "접수(accepted) 2; KR 7"
    assert listed(()) == "" == korean(listed(()))
    assert korean(term("a word that nobody knows")) == "a word that nobody knows"


def test_both() -> None:
    rule = said("{name}: {say}", name="signature", say=both("register it", "등록하세요"))
    assert rule == "signature: register it" and korean(rule) == "signature: 등록하세요"


def test_system() -> None:
    assert korean(system(PermissionError(13, "Permission denied"))) == "권한이 없음"
    assert system(OSError("odd")) == "odd"


def test_reasons_of_rows_come_from_their_own_table() -> None:
    assert korean(term(CLAUSES["en"]["timeout"])) == CLAUSES["ko"]["timeout"]


def test_in_language() -> None:
    assert in_language(3, "ko") == 3 and in_language(said("Nothing was sent."), "ko") == "아무것도 보내지 않았습니다."


def test_errors_keep_it() -> None:
    error = Refused(said("campaign {name!r} is already sending", name="x"))
    assert str(error) == "campaign 'x' is already sending" and korean(error.sentence).startswith("캠페인 'x'")
    several = SettingsError([said("Nothing was sent."), said("Nothing is unknown.")])
    assert str(several) == "Nothing was sent.\nNothing is unknown."
    assert korean(several.sentence) == "아무것도 보내지 않았습니다.\n결과를 모르는 것이 없습니다."
    assert Stopped("plain", reason="x").sentence == "plain" == str(Stopped("plain", reason="x"))


def test_json_and_logs_have_the_english(caplog: pytest.LogCaptureFixture) -> None:
    made = said("Campaign {name}", name="x")
    assert (
        orjson.loads(orjson.dumps({"said": made})) == {"said": "Campaign x"} == json.loads(json.dumps({"said": made}))
    )
    logging.getLogger("omni_bulk").warning("%s", made)
    assert "Campaign x" in caplog.text


@given(st.text(), st.text() | st.integers())
def test_any_value_fills_it_as_it_is(first: str, second: object) -> None:
    made = said("{first}: {second}", first=first, second=second)
    assert made == f"{first}: {second}" == made.spoken("en") == made.spoken("ko")
    assert listed([first, second], "|").spoken("ko") == f"{first}|{second}"

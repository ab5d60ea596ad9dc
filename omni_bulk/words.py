"""Why a row is not sent, or how it ended, in a clause for people: every reason of ours in English and in Korean. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

Language = Literal["en", "ko"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "ko")

_CLAUSES: Final[Mapping[str, tuple[str, str]]] = {
    # numbers
    "invalid_number": ("this is no phone number", "전화번호가 올바르지 않습니다"),
    "ambiguous_number": (
        "the number could be two numbers: write it with + and the country code",
        "어느 나라 번호인지 알 수 없습니다. +와 국가번호를 붙여 적어 주세요",
    ),
    "not_mobile": ("the number is not a mobile phone's", "휴대폰 번호가 아닙니다"),
    "missing_from": ("there is no originating number for it", "발신번호가 없습니다"),
    "invalid_from": ("its originating number cannot be registered", "발신번호로 쓸 수 없는 값입니다"),
    # texts
    "missing_text": ("there is no text for it", "보낼 문구가 없습니다"),
    "missing_field": ("a field of the text is empty in this row", "문구에 들어갈 칸이 비어 있습니다"),
    "empty_text": ("its text is empty", "문자 내용이 비어 있습니다"),
    "bad_character": ("its text holds a character that no phone shows", "문자 내용에 휴대폰이 표시할 수 없는 글자가 있습니다"),
    "text_too_long": ("its text is too long", "문자 내용이 너무 깁니다"),
    # rows
    "bad_row": ("its quotation marks are broken", "따옴표의 짝이 맞지 않습니다"),
    "too_many_cells": ("it has more cells than the header", "제목 행보다 칸이 많습니다"),
    "field_too_long": ("a cell is longer than any text can be", "칸의 내용이 지나치게 깁니다"),
    "nul_byte": ("it holds a NUL character", "NUL 문자가 들어 있습니다"),
    "bad_json": ("it is not a JSON object", "JSON 객체가 아닙니다"),
    "bad_value": ("a value is not a string, a number, true, false or null", "글자나 숫자가 아닌 값이 있습니다"),
    "bad_cell": ("a cell shows an error such as #N/A, or a formula without a result", "#N/A 같은 오류나 계산되지 않은 수식이 있습니다"),
    "inexact_number": (
        "a number has more digits than a spreadsheet keeps: format the column as text",
        "엑셀이 정확히 담을 수 없는 긴 숫자입니다. 셀 서식을 텍스트로 바꿔 주세요",
    ),
    "invalid_ref": ("its ref is too long, ends in ~ and digits, or holds control characters", "참조값(ref)으로 쓸 수 없는 값입니다"),
    # other rows of the list, and earlier runs
    "number_repeated": ("another row has this number with another text", "같은 번호가 다른 내용으로 또 있습니다"),
    "ref_conflict": ("another row has this ref with another number or text", "같은 참조값(ref)이 다른 번호나 내용으로 또 있습니다"),
    "duplicate": ("it repeats another row", "앞의 행과 겹치는 행입니다"),
    "already_sent": ("it was sent before, by what --already says", "--already 기록에 이미 보낸 것으로 되어 있습니다"),
    "already_sent_other_text": ("another text was sent before", "이미 다른 내용으로 보냈습니다"),
    # rules
    "country_rule": ("a rule of its country or of this campaign forbids it", "그 나라의 규칙이나 이 캠페인의 설정에 따라 보내지 않습니다"),
    "suppressed": ("the number is on the list of those who get nothing", "수신 거부 목록에 있는 번호입니다"),
    "forgotten": ("the number was erased, and gets nothing any more", "삭제를 요청한 번호라서 더는 보내지 않습니다"),
    "once_per": ("the number got a message a short while ago", "얼마 전에 다른 문자를 받은 번호입니다"),
    "no_window": (
        "the window is never open in all time zones that it may be in",
        "이 번호가 속할 수 있는 모든 시간대에서 동시에 열리는 발송 시간이 없습니다",
    ),
    # how a message ended
    "expired": ("it could not be sent in time", "제때 보내지 못했습니다"),
    "not_connected": ("there was no connection", "서버에 연결하지 못했습니다"),
    "bare_refusal": ("the server refused the request without an answer of the API", "API의 응답 없이 서버가 요청을 거부했습니다"),
    "timeout": ("no answer came in time; it may have arrived", "제때 응답이 없었습니다. 도착했을 수도 있습니다"),
    "connection_lost": ("the connection broke; it may have arrived", "연결이 끊겼습니다. 도착했을 수도 있습니다"),
    "bad_answer": ("the answer could not be read; it may have arrived", "응답을 읽을 수 없었습니다. 도착했을 수도 있습니다"),
    "unproven_code": ("the answer's code proves nothing; it may have arrived", "응답 코드로는 알 수 없습니다. 도착했을 수도 있습니다"),
    "foreign_ref": ("the answer was about another message; it may have arrived", "다른 문자에 대한 응답이 왔습니다. 도착했을 수도 있습니다"),
    "interrupted": ("the run was interrupted; it may have arrived", "보내는 도중에 중단되었습니다. 도착했을 수도 있습니다"),
    "no_msg_key": ("it was accepted without a key", "접수되었으나 msgKey가 없습니다"),
    # what settled it later
    "reported": ("a delivery report proved it", "전송 결과 리포트로 접수가 확인되었습니다"),
    "by_hand": ("settled by hand, with resolve --file", "resolve --file로 직접 확정했습니다"),
    "resend_refused": (
        "the second post was refused, the first may have arrived",
        "두 번째 요청은 거부되었습니다. 첫 번째는 도착했을 수도 있습니다",
    ),
    # whose a report is
    "unknown_key": (
        "neither its msgKey nor its ref is known here: it is another system's",
        "msgKey도 ref도 모르는 것입니다. 다른 시스템의 리포트입니다",
    ),
    "not_international": (
        "it is not of an international message, so it settles nobody", "국제 문자의 리포트가 아니어서 확정에 쓰지 않습니다"
    ),
    "no_send_time": (
        "it does not say when the message was sent, so it settles nobody", "발송 시각이 없어 확정에 쓰지 않습니다"
    ),
    "ambiguous_ref": (
        "several messages bear its ref, so it settles none of them", "같은 ref를 쓴 문자가 여럿이라 어느 것인지 알 수 없습니다"
    ),
    "not_of_that_time": (
        "it was sent at another time than the message that bears its ref", "그 ref의 문자를 보낸 때와 발송 시각이 맞지 않습니다"
    ),
    "settled_otherwise": (
        "the message that bears its ref was not accepted under this msgKey", "그 ref의 문자는 이 msgKey로 접수되지 않았습니다"
    ),
    "second_msg_key": ("a second acceptance that nobody ordered", "다시 보내라고 한 적이 없는 두 번째 접수입니다"),
    "other_copy": ("it is of the other of two posts", "두 번 보낸 것 중 다른 쪽의 리포트입니다"),
    "in_flight": ("the answer to its message is not recorded yet", "그 문자의 응답이 아직 기록되지 않았습니다"),
    "not_authenticated": (
        "nobody vouches for it; the API has to confirm it first", "보증되지 않은 리포트라 API의 확인이 필요합니다"
    ),
}  # fmt: skip
# What `phone` found, where it says more than the reason; anything newer gets the clause of its reason.
DETAILS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "the number is empty": "번호가 비어 있습니다",
        "a spreadsheet made it a power of ten: format the column as text and export again": (
            "엑셀이 지수(8.21E+11)로 바꾼 번호입니다. 열 서식을 텍스트로 바꾸고 다시 내보내 주세요"
        ),
        "it holds something other than digits and the usual punctuation": "번호에 숫자와 구분 기호가 아닌 글자가 있습니다",
        "it has too few or too many digits for a number": "번호의 자릿수가 맞지 않습니다",
        "no country has such a number": "어느 나라에도 없는 번호입니다",
        "the country of --region has no such number": "--region 나라에 없는 번호입니다",
        "it is written in national form: --region CC says of which country": (
            "국내 형식 번호입니다. --region KR처럼 나라를 알려 주세요"
        ),
        "digits alone: --numbers international says that the country code comes first": (
            "숫자만 있습니다. 국가번호로 시작한다면 --numbers international을 주세요"
        ),
    }
)
"""English → Korean."""
CLAUSES: Final[Mapping[Language, Mapping[str, str]]] = MappingProxyType(
    {
        "en": MappingProxyType({reason: english for reason, (english, _) in _CLAUSES.items()}),
        "ko": MappingProxyType({reason: korean for reason, (_, korean) in _CLAUSES.items()}),
    }
)
"""Reason → clause, by language."""


def clause(reason: str, detail: str, language: Language) -> str:
    """The clause for a row. `detail` is the one that was found, in English, which says more; what it names in braces
    (the field of the template) is named in the other language too.
    """
    if language == "en":
        return detail or CLAUSES["en"].get(reason, reason)
    if detail in DETAILS:
        return DETAILS[detail]
    name = detail.partition("}")[0] if detail.startswith("{") else ""
    said = CLAUSES[language].get(reason, reason)
    return f"{name}}} {said}" if name else said


def language_of(environment: Mapping[str, str]) -> Language:
    """What the locale says: the first of ``LC_ALL``, ``LC_MESSAGES`` and ``LANG`` that is set decides."""
    named = next(filter(None, map(environment.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "ko" if named.lower().split(".")[0].split("_")[0] in {"ko", "korean"} else "en"

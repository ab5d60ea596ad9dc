"""What a page says around its figures, in English and Korean. Pure.

Every caption stands in both languages beside each other. Times, spans and shares are written here too, because they
differ by language.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Final

from omni_bulk.figures import End, Need
from omni_bulk.words import Language

_CAPTIONS: Final[Mapping[str, tuple[str, str]]] = {
    # the head
    "title": ("{name}: what was sent and what became of it", "{name}: 발송 결과"),
    "titles": ("{count} campaigns: what was sent and what became of it", "캠페인 {count}개: 발송 결과"),
    "single_sends": ("single sends", "단건 발송"),
    "sent_between": ("Sent {first} to {last} ({zone})", "발송 {first} ~ {last} ({zone})"),
    "sent_at": ("Sent {first} ({zone})", "발송 {first} ({zone})"),
    "sent_never": ("Nothing has been sent", "아직 보낸 것이 없습니다"),
    "only": ("Only what was sent {span}", "{span} 발송분만"),
    "since": ("from {start}", "{start}부터"),
    "until": ("before {end}", "{end} 전까지"),
    "since_until": ("from {start}, before {end}", "{start}부터 {end} 전까지"),
    "as_of": ("As of {made}", "{made} 기준"),
    "complete": ("complete", "완료"),
    "unfinished": ("unfinished", "진행 중"),
    # tiles
    "recipients": ("Recipients", "수신자"),
    "accepted": ("Accepted", "접수"),
    "of_recipients": ("{share} of recipients", "수신자의 {share}"),
    "delivered": ("Delivered", "도착"),
    "relayed": ("Handed on", "통신사 전달"),
    "of_accepted": ("{share} of accepted", "접수의 {share}"),
    "unknown": ("Unknown or in doubt", "결과를 모름"),
    "may_have_arrived": ("may have arrived", "도착했을 수 있음"),
    "none_unknown": ("every message has an answer", "모두 응답을 받음"),
    "average": ("Average pace", "평균 속도"),
    "a_second": ("{rate} a second", "초당 {rate}건"),
    "a_second_over": ("messages a second, over {time}", "초당 건수, 발송 시간 {time}"),
    "sending_time": ("Sending took", "발송 시간"),
    "cost": ("Estimated cost", "예상 비용"),
    "no_price": ("a country has no price", "단가가 없는 국가가 있음"),
    "segments_of": ("{count} segments", "{count} 세그먼트"),
    "segments": ("Segments", "세그먼트"),
    "one_part": ("billed parts", "과금 단위"),
    # decisions
    "decide": ("What needs a decision", "판단이 필요한 것"),
    "nothing_to_decide": (
        "Nothing. Every recipient was sent to and every report is good, or was left out by rule.",
        "없습니다. 모두 보냈고 나쁜 리포트가 없거나, 규칙에 따라 보내지 않은 것뿐입니다.",
    ),
    "list": ("LIST.csv", "목록.csv"),
    "and_more": ("… and {count} more campaigns", "… 외 캠페인 {count}개"),
    "cases": ("Recipients that need a decision", "판단이 필요한 수신자"),
    "cases_note": (
        ("{shown} of {all}. Of each number only country code and last two digits are shown; row and ref find it again. "
        "All of them: omni-bulk export."),
        ("{all}명 가운데 {shown}명. 번호는 국가번호와 끝 두 자리만 보이며, 행과 ref로 찾을 수 있습니다. "
        "전체는 omni-bulk export로 내보냅니다."),
    ),
    "number": ("Number", "번호"),
    "row": ("Row", "행"),
    "why": ("Why", "사유"),
    "when": ("When", "시각"),
    # states
    "by_state": ("By state", "상태별"),
    "by_state_desc": ("How many recipients are in which state.", "상태별 수신자 수."),
    "state": ("State", "상태"),
    "share": ("Share", "비율"),
    "reason": ("Reason", "사유"),
    "reasons": ("Why a recipient was not accepted", "접수되지 않은 이유"),
    "total": ("Total", "합계"),
    # countries
    "by_country": ("By country", "국가별"),
    "by_country_desc": (
        "Messages that were posted: how many, and what share of them fared how.",
        "국가별로 보낸 건수와 그 결과의 비율.",
    ),
    "country": ("Country", "국가"),
    "other_countries": ("{count} other countries", "그 밖의 {count}개국"),
    "country_unknown": ("unknown", "알 수 없음"),
    "sent": ("Sent", "보냄"),
    "no_country": ("Nothing was sent yet.", "아직 보낸 것이 없습니다."),
    "campaign": ("Campaign", "캠페인"),
    "by_campaign": ("By campaign", "캠페인별"),
    # pace
    "pace": ("Throughput", "발송 속도"),
    "pace_axis": ("messages a second", "초당 건수"),
    "pace_desc": (
        "Messages a second over time, in steps of {step}. At most {peak} a second.",
        "시간에 따른 초당 발송 건수({step} 단위). 최고 초당 {peak}건.",
    ),
    "peak": ("Highest, over {step}", "최고({step} 평균)"),
    "first": ("First", "처음"),
    "last": ("Last", "마지막"),
    # latency
    "latency": ("Latency", "응답 시간"),
    "latency_x": ("time to the answer", "응답까지 걸린 시간"),
    "latency_axis": ("share of answers", "응답의 비율"),
    "latency_desc": (
        "How long the API took to answer. Half took at most {half}, 99 of 100 at most {most}.",
        "API가 응답하는 데 걸린 시간. 절반은 {half} 안에, 99%는 {most} 안에 응답했습니다.",
    ),
    "answers": ("Answers", "응답"),
    "half": ("Half of them within", "절반(p50)"),
    "p95": ("95 % within", "p95"),
    "p99": ("99 % within", "p99"),
    "slowest": ("Slowest", "가장 느린 응답"),
    "no_latency": (
        "No answer is recorded here any more, or none came yet.",
        "기록된 응답이 없습니다.",
    ),
    # codes
    "codes": ("Codes", "코드"),
    "api_codes": ("Answers of the API", "API 응답 코드"),
    "report_codes": ("Delivery reports", "도착 리포트 코드"),
    "report_codes_note": ("The last report of each message.", "메시지마다 마지막 리포트 기준."),
    "code": ("Code", "코드"),
    "says": ("What it says", "내용"),
    "means": ("Means", "뜻"),
    "messages": ("Messages", "건수"),
    "other_codes": ("{count} other codes", "그 밖의 코드 {count}개"),
    "no_codes": ("None yet.", "아직 없습니다."),
    "no_code": ("none", "없음"),
    # delivery
    "delivery": ("Delivery over time", "시간에 따른 도착"),
    "delivery_axis": ("share of accepted", "접수 대비"),
    "delivery_x": ("time after sending", "발송 후 경과"),
    "delivery_desc": (
        ("What share of the accepted messages was handed on (first report) and delivered (handset's report) so long after "
        "sending. In the end: {relayed}, {arrived}."),
        ("접수된 메시지 가운데 발송 후 그 시간 안에 통신사로 전달(첫 리포트)되고 도착(단말 리포트)한 비율. "
        "최종: {relayed}, {arrived}."),
    ),
    "first_report": ("A first report", "첫 리포트"),
    "within": ("Within", "시간"),
    "at_all": ("At all", "전체"),
    "no_reports": (
        "No delivery report yet. Accepted is not delivered: omni-bulk reports --poll collects them.",
        "아직 도착 리포트가 없습니다. 접수는 도착이 아닙니다. omni-bulk reports --poll로 받습니다.",
    ),
    # money
    "money": ("Cost, estimate against billed", "비용: 예상과 청구"),
    "money_desc": (
        "Segments estimated before sending and segments that the reports say were billed, of the same messages.",
        "같은 메시지에 대해 보내기 전에 예상한 세그먼트와 리포트에 청구된 세그먼트.",
    ),
    "money_none": (
        "No report says yet how many segments were billed.",
        "청구된 세그먼트를 알려 주는 리포트가 아직 없습니다.",
    ),
    "prices_none": (
        "Without a price list there are no amounts: --prices FILE, or prices in the settings.",
        "단가표가 없어 금액은 나오지 않습니다. --prices FILE이나 설정의 prices로 줄 수 있습니다.",
    ),
    "estimated": ("Estimated", "예상"),
    "billed": ("Billed", "청구"),
    "difference": ("Difference", "차이"),
    "all_sent": ("All that was sent", "보낸 전체"),
    "reported_of": ("{reported} of {accepted} accepted messages have a report with it.", "접수 {accepted}건 중 {reported}건의 리포트에 있습니다."),
    # the foot
    "words_accepted": (
        ("Accepted: the API took the message. It is delivered when the handset's report says so; handed on means that the "
        "first report was good and no other came. An account without handset reports (DLR) sees nothing beyond that."),
        ("접수는 API가 메시지를 받았다는 뜻입니다. 단말 리포트가 와야 도착이며, 통신사 전달은 첫 리포트가 성공이고 그 뒤 소식이 "
        "없다는 뜻입니다. 단말 리포트(DLR)를 신청하지 않은 계정에서는 여기까지만 보입니다."),
    ),
    "made_by": ("Made by omni-bulk {version}. This file loads nothing and holds no whole phone number.", "omni-bulk {version}로 만들었습니다. 이 파일은 아무것도 불러오지 않으며, 온전한 전화번호가 들어 있지 않습니다."),
    "skip": ("Table: {name}", "표: {name}"),
}  # fmt: skip

_ENDS: Final[Mapping[End, tuple[str, str]]] = {
    End.DELIVERED: ("Delivered", "도착"),
    End.RELAYED: ("Handed on", "통신사 전달"),
    End.WAITING: ("No final report", "최종 리포트 없음"),
    End.UNDELIVERED: ("Not delivered", "미도착"),
    End.REFUSED: ("Not accepted", "접수 안 됨"),
    End.UNKNOWN: ("Unknown", "모름"),
}
_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "accepted": ("Accepted", "접수"),
    "rejected": ("Rejected by the API", "API가 거절"),
    "failed": ("Failed, provably not sent", "실패(보내지 않음이 확실)"),
    "unknown": ("Unknown, may have arrived", "모름(도착했을 수 있음)"),
    "presumedUnsent": ("Presumed unsent", "보내지 않은 것으로 추정"),
    "inDoubt": ("In doubt", "확인 필요(보내는 중이거나 중단)"),
    "invalid": ("Invalid row", "잘못된 행"),
    "skipped": ("Skipped by rule", "규칙에 따라 제외"),
    "ready": ("Left to send", "남음"),
}
_OUTCOMES: Final[Mapping[str, tuple[str, str]]] = {
    "delivered": ("success", "성공"),
    "temporary": ("temporary failure", "일시 실패"),
    "permanent": ("permanent failure", "영구 실패"),
    "unknown": ("not listed", "알 수 없음"),
}
_NEEDS: Final[Mapping[Need, tuple[tuple[str, str], tuple[str, str]]]] = {
    Need.DOUBLE: (
        ("Two messages, without a resend", "재발송 지시 없이 두 통"),
        (
            "The API accepted these twice. Stop sending, ask the vendor, and look at them one by one.",
            "API가 두 번 접수했습니다. 발송을 멈추고 공급사에 문의한 뒤 하나씩 확인하세요.",
        ),
    ),
    Need.UNKNOWN: (
        ("Unknown", "결과 모름"),
        (
            ("They may have arrived. Collect the delivery reports, which settle them; after three days resolve says what "
            "may be presumed of the rest. Never send them again by hand."),
            ("도착했을 수 있습니다. 리포트를 받으면 확정되고, 사흘이 지나면 resolve가 나머지를 판단합니다. "
            "손으로 다시 보내지 마세요."),
        ),
    ),
    Need.PRESUMED: (
        ("Presumed unsent", "보내지 않은 것으로 추정"),
        (
            "Reports were collected without a gap and none came. Sending once more is up to you.",
            "공백 없이 리포트를 받았지만 오지 않았습니다. 한 번 더 보낼지는 직접 정합니다.",
        ),
    ),
    Need.IN_DOUBT: (
        ("In doubt", "확인 필요"),
        (
            "A run is sending them at this moment, or it died while it did. If none is running:",
            "지금 보내는 중이거나, 보내다가 죽은 것입니다. 실행 중인 것이 없다면:",
        ),
    ),
    Need.UNDELIVERED: (
        ("Not delivered", "미도착"),
        (
            ("Accepted, and then not delivered. They are not sent again; the codes below say why. Numbers that fail for "
            "good belong on the list of those who get nothing."),
            ("접수되었으나 도착하지 않았습니다. 다시 보내지 않으며, 이유는 아래 코드에 있습니다. 계속 실패하는 번호는 수신 "
            "제외 목록에 넣으세요."),
        ),
    ),
    Need.REJECTED: (
        ("Rejected", "거절"),
        (
            "The API refused them; the codes below say why. They are tried again when their message changes, by the command they were sent with.",
            "API가 거절했습니다. 이유는 아래 코드에 있고, 내용을 고치면 보낼 때 쓴 명령이 다시 시도합니다.",
        ),
    ),
    Need.FAILED: (
        ("Failed", "실패"),
        (
            "Provably not sent. The command they were sent with tries them again:",
            "보내지 않은 것이 확실합니다. 보낼 때 쓴 명령이 다시 시도합니다.",
        ),
    ),
    Need.INVALID: (
        ("Invalid rows", "잘못된 행"),
        (
            "Correct them in the file of rejects, and send that file in the same campaign, with the same flags:",
            "rejects 파일에서 고친 뒤, 그 파일을 같은 캠페인으로 같은 옵션을 주어 보내세요.",
        ),
    ),
    Need.READY: (
        ("Left to send", "남은 수신자"),
        (
            "They wait for their window, or the run was cut off. The command they were sent with goes on:",
            "발송 시간을 기다리거나 실행이 중단되었습니다. 보낼 때 쓴 명령으로 이어집니다.",
        ),
    ),
    Need.UNPOLLED: (
        ("Accepted, no report yet", "접수, 리포트 없음"),
        (
            "Reports wait at the API for three days and are gone then. Collect them:",
            "리포트는 API에 사흘만 남아 있습니다. 받아 두세요.",
        ),
    ),
}  # fmt: skip


def say(language: Language, caption: str, **values: object) -> str:
    """A caption by its name, its braces filled."""
    return _CAPTIONS[caption][_place(language)].format(**values)


def end_name(end: End, language: Language) -> str:
    """What became of a message, for a legend."""
    return _ENDS[end][_place(language)]


def state_name(state: str, language: Language) -> str:
    """A state, for people."""
    return _STATES[state][_place(language)]


def outcome_name(outcome: str, language: Language) -> str:
    """What a report code means."""
    return _OUTCOMES[outcome][_place(language)]


def need_words(need: Need, language: Language) -> tuple[str, str]:
    """Title and sentence of what has to be decided."""
    title, sentence = _NEEDS[need]
    return title[_place(language)], sentence[_place(language)]


def _place(language: Language) -> int:
    return 0 if language == "en" else 1


# ── numbers and times ─────────────────────────────────────────────────────────────────────────────────────────────

_UNITS: Final = ((86_400_000, "d", "일"), (3_600_000, "h", "시간"), (60_000, "min", "분"), (1_000, "s", "초"))


def whole(number: int) -> str:
    """``1,234``; a true minus sign before a negative."""
    return f"{number:,}".replace("-", "−")


def rate(number: float) -> str:
    """Something a second: ``198.4``, ``0.03``."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:,.1f}" if number >= 1 else f"{number:.2g}"


def share(part: int, of: int) -> str:
    """A percentage that says neither 0 where there are some nor 100 where some are missing."""
    if of == 0:
        return "–"
    percent = 100 * part / of
    if part and percent < 0.1:
        return "< 0.1%"
    if part != of and percent > 99.9:
        return "> 99.9%"
    return f"{percent:.1f}%" if part not in {0, of} else f"{percent:.0f}%"


def lasting(milliseconds: float, language: Language) -> str:
    """A span of time in at most two units: ``12 ms``, ``1.5 s``, ``2 h 30 min``."""
    left = round(milliseconds)
    if left < 1_000:
        return f"{left} ms" if language == "en" else f"{left}ms"
    if left < 60_000:
        seconds = f"{left / 1000:.1f}".removesuffix(".0")
        return f"{seconds} s" if language == "en" else f"{seconds}초"
    left = round(left / 1_000) * 1_000
    parts: list[tuple[int, str]] = []
    for size, english, korean in _UNITS:
        number, left = divmod(left, size)
        if number or parts:
            parts.append((number, f"{number} {english}" if language == "en" else f"{number}{korean}"))
    return " ".join(text for number, text in parts[:2] if number)


def moment(at: int, zone: tzinfo, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Milliseconds since 1970 as people of `zone` write it."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).strftime(form)

"""What a plan counts of texts, warnings and causes."""

from omni_bulk.cli.screen import _plan_lines, _problem_lines, shown_char, text_fields, text_lines, warning_lines
from omni_bulk.model import Message, Recipient, Status
from omni_bulk.rules import Composition, compose
from omni_bulk.stats import CAUSES_MAX, Tally, TextCount
from omni_bulk.tables import replacements


def tally_of(*texts: str, gsm7: bool = False) -> Tally:
    table = replacements()
    tally = Tally(texts=TextCount(table))
    for row, text in enumerate(texts, 2):
        made = compose(
            Recipient("+821020000000", row, text=text), Composition(from_="021234567", gsm7=table if gsm7 else None)
        )
        assert isinstance(made, Message)
        tally.message(made.country, made.segments)
        tally.noted(made)
    return tally


def test_what_ucs2_costs_and_what_gsm7_would_make_of_it() -> None:
    tally = tally_of("plain", "it’s " + "a" * 100, "“x” it’s", "안녕 “하세요”", "Привет ₩", "ไทย")
    counts = tally.texts
    assert counts is not None
    assert (counts.ucs2, counts.segments, counts.curable) == (5, 6, 2)
    assert (counts.segments_now, counts.segments_then) == (3, 2)
    assert counts.of_curable == {"’": 2, "“": 1, "”": 1}
    assert counts.of_others == {"Hangul": 1, "Cyrillic": 1, "₩": 1, "Thai": 1}
    first, second = text_lines(counts)
    assert first.startswith("  UCS-2: 5 messages, 6 segments, because of ’ 2") and "Hangul 1" in first
    assert second == "  --gsm7 would bring 2 messages into GSM-7: 3 segments become 2, 1 fewer"
    fields = text_fields(counts)
    assert fields is not None and fields["curableSegmentsWithGsm7"] == 2 and fields["becauseOf"]["Thai"] == 1


def test_what_gsm7_did() -> None:
    tally = tally_of("it’s", "x\u00a0y", gsm7=True)
    (line,) = text_lines(tally.texts)
    assert line == "  --gsm7 replaced: U+00A0 by ' ' in 1, ’ by \"'\" in 1"
    assert tally.warnings["gsm7_replaced"].count == 2
    assert tally.warnings["gsm7_replaced"].rows == [2, 3]
    fields = text_fields(tally.texts)
    assert fields is not None and fields["replaced"]["’"] == {"by": "'", "messages": 1}


def test_nothing_to_say() -> None:
    assert list(text_lines(None)) == [] and text_fields(None) is None
    assert list(text_lines(tally_of("plain").texts)) == []
    assert [shown_char(char) for char in ("Hangul", "é", "\u00a0", "\u0301", "\u200b")] == [
        "Hangul", "é", "U+00A0", "U+0301", "U+200B",
    ]  # fmt: skip


def test_the_plan_says_which_flag_would_help_how_many() -> None:
    tally = Tally()
    for row, to in enumerate(["821020000000", "13123456789", "010-2000-0000", "8.2E+11"], 2):
        made = compose(Recipient(to, row), Composition(from_="021234567"))
        assert not isinstance(made, Message)
        tally.judged(made.status, made.reason, again=False, row=made.row, detail=made.detail)
    lines = list(_problem_lines(tally, lambda _: None, numbers=False))
    assert len(lines) == 3
    assert lines[0].startswith(
        "  not sent: 2 invalid, ambiguous_number (row 2, 3): digits alone: --numbers international"
    )
    assert any("1 invalid, ambiguous_number (row 4)" in line and "--region" in line for line in lines)


def test_causes_are_bounded() -> None:
    tally = Tally()
    for row in range(CAUSES_MAX + 50):
        tally.judged(Status.INVALID, "missing_field", again=False, row=row, detail=f"{row}")
    assert len(tally.causes) == CAUSES_MAX + 1
    assert tally.causes["missing_field", ""].count == 50


def test_countries_with_few_messages_come_first() -> None:
    tally = Tally()
    for country, times in (("KR", 199), ("LI", 1)):
        for _ in range(times):
            tally.message(country, 1)
    lines = list(_plan_lines(tally, 200.0))
    assert lines[1:] == ["  few to, so look twice: LI 1 (each under 1 % of the messages)", "  countries: KR 199"]


def test_warnings_are_listed_by_what_is_said_of_them() -> None:
    tally = Tally()
    for country in ("TH", "TH", "ID", "VN"):
        made = Message("+1", "1", "x", country, "GSM-7", 1, 2, None, ("sender",))
        tally.noted(made)
    said = {"TH": "register", "ID": "register", "VN": ""}
    assert list(warning_lines(tally, lambda _, country: said[country])) == [
        "  warning: sender, TH 2, ID 1: register",
        "  warning: sender, VN 1",
    ]

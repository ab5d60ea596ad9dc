"""What is left of a line when a number is erased."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.erasing import Asked, erased, erased_json, erased_line, erased_ref
from omni_bulk.identity import Identities, identity_of_own_ref, own_ref
from omni_bulk.model import Result, Status
from omni_bulk.results import from_line, to_line

GONE, OTHER = "+821020000003", "+821020000004"
IDENTITIES = Identities(b"k" * 32, "c")
ASKED = Asked([GONE])


def result(**fields: object) -> Result:
    return Result(1, "c", "october", Status.ACCEPTED, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["010-2000-0003", "+82 (10) 2000 0003", "82１０２００００００３", "R/20000003/x", "order 1020000003"]
)
def test_a_number_is_found_in_any_writing(text: str) -> None:
    assert ASKED.in_text(text)
    assert erased_ref(text, ASKED, IDENTITIES) == own_ref(IDENTITIES.of_ref(text))


@pytest.mark.parametrize("text", [None, "", "0003", "010-2000-0004", "20-00-00-3", own_ref(b"x" * 16)])
def test_nothing_else_is(text: str | None) -> None:
    assert not ASKED.in_text(text)
    assert erased_ref(text, ASKED, IDENTITIES) == text


def test_a_short_number_is_found_whole() -> None:
    assert Asked(["+2471234"]).in_text("ref 2471234")
    assert not Asked(["+2471234"]).in_text("ref 471234")
    assert sorted(Asked([GONE, OTHER, GONE])) == [GONE, OTHER]
    assert len(Asked([GONE, GONE])) == 1
    assert not Asked([]).in_text("82")


def test_an_own_ref_stays_whatever_digits_it_holds() -> None:
    own = next(ref for at in range(1000) if len(_digits(ref := own_ref(IDENTITIES.of_ref(str(at))))) >= 4)
    asked = Asked(["+" + _digits(own)])
    assert erased_ref(own, asked, IDENTITIES) == own
    assert erased_ref(f"{own}~2", asked, IDENTITIES) == f"{own}~2"


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())


def test_a_resend_keeps_its_mark_and_its_ref() -> None:
    line = erased(result(to=GONE, ref="r-20000003", wire_ref="r-20000003~2", copy=2), ASKED, IDENTITIES)
    assert line.forgotten
    assert line.wire_ref == f"{line.ref}~2"
    assert identity_of_own_ref(line.ref or "") == IDENTITIES.of_ref("r-20000003")


def test_what_counts_stays() -> None:
    before = result(
        to=GONE, ref="r-1", msg_key="k20000003", code="A000", result="no 82-10-2000-0003", country="KR", segments=2, row=3,
        sent_at="2026-11-22T10:00:00.000+09:00", attempts=1, latency_ms=20, encoding="UCS-2", from_="0212345678",
    )  # fmt: skip
    after = json.loads(erased_line(to_line(before), ASKED, IDENTITIES))
    gone = {"to": None, "result": None, "forgotten": True}
    assert after == json.loads(to_line(before)) | gone
    assert from_line(json.dumps(after).encode()).forgotten


@given(st.text(), st.one_of(st.none(), st.text()), st.sampled_from([GONE, OTHER, None]))
def test_no_trace_is_left_and_others_keep_theirs_byte_for_byte(
    ref: str, duplicate_of: str | None, to: str | None
) -> None:
    line = to_line(
        result(
            to=to,
            ref=ref.encode("utf-8", "ignore").decode(),
            duplicate_of=duplicate_of and duplicate_of.encode("utf-8", "ignore").decode(),
        )
    )
    after = erased_line(line, ASKED, IDENTITIES)
    assert GONE.encode() not in after
    assert erased_line(after, ASKED, IDENTITIES) == after
    if to != GONE and b"20000003" not in line:
        assert after == line


def test_a_line_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match=r"."):
        erased_line(b"+821020000003\n", ASKED, IDENTITIES)
    assert erased_line(b"torn", ASKED, IDENTITIES) == b"torn"


def test_of_a_report_every_value_that_gives_it_away_goes_but_keys_and_times() -> None:
    report = {
        "msgKey": "k20000003", "ref": "82-10-2000-0003", "reportTime": "2020-00-00:03", "to": GONE, "resCnt": 1,
        "more": [{"number": 821020000003, "flag": True, "rate": 20000003.5, "none": None}, "fine"],
    }  # fmt: skip
    body = json.dumps(report).encode() + b"\n"
    after = erased_json(body, ASKED)
    assert after.endswith(b"\n")
    assert json.loads(after) == {
        **report, "ref": None, "to": None,
        "more": [{"number": None, "flag": True, "rate": 20000003.5, "none": None}, "fine"],
    }  # fmt: skip
    assert erased_json(b'{"msgKey": "k20000003"}', ASKED) == b'{"msgKey": "k20000003"}'
    assert erased_json(b'{"to": "else"}', ASKED) == b'{"to": "else"}'


def test_a_report_with_half_a_letter_is_erased_too() -> None:
    body = b'{"to": "+821020000003", "text": "\\ud800"}'
    assert json.loads(erased_json(body, ASKED)) == {"to": None, "text": "\ud800"}

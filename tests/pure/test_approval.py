"""A plan that was approved, and what is different now."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.approval import VERSION, Approval, approval, differences, from_json, to_json
from omni_bulk.model import Status
from omni_bulk.stats import Tally

PLAN = Approval(
    "october", "00ff", "aa", {"region": "KR"}, 10, 8, 9, {"KR": 7, "JP": 1}, "Kim", "2026-11-25T09:00:00+09:00"
)
WORDS = st.text(st.characters(codec="utf-8"), max_size=20)

# What is different now → the clause; the counts of a campaign that has begun do not matter.
CHANGES = {
    "campaign": (replace(PLAN, campaign="x"), "it is for campaign 'october', and this is 'x'", True),
    "list": (replace(PLAN, list="0100", messages=3), "the list has changed since", True),
    "text": (replace(PLAN, text=None), "the text has changed since", True),
    "a setting": (replace(PLAN, settings={"region": "JP"}), "region was 'KR' and is 'JP'", True),
    "a new setting": (replace(PLAN, settings={"region": "KR", "from": "02"}), "from was not given and is '02'", True),
    "one less": (replace(PLAN, settings={}), "region was 'KR' and is not given", True),
    "messages": (replace(PLAN, messages=7), "8 messages were approved, and 7 would be sent", False),
    "segments": (replace(PLAN, segments=16), "9 segments were approved, and now it is 16", False),
    "countries": (replace(PLAN, countries={"KR": 6, "JP": 2}), "to other countries", False),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
@pytest.mark.parametrize("begun", [False, True])
def test_what_changed_is_named(case: str, *, begun: bool) -> None:
    now, clause, always = CHANGES[case]
    found = list(differences(PLAN, now, begun=begun))
    assert len(found) == (always or not begun)
    assert all(clause in one for one in found)


@pytest.mark.parametrize("begun", [False, True])
def test_the_same_has_no_difference_whoever_approved_it(*, begun: bool) -> None:
    assert list(differences(PLAN, replace(PLAN, by="", at=""), begun=begun)) == []


@given(WORDS, WORDS, st.dictionaries(WORDS, WORDS, max_size=3), st.none() | WORDS)
def test_a_plan_is_read_back_as_it_was(campaign: str, by: str, settings: dict[str, str], text: str | None) -> None:
    plan = replace(PLAN, campaign=campaign, by=by, settings=settings, text=text)
    assert from_json(to_json(plan)) == plan


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{}", b"7", orjson.dumps({"omniBulkPlan": VERSION + 1}), orjson.dumps({"omniBulkPlan": VERSION}),
        to_json(PLAN).replace(b'"recipients": 10', b'"recipients": "10"'), to_json(PLAN).replace(b'"Kim"', b"7"),
        to_json(PLAN).replace(b'"by"', b'"who"'),
    ],
)  # fmt: skip
def test_what_is_no_plan(content: bytes) -> None:
    with pytest.raises(ValueError):
        from_json(content)


def test_a_plan_has_the_counts_and_no_text() -> None:
    tally = Tally()
    tally.message("KR", 2)
    tally.judged(Status.INVALID, "invalid_number", again=False)
    plan = approval(tally, campaign="x", digest=b"\x01", text="Hello", settings={}, by="Kim", at="now")
    assert (plan.recipients, plan.messages, plan.segments, plan.countries, plan.list) == (2, 1, 2, {"KR": 1}, "01")
    assert b"Hello" not in to_json(plan)
    assert approval(tally, campaign="x", digest=b"\x01", text=None, settings={}).text is None

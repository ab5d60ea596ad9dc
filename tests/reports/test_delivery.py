"""From reports to a fate: whatever their order, and however often each came."""

import json
from dataclasses import replace
from random import Random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.cli.desk import report_codes
from omni_bulk.delivery import Delivery, Fate, Outcome, embedded, fold, other_fields, parse_codes
from omni_bulk.joining import read_report
from omni_bulk.model import Report, Way, Whose

CODES = report_codes()


def told(
    code: str | None, at: int | None = 1, *, key: str = "k", whose: Whose = Whose.JOINED, type: str = "0"
) -> Report:
    return Report(key, code=code, at=at, type=type, parts=1, whose=whose)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("10000", Outcome.DELIVERED), ("22003", Outcome.TEMPORARY), ("22999", Outcome.TEMPORARY),
        ("23001", Outcome.PERMANENT), ("23999", Outcome.PERMANENT), ("90000", Outcome.UNKNOWN),
        ("99999", Outcome.UNKNOWN), ("10001", Outcome.UNKNOWN), ("", Outcome.UNKNOWN), (None, Outcome.UNKNOWN),
    ],
)  # fmt: skip
def test_codes(code: str | None, outcome: Outcome) -> None:
    assert CODES.of(code) is outcome


def test_the_longest_family_decides() -> None:
    codes = parse_codes(
        '[[code]]\nfamily = "2"\nmeans = "unknown"\n[[code]]\nfamily = "23"\nmeans = "permanent"\n'
        '[[code]]\ncode = "23999"\nmeans = "delivered"\n'
    )
    assert [codes.of(code) for code in ("21", "23001", "23999")] == [
        Outcome.UNKNOWN, Outcome.PERMANENT, Outcome.DELIVERED,
    ]  # fmt: skip


def test_a_row_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="maybe"):
        parse_codes('[[code]]\ncode = "1"\nmeans = "maybe"\n')


@pytest.mark.parametrize(
    ("reports", "dlr", "delivery"),
    [
        ([], False, Delivery.NONE),
        ([told("10000")], False, Delivery.RELAYED),
        ([told("10000")], True, Delivery.PENDING),
        ([told("23001")], False, Delivery.UNDELIVERED),
        ([told("22003")], True, Delivery.UNDELIVERED),
        ([told("77777")], False, Delivery.PENDING),
        ([told("10000", 1), told("10000", 2)], False, Delivery.DELIVERED),
        ([told("10000", 1), told("22003", 2)], False, Delivery.UNDELIVERED),
        ([told("10000", 1), told("22003", 2), told("10000", 3)], False, Delivery.DELIVERED),
        ([told("10000", 1), told("10000", 2), told("23001", 3)], False, Delivery.DELIVERED),
        ([told("10000", 1), told("99999", 2)], False, Delivery.PENDING),
        ([told("10000", 1), told("10000", 1, type="1")], False, Delivery.DELIVERED),
        ([told("10000", whose=Whose.FOREIGN)], False, Delivery.NONE),
        ([told("10000", whose=Whose.HINT)], False, Delivery.NONE),
        ([told("23001", key="a"), told("10000", key="b", whose=Whose.DOUBLE)], False, Delivery.RELAYED),
    ],
)
def test_fates(reports: list[Report], dlr: bool, delivery: Delivery) -> None:
    assert fold(reports, CODES, dlr=dlr).delivery is delivery


def test_relay_and_handset_stand_side_by_side() -> None:
    fate = fold([told("22003", 9), told("10000", 5)], CODES)
    assert fate.relay is not None and fate.handset is not None
    assert (fate.relay.code, fate.relay.at, fate.handset.code, fate.handset.at) == ("10000", 5, "22003", 9)


reports = st.lists(
    st.builds(
        told,
        st.sampled_from(["10000", "22003", "23001", "99999", None]),
        st.none() | st.integers(1, 4),
        key=st.sampled_from(["k-1", "k-2"]),
        type=st.sampled_from(["0", "1"]),
    ),
    max_size=6,
)


@given(reports, st.randoms(use_true_random=False), st.booleans())
def test_order_and_copies_do_not_matter(found: list[Report], random: Random, dlr: bool) -> None:
    shuffled = [replace(one, id=number) for number, one in enumerate(found + found[:2])]
    random.shuffle(shuffled)
    assert fold(shuffled, CODES, dlr=dlr) == fold(found, CODES, dlr=dlr)


@given(reports)
def test_what_arrived_has_arrived(found: list[Report]) -> None:
    before = fold(found, CODES)
    late = told("23001", 99, key="k-1")
    if before.delivery is Delivery.DELIVERED:
        assert fold([*found, late], CODES).delivery is Delivery.DELIVERED
    assert fold([], CODES) == Fate()


@pytest.mark.parametrize(
    ("raw", "other"),
    [
        (None, {}),
        ({}, {}),
        ([1], {}),
        ({"msgKey": "k", "ref": None, "carrier": "", "resCnt": 2}, {}),
        ({"msgKey": "k", "resCnt": "two", "reportTime": "soon"}, {"resCnt": "two", "reportTime": "soon"}),
        ({"msgKey": "k", "network": {"mcc": 450}, "retry": None}, {"network": {"mcc": 450}, "retry": None}),
        ({"msgKey": "k", "id": 1 << 70, "half": "\ud83d"}, {"id": 1 << 70, "half": "\ud83d"}),
    ],
)
def test_what_no_column_has_is_kept(raw: object, other: dict[str, object]) -> None:
    made = read_report(raw, source=Way.POLL, proven=True, received_at=0)
    said = other_fields(made)
    assert json.loads(said or "{}") == other
    assert embedded(said) is None if not other else said.startswith("{")


def test_a_word_in_its_place_stays_a_string() -> None:
    assert embedded("(masked)") == "(masked)"
    assert orjson.dumps({"other": embedded('{"id":18446744073709551617}')}) == b'{"other":{"id":18446744073709551617}}'
    assert other_fields(replace(Report("k"), json=b"")) == ""

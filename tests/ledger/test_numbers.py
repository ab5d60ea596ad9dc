"""Campaigns and runs in the ledger, and what it tells people about them."""

from pathlib import Path
from typing import Any

import pytest

from omni_bulk.cli.desk import report_codes
from omni_bulk.ledger import book, reading
from omni_bulk.ledger.report_file import attach_reports
from omni_bulk.model import State, Status
from tests.ledger.kit import CLIENT, NOW, ORIGIN, A, B, C, Desk, make_desk, message, problem


@pytest.fixture
def desk() -> Desk:
    return make_desk()


# ── accounts and campaigns ────────────────────────────────────────────────────────────────────────────────────────


def test_an_account_is_one_client_id_at_one_origin(desk: Desk) -> None:
    same, another, elsewhere = (
        book.make_account(desk.tx, *who) for who in [(CLIENT, ORIGIN), ("b", ORIGIN), (CLIENT, "x")]
    )
    assert same == desk.campaign.account == book.account_id(desk.db, CLIENT, ORIGIN)
    assert len({same, another, elsewhere}) == 3
    assert book.account_id(desk.db, "nobody", ORIGIN) is None


def test_a_campaign_is_made_once_for_each_account(desk: Desk) -> None:
    other = book.make_account(desk.tx, "b", ORIGIN)
    assert book.find_campaign(desk.db, other, "october") is None
    assert book.find_campaign(desk.db, None, "october") is None
    again = book.make_campaign(desk.tx, desk.campaign.account, "october", NOW + 5)
    theirs = book.make_campaign(desk.tx, other, "october", NOW + 5)
    assert again == desk.campaign
    assert theirs.uuid != desk.campaign.uuid
    assert reading.campaigns_named(desk.db, "october") == [theirs, desk.campaign]


def test_a_campaign_under_another_client_id_is_found_at_the_same_origin_only(desk: Desk) -> None:
    assert book.campaign_elsewhere(desk.db, "october", "b", ORIGIN) == desk.campaign
    assert book.campaign_elsewhere(desk.db, "october", CLIENT, ORIGIN) is None
    assert book.campaign_elsewhere(desk.db, "october", "b", "https://elsewhere.example") is None
    other = book.make_account(desk.tx, "b", ORIGIN)
    book.move_campaign(desk.tx, desk.campaign.id, other)
    assert book.campaign_elsewhere(desk.db, "october", "b", ORIGIN) is None


def test_a_lost_id_is_taken_only_while_there_is_no_line(desk: Desk) -> None:
    desk.campaign = book.take_id(desk.tx, desk.campaign, "id-1")
    assert desk.campaign.uuid == "id-1"
    desk.sent(message())
    assert book.take_id(desk.tx, desk.campaign, "id-2").uuid == "id-1"


def test_what_a_campaign_sends_is_fixed(desk: Desk) -> None:
    book.fix_campaign(desk.tx, desk.campaign.id, "ref", "Hi {name}", "02", version=3)
    row = desk.reread()
    assert (row.kind, row.template, row.template_from, row.template_version) == ("ref", "Hi {name}", "02", 3)


TAKEN = {State.CLAIMED, State.ACCEPTED, State.UNKNOWN}


@pytest.mark.parametrize("state", [State.READY, State.CLAIMED, *map(State.of, Status)])
def test_who_may_have_a_message_counts_as_taken(desk: Desk, state: State) -> None:
    (one,) = desk.admit(desk.begin(), message())
    desk.db.execute("UPDATE message SET state = ?", (state,))
    assert book.taken(desk.db, desk.campaign.id) is (state in TAKEN)
    assert book.count_taken(desk.db, desk.campaign.id) == (state in TAKEN)
    rows = [one.entry, desk.entry(message(text="other")), desk.entry(message(B)), desk.entry(problem())]
    assert book.count_same(desk.db, desk.campaign.id, rows) == (state in TAKEN)


# ── runs ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def end(desk: Desk, run: int, now: int, *, complete: bool = True, sent: bool = True) -> int | None:
    """When the campaign is complete since, after this run."""
    book.end_run(
        desk.tx, run, desk.campaign.id, now=now, exit_code=3, whole=True, complete=complete, sent=sent, summary="{}"
    )
    return desk.reread().completed_at


def test_a_campaign_is_complete_since_it_last_sent_something(desk: Desk) -> None:
    run = desk.begin().run
    assert end(desk, run, 10, sent=False) == 10
    assert end(desk, run, 20, sent=False) == 10
    assert end(desk, run, 30) == 30
    assert end(desk, run, 40, complete=False) is None


def test_the_last_run_tells_when_it_began_and_how_it_ended(desk: Desk) -> None:
    assert book.last_run(desk.db, desk.campaign.id) is None
    end(desk, desk.begin().run, NOW + 1)
    assert book.last_run(desk.db, desk.campaign.id) == (NOW, 3)
    how = {"pid": 1, "host": "here", "options": "{}"}
    book.begin_run(desk.tx, desk.campaign.id, now=NOW + 9, input_digest=b"bytes", **how)  # type: ignore[arg-type]
    assert book.last_run(desk.db, desk.campaign.id) == (NOW + 9, None)
    assert desk.reread().input_digest == b"bytes"


# ── for people ────────────────────────────────────────────────────────────────────────────────────────────────────


def stands(desk: Desk) -> dict[str, Any]:
    attach_reports(desk.db, Path("nowhere"))
    return reading.standing(desk.db, desk.reread(), reading.Reading(report_codes()))


def test_a_campaign_stands_by_state_reason_and_country(desk: Desk) -> None:
    run = desk.begin()
    rows = desk.admit(
        run, message(A), message(A), message(B), message(C), message(A, ref="r"), message(B, ref="s"), problem(),
        problem("country_rule", to="+33612345678", skipped=True),
    )  # fmt: skip
    desk.settle(rows[0], msg_key="k")
    desk.settle(rows[2], Status.REJECTED, code="A302")
    desk.settle(rows[3], Status.UNKNOWN, reason="timeout")
    book.claim(desk.tx, [rows[4].id], NOW)
    end(desk, run.run, NOW)
    standing = stands(desk)
    assert {name: number for name, number in standing["states"].items() if number} == {
        "accepted": 1, "rejected": 1, "unknown": 1, "invalid": 1, "skipped": 2, "ready": 1, "inDoubt": 1,
    }  # fmt: skip
    assert set(standing["states"]) >= {"failed", "alreadyHandled", "presumedUnsent"}
    assert standing["reasons"] == {"duplicate": 1, "timeout": 1, "invalid_number": 1, "country_rule": 1}
    assert standing["countries"] == {"KR": {"messages": 4, "segments": 4, "cost": None}}
    assert (standing["recipients"], standing["segments"], standing["lastExit"]) == (8, 4, 3)
    assert standing["completed"] == standing["created"] == standing["lastRun"] == "2025-10-09T17:53:20.000+09:00"
    assert standing["campaignId"] == desk.campaign.uuid
    (seen,) = reading.overview(desk.db)
    assert (seen["recipients"], seen["accepted"], seen["campaign"], seen["origin"]) == (8, 1, "october", ORIGIN)


def test_a_row_that_was_corrected_since_is_no_problem_any_more(desk: Desk) -> None:
    desk.admit(desk.begin(), problem(), message(A))
    desk.admit(desk.begin(), message(B), message(A))
    standing = stands(desk)
    assert (standing["recipients"], standing["states"]["ready"], standing["states"]["invalid"]) == (2, 2, 0)
    assert reading.overview(desk.db)[0]["recipients"] == 2


def test_single_sends_count_although_they_belong_to_no_run(desk: Desk) -> None:
    admitter = desk.begin()
    desk.db.execute("DELETE FROM run")
    admitter.run = 0
    desk.admit(admitter, message(), problem())
    standing = stands(desk)
    assert (standing["recipients"], standing["lastRun"]) == (2, None)


def test_campaigns_are_listed_the_newest_last_with_those_that_have_nobody(desk: Desk) -> None:
    book.make_campaign(desk.tx, desk.campaign.account, "older", NOW - 1)
    book.make_campaign(desk.tx, desk.campaign.account, "newer", NOW + 1)
    desk.sent(message())
    found = [
        (one["campaign"], one["recipients"], one["accepted"], one["completed"]) for one in reading.overview(desk.db)
    ]
    assert found == [("older", 0, 0, None), ("october", 1, 1, None), ("newer", 0, 0, None)]


def test_lines_are_given_byte_for_byte_between_two_numbers(desk: Desk) -> None:
    for to in (A, B, C):
        desk.sent(message(to))
    lines = desk.lines()
    assert list(book.lines(desk.db, desk.campaign.id, 1)) == lines[1:]
    assert list(book.lines(desk.db, desk.campaign.id, 1, 2)) == lines[1:2]
    assert list(book.lines(desk.db, desk.campaign.id + 1, 0)) == []

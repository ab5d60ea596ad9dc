from datetime import datetime

import orjson
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.sandbox.options import DAY
from tests.sandbox.kit import NOON, Account

FIELDS = {
    "msgKey", "serviceType", "msgType", "sendTime", "reportTime", "reportType", "reportCode", "reportText", "carrier",
    "resCnt", "ref",
}  # fmt: skip


def collect(account: Account) -> list[dict[str, str]]:
    """Poll and ack until nothing is left."""
    found: list[dict[str, str]] = []
    while batch := account.poll()["report"]:
        found += batch
        assert account.ack(account.poll()["reportId"]) == "A000"
    return found


def test_an_empty_queue_answers_an_empty_id_and_null() -> None:
    assert Account().poll() == {"reportId": "", "report": None}


def test_a_taken_message_gets_one_report_of_the_relay() -> None:
    account = Account()
    taken = account.post(text="가" * 71).message
    assert taken is not None
    (report,) = account.poll()["report"]
    assert set(report) == FIELDS
    assert all(isinstance(value, str) for value in report.values())
    assert (report["msgKey"], report["ref"]) == (taken.msg_key, "r1")
    assert (report["serviceType"], report["msgType"], report["reportType"]) == ("im", "im", "0")
    assert (report["reportCode"], report["reportText"], report["resCnt"]) == ("10000", "Success", "2")
    assert report["sendTime"].endswith("+09:00")
    assert datetime.fromisoformat(report["reportTime"]).timestamp() == NOON


def test_with_dlr_the_handset_reports_too_and_the_two_can_be_told_apart() -> None:
    account = Account(dlr=True)
    account.post()
    relay, handset = account.poll()["report"]
    assert relay["msgKey"] == handset["msgKey"]
    assert relay["reportCode"] == handset["reportCode"] == "10000"
    assert relay["reportTime"] < handset["reportTime"]


def test_a_refused_message_gets_none() -> None:
    account = Account()
    account.post(to="nobody")
    account.state.faults.fail_next("a999")
    account.post()
    assert account.poll()["report"] is None


def test_a_message_without_ref_is_reported_with_an_empty_one() -> None:
    account = Account()
    account.post(ref=None)
    assert account.poll()["report"][0]["ref"] == ""


def test_report_codes_can_be_chosen_by_ref_or_number_for_the_last_report() -> None:
    account = Account(dlr=True, report_codes={"r2": "22003", "+821000000003": "29999"})
    for ref, to in (("r1", "+821000000001"), ("r2", "+821000000002"), ("r3", "+821000000003")):
        account.post(ref=ref, to=to)
    reports = account.poll()["report"]
    assert [report["reportCode"] for report in reports] == ["10000", "10000", "10000", "22003", "10000", "29999"]
    assert [report["reportText"] for report in reports[3::2]] == ["Handset switched off", "Failed"]


def test_without_dlr_the_relay_report_carries_the_chosen_code() -> None:
    account = Account(report_codes={"r1": "23003"})
    account.post()
    assert account.poll()["report"][0]["reportCode"] == "23003"


def test_the_next_batch_comes_only_after_the_ack() -> None:
    account = Account()
    for number in range(1001):
        account.post(ref=f"r{number}")
    first = account.poll()
    assert len(first["report"]) == 1000
    assert account.poll() == first
    account.post(ref="late")
    assert account.poll() == first
    assert account.ack(first["reportId"]) == "A000"
    second = account.poll()
    assert second["reportId"] != first["reportId"]
    assert [report["ref"] for report in second["report"]] == ["r1000", "late"]


def test_an_unknown_id_is_a802_and_deletes_nothing() -> None:
    account = Account()
    account.post()
    batch = account.poll()
    refused = account.state.ack(account.authorization, "other")
    assert (refused.status, refused.code) == (403, "A802")
    assert account.poll() == batch
    assert account.ack(batch["reportId"]) == "A000"
    assert account.ack(batch["reportId"]) == "A802"  # acked before
    assert account.ack("") == "A802"


def test_reports_wait_for_their_delay() -> None:
    account = Account(report_delay=10)
    account.post()
    account.clock.advance(9)
    assert account.poll()["report"] is None
    assert account.inquire(account.state.messages[0].msg_key) == []
    account.clock.advance(1)
    (report,) = account.poll()["report"]
    assert datetime.fromisoformat(report["reportTime"]).timestamp() == NOON + 10
    assert datetime.fromisoformat(report["sendTime"]).timestamp() == NOON


def test_reports_older_than_three_days_are_deleted_and_younger_ones_stay() -> None:
    account = Account(token_ttl=100 * DAY)
    account.post(ref="old")
    account.clock.advance(1)
    account.post(ref="young")
    account.clock.advance(3 * DAY - 0.5)
    assert [report["ref"] for report in account.poll()["report"]] == ["young"]
    assert account.state.stats()["reports"]["purged"] == 1


def test_a_report_of_exactly_three_days_is_still_there() -> None:
    account = Account(token_ttl=100 * DAY)
    account.post()
    account.clock.advance(3 * DAY)
    assert len(account.poll()["report"]) == 1


def test_an_outstanding_batch_grows_too_old_as_well() -> None:
    account = Account(token_ttl=100 * DAY)
    account.post()
    batch = account.poll()
    account.clock.advance(3 * DAY)
    assert account.poll() == batch  # not older than 3 days yet
    account.clock.advance(1)
    assert account.ack(batch["reportId"]) == "A802"
    assert account.poll()["report"] is None
    assert account.state.stats()["reports"] == {
        "waiting": 0, "outstanding": 0, "delivered": 0, "purged": 1, "undelivered": 0, "copied": 0, "foreign": 0,
    }  # fmt: skip


def test_inquiry_finds_what_was_collected_or_deleted_up_to_thirty_days_back() -> None:
    account = Account(dlr=True, token_ttl=100 * DAY)
    taken = account.post().message
    assert taken is not None
    reports = account.inquire(taken.msg_key)
    assert collect(account) == reports
    assert len(reports) == 2
    account.clock.advance(30 * DAY)
    assert account.inquire(taken.msg_key) == reports
    account.clock.advance(1)
    assert account.inquire(taken.msg_key) == []


def test_inquiry_of_an_unknown_key_is_empty() -> None:
    assert Account().inquire("nothing") == []


def test_a_report_from_outside_takes_its_place_by_time() -> None:
    account = Account(report_delay=10)
    account.post()
    account.clock.advance(5)
    foreign = {"msgKey": "foreign", "reportCode": "10000"}
    account.state.reports.push(foreign)
    assert account.poll()["report"] == [foreign]
    account.clock.advance(5)
    assert account.ack(account.poll()["reportId"]) == "A000"
    assert account.poll()["report"][0]["ref"] == "r1"


def test_an_account_with_a_webhook_may_not_poll() -> None:
    account = Account(webhook="http://127.0.0.1:9/")
    refused = account.state.poll(account.authorization)
    assert (refused.status, refused.code) == (400, "A801")


def test_the_webhook_takes_reports_out_of_the_queue_when_they_are_due() -> None:
    account = Account(report_delay=10)
    reports = account.state.reports
    assert reports.take() is None
    assert reports.seconds_to_next() is None
    account.post()
    assert reports.take() is None
    assert reports.seconds_to_next() == 10
    account.clock.advance(11)
    assert reports.seconds_to_next() == 0
    report = reports.take()
    assert report is not None
    assert report["ref"] == "r1"
    assert reports.take() is None


DOINGS = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.integers(1, 700)),
        st.tuples(st.sampled_from(["poll", "ack", "wrong ack"]), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 20)),
    ),
    max_size=25,
)


@given(DOINGS, st.booleans(), st.sampled_from([0.0, 7.0]))
def test_nothing_is_lost_nothing_comes_twice_and_nothing_before_the_ack(
    doings: list[tuple[str, int]], dlr: bool, delay: float
) -> None:
    account = Account(dlr=dlr, report_delay=delay)
    body = orjson.dumps({"from": "0212345678", "to": "+821012345678", "text": "a"})
    acked: list[tuple[str, str]] = []
    held: dict[str, object] | None = None
    for doing, size in doings:
        if doing == "post":
            for _ in range(size):
                account.state.post(account.authorization, body)
        elif doing == "wait":
            account.clock.advance(size)
        elif doing == "wrong ack":
            assert account.ack("wrong") == "A802"
        elif doing == "poll":
            batch = account.poll()
            assert held in (None, batch)
            held = batch if batch["reportId"] else None
            assert len(batch["report"] or ()) <= 1000
        elif held is not None:
            batch = account.poll()
            assert account.ack(batch["reportId"]) == "A000"
            acked += [(report["msgKey"], report["reportTime"]) for report in batch["report"]]
            held = None
    account.clock.advance(delay)
    acked += [(report["msgKey"], report["reportTime"]) for report in collect(account)]
    assert len(acked) == len(set(acked)) == len(account.state.messages) * (2 if dlr else 1)
    assert {key for key, _ in acked} == {message.msg_key for message in account.state.messages}
    assert account.state.stats()["reports"]["delivered"] == len(acked)

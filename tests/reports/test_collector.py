"""Collecting: everything is stored once, joined, settles what it proves, and is acked only then."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from omni_bulk.account import World
from omni_bulk.errors import LedgerError, OutputError, Refused, Stopped
from omni_bulk.joining import Batch, read_report
from omni_bulk.model import Report, Result, State, Status, Way, Whose
from omni_bulk.reports import Collector
from omni_bulk.results import to_line
from tests.reports.conftest import Opened
from tests.reports.kit import HOUR, Post, raw_report, rows


async def test_a_campaign_with_lost_answers_comes_out_whole(post: Opened) -> None:
    async with post(dlr=True, faults={"drop_after": 0.02}) as here:
        summary = await here.send("october", rows(1500))
        assert 0 < summary.campaign["unknown"] < 100
        for number in range(3):
            for leg in ("A", "B"):
                here.push(msgKey=f"foreign-{number}", ref=f"theirs-{number}", reportType=leg)
        collector = await here.poll()
        assert here.states() == {State.ACCEPTED: 1500}
        assert here.wrong_keys() == []
        assert here.verdicts() == {"joined": 3000, "foreign": 6}
        counts = collector.counts
        assert (counts.collected, counts.joined, counts.foreign, counts.duplicates) == (3006, 3000, 6, 0)
        assert counts.settled == summary.campaign["unknown"]
        assert here.box.state.reports.counts()["delivered"] == 3006
        foreign = here.lines("foreign.jsonl")
        assert Counter(line["msgKey"] for line in foreign) == {f"foreign-{number}": 2 for number in range(3)}
        filed = here.lines("reports.jsonl")
        assert [line["collectedSeq"] for line in filed] == list(range(1, 3007))
        per_message = here.ask("SELECT count(*) FROM report WHERE message IS NOT NULL GROUP BY message")
        assert set(per_message) == {(2,)} and len(per_message) == 1500


async def test_what_was_settled_is_in_the_results_and_is_not_sent_again(post: Opened) -> None:
    async with post(faults={"drop_after": 0.2}) as here:
        await here.send("october", rows(50))
        await here.poll()
        posts = here.box.state.posts
        summary = await here.send("october", rows(50))
        assert here.box.state.posts == posts
        assert summary.campaign == {"accepted": 50}
        lines = here.lines("october.results.jsonl")
        assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
        twice = [ref for ref, times in Counter(line["ref"] for line in lines).items() if times == 2]
        assert twice
        for ref in twice:
            first, last = (line for line in lines if line["ref"] == ref)
            assert (first["status"], last["status"], last["reason"]) == ("unknown", "accepted", "reported")
            assert {**last, **{name: first[name] for name in ("seq", "status", "reason", "msgKey")}} == first


async def test_a_crash_before_the_ack_gives_copies(post: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    async with post() as here:
        await here.send("october", rows(20))

        async def dies(self: Collector, batch: object) -> None:
            raise KeyError("the end of this process")

        with monkeypatch.context() as patch:
            patch.setattr(Collector, "_ack", dies)
            with pytest.raises(KeyError):
                await here.poll()
        assert here.box.state.reports.counts()["outstanding"] == 20
        collector = await here.poll()
        assert (collector.counts.collected, collector.counts.duplicates) == (0, 20)
        assert here.box.state.reports.counts()["delivered"] == 20
        assert len(here.lines("reports.jsonl")) == 20
        assert here.ask("SELECT collected, duplicates, batches FROM queue") == [(20, 20, 1)]


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "a001", "a020", "html502", "cut_body", "not_json"])
@pytest.mark.parametrize("place", ["poll", "ack", "inquiry"])
async def test_trouble_on_the_way_loses_nothing(post: Opened, fault: str, place: str) -> None:
    async with post() as here:
        await here.send("october", rows(5))
        here.box.fail_next(fault, on=place)  # type: ignore[arg-type]
        async with here.collector() as collector:
            collector._account.world = _hurried(here)
            await collector.poll()
            if place == "inquiry":
                await collector._ask_about(here.box.messages[0].msg_key)
        assert here.verdicts() == {"joined": 5}
        assert here.box.state.reports.counts()["outstanding"] == 0


def _hurried(here: Post) -> World:
    """A world without waiting."""

    async def no_wait(seconds: float) -> None:
        await asyncio.sleep(0)

    return World(epoch=here.box._clock, sleep=no_wait)


async def test_nothing_is_acked_that_could_not_be_written(post: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    async with post() as here:
        await here.send("october", rows(5))
        async with here.collector() as collector:
            assert collector._out is not None

            def full(lines: object) -> None:
                raise LedgerError("reports.jsonl could not be written (No space left on device)")

            monkeypatch.setattr(collector._out, "append", full)
            with pytest.raises(LedgerError):
                await collector.poll()
        assert here.box.state.reports.counts()["outstanding"] == 5
        monkeypatch.undo()
        await here.poll()
        assert len(here.lines("reports.jsonl")) == 5


async def test_a_batch_that_is_not_understood_is_not_acked(post: Opened) -> None:
    async with post() as here:
        await here.send("october", rows(2))
        here.box.state.reports.poll()
        outstanding = here.box.state.reports._outstanding
        assert outstanding is not None
        here.box.state.reports._outstanding = outstanding._replace(report_id="../../v1/auth/token?x=")
        with pytest.raises(Stopped, match="cannot stand in a URL"):
            await here.poll()
        assert here.verdicts() == {"joined": 2}
        assert here.box.state.reports.counts()["outstanding"] == 2


async def test_reports_without_an_id_do_not_come_for_ever(post: Opened) -> None:
    async with post() as here:
        await here.send("october", rows(2))
        here.box.state.reports.poll()
        outstanding = here.box.state.reports._outstanding
        assert outstanding is not None
        here.box.state.reports._outstanding = outstanding._replace(report_id="")
        with pytest.raises(Stopped, match="without an id"):
            await here.poll()
        assert here.verdicts() == {"joined": 2}


async def test_an_account_with_a_webhook_is_told_so(post: Opened) -> None:
    async with post(webhook="http://127.0.0.1:9/") as here:
        await here.send("october", rows(1))
        with pytest.raises(Stopped, match="--webhook"):
            await here.poll()


# ── a queue that may be shared ────────────────────────────────────────────────────────────────────────────────────


async def test_another_systems_queue_is_not_emptied_until_somebody_says_so(post: Opened) -> None:
    async with post() as here:
        await here.send("october", rows(2))
        for number in range(3):
            here.push(msgKey=f"foreign-{number}", ref=f"theirs-{number}")
        for _ in range(2):
            with pytest.raises(Refused, match="3 of the first 5"):
                await here.poll()
        assert here.box.state.reports.counts()["outstanding"] == 5
        async with here.collector() as collector:
            await collector.own_queue()
            await collector.poll()
        assert here.box.state.reports.counts()["delivered"] == 5
        assert len(here.lines("foreign.jsonl")) == 3
        here.push(msgKey="foreign-9", ref="theirs-9")
        assert (await here.poll()).counts.foreign == 1


async def test_after_a_first_batch_of_our_own_foreign_ones_are_taken(post: Opened) -> None:
    async with post() as here:
        await here.send("october", rows(2))
        await here.poll()
        for number in range(5):
            here.push(msgKey=f"foreign-{number}", ref=f"theirs-{number}")
        await here.poll()
        assert here.box.state.reports.counts()["delivered"] == 7


async def test_one_collector_an_account(post: Opened) -> None:
    async with post() as here, here.omni() as omni, omni.reports():
        with pytest.raises(Refused, match="collects the reports"):
            async with omni.reports():
                pass


# ── the files ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_torn_line_is_cut_and_what_is_missing_appended(post: Opened) -> None:
    async with post() as here:
        await here.send("october", rows(3))
        await here.poll()
        path = here.folder / "reports.jsonl"
        whole = path.read_bytes()
        path.write_bytes(whole[:-20])
        await here.poll()
        assert path.read_bytes() == whole
        assert path.stat().st_mode & 0o777 == 0o600


async def test_a_file_that_was_moved_away_begins_anew_with_what_is_new(post: Opened) -> None:
    async with post() as here:
        await here.send("october", rows(3))
        await here.poll()
        (here.folder / "reports.jsonl").rename(here.folder / "old.jsonl")
        here.push(msgKey="late", ref="theirs")
        await here.poll()
        assert [line["msgKey"] for line in here.lines("reports.jsonl")] == ["late"]


@pytest.mark.parametrize("content", [b"hello\n", b'{"name": "x"}\n', b"torn"])
async def test_another_file_is_not_written_to(post: Opened, content: bytes) -> None:
    async with post() as here:
        path = here.folder / "reports.jsonl"
        path.write_bytes(content)
        with pytest.raises(OutputError):
            await here.poll()
        assert path.read_bytes() == content


async def test_a_link_is_not_written_through(post: Opened, tmp_path: Path) -> None:
    async with post() as here:
        (here.folder / "reports.jsonl").symlink_to(here.folder / "elsewhere")
        with pytest.raises(OutputError):
            await here.poll()


# ── the traps ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def _one_unknown(here: Post, name: str, people: list[dict[str, str]], *, taken: bool = False) -> None:
    here.box.fail_next("drop_after" if taken else "drop_before")
    summary = await here.send(name, people)
    assert summary.campaign["unknown"] == 1


async def test_the_same_ref_in_two_campaigns_settles_neither_by_ref(post: Opened) -> None:
    async with post() as here:
        await _one_unknown(here, "first", rows(1, prefix="r-"))
        await _one_unknown(here, "second", rows(1, prefix="r-"), taken=True)
        async with here.collector() as collector:
            await collector.own_queue()
            await collector.poll()
        assert here.states() == {State.UNKNOWN: 2}
        assert here.ask("SELECT verdict, reason FROM report") == [("unmatched", "ambiguous_ref")]


async def test_the_same_ref_accepted_in_one_campaign_settles_the_other(post: Opened) -> None:
    async with post() as here:
        await here.send("first", rows(1, prefix="r-"))
        await _one_unknown(here, "second", rows(1, prefix="r-"), taken=True)
        await here.poll()
        assert here.states() == {State.ACCEPTED: 2}
        keys = here.ask("SELECT msg_key FROM message ORDER BY id")
        assert keys == [(one.msg_key,) for one in here.box.messages]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"msgType": "sms", "serviceType": "sms"}, "not_international"),
        ({"msgType": None, "serviceType": None}, "not_international"),
        ({"sendTime": None}, "no_send_time"),
        ({"sendTime": "yesterday"}, "no_send_time"),
    ],
)
async def test_a_report_of_another_kind_settles_nothing(
    post: Opened, fields: dict[str, str | None], reason: str
) -> None:
    async with post() as here:
        await _one_unknown(here, "october", rows(1, prefix="r-"))
        here.push(ref="r-0", **fields)
        async with here.collector() as collector:
            await collector.own_queue()
            await collector.poll()
        assert here.states() == {State.UNKNOWN: 1}
        assert here.ask("SELECT verdict, reason FROM report") == [("unmatched", reason)]
        assert [line["collectedReason"] for line in here.lines("foreign.jsonl")] == [reason]


async def test_the_same_ref_in_another_system_settles_nobody(post: Opened) -> None:
    async with post() as here:
        earlier = here.push(ref="r-0", msgKey="theirs-1")
        here.advance(1 * HOUR)
        await _one_unknown(here, "october", rows(1, prefix="r-"), taken=True)
        domestic = here.push(ref="r-0", msgKey="theirs-2", msgType="sms", serviceType="sms")
        here.advance(25 * HOUR)
        later = here.push(ref="r-0", msgKey="theirs-3")
        async with here.collector() as collector:
            await collector.own_queue()
            await collector.poll()
        assert here.states() == {State.ACCEPTED: 1}
        assert here.wrong_keys() == []
        assert dict(here.ask("SELECT msg_key, verdict FROM report WHERE message IS NULL")) == dict.fromkeys(
            (earlier["msgKey"], domestic["msgKey"], later["msgKey"]), "unmatched"
        )


async def test_yesterdays_late_report_does_not_settle_tonights_unknown(post: Opened) -> None:
    async with post() as here:
        late = here.push(ref="r-0")
        here.advance(20 * HOUR)
        await _one_unknown(here, "tonight", rows(1, prefix="r-"))
        async with here.collector() as collector:
            await collector.own_queue()
            await collector.poll()
        assert late["ref"] == "r-0"
        assert here.states() == {State.UNKNOWN: 1}
        assert here.ask("SELECT verdict, reason FROM report") == [("unmatched", "not_of_that_time")]


async def test_a_msg_key_that_is_another_messages_settles_nothing(post: Opened) -> None:
    async with post() as here:
        await here.send("first", rows(1, prefix="a-"))
        await _one_unknown(here, "second", rows(1, prefix="b-"))
        here.push(msgKey=here.box.messages[0].msg_key, ref="b-0", reportType="9")
        await here.poll()
        assert here.states() == {State.ACCEPTED: 1, State.UNKNOWN: 1}
        joined = here.ask("SELECT DISTINCT message.ref FROM report JOIN message ON message.id = report.message")
        assert joined == [("a-0",)]


async def test_two_msg_keys_for_one_ref_are_a_double(post: Opened) -> None:
    async with post() as here:
        await here.send("october", rows(1, prefix="r-"))
        here.push(msgKey="the-second", ref="r-0")
        collector = await here.poll()
        assert collector.counts.doubles == 1
        assert here.ask("SELECT verdict, reason FROM report WHERE msg_key = 'the-second'") == [
            ("double", "second_msg_key")
        ]
        assert here.states() == {State.ACCEPTED: 1}


async def test_two_keys_for_an_unknown_settle_it_once_and_are_a_double(post: Opened) -> None:
    async with post() as here:
        await _one_unknown(here, "october", rows(1, prefix="r-"))
        here.push(msgKey="k-a", ref="r-0")
        here.push(msgKey="k-b", ref="r-0")
        async with here.collector() as collector:
            await collector.own_queue()
            await collector.poll()
        assert here.states() == {State.ACCEPTED: 1}
        assert sorted(here.verdicts().items()) == [("double", 1), ("joined", 1)]


async def test_a_message_accepted_without_a_key_gets_its_reports(post: Opened) -> None:
    async with post(dlr=True) as here:
        here.box.fail_next("no_msg_key")
        await here.send("october", rows(1))
        await here.poll()
        assert here.verdicts() == {"joined": 2}
        assert here.ask("SELECT msg_key FROM message") == [(None,)]  # the ledger's line is never changed


async def test_a_report_that_comes_before_the_answer_waits_for_it(post: Opened) -> None:
    async with post() as here:
        async with here.collector() as collector:
            await _one_unknown_left_open(here)
            (message,) = here.box.messages
            await collector.take([_as_polled(here, message.msg_key, str(message.ref))])
            assert here.verdicts() == {"waiting": 1}
        await here.send("october", rows(1))  # takes up the open claim as unknown
        assert here.states() == {State.UNKNOWN: 1}
        await here.poll()
        assert here.states() == {State.ACCEPTED: 1}


async def _one_unknown_left_open(here: Post) -> None:
    """A claim whose run died: the message was taken, its answer never recorded."""
    await here.send("october", rows(1))
    (here.folder / "october.results.jsonl").unlink()
    with closing(sqlite3.connect(here.ledger)) as db, db:
        db.execute("UPDATE message SET state = 1, msg_key = NULL, seq = NULL")
        db.execute("UPDATE campaign SET seq = 0")
        db.execute("DELETE FROM line")


def _as_polled(here: Post, msg_key: str, ref: str) -> Report:
    raw = raw_report(here.box._clock(), msgKey=msg_key, ref=ref)
    return read_report(raw, source=Way.POLL, proven=True, received_at=0)


async def test_reports_that_grew_too_old_are_purged_and_the_gap_is_known(post: Opened) -> None:
    async with post() as here:
        await here.send("october", rows(2))
        await here.poll()
        await here.send("november", rows(2))
        here.advance(73 * HOUR)
        await here.poll()
        assert here.box.state.reports.counts()["purged"] == 2
        assert len(here.ask("SELECT * FROM stretch")) == 2


# ── asking about single messages ──────────────────────────────────────────────────────────────────────────────────


async def test_an_inquiry_fills_what_polling_lost_and_goes_on_where_it_was(post: Opened) -> None:
    async with post() as here:
        await here.send("october", rows(6))
        here.advance(4 * 24 * HOUR)
        await here.poll()
        assert here.verdicts() == {}
        async with here.collector() as collector:
            collector._account.world = _hurried(here)
            asked = 0
            ask = collector._questions.inquire

            async def stops(msg_key: str) -> Batch:
                nonlocal asked
                asked += 1
                if asked == 4:
                    collector.stop()
                return await ask(msg_key)

            collector._questions.inquire = stops  # type: ignore[method-assign]
            await collector.inquire(1, silent_for=24 * HOUR)
            assert asked == 4
        async with here.collector() as collector:
            collector._account.world = _hurried(here)
            await collector.inquire(1, silent_for=24 * HOUR)
            assert collector.counts.inquired == 2
        assert here.verdicts() == {"joined": 6}
        assert {row[0] for row in here.ask("SELECT source FROM report")} == {"inquiry"}


async def test_an_inquiry_leaves_the_young_and_the_old_alone(post: Opened) -> None:
    async with post() as here:
        await here.send("old", rows(1))
        here.advance(31 * 24 * HOUR)
        await here.send("young", rows(1))
        for campaign in (1, 2):
            async with here.collector() as collector:
                await collector.inquire(campaign, silent_for=HOUR)
                assert collector.counts.inquired == 0


async def test_hints_are_confirmed_by_the_api_alone(post: Opened) -> None:
    async with post(dlr=False) as here:
        await _one_unknown(here, "october", rows(1, prefix="r-"), taken=True)
        (message,) = here.box.messages
        forged = raw_report(here.box._clock(), msgKey="forged", ref="r-0")
        real = raw_report(here.box._clock(), msgKey=message.msg_key, ref="r-0")
        async with here.collector() as collector:
            collector._account.world = _hurried(here)
            await collector.receive([forged], proven=False)
            await collector.receive([real], proven=False)
            assert here.verdicts() == {Whose.HINT: 2}
            assert here.states() == {State.UNKNOWN: 1}
            await collector.confirm()
        assert here.states() == {State.ACCEPTED: 1}
        assert here.wrong_keys() == []


async def test_a_forged_ref_under_a_real_key_settles_nobody(post: Opened) -> None:
    async with post() as here:
        await _one_unknown(here, "october", rows(1, prefix="victim-"))
        await here.send("other", rows(1, prefix="real-"))
        async with here.collector(filed=False) as collector:
            await collector.poll()
        (message,) = here.box.messages
        # Another system's message of the account, whose ref the forger replaces by the victim's.
        theirs = here.push(msgKey="theirs", ref="theirs-1")
        forged = {**raw_report(here.box._clock()), **theirs, "ref": "victim-0"}
        async with here.collector(filed=False) as collector:
            await collector.receive([forged], proven=False)
            assert here.ask("SELECT verdict FROM report WHERE msg_key = 'theirs'") == [("hint",)]
            await collector.poll()
        assert here.ask("SELECT ref, verdict FROM report WHERE msg_key = 'theirs'") == [("theirs-1", "foreign")]
        assert here.states() == {State.ACCEPTED: 1, State.UNKNOWN: 1}
        assert message.ref == "real-0"


async def test_a_report_without_a_ref_that_was_faster_than_the_answer_is_joined_later(post: Opened) -> None:
    async with post() as here:
        async with here.collector() as collector:
            await _one_unknown_left_open(here)
            (message,) = here.box.messages
            early = read_report(
                raw_report(here.box._clock(), msgKey=message.msg_key, ref=None),
                source=Way.POLL,
                proven=True,
                received_at=0,
            )
            await collector.take([early])
            assert here.verdicts() == {"foreign": 1}
            with closing(sqlite3.connect(here.ledger)) as db, db:  # the answer comes after all
                db.execute("UPDATE message SET state = 2, msg_key = ?, seq = 1", (message.msg_key,))
                ((uuid,),) = db.execute("SELECT uuid FROM campaign").fetchall()
                line = to_line(Result(1, uuid, "night", Status.ACCEPTED, msg_key=message.msg_key))
                db.execute("INSERT INTO line VALUES (1, 1, 1, ?)", (line,))
                db.execute("UPDATE campaign SET seq = 1")
            await collector.take(())
        assert here.verdicts() == {"joined": 1}


async def test_an_answer_recorded_between_two_looks_makes_no_double(
    post: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with post() as here, here.collector() as collector:
        learn = collector._learn_keys

        async def then_is_answered() -> None:
            await learn()
            monkeypatch.undo()
            await here.send("october", rows(1, prefix="r-"))

        monkeypatch.setattr(collector, "_learn_keys", then_is_answered)
        key = f"{here.box.state._key}{0:010d}"  # the one that the message is about to get
        await collector.take([_as_polled(here, key, "r-0")])
        assert here.ask("SELECT msg_key FROM message") == [(key,)]
        assert here.verdicts() == {"joined": 1}

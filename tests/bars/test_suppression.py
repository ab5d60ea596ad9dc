"""Who is on a list gets nothing: at admission, when claimed, as a single message."""

import asyncio
import resource
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from omni_bulk import Template, read_recipients
from omni_bulk.errors import InputError
from omni_bulk.identity import Numbers
from omni_bulk.ledger import bars
from omni_bulk.ledger.schema import ledger_key, open_ledger
from omni_bulk.suppression import Listing, NumberSet
from tests.campaign.kit import FROM, TEXT, Bench, Clock, bench, number, people, until


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def put_on_the_list(here: Bench, *numbers: str) -> None:
    """From another process, as `omni-bulk suppress add` does it."""
    with closing(open_ledger(here.ledger)) as db:
        bars.suppress(db, Numbers(ledger_key(db)), numbers, 0, None)


def take_off(here: Bench, *numbers: str) -> int:
    with closing(open_ledger(here.ledger)) as db:
        return bars.unsuppress(db, Numbers(ledger_key(db)), numbers)


# ── lists in files ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "+82 10-1234-5678\n０１０-1234-5679\n00821012345680\n",
        "name,phone\nKim,010-1234-5678\nLee,+821012345679\n,(010) 1234 5680\n",
        '{"to":"+821012345678"}\n{"to":"+821012345679"}\n{"to":"+821012345680"}\n',
    ],
)
def test_numbers_in_any_writing(text: str) -> None:
    Path("list").write_text(text, encoding="utf-8")
    assert list(Listing("list", region="KR")) == [f"+8210{number}" for number in (12345678, 12345679, 12345680)]


def test_what_a_flag_has_to_settle_is_refused_and_what_is_none_is_told() -> None:
    Path("list").write_text("+821012345678\n1012345678\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"list, row 2: digits alone.*nobody knows who is to get nothing"):
        list(Listing("list"))
    Path("list").write_text("+821012345678\nsee above\n\nnobody\n", encoding="utf-8")
    listing = Listing("list")
    assert list(listing) == ["+821012345678"]
    assert listing.note == "list: 2 rows hold no number (the first is row 2)"
    Path("list").write_text("name,mail\nKim,k@x.example\n", encoding="utf-8")
    with pytest.raises(InputError, match="is it the right file"):
        list(Listing("list"))


def test_a_set_of_numbers_stays_out_of_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    with closing(NumberSet()) as numbers:
        assert numbers.add(f"+8210{index:08d}" for index in range(200_000)) == 200_000
        assert numbers.add(iter(["+821000000000"])) == 0
        assert "+821000199999" in numbers and "+821000200000" not in numbers and 7 not in numbers
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 24_000  # KiB
    assert time.process_time() - began < 10


async def test_a_file_of_those_who_get_nothing() -> None:
    Path("stop.csv").write_text("phone\n010-1000-0001\n", encoding="utf-8")
    async with bench() as here:
        sent = await here.send(people(1, 2), suppress="stop.csv", region="KR")
        assert sent.outcomes == {"accepted": 1, "skipped:suppressed": 1}
        assert sent.summary.exit_code == 0
        again = await here.send(people(1, 2))  # judged anew
        assert again.outcomes == {"accepted": 1, "+accepted": 1}


# ── the ledger's list ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_ledgers_list_holds_for_every_campaign_and_its_plan() -> None:
    async with bench() as here:
        await here.send(people(1))
        put_on_the_list(here, number(1), number(2))
        sent = await here.send(people(1, 2, 3))
        assert sent.outcomes == {"+accepted": 1, "skipped:suppressed": 1, "accepted": 1}  # what was sent stays sent
        other = await here.send(people(1, 2, 3), name="november")
        assert other.outcomes == {"skipped:suppressed": 2, "accepted": 1}
        again = await here.send(people(1, 2, 3), name="november")
        assert again.outcomes == {"+skipped:suppressed": 2, "+accepted": 1}  # and no line for what did not change
        assert take_off(here, number(2)) == 1
        last = await here.send(people(1, 2, 3), name="november")
        assert last.outcomes == {"+skipped:suppressed": 1, "accepted": 1, "+accepted": 1}


async def test_a_plan_says_what_send_does() -> None:
    put = "to,name\n" + "".join(f"{number(index)},n{index}\n" for index in (1, 2, 2))
    Path("list.csv").write_text(put, encoding="utf-8")
    async with bench() as here:
        await here.send(people(9))
        put_on_the_list(here, number(2))
        async with here.omni() as omni, omni.campaign("october", Template(TEXT, from_=FROM)) as campaign:
            planned = await asyncio.to_thread(campaign.plan, read_recipients("list.csv"))
            summary = await campaign.run(read_recipients("list.csv"))
        assert planned.ready == 1
        assert dict(planned.reasons) == dict(summary.reasons) == {"suppressed": 1, "duplicate": 1}


async def test_a_number_that_is_added_while_a_run_goes_is_not_sent_to() -> None:
    async with bench(latency_ms=5) as here:
        rows = people(*range(60))
        account = {"rate": 40.0, "workers": 2}
        sending = asyncio.create_task(here.send(rows, account=account))
        await until(lambda: here.posts >= 2)
        put_on_the_list(here, *(number(index) for index in range(50, 60)))
        sent = await sending
        assert sent.outcomes == {"accepted": 50, "skipped:suppressed": 10}
        assert not {number(index) for index in range(50, 60)} & set(here.texts)
        assert sent.summary.exit_code == 0


async def test_a_single_message_to_somebody_on_the_list() -> None:
    async with bench() as here, here.omni() as omni:
        done = await omni.send(number(1), "x", ref="before", from_=FROM)
        assert done.status == "accepted"
        put_on_the_list(here, number(1))
        skipped = await omni.send(number(1), "x", ref="after", from_=FROM)
        assert (skipped.status, skipped.reason) == ("skipped", "suppressed")
        replayed = await omni.send(number(1), "x", ref="before", from_=FROM)
        assert (replayed.status, replayed.replayed) == ("accepted", True)
        take_off(here, number(1))
        assert (await omni.send(number(1), "x", ref="after", from_=FROM)).status == "accepted"


async def test_what_was_forgotten_stays_unsent_and_cannot_be_taken_off() -> None:
    async with bench() as here:
        await here.send(people(9))
        with closing(open_ledger(here.ledger)) as db:
            digest = Numbers(ledger_key(db)).of(number(1))
            db.execute("INSERT INTO suppressed VALUES (?, 'forgotten', NULL, 0, NULL)", (digest,))
            assert bars.count_forgotten(db) == 1
            assert list(bars.suppressed(db)) == []
        assert take_off(here, number(1)) == 0
        put_on_the_list(here, number(1))
        assert take_off(here, number(1)) == 0
        assert (await here.send(people(1))).outcomes == {"skipped:forgotten": 1}


# ── once per … ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_once_per_looks_across_campaigns_and_single_messages() -> None:
    clock = Clock.at("2026-11-22T10:00:00+09:00")
    async with bench() as here:

        async def send(name: str, *indexes: int) -> dict[str, int]:
            async with here.omni(world=clock.world) as omni:
                template = Template(TEXT, from_=FROM)
                async with omni.campaign(name, template, once_per=7 * 86_400.0) as campaign:
                    return dict((await campaign.run(people(*indexes))).reasons)

        assert await send("a", 1, 2) == {}
        async with here.omni(world=clock.world) as omni:
            await omni.send(number(3), "x", ref="one", from_=FROM)
        assert await send("b", 1, 2, 3, 4) == {"once_per": 3}
        assert await send("a", 1, 2) == {}  # their own message is no other
        clock.advance(hours=24 * 7 - 1)
        assert await send("b", 1, 2, 3, 4) == {"once_per": 3}
        clock.advance(hours=2)
        assert await send("b", 1, 2, 3, 4) == {}  # judged anew
        assert sorted(map(len, here.texts.values())) == [1, 2, 2, 2]


async def test_once_per_also_holds_for_two_refs_of_one_list_and_for_what_comes_meanwhile() -> None:
    async with bench(latency_ms=5) as here:
        rows = [{**row, "ref": f"r{place}"} for place, row in enumerate(people(*range(40), 0))]
        async with here.omni(rate=30.0, workers=1) as omni, here.omni() as other:
            template = Template(TEXT, from_=FROM)
            async with omni.campaign("october", template, once_per=3600.0) as campaign:
                sending = asyncio.create_task(campaign.run(rows))
                await until(lambda: here.posts >= 2)
                await other.send(number(39), "x", ref="one", from_=FROM)
                summary = await sending
        assert summary.reasons == {"once_per": 2}
        assert len(here.texts[number(0)]) == len(here.texts[number(39)]) == 1


async def test_a_young_ledger_says_how_far_back_it_knows() -> None:
    async with bench() as here:
        sent = await here.send(people(1), once_per=30 * 86_400.0)
        assert any("--once-per looks no further back" in note for note in sent.notes)
        again = await here.send(people(1), once_per=0.001)
        assert not any("--once-per" in note for note in again.notes)


async def test_what_was_adopted_counts_from_when_it_was_adopted() -> None:
    Path("log.csv").write_text(f"to\n{number(1)}\n", encoding="utf-8")
    async with bench() as here:
        assert (await here.send(people(1), already="log.csv")).outcomes == {"accepted:already_sent": 1}
        other = await here.send(people(1, 2), name="november", once_per=86_400.0)
        assert other.outcomes == {"skipped:once_per": 1, "accepted": 1}


async def test_another_accounts_messages_do_not_count() -> None:
    async with bench() as here:
        async with here.omni(origin="https://elsewhere.example") as omni:
            await omni.send(number(1), "x", ref="one", from_=FROM)
        assert (await here.send(people(1), once_per=86_400.0)).outcomes == {"accepted": 1}


def test_who_was_reached_is_found_by_time() -> None:
    """The index by time is the one used: of millions of messages only the recent ones are read."""
    with closing(open_ledger(Path("ledger.db"))) as db:
        sql = (
            "SELECT number FROM message INDEXED BY message_claimed_at WHERE claimed_at >= 5 AND claimed_at IS NOT NULL"
        )
        (plan,) = (row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}"))
        assert plan == "SEARCH message USING INDEX message_claimed_at (claimed_at>?)"
        assert isinstance(db, sqlite3.Connection)

"""Deciding about silence: what is presumed unsent, and what is never posted a third time."""

import asyncio
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from omni_bulk import Template
from omni_bulk.campaign import Options
from omni_bulk.errors import InputError, Refused
from omni_bulk.ledger import reading
from omni_bulk.model import State
from omni_bulk.resolving import Doubt, Said, read_said, resolve
from omni_bulk.stats import Summary
from tests.reports.conftest import Opened
from tests.reports.kit import FROM, HOUR, Post, raw_report, rows


async def decide(here: Post, name: str = "october", said: list[Said] | None = None, **settings: Path) -> Doubt:
    async with here.omni(**settings) as omni:
        with omni.account.ledger.reading() as db:
            row = reading.campaigns_named(db, name)[0]
        return await resolve(omni.account, row, said or ())


async def resend(here: Post, people: list[dict[str, str]], text: str = "hi {name}") -> Summary:
    async with here.omni() as omni:
        options = Options(out=here.folder / "october.results.jsonl", only_resends=True)
        async with omni.campaign("october", Template(text, from_=FROM), options=options) as campaign:
            return await campaign.run(people, max_unknown_rate=1.0)


async def silence(here: Post, count: int = 40) -> None:
    """One unknown that was never taken; everybody else has a report, and the queue was watched for three days."""
    here.box.fail_next("drop_before")
    await here.send("october", rows(count))
    for _ in range(4):
        await here.poll()
        here.advance(24.2 * HOUR)
    await here.poll()


async def test_silence_after_three_watched_days_is_presumed_unsent(post: Opened) -> None:
    async with post() as here:
        await silence(here)
        doubt = await decide(here)
        assert (doubt.presumed, doubt.still_unknown, doubt.segments, doubt.countries) == (1, 0, 1, Counter(KR=1))
        assert here.states() == {State.ACCEPTED: 39, State.UNKNOWN: 1}, "presumed is not settled"


async def test_what_posting_again_costs_is_known_by_number_prefix(post: Opened, tmp_path: Path) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text("country,price,currency\nKR,9,KRW\n+82101,4.5,\n", "utf-8")
    dear = tmp_path / "dear.csv"
    dear.write_text("country,price,currency\nJP,60,KRW\n", "utf-8")
    async with post() as here:
        await silence(here)
        assert (await decide(here)).cost is None
        assert (await decide(here, prices=prices)).cost == Decimal("4.5")
        assert (await decide(here, prices=dear)).cost is None, "no price for Korea"


async def test_under_three_days_nothing_is_presumed(post: Opened) -> None:
    async with post() as here:
        here.box.fail_next("drop_before")
        await here.send("october", rows(5))
        await here.poll()
        doubt = await decide(here)
        assert (doubt.presumed, doubt.reasons) == (0, Counter(under_72_hours=1))


async def test_a_gap_in_polling_proves_nothing(post: Opened) -> None:
    async with post() as here:
        here.box.fail_next("drop_before")
        await here.send("october", rows(5))
        await here.poll()
        here.advance(75 * HOUR)
        await here.poll()
        assert (await decide(here)).reasons == Counter(polling_gap=1)


async def test_without_any_polling_nothing_is_presumed(post: Opened) -> None:
    async with post() as here:
        here.box.fail_next("drop_before")
        await here.send("october", rows(5))
        here.advance(80 * HOUR)
        assert (await decide(here)).reasons == Counter(polling_gap=1)


async def test_where_others_have_no_report_either_silence_says_nothing(post: Opened) -> None:
    async with post() as here:
        here.box.fail_next("drop_before")
        await here.send("october", rows(21))
        here.box.state.reports._waiting.pop()  # the API loses two of twenty
        here.box.state.reports._waiting.pop()
        for _ in range(4):
            await here.poll()
            here.advance(24.2 * HOUR)
        await here.poll()
        assert (await decide(here)).reasons == Counter(too_few_reports=1)


async def test_a_run_that_holds_the_campaign_is_not_disturbed(post: Opened) -> None:
    async with post() as here:
        await here.send("october", rows(1))
        async with here.omni() as omni, omni.campaign("october", Template("hi {name}", from_=FROM)):
            with pytest.raises(Refused, match="holds"):
                await decide(here)


# ── posting again ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_presumed_unsent_is_posted_again_once(post: Opened) -> None:
    async with post() as here:
        await silence(here)
        await decide(here)
        summary = await resend(here, rows(40))
        assert (summary.posts, summary.run) == (1, {"accepted": 1})
        assert here.states() == {State.ACCEPTED: 40}
        last = here.lines("october.results.jsonl")[-1]
        assert (last["copy"], last["wireRef"], last["attempts"]) == (2, f"{last['ref']}~2", 2)
        assert here.box.messages[-1].ref == last["wireRef"]
        assert (await resend(here, rows(40))).posts == 0
        await here.poll()
        assert here.verdicts() == {"joined": 40}


async def test_a_second_silence_is_not_followed_by_a_third_post(post: Opened) -> None:
    async with post() as here:
        await silence(here)
        await decide(here)
        here.box.fail_next("drop_before")
        assert (await resend(here, rows(40))).run == {"unknown": 1}
        for _ in range(5):
            await here.poll()
            here.advance(24.2 * HOUR)
        assert (await decide(here)).reasons == Counter(posted_twice=1)
        assert (await resend(here, rows(40))).posts == 0


async def test_only_the_same_message_is_posted_again(post: Opened) -> None:
    async with post() as here:
        await silence(here)
        await decide(here)
        changed = [{**row, "name": "other"} for row in rows(40)]
        assert (await resend(here, changed)).posts == 0
        assert (await resend(here, rows(60)[40:])).posts == 0, "whoever is new in the list is not sent by this"
        assert (await resend(here, rows(40) + rows(40))).posts == 1, "and twice in the list is once"


async def test_a_refused_second_post_leaves_the_first_unknown(post: Opened) -> None:
    async with post() as here:
        await silence(here)
        await decide(here)
        here.box.state.refuse = "A306"
        assert (await resend(here, rows(40))).run == {"unknown": 1}
        here.box.state.refuse = None
        assert here.lines("october.results.jsonl")[-1]["reason"] == "resend_refused"


async def test_a_run_that_died_before_the_second_post_may_be_repeated(post: Opened) -> None:
    async with post() as here:
        await silence(here)
        await decide(here)
        here.box.state.refuse = "A320"  # not accepted, and the run stops: the claim is given back
        await resend(here, rows(40))
        here.box.state.refuse = None
        assert here.states()[State.UNKNOWN] == 1
        assert (await resend(here, rows(40))).run == {"accepted": 1}
        assert here.box.stats()["doubles"] == 0


async def test_a_report_of_the_first_post_after_the_second_is_no_double(post: Opened) -> None:
    async with post() as here:
        await silence(here)
        await decide(here)
        await resend(here, rows(40))
        ref = here.lines("october.results.jsonl")[-1]["ref"]
        first = raw_report(here.box._clock() - 90 * HOUR, msgKey="of-the-first", ref=ref)
        here.box.state.reports.push(first)
        await here.poll()
        assert here.ask("SELECT verdict, reason FROM report WHERE msg_key = 'of-the-first'") == [
            ("joined", "other_copy")
        ]


async def test_unknowns_may_be_posted_again_by_the_next_run(post: Opened) -> None:
    async with post() as here:
        here.box.fail_next("drop_before", 2)
        await here.send("october", rows(10))
        async with here.omni() as omni:
            out = here.folder / "october.results.jsonl"
            young = Options(out=out, resend_after=HOUR)
            async with omni.campaign("october", Template("hi {name}", from_=FROM), options=young) as campaign:
                assert (await campaign.run(rows(10), max_unknown_rate=1.0)).posts == 0
        here.advance(2 * HOUR)
        async with here.omni() as omni:
            options = Options(out=out, resend_after=HOUR)
            async with omni.campaign("october", Template("hi {name}", from_=FROM), options=options) as campaign:
                assert any("2 unknown messages" in note for note in campaign.notes)
                summary = await campaign.run(rows(10), max_unknown_rate=1.0)
        assert (summary.posts, summary.run) == (2, {"accepted": 2})
        assert here.states() == {State.ACCEPTED: 10}


# ── single sends ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_code_that_is_worthless_in_an_hour_is_posted_once_more(post: Opened) -> None:
    async with post() as here:
        here.box.fail_next("drop_after")
        async with here.omni() as omni:
            sent = ("+821012345678", "Your code is 1")
            result = await omni.send(*sent, ref="login-1", unknown="resend")
            assert (result.status, result.copy, result.wire_ref) == ("accepted", 2, "login-1~2")
            assert [message.ref for message in here.box.messages] == ["login-1", "login-1~2"]
            assert (await omni.send(*sent, ref="login-1", unknown="resend")).replayed
            here.box.fail_next("drop_before", 2)
            result = await omni.send(*sent, ref="login-2", unknown="resend")
            assert (result.status, result.copy) == ("unknown", 2)
            again = await omni.send(*sent, ref="login-2", unknown="resend")
            assert (again.status, again.replayed) == ("unknown", True)
            here.box.fail_next("drop_before")
            assert (await omni.send(*sent, ref="login-3")).copy == 1
            both = await asyncio.gather(*(omni.send(*sent, ref="login-3", unknown="resend") for _ in range(3)))
            assert {one.status for one in both} == {"accepted"}
        refs = Counter(message.ref for message in here.box.messages)
        assert max(refs.values()) == 1


# ── by hand ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_the_console_says_settles(post: Opened) -> None:
    async with post() as here:
        here.box.fail_next("drop_before", 3)
        await here.send("october", rows(3, prefix="r-"))
        said = [Said("r-0", accepted=True, msg_key="k-0"), Said("r-1", accepted=False), Said("nobody", accepted=True)]
        doubt = await decide(here, said=said)
        assert (doubt.by_hand, doubt.still_unknown) == (2, 1)
        assert here.states() == {State.ACCEPTED: 1, State.FAILED: 1, State.UNKNOWN: 1}
        assert here.ask("SELECT msg_key FROM message WHERE state = 2") == [("k-0",)]
        summary = await here.send("october", rows(3, prefix="r-"))
        assert summary.posts == 1, "what was never sent is sent by the next run"


def said(tmp_path: Path, text: str) -> list[Said]:
    path = tmp_path / "console.csv"
    path.write_text(text, encoding="utf-8")
    return list(read_said(path))


def test_a_console_in_english_and_korean(tmp_path: Path) -> None:
    assert said(tmp_path, "Ref,Message Key,Status\nr-1,k-1,\nr-2,,accepted\nr-3,,unsent\n\nr-4,k-4,failed\n") == [
        Said("r-1", accepted=True, msg_key="k-1"), Said("r-2", accepted=True), Said("r-3", accepted=False),
        Said("r-4", accepted=True, msg_key="k-4"),
    ]  # fmt: skip
    assert said(tmp_path, "참조,상태\nr-1,성공\nr-2,미발송\n") == [
        Said("r-1", accepted=True), Said("r-2", accepted=False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("number,status\n1,accepted\n", "needs a column ref"),
        ("ref\nr-1\n", "needs a column ref"),
        ("", "needs a column ref"),
        ("ref,status\nr-1,failed\n", "row 2 .* does not say"),
        ("ref,status\n,accepted\n", "row 2 .* has no ref"),
        ("ref,msgKey,status\nr-1,k-1,unsent\n", "row 2 .* does not say"),
    ],
)
def test_a_console_that_says_nothing_clear(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        said(tmp_path, text)

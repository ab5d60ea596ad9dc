"""Running the same command again is resuming: whatever happened to the list meanwhile, nobody gets a second message."""

import os
from pathlib import Path

import pytest

from omni_bulk import OutputError, Refused, read_recipients, read_results

from .kit import Bench, final, lines, number, people, seqs_are_gapless, write_csv

OUT = Path("october.results.jsonl")


async def test_a_second_run_posts_nothing_and_replays_every_result(bench: Bench) -> None:
    first = await bench.send(people(1, 2, 3))
    before = OUT.read_bytes()
    again = await bench.send(people(1, 2, 3))
    assert again.outcomes == {"+accepted": 3}
    assert [one.msg_key for one in again.results] == [
        next(was.msg_key for was in first.results if was.ref == one.ref) for one in again.results
    ]
    assert bench.posts == 3
    assert OUT.read_bytes() == before


async def test_a_complete_campaign_says_since_when(bench: Bench) -> None:
    first = await bench.send(people(1))
    assert first.completed is None
    second = await bench.send(people(1))
    assert second.completed is not None
    third = await bench.send(people(1))
    assert third.completed == second.completed
    assert (third.summary.posts, third.summary.exit_code, third.summary.complete) == (0, 0, True)
    assert dict(third.summary.run) == {}
    assert dict(third.summary.campaign) == {"accepted": 1}


async def test_new_rows_get_theirs_and_the_summary_tells_run_from_campaign(bench: Bench) -> None:
    await bench.send(people(1, 2))
    more = await bench.send(people(1, 2, 3))
    assert more.outcomes == {"+accepted": 2, "accepted": 1}
    assert dict(more.summary.run) == {"accepted": 1}
    assert dict(more.summary.campaign) == {"accepted": 3}
    assert more.summary.already_handled == 2
    assert bench.texts == {number(index): [f"Hello n{index}"] for index in (1, 2, 3)}


@pytest.mark.parametrize(
    ("again", "posts"),
    [
        pytest.param(people(3, 1, 2), 3, id="reordered"),
        pytest.param(people(2), 3, id="shortened"),
        pytest.param([*people(9), *people(3, 2, 1)], 4, id="reordered, and one before the others"),
    ],
)
async def test_a_list_may_be_changed_between_runs(bench: Bench, again: list[dict[str, str]], posts: int) -> None:
    await bench.send(people(1, 2, 3))
    sent = await bench.send(again)
    assert len(sent.results) == len(again) == sent.summary.recipients
    assert sent.summary.exit_code == 0
    assert bench.posts == posts
    assert bench.nobody_got_two()


async def test_from_another_folder_the_ledger_still_knows_and_the_results_are_written_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.send(people(1, 2))
    before = OUT.read_bytes()
    elsewhere = Path("elsewhere")
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    again = await bench.send(people(1, 2))
    assert again.outcomes == {"+accepted": 2}
    assert bench.posts == 2
    assert OUT.read_bytes() == before


async def test_a_corrected_number_is_sent_once_and_only_the_present_list_counts(bench: Bench) -> None:
    broken = {"to": "8.2101E+11", "name": "n2"}
    first = await bench.send([*people(1), broken])
    assert first.summary.exit_code == 1
    assert dict(first.summary.campaign) == {"accepted": 1, "invalid": 1}
    repaired = await bench.send(people(1, 2))
    assert dict(repaired.summary.campaign) == {"accepted": 2}
    assert repaired.summary.exit_code == 0
    assert (await bench.send(people(1, 2))).summary.posts == 0
    assert bench.texts == {number(1): ["Hello n1"], number(2): ["Hello n2"]}


async def test_what_was_not_sent_is_judged_anew_and_has_a_new_line_only_when_its_reason_changed(bench: Bench) -> None:
    bad = {"to": "12", "name": ""}
    await bench.send([bad])
    await bench.send([bad])
    assert [line["reason"] for line in lines(OUT)] == [read_results(OUT).by_ref[lines(OUT)[0]["ref"]].reason]
    await bench.send([{"to": number(1), "name": ""}])
    missing = await bench.send([{"to": number(1), "name": ""}])
    assert missing.outcomes == {"+invalid:missing_field": 1}
    assert len(lines(OUT)) == 2
    named = await bench.send(people(1))
    assert named.outcomes == {"accepted": 1}
    assert final(OUT)["accepted"] == 1
    assert seqs_are_gapless(OUT)


async def test_the_limit_leaves_the_rest_without_a_line_for_the_next_run(bench: Bench) -> None:
    first = await bench.send(people(1, 2, 3), limit=2)
    assert (len(first.results), first.summary.exit_code, first.summary.stop_reason) == (2, 6, "limit")
    assert len(lines(OUT)) == 2
    rest = await bench.send(people(1, 2, 3))
    assert rest.outcomes == {"+accepted": 2, "accepted": 1}
    assert bench.nobody_got_two()


# ── the results file ──────────────────────────────────────────────────────────────────────────────────────────────


def delete(path: Path) -> None:
    path.unlink()


def shorten(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))


def lose_the_middle(path: Path) -> None:
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([whole[0], *whole[2:]]))


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-17])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [delete, shorten, lose_the_middle, tear, empty])
async def test_a_damaged_results_file_is_restored_byte_for_byte(bench: Bench, damage: object) -> None:
    await bench.send(people(1, 2, 3, 4))
    before = OUT.read_bytes()
    assert callable(damage)
    damage(OUT)
    await bench.send(people(1, 2, 3, 4))
    assert OUT.read_bytes() == before
    assert OUT.stat().st_mode & 0o777 == 0o600
    assert bench.posts == 4


async def test_a_results_file_of_another_campaign_is_never_written_to(bench: Bench) -> None:
    await bench.send(people(1), name="september", out="mine.jsonl")
    before = Path("mine.jsonl").read_bytes()
    with pytest.raises(OutputError, match="september"):
        await bench.send(people(1), name="october", out="mine.jsonl")
    assert Path("mine.jsonl").read_bytes() == before
    assert bench.posts == 1


async def test_a_file_that_is_no_results_file_is_never_written_to(bench: Bench) -> None:
    OUT.write_text("my notes\n")
    with pytest.raises(OutputError, match="not a results file"):
        await bench.send(people(1))
    assert OUT.read_text() == "my notes\n"
    assert bench.posts == 0


# ── a lost ledger ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_without_its_ledger_a_campaign_is_refused_until_its_results_are_adopted(bench: Bench) -> None:
    first = await bench.send(people(1, 2, 3))
    kept = OUT.read_bytes()
    bench.ledger = Path("new.db").absolute()
    with pytest.raises(Refused, match=r"--already .*october\.results\.jsonl"):
        await bench.send(people(1, 2, 3))
    assert bench.posts == 3
    adopted = await bench.send(people(1, 2, 3, 4), already=OUT)
    assert adopted.outcomes == {"+accepted": 3, "accepted": 1}
    assert adopted.id == first.id
    assert bench.nobody_got_two()
    assert OUT.read_bytes().startswith(kept)
    assert seqs_are_gapless(OUT)
    again = await bench.send(people(1, 2, 3, 4), already=OUT)  # a job that leaves the flag in place
    assert again.outcomes == {"+accepted": 4}
    assert bench.posts == 4


async def test_adopting_another_tools_log_sends_to_nobody_in_it(bench: Bench) -> None:
    log = write_csv(Path("log.csv"), [{"phone": number(1)}, {"phone": number(2)}])
    sent = await bench.send(people(1, 2, 3), already=log)
    assert sent.outcomes == {"accepted:already_sent": 2, "accepted": 1}
    assert set(bench.texts) == {number(3)}
    again = await bench.send(people(1, 2, 3))
    assert again.outcomes == {"+accepted:already_sent": 2, "+accepted": 1}


async def test_results_of_another_account_in_the_same_ledger_can_be_adopted(bench: Bench) -> None:
    await bench.send(people(1, 2), account={"origin": "https://one.example"})
    kept = Path("kept.jsonl")
    OUT.rename(kept)
    sent = await bench.send(people(1, 2, 3), account={"origin": "https://two.example"}, already=kept)
    assert sent.outcomes == {"accepted:already_sent": 2, "accepted": 1}
    assert bench.nobody_got_two()


async def test_a_results_file_with_an_id_that_is_none_is_adopted_by_its_lines(bench: Bench) -> None:
    await bench.send(people(1, 2))
    kept = Path("kept.jsonl")
    kept.write_text(OUT.read_text().replace(lines(OUT)[0]["campaignId"], "mine"))
    OUT.unlink()
    bench.ledger = Path("new.db").absolute()
    for _ in range(2):
        sent = await bench.send(people(1, 2, 3), already=kept)
        assert sent.summary.exit_code == 0
    assert bench.nobody_got_two()


async def test_a_list_in_a_file_is_read_from_where_it_is(bench: Bench) -> None:
    path = write_csv(Path("list.csv"), people(1, 2))
    sent = await bench.send(read_recipients(path))
    assert sorted(result.row or 0 for result in sent.results) == [2, 3]
    os.utime(path)
    assert (await bench.send(read_recipients(path), recipients=read_recipients(path))).summary.posts == 0

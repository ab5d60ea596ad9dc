"""Who a recipient is: its ref if the list has one, else its number."""

from pathlib import Path
from typing import Any

import pytest

from omni_bulk import Recipient, Refused, read_recipients

from .kit import Bench, lines, number, people, with_refs, write_csv

OUT = Path("october.results.jsonl")


async def test_the_ref_of_the_list_goes_on_the_wire_and_a_blank_one_is_made_of_the_number(bench: Bench) -> None:
    rows = [{"to": number(1), "name": "a", "ref": "order-1"}, {"to": number(2), "name": "b", "ref": " "}]
    sent = await bench.send(rows)
    refs = {message.to: message.ref or "" for message in bench.sandbox.messages}
    assert refs[number(1)] == "order-1"
    assert refs[number(2)].startswith("ob-")
    assert number(2).strip("+") not in refs[number(2)]
    assert {result.ref for result in sent.results} == set(refs.values())


async def test_one_number_under_two_refs_gets_two_messages_and_no_third(bench: Bench) -> None:
    rows = [{"to": number(1), "name": "a", "ref": "x"}, {"to": number(1), "name": "b", "ref": "y"}]
    for _ in range(2):
        await bench.send(rows)
    assert bench.texts == {number(1): ["Hello a", "Hello b"]}


def listed(rows: list[dict[str, Any]], how: str) -> Any:
    if how == "file":
        return read_recipients(write_csv(Path("list.csv"), rows))
    if how == "recipients":
        return [Recipient(row["to"], ref=row.get("ref"), fields=row) for row in rows]
    if how == "stream":
        return streamed(rows)
    return rows


async def streamed(rows: list[dict[str, Any]]) -> Any:
    for row in rows:
        yield row


HOWS = ["file", "mappings", "recipients", "stream"]


@pytest.mark.parametrize("how", HOWS)
async def test_a_ref_column_that_vanishes_is_refused(bench: Bench, how: str) -> None:
    await bench.send(listed(with_refs(people(1, 2)), how))
    with pytest.raises(Refused, match="no longer has"):
        await bench.send(listed(people(1, 2, 3), how))
    assert bench.posts == 2


@pytest.mark.parametrize("how", HOWS)
async def test_a_ref_column_that_appears_is_refused(bench: Bench, how: str) -> None:
    await bench.send(listed(people(1, 2), how))
    with pytest.raises(Refused, match="now has a ref column"):
        await bench.send(listed(with_refs(people(1, 2, 3)), how))
    assert bench.posts == 2


async def test_the_kind_of_a_known_list_is_refused_at_the_opening(bench: Bench) -> None:
    await bench.send(people(1))
    source = read_recipients(write_csv(Path("list.csv"), with_refs(people(1))))
    async with bench.omni() as omni:
        with pytest.raises(Refused, match="ref column"):
            async with omni.campaign("october", None, recipients=source, changed_text=True):
                pass


async def test_a_ref_that_appears_half_way_is_refused_before_its_block_is_sent(bench: Bench) -> None:
    rows = [*people(*range(60)), *with_refs(people(60))]
    with pytest.raises(Refused, match="ref column"):
        await bench.send(rows)
    assert number(60) not in bench.texts


async def test_a_campaign_that_reached_nobody_may_change_its_kind(bench: Bench) -> None:
    await bench.send([{"to": "12", "name": "n"}])
    assert (await bench.send(with_refs(people(1)))).outcomes == {"accepted": 1}
    assert (await bench.send(with_refs(people(1)))).outcomes == {"+accepted": 1}


async def test_an_empty_list_is_a_campaign_of_nobody_and_fixes_nothing(bench: Bench) -> None:
    empty = await bench.send([])
    assert (empty.results, empty.summary.exit_code, empty.summary.complete) == ([], 0, True)
    assert (await bench.send(with_refs(people(1)))).outcomes == {"accepted": 1}


async def test_an_empty_list_does_not_forget_the_kind(bench: Bench) -> None:
    await bench.send(with_refs(people(1)))
    await bench.send([])
    with pytest.raises(Refused, match="no longer has"):
        await bench.send(people(1))


@pytest.mark.parametrize(
    ("rows", "outcomes"),
    [
        pytest.param(people(1, 1), {"accepted": 1, "skipped:duplicate": 1}, id="the same number again"),
        pytest.param(
            [*people(1), {"to": number(1), "name": "other"}],
            {"accepted": 1, "invalid:number_repeated": 1},
            id="a number with another text",
        ),
        pytest.param(
            with_refs(people(1, 1)), {"accepted": 1, "skipped:duplicate": 1}, id="the same ref and number again"
        ),
        pytest.param(
            [*with_refs(people(1)), {"to": number(2), "name": "n1", "ref": "r-n1"}],
            {"accepted": 1, "invalid:ref_conflict": 1},
            id="a ref with another number",
        ),
    ],
)
async def test_a_row_that_repeats_another_has_a_line_of_its_own(
    bench: Bench, rows: list[dict[str, Any]], outcomes: dict[str, int]
) -> None:
    sent = await bench.send(rows)
    assert sent.outcomes == outcomes
    told = next(line for line in lines(OUT) if line["status"] != "accepted")
    own = next(line for line in lines(OUT) if line["status"] == "accepted")
    assert (told["ref"], told["duplicateOf"]) == (None, own["ref"])
    repeated = next(result for result in sent.results if result.status != "accepted")
    assert (repeated.ref, repeated.duplicate_of) == (None, own["ref"])
    again = await bench.send(rows)
    assert again.outcomes == {f"+{outcome}": count for outcome, count in outcomes.items()}
    assert len(lines(OUT)) == 2
    assert bench.posts == 1


async def test_a_ref_that_comes_back_with_another_number_in_the_next_run_is_a_conflict(bench: Bench) -> None:
    await bench.send(with_refs(people(*range(200))))
    moved = [*with_refs(people(*range(199))), {"to": number(999), "name": "n199", "ref": "r-n199"}]
    again = await bench.send(moved)
    assert again.outcomes == {"+accepted": 199, "invalid:ref_conflict": 1}
    assert number(999) not in bench.texts


async def test_two_campaigns_are_two_worlds(bench: Bench) -> None:
    await bench.send(people(1))
    other = await bench.send(people(1), name="november")
    assert other.outcomes == {"accepted": 1}
    refs = [message.ref for message in bench.sandbox.messages]
    assert len(set(refs)) == 2

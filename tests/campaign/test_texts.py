"""A text that changed between two runs: nothing is sent twice, nothing is dropped silently."""

from pathlib import Path
from typing import Any

import pytest

from omni_bulk import Refused, read_results

from .kit import Bench, lines, number, people

OUT = Path("october.results.jsonl")


def texts(*indexes: int, text: str = "one") -> list[dict[str, str]]:
    """Rows that bring their own text."""
    return [{"to": number(index), "text": f"{text} {index}"} for index in indexes]


async def test_a_changed_text_in_the_column_is_skipped_loudly(bench: Bench) -> None:
    await bench.send(texts(*range(200)), text=None)
    changed = await bench.send([*texts(*range(198)), *texts(198, 199, text="two"), *texts(200)], text=None)
    assert changed.outcomes == {"+accepted": 198, "skipped:already_sent_other_text": 2, "accepted": 1}
    assert changed.summary.exit_code == 1
    told = [line for line in lines(OUT) if line["reason"] == "already_sent_other_text"]
    before = read_results(OUT).by_ref
    assert [line["ref"] for line in told] == [None, None]
    assert {before[line["duplicateOf"]].to for line in told} == {number(198), number(199)}
    assert bench.nobody_got_two()


async def test_a_changed_text_in_over_one_percent_of_the_list_stops_the_run_before_it_sends(bench: Bench) -> None:
    await bench.send(texts(*range(100)), text=None)
    with pytest.raises(Refused, match=r"2 of 101 .*--changed-text"):
        await bench.send([*texts(*range(98)), *texts(98, 99, text="two"), *texts(100)], text=None)
    assert bench.posts == 100


async def test_texts_of_the_column_changed_on_purpose_are_for_the_rest(bench: Bench) -> None:
    await bench.send(texts(1, 2), text=None)
    changed = await bench.send(texts(1, 2, 3, text="two"), text=None, changed_text=True)
    assert changed.outcomes == {"+accepted": 2, "accepted": 1}
    after = await bench.send(texts(1, 2, 3, text="two"), text=None)
    assert (after.outcomes, after.summary.exit_code) == ({"+accepted": 3}, 0)
    assert bench.texts == {number(1): ["one 1"], number(2): ["one 2"], number(3): ["two 3"]}


CHANGES = [
    pytest.param({"text": "Bye {name}"}, "'Hello {name}' to 'Bye {name}'", id="template"),
    pytest.param({"from_": "0299999999"}, "'0212345678' to '0299999999'", id="from"),
    pytest.param({"text": None}, "'Hello {name}' to a column of the list", id="a column instead"),
]


@pytest.mark.parametrize(("change", "shown"), CHANGES)
async def test_a_changed_campaign_is_refused_with_the_difference(
    bench: Bench, change: dict[str, Any], shown: str
) -> None:
    await bench.send(people(1))
    with pytest.raises(Refused) as refused:
        await bench.send(people(1, 2, text="x"), **change)
    assert shown in str(refused.value)
    assert "--changed-text" in str(refused.value)
    assert "--campaign NEW" in str(refused.value)
    assert bench.posts == 1


@pytest.mark.parametrize(("change", "shown"), CHANGES)
async def test_a_campaign_changed_on_purpose_sends_the_new_one_to_the_rest(
    bench: Bench, change: dict[str, Any], shown: str
) -> None:
    await bench.send(people(1, 2))
    changed = await bench.send(people(1, 2, 3, text="x"), **change, changed_text=True)
    assert changed.outcomes == {"+accepted": 2, "accepted": 1}
    assert changed.summary.exit_code == 0
    after = await bench.send(people(1, 2, 3, 4, text="x"), **change)
    assert (after.outcomes, after.summary.exit_code) == ({"+accepted": 3, "accepted": 1}, 0)
    assert bench.nobody_got_two()


async def test_a_campaign_that_reached_nobody_may_be_changed(bench: Bench) -> None:
    await bench.send([{"to": "12", "name": "n"}])
    assert (await bench.send(people(1), text="Bye")).outcomes == {"accepted": 1}


async def test_a_rejection_binds_until_its_message_changes(bench: Bench) -> None:
    bench.sandbox.state.refuse = "A322"
    rejected = await bench.send(people(1, 2))
    assert rejected.outcomes == {"rejected": 2}
    bench.sandbox.state.refuse = None
    again = await bench.send(people(1, 2))
    assert (again.outcomes, again.summary.exit_code) == ({"+rejected": 2}, 1)
    assert bench.posts == 2
    cured = await bench.send(people(1, 2), text="Dear {name}")
    assert (cured.outcomes, cured.summary.exit_code) == ({"accepted": 2}, 0)
    assert (cured.summary.campaign, len(lines(OUT))) == ({"accepted": 2}, 4)


async def test_an_unknown_binds(bench: Bench) -> None:
    bench.sandbox.fail_next("drop_after")
    first = await bench.send(people(1))
    assert first.summary.exit_code == 3
    again = await bench.send(people(1))
    assert (again.summary.exit_code, again.summary.posts) == (3, 0)
    assert [result.status for result in again.results] == ["unknown"]
    assert bench.posts == 1

"""Resuming a long list: rows that are done are not looked at again, and nothing comes out differently for it."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omni_bulk import InputError, Summary, Template, planning, read_recipients
from omni_bulk import run as run_module
from omni_bulk.feed import Recipients
from omni_bulk.model import Recipient

from .kit import FROM, TEXT, Bench, final, lines, people, seqs_are_gapless, write_csv

OUT = Path("october.results.jsonl")
LIST = Path("list.csv")


class Looked:
    """Which rows were composed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[int] = []
        composed = run_module.composed

        def spy(rows: list[Recipient], *rest: Any) -> Any:
            self.rows += [one.row for one in rows]
            return composed(rows, *rest)

        monkeypatch.setattr(run_module, "composed", spy)

    def taken(self) -> list[int]:
        rows, self.rows = self.rows, []
        return rows


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Looked:
    return Looked(monkeypatch)


async def run(bench: Bench, recipients: Recipients | None = None, *, text: str = TEXT, **given: Any) -> Summary:
    """As the command line does it: nobody wants the results."""
    opening = {name: given.pop(name) for name in ("changed_text",) if name in given}
    async with bench.omni() as omni, omni.campaign("october", Template(text, from_=FROM), **opening) as campaign:
        return await campaign.run(read_recipients(LIST) if recipients is None else recipients, **given)


async def test_a_resumed_run_looks_only_at_what_is_left(bench: Bench, looked: Looked) -> None:
    write_csv(LIST, people(*range(20)))
    first = await run(bench, limit=12)
    looked.taken()
    second = await run(bench)
    assert looked.taken() == list(range(14, 22))
    assert (first.posts, second.posts) == (12, 8)
    assert (second.recipients, second.already_handled) == (20, 12)
    assert dict(second.campaign) == {"accepted": 20}
    assert second.complete
    assert bench.nobody_got_two()
    assert seqs_are_gapless(OUT)


async def test_a_complete_list_is_not_looked_at_at_all(bench: Bench, looked: Looked) -> None:
    write_csv(LIST, people(*range(300)))
    await run(bench)
    looked.taken()
    again = await run(bench)
    assert looked.taken() == []
    assert (again.recipients, again.already_handled, again.posts, again.exit_code) == (300, 300, 0, 0)
    assert again.complete


async def test_what_is_not_accepted_is_looked_at_every_time(bench: Bench, looked: Looked) -> None:
    rows = people(1, 2, 3, 4)
    rows[1]["to"] = "+82"
    write_csv(LIST, rows)
    first = await run(bench)
    ledger = sqlite3.connect(bench.ledger)
    with ledger:
        ledger.execute("UPDATE message SET state = 5 WHERE row = 4")
        ledger.execute("UPDATE message SET state = 4 WHERE row = 5")
    ledger.close()
    looked.taken()
    again = await run(bench)
    assert looked.taken() == [3, 4, 5]
    assert dict(first.campaign) == {"accepted": 3, "invalid": 1}
    assert dict(again.campaign) == {"accepted": 2, "invalid": 1, "unknown": 1}
    assert again.posts == 1, "what failed was proven unsent"


async def test_a_row_that_repeats_one_that_is_done_is_still_a_duplicate(bench: Bench, looked: Looked) -> None:
    write_csv(LIST, [*people(1, 2, 3), *people(1), *people(4, 2)])
    first = await run(bench, limit=2)
    second = await run(bench)
    looked.taken()
    third = await run(bench)
    assert looked.taken() == [5, 7]
    assert dict(second.campaign) == dict(third.campaign) == {"accepted": 4, "skipped": 2}
    assert third.run == {}, "their lines are written already"
    assert final(OUT)["accepted"] == 4
    assert [line["duplicateOf"] is not None for line in lines(OUT) if line["ref"] is None] == [True, True]
    assert first.posts + second.posts + third.posts == 4
    assert bench.nobody_got_two()


async def test_a_row_met_first_in_another_list_is_looked_at(bench: Bench, looked: Looked) -> None:
    """Its row in the ledger is that of the other list, where somebody else stands today."""
    write_csv(LIST, people(1, 2))
    await run(bench)
    write_csv(LIST, people(3, 4, 1, 2))
    await run(bench)
    looked.taken()
    again = await run(bench)
    assert looked.taken() == [4, 5]
    assert (again.recipients, again.posts) == (4, 0)
    assert sorted(bench.texts) == sorted({row["to"] for row in people(1, 2, 3, 4)})


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda: write_csv(LIST, people(1, 2, 3, 4)), id="the list"),
        pytest.param(lambda: read_recipients(LIST, mapping={"name": "other"}), id="what a column is"),
    ],
)
async def test_whatever_changed_all_rows_are_looked_at(bench: Bench, looked: Looked, change: Callable[[], Any]) -> None:
    write_csv(LIST, people(1, 2, 3))
    await run(bench, text="Hello")
    looked.taken()
    changed = change()
    await run(bench, changed if not isinstance(changed, Path) else None, text="Hello")
    assert looked.taken()[:3] == [2, 3, 4]


async def test_with_another_text_everybody_is_looked_at(bench: Bench, looked: Looked) -> None:
    write_csv(LIST, people(1, 2, 3))
    await run(bench)
    looked.taken()
    again = await run(bench, text="Bye {name}", changed_text=True)
    assert looked.taken() == [2, 3, 4]
    assert again.posts == 0


async def test_who_wants_every_result_gets_every_result(bench: Bench, looked: Looked) -> None:
    write_csv(LIST, people(1, 2, 3))
    await run(bench)
    looked.taken()
    sent = await bench.send(read_recipients(LIST))
    assert sent.outcomes == {"+accepted": 3}
    assert looked.taken() == [2, 3, 4]


async def test_a_list_that_changes_under_a_resumed_run_is_refused(bench: Bench) -> None:
    """The lines that are passed over would be somebody else's, who would be forgotten."""
    write_csv(LIST, people(1, 2, 3))
    await run(bench, limit=2)

    class Changing(type(read_recipients(LIST))):  # type: ignore[misc]
        def _recipients(self, passed: Any) -> Any:
            yield from super()._recipients(passed)
            write_csv(LIST, people(5, 6, 3))

    with pytest.raises(InputError, match="changed while it was read"):
        await run(bench, Changing(LIST))
    await run(bench)
    assert sorted(bench.texts) == sorted({row["to"] for row in people(1, 2, 3, 5, 6)})
    assert bench.nobody_got_two()


async def test_the_plan_of_a_resumed_list_says_the_same_without_looking_at_what_is_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [*people(*range(12)), *people(1, 14, 14)]
    rows[13]["to"] = "+82"
    write_csv(LIST, rows)
    await run(bench, limit=9)
    looked: list[int] = []
    composed = run_module.composed

    def spy(rows: list[Recipient], *rest: Any) -> Any:
        looked.extend(one.row for one in rows)
        return composed(rows, *rest)

    async with bench.omni() as omni, omni.campaign("october", Template(TEXT, from_=FROM)) as campaign:
        whole = campaign.plan(read_recipients(LIST, delimiter=","))  # read in another way, so all of it
        monkeypatch.setattr(planning, "composed", spy)
        plan = campaign.plan(read_recipients(LIST))
    assert looked == list(range(11, 17))
    for counted in ("read", "ready", "handled", "states", "run", "reasons", "countries", "segments", "whole"):
        assert getattr(plan, counted) == getattr(whole, counted), counted
    assert (plan.ready, plan.handled, plan.states) == (4, 11, {"accepted": 9, "skipped": 1, "invalid": 1})


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.csv", 'to,name\n+821,"a\nb"\n\n+822,c\n"+823","d"\n+824,e\n', [2, 5, 6, 7]),
        ("a.jsonl", '{"to":"+821"}\n\nnonsense\n{"to":"+822","ref":"r"}\n', [1, 3, 4]),
    ],
)
def test_a_source_passes_over_rows_however_they_are_written(name: str, content: str, rows: list[int]) -> None:
    Path(name).write_text(content, encoding="utf-8")
    source = read_recipients(name)
    whole = list(source)
    assert [one.row for one in whole] == rows
    for passed in ([], rows[:1], rows[1:3], rows):
        left = list(source.rows_but(frozenset(passed), source.digest()))
        assert left == [one for one in whole if one.row not in passed]

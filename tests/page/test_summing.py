"""What the database sums up is what counting the recipients of an export one by one gives."""

import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from omni_bulk.cli.desk import report_codes
from omni_bulk.cost import Prices
from omni_bulk.delivery import Delivery
from omni_bulk.export import rows as export_rows
from omni_bulk.figures import DELAYS, Figures, Need, quantile
from omni_bulk.ledger import reading
from omni_bulk.ledger.summing import LISTED, figures_of
from omni_bulk.masking import numberless
from omni_bulk.page import page
from omni_bulk.results import epoch_ms
from omni_bulk.spans import Span
from omni_bulk.testing import Sandbox
from tests.page.made import setting
from tests.reports.kit import Post, raw_report

NUMBERS = ("+8210{:08}", "+8190{:08}", "+8491{:07}")
PRICES = Prices("KRW", {"KR": Decimal(9), "JP": Decimal("62.5"), "VN": Decimal(41)}, {"8210000": Decimal(5)})


@pytest.fixture
def post(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Post]]:
    @asynccontextmanager
    async def opened(**knobs: Any) -> AsyncIterator[Post]:
        async with Sandbox(**{"tps": None, "seed": 7, **knobs}) as box:
            yield Post(box, tmp_path)

    return opened


def people(count: int) -> list[dict[str, str]]:
    made = [{"to": NUMBERS[n % 3].format(1_000_000 + n * 97 % 9_000_000), "name": f"n{n}"} for n in range(count)]
    made[5]["to"] = "8.21E+11"
    made[6]["name"] = ""
    return [*made, made[0], made[1]]


def summed(post: Post, *names: str, span: Span = Span(), prices: Prices | None = None) -> tuple[Figures, list[Any]]:  # noqa: B008
    """The figures, and the rows of an export of the same."""
    with post.reading() as db:
        chosen = [reading.campaigns_named(db, name)[0] for name in names]
        figures = figures_of(db, chosen, report_codes(), span, prices, 0)
        return figures, list(export_rows(db, chosen, report_codes(), span))


def compare(figures: Figures, rows: list[Any]) -> None:
    accepted = [row for row in rows if row["status"] == "accepted"]
    assert figures.recipients == len(rows)
    assert {state: number for state, number in figures.states.items() if state != "presumedUnsent"} == Counter(
        row["status"] for row in rows
    )
    assert figures.deliveries == Counter(Delivery(row["delivery"]) for row in accepted)
    assert figures.codes == Counter(row["code"] for row in rows if row["code"] is not None)
    codes = Counter(row["dlrReportCode"] or row["reportCode"] for row in accepted if row["reportTime"])
    assert Counter({code: number for (code, _), number in figures.report_codes.items()}) == codes
    posted = [row for row in rows if row["status"] in {"accepted", "rejected", "unknown"}]
    assert Counter({code: one.posted for code, one in figures.countries.items()}) == Counter(
        row["country"] for row in posted
    )
    assert sum(figures.pace.buckets.values()) == len(posted)
    answered = sorted(row["latencyMs"] for row in posted if row["code"] is not None)
    assert sum(figures.latencies.values()) == len(answered)
    assert quantile(dict(figures.latencies), 0.5) == answered[(len(answered) - 1) // 2]
    billed = sum(row["billedSegments"] or 0 for row in accepted)
    assert sum(one.billed for one in figures.countries.values()) == billed
    assert sum(one.estimated for one in figures.countries.values()) == sum(
        row["segments"] for row in accepted if row["billedSegments"]
    )
    assert sum(figures.relayed.values()) == sum(row["reportTime"] is not None for row in accepted)
    late = [epoch_ms(row["dlrReportTime"]) for row in accepted if row["delivery"] == "delivered"]
    assert sum(figures.arrived.values()) == len(late)


async def test_the_sums_are_those_of_the_export(post: Callable[..., AbstractAsyncContextManager[Post]]) -> None:
    async with post(dlr=True, faults={"drop_after": 0.1, "a999": 0.05}) as account:
        await account.send("october", people(240))
        account.advance(4_000)
        await account.poll()
        await account.send("november", people(90))
        for names in (("october",), ("october", "november")):
            compare(*summed(account, *names))
        figures, rows = summed(account, "october", prices=PRICES)
        claimed = dict(account.ask("SELECT ref, claimed_at FROM message"))
        for name, counts in (("reportTime", figures.relayed), ("dlrReportTime", figures.arrived)):
            came = [(epoch_ms(row[name]) or 0) - claimed[row["ref"]] for row in rows if row.get(name)]
            assert counts == Counter(next(end for end in DELAYS if late <= end * 1_000) for late in came)
        paid = [row for row in rows if row["status"] in {"accepted", "unknown"}]
        cost = sum(((PRICES.of(row["country"], row["to"]) or Decimal()) * row["segments"] for row in paid), Decimal())
        assert sum((one.cost or Decimal() for one in figures.countries.values()), Decimal()) == cost
        assert figures.currency == "KRW"
        first = min(row["sentAt"] for row in rows if row["sentAt"])
        assert figures.first is not None and abs(figures.first - (epoch_ms(first) or 0)) < 60_000
        later = Span((figures.last or 0) + 1_000, None)
        figures, rows = summed(account, "october", "november", span=later)
        assert 0 < figures.recipients < 330
        compare(figures, rows)


async def test_reports_that_differ_are_told_by_themselves(
    post: Callable[..., AbstractAsyncContextManager[Post]],
) -> None:
    async with post(webhook="http://127.0.0.1:9/") as account:
        await account.send("october", people(30))
        keys = [key for key, _ in account.ask("SELECT msg_key, id FROM message WHERE state = 2 ORDER BY id")]
        account.advance(60)
        raw = []
        for place, key in enumerate(keys[:12]):
            made: list[dict[str, str]] = [{"reportCode": "10000"}]
            if place % 3 == 1:
                made.append({"reportCode": "23001", "reportText": "absent"})
            if place % 3 == 2:
                made += [{"reportCode": "22000"}, {"reportCode": "10000", "resCnt": "3"}]
            raw += [{"msgKey": key, **fields} for fields in made]
        refs = account.ask("SELECT ref FROM message WHERE state = 2 ORDER BY id LIMIT 2 OFFSET 12")
        raw += [{"msgKey": f"another-{ref}", "ref": ref} for (ref,) in refs]
        await receive(account, raw)
        figures, rows = summed(account, "october")
        compare(figures, rows)
        assert figures.needs[Need.DOUBLE] == {"october": 2}
        assert [case.ref for case in figures.cases if case.need is Need.DOUBLE] == [ref for (ref,) in refs]
        assert figures.deliveries[Delivery.UNDELIVERED] == 4
        cases = [case for case in figures.cases if case.need is Need.UNDELIVERED]
        assert [(case.code, case.text) for case in cases] == [("23001", "absent")] * 4
        nobody = summed(account, "october", span=Span(0, 1))[0]
        assert (nobody.recipients, nobody.cases, nobody.needs) == (0, [], {})


async def receive(account: Post, raw: list[dict[str, str]]) -> None:
    async with account.collector() as collector:
        at = account.box._clock()
        await collector.take_all(
            raw_report(at + number, **{"ref": None, **fields}) for number, fields in enumerate(raw)
        )


async def test_what_is_open_is_told_apart(post: Callable[..., AbstractAsyncContextManager[Post]]) -> None:
    async with post(faults={"drop_after": 1.0}) as account:
        await account.send("october", people(20))
    with closing(sqlite3.connect(account.ledger)) as db, db:
        ids = [one for (one,) in db.execute("SELECT id FROM message WHERE state = 5 ORDER BY id")]
        db.execute("UPDATE message SET state = 0, reason = NULL WHERE id = ?", ids[:1])
        db.execute("UPDATE message SET state = 1, reason = NULL WHERE id IN (?, ?)", ids[1:3])
        db.execute("UPDATE message SET presumed_at = 5 WHERE id IN (?, ?, ?)", ids[3:6])
    figures, rows = summed(account, "october")
    open_ = {"ready": 1, "inDoubt": 2, "presumedUnsent": 3, "unknown": len(ids) - 6}
    assert {state: figures.states[state] for state in open_} == open_
    named = Counter(case.need for case in figures.cases)
    assert {need: named[need] for need in (Need.IN_DOUBT, Need.PRESUMED, Need.UNKNOWN, Need.READY)} == {
        Need.IN_DOUBT: 2, Need.PRESUMED: 3, Need.UNKNOWN: len(ids) - 6, Need.READY: 0,
    }  # fmt: skip
    assert sum(one.segments for one in figures.countries.values()) == len(ids) - 4
    assert len(rows) == figures.recipients


async def test_at_most_so_many_are_named_and_no_number_is(
    post: Callable[..., AbstractAsyncContextManager[Post]],
) -> None:
    async with post(faults={"drop_after": 0.5}) as account:
        everybody = [{**row, "ref": row["to"].removeprefix("+82") or "x"} for row in people(700)]
        everybody += [{"to": f"+8210{n}", "name": "bad", "ref": f"010-9999-{n:04}"} for n in range(20)]
        await account.send("october", everybody)
        figures, rows = summed(account, "october")
        assert len(figures.cases) == LISTED
        needs = Counter(case.need for case in figures.cases)
        assert needs[Need.INVALID] >= 20 and needs[Need.UNKNOWN] >= 100
        html = page(figures, setting())
        for row in rows:
            if row["to"]:
                assert row["to"] not in html
                assert row["to"][-8:] not in re.sub(r"\D", "", " ".join(case.ref or "" for case in figures.cases))
        shown = [case for case in figures.cases if case.to]
        assert all(re.fullmatch(r"\+\d{1,3}\*+\d\d|[*+xE.\d]+", case.to) for case in shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no such number: +82 10-1234-5678!", "no such number: (masked)!"), ("01012345678", "(masked)"),
        ("code 23001 at 10:15", "code 23001 at 10:15"), ("2026-11-26", "(masked)"), ("", ""), (None, None),
    ],
)  # fmt: skip
def test_texts_of_others_show_no_number(text: str | None, shown: str | None) -> None:
    assert numberless(text) == shown

"""What is exposed, and that it is what happened; the sample's rules against the names that are really there."""

import asyncio
import sqlite3
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from omni_bulk import Result, Status, Template
from omni_bulk.campaign import Campaign
from omni_bulk.cli import watching
from omni_bulk.cli.order import address_of
from omni_bulk.cli.watching import Watching
from omni_bulk.errors import OutputError, SettingsError
from omni_bulk.metrics import CODES_MAX, Meter
from omni_bulk.omni import Omni
from tests.campaign.kit import FROM, TEXT, Bench, bench, people

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]
FILE = Path("omni.prom")


def series(text: bytes) -> Series:
    """Every sample by its name and labels, the campaign's left out."""
    return {
        (sample.name, tuple(sorted((key, value) for key, value in sample.labels.items() if key != "campaign"))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }  # fmt: skip


@pytest.fixture
async def desk() -> AsyncIterator[Bench]:
    async with bench() as desk:
        yield desk


def watch(omni: Omni, campaign: Campaign, **what: Any) -> Watching:
    return Watching(omni, campaign, **{"heartbeat": None, "metrics_file": None, "metrics": None, **what})


async def test_a_run_is_counted_as_it_happened(desk: Bench) -> None:
    desk.sandbox.fail_next("a020_200", 2)
    desk.sandbox.fail_next("a999")
    rows = [*people(*range(30)), {"to": "nonsense", "name": "x"}]
    async with (
        desk.omni() as omni,
        omni.campaign("night", Template(TEXT, from_=FROM), per="day") as campaign,
        watch(omni, campaign, metrics_file=FILE) as watching,
    ):
        assert series(FILE.read_bytes())["omni_bulk_running", ()] == 1
        await campaign.run(rows)
        watching.exit_code = 3
    found = series(FILE.read_bytes())
    results = {labels: value for (name, labels), value in found.items() if name == "omni_bulk_results_total"}
    assert results == {
        (("code", "A000"), ("country", "KR"), ("status", "accepted")): 29,
        (("code", "A999"), ("country", "KR"), ("status", "unknown")): 1,
        (("code", ""), ("country", ""), ("status", "invalid")): 1,
    }
    assert found["omni_bulk_posts_total", (("kind", "throttled"),)] == 2
    assert found["omni_bulk_answer_seconds_count", ()] == 32
    assert (found["omni_bulk_exit_code", ()], found["omni_bulk_running", ()], found["omni_bulk_in_doubt", ()]) == (
        3,
        0,
        0,
    )
    assert (found["omni_bulk_ceiling", ()], found["omni_bulk_doubles", ()]) == (2000, 0)
    assert b'campaign="night"' in FILE.read_bytes(), "the period would make a new series each day"
    assert b"8210" not in FILE.read_bytes()
    assert FILE.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in Path().iterdir() if "draft" in path.name] == []


async def test_over_http_it_says_the_same(desk: Bench, unused_tcp_port: int) -> None:
    async with desk.omni() as omni, omni.campaign("october", Template(TEXT, from_=FROM)) as campaign:
        async with watch(omni, campaign, metrics=("127.0.0.1", unused_tcp_port)) as watching:
            url = f"http://127.0.0.1:{unused_tcp_port}/metrics"
            await campaign.run(people(*range(5)))
            seen = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read())
            watching.exit_code = 0
        assert series(seen)["omni_bulk_posts_total", (("kind", "accepted"),)] == 5
        with pytest.raises(OSError):
            await asyncio.to_thread(lambda: urllib.request.urlopen(url))
        async with watch(omni, campaign, metrics=("127.0.0.1", unused_tcp_port)):
            with pytest.raises(SettingsError, match="cannot listen"):
                async with watch(omni, campaign, metrics=("127.0.0.1", unused_tcp_port)):
                    pass


async def test_how_an_error_ended_it_is_shown(desk: Bench) -> None:
    async with desk.omni() as omni, omni.campaign("october", Template(TEXT, from_=FROM)) as campaign:
        for error, code in ((OutputError("x"), 2), (ZeroDivisionError(), 70), (asyncio.CancelledError(), 75)):
            with pytest.raises(type(error)):
                async with watch(omni, campaign, metrics_file=FILE):
                    raise error
            assert series(FILE.read_bytes())["omni_bulk_exit_code", ()] == code


async def test_doubles_and_reports_that_wait_come_from_where_they_are_known(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Told:
        def ask(self) -> tuple[int, int, float | None]:
            return 7, 2, 90_000.0

    async with (
        desk.omni() as omni,
        omni.campaign("october", Template(TEXT, from_=FROM)) as campaign,
        watch(omni, campaign, metrics_file=FILE, known=Told()),
    ):
        found = series(FILE.read_bytes())
    assert found["omni_bulk_in_doubt", ()] == 7
    assert found["omni_bulk_doubles", ()] == 2
    assert found["omni_bulk_oldest_report_age_seconds", ()] == 90_000


async def test_what_the_file_of_reports_knows_is_shown(desk: Bench) -> None:
    async with desk.omni() as omni, omni.campaign("october", Template(TEXT, from_=FROM)) as campaign:
        mine, others = omni.account.id, omni.account.id + 1
        emptied = omni.account.world.now() - 3_600_000
        with closing(sqlite3.connect(desk.ledger.with_name("ledger.reports.db"))) as db:
            db.execute("CREATE TABLE queue (account INTEGER, polled_at INTEGER, emptied_at INTEGER)")
            db.execute("CREATE TABLE report (account INTEGER, message INTEGER, verdict TEXT)")
            db.execute("INSERT INTO queue VALUES (?, ?, ?), (?, 1, 1)", (mine, emptied, emptied, others))
            rows = [(mine, 1, "double"), (mine, 1, "double"), (mine, 2, "joined"), (others, 3, "double")]
            db.executemany("INSERT INTO report VALUES (?, ?, ?)", rows)
            db.commit()
        async with watch(omni, campaign, metrics_file=FILE):
            found = series(FILE.read_bytes())
    assert found["omni_bulk_doubles", ()] == 1
    assert 3_600 <= found["omni_bulk_oldest_report_age_seconds", ()] < 3_700


async def test_a_file_of_something_else_is_never_replaced(desk: Bench) -> None:
    FILE.write_text("to,name\n", encoding="utf-8")
    async with desk.omni() as omni, omni.campaign("october", Template(TEXT, from_=FROM)) as campaign:
        for what in ("metrics_file", "heartbeat"):
            with pytest.raises(OutputError, match="something else"):
                async with watch(omni, campaign, **{what: FILE}):
                    pass
        with pytest.raises(OutputError, match="cannot be written"):
            async with watch(omni, campaign, metrics_file=Path("no/such/folder/m.prom")):
                pass
    assert FILE.read_text(encoding="utf-8") == "to,name\n"


async def test_trouble_on_the_way_is_told_once(
    desk: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.001)
    folder = Path("there")
    folder.mkdir()
    async with (
        desk.omni() as omni,
        omni.campaign("october", Template(TEXT, from_=FROM)) as campaign,
        watch(omni, campaign, metrics_file=folder / "m.prom") as watched,
    ):
        (folder / "m.prom").unlink()
        folder.rmdir()
        await campaign.run(people(*range(5)))
        await watched._tell()
        await watched._tell()
    told = [record for record in caplog.records if record.__dict__.get("event") == "watching_failed"]
    assert len(told) == 1
    assert len(desk.sandbox.messages) == 5


async def test_a_bug_here_ends_no_run(
    desk: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("+821012345678")

    monkeypatch.setattr(watching, "LOOK_EVERY", 0.001)
    async with (
        desk.omni() as omni,
        omni.campaign("october", Template(TEXT, from_=FROM)) as campaign,
        watch(omni, campaign, metrics_file=FILE),
    ):
        monkeypatch.setattr(Watching, "_gauges", broken)
        await campaign.run(people(*range(5)))
    assert caplog.messages.count("watching failed: ZeroDivisionError; sending goes on") == 1
    assert len(desk.sandbox.messages) == 5


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(SettingsError, match=r"pip install 'omni-bulk\[metrics\]'"):
        Meter("x")


def test_labels_stay_few_whatever_the_api_says() -> None:
    meter = Meter("x")
    for number in range(500):
        meter.result(Result(1, "id", "x", Status.REJECTED, code=f"B{number:03}", country="KR"))
    found = [key for key in series(meter.text()) if key[0] == "omni_bulk_results_total"]
    assert len(found) == CODES_MAX + 1


@pytest.mark.parametrize(
    ("given", "address"),
    [(None, None), ("9400", ("127.0.0.1", 9400)), ("0.0.0.0:80", ("0.0.0.0", 80)), ("[::1]:9400", ("::1", 9400))],  # noqa: S104
)
def test_a_port_alone_is_for_this_machine(given: str | None, address: tuple[str, int] | None) -> None:
    assert address_of(given) == address


@pytest.mark.parametrize("given", ["", "host", "host:", "0", "65536", "9400/metrics", "-1"])
def test_what_is_no_port_is_refused(given: str) -> None:
    with pytest.raises(SettingsError, match="--metrics"):
        address_of(given)

"""How fast reports are joined, and in how much memory: python benchmarks/join_reports.py [MESSAGES] [REPORTS] [--shuffled]

Makes a ledger of accepted messages and a file with their reports, imports it, and says the rate and the growth of the
process. The reports lie in the file as they came in, each some seconds after its message; `--shuffled` is the worst that a
file can be, in no order at all.
"""

import argparse
import asyncio
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import orjson

from omni_bulk import Omni, Settings
from omni_bulk.collected import read_collected
from omni_bulk.ledger.schema import open_ledger
from omni_bulk.results import iso

START = 1_760_000_000_000
DELAY = 8_000  # ms from a message to its report, on average


def make_ledger(path: Path, messages: int) -> None:
    db = open_ledger(path)
    db.execute("BEGIN")
    db.execute("INSERT INTO account VALUES (1, 'client', 'https://omni.example')")
    db.execute(
        "INSERT INTO campaign (id, uuid, account, name, seq, created_at) VALUES (1, 'u', 1, 'c', ?, ?)",
        (messages, START),
    )
    db.execute("INSERT INTO run VALUES (1, 1, 1, 'here', ?, NULL, NULL, 0, NULL, NULL)", (START,))
    for number in range(messages):
        db.execute(
            "INSERT INTO message (campaign, identity, ref, state, run, number, country, segments, claimed_at, seq, msg_key) "
            "VALUES (1, ?, ?, 2, 1, ?, 'KR', 1, ?, ?, ?)",
            (random.randbytes(16), f"r-{number}", f"+8210{number:08d}", START + number, number + 1, key(number)),
        )
        db.execute("INSERT INTO line VALUES (1, ?, ?, ?)", (number + 1, number + 1, b"x" * 400))
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def key(number: int) -> str:
    return f"41649f767c45{number:010d}"


def make_reports(path: Path, messages: int, reports: int, *, shuffled: bool) -> None:
    came = [at + (at // messages) * messages + random.expovariate(1 / DELAY) for at in range(reports)]
    order = sorted(range(reports), key=came.__getitem__)
    if shuffled:
        random.shuffle(order)
    with path.open("wb") as file:
        for at in order:
            number = at % messages
            report = {
                "msgKey": key(number), "serviceType": "im", "msgType": "im", "sendTime": iso(START + number),
                "reportTime": iso(START + round(came[at])), "reportType": "0", "reportCode": "10000",
                "reportText": "Success", "carrier": "10001", "resCnt": "1", "ref": f"r-{number}",
            }  # fmt: skip
            file.write(orjson.dumps(report, option=orjson.OPT_APPEND_NEWLINE))


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def main(messages: int, reports: int, *, shuffled: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ledger, file = Path(folder) / "ledger.db", Path(folder) / "reports.jsonl"
        make_ledger(ledger, messages)
        make_reports(file, messages, reports, shuffled=shuffled)
        settings = Settings(ledger=ledger, client_id="client", client_password="-", base_url="https://omni.example")
        async with Omni(settings) as omni, omni.reports() as collector:
            before, started, used = megabytes(), time.monotonic(), time.process_time()
            half = None

            def counted() -> Iterator[object]:
                nonlocal half
                for number, one in enumerate(read_collected(file)):
                    if number == reports // 10:
                        half = megabytes()
                    yield one

            await collector.take_all(counted())
            seconds, used = time.monotonic() - started, time.process_time() - used
        print(
            f"{collector.counts.joined:,} of {reports:,} reports joined in {seconds:.1f} s: {reports / seconds:,.0f} a second ({used:.1f} s of CPU); "
            f"{before:.0f} MiB before, {half:.0f} after a tenth, {megabytes():.0f} at the end"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("messages", type=int, nargs="?", default=1_000_000)
    parser.add_argument("reports", type=int, nargs="?")
    parser.add_argument("--shuffled", action="store_true")
    given = parser.parse_args()
    asyncio.run(main(given.messages, given.reports or given.messages, shuffled=given.shuffled))

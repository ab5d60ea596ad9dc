"""A ledger of five million messages and ten million reports: how long it takes to be asked.

    python benchmarks/big_ledger.py [--messages 5000000] [--directory /tmp] [--keep]

Builds it in a new folder (about 8 GB), asks, prints what each question took, and deletes it. The ledger has one
campaign of a million, one of a million known by ref, and the rest in campaigns of a hundred thousand.
"""

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from omni_bulk.identity import Identities, own_ref
from omni_bulk.joining import key_digest
from omni_bulk.ledger import Admitted, Admitter, book
from omni_bulk.ledger.report_file import open_reports
from omni_bulk.ledger.schema import ledger_key, open_ledger
from omni_bulk.ledger.writer import Transaction
from omni_bulk.model import CampaignRow, Message, Status
from omni_bulk.results import iso

NOW = 1_790_000_000_000
CLIENT, ORIGIN = "sandbox", "https://omni.example"
DIGEST = bytes(8)
LINE = (
    '{"seq":%d,"campaignId":"%s","ref":"%s","msgKey":"%s","status":"accepted","code":"A000","result":"Success",'
    '"reason":null,"to":"%s","from":"0212345678","country":"%s","encoding":"GSM-7","segments":1,"row":%d,'
    '"campaign":"%s","attempts":1,"sentAt":"%s","latencyMs":12}\n'
)
REPORT = (
    '{"msgKey":"%s","ref":"%s","serviceType":"im","msgType":"im","sendTime":"2026-09-21T22:13:20+09:00",'
    '"reportType":"0","reportCode":"%s","reportText":"Success","reportTime":"%s","carrier":"10001","resCnt":"1"}'
)
COUNTRIES = ("KR", "JP", "VN", "US")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--messages", type=int, default=5_000_000)
    asked.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()))
    asked.add_argument("--keep", action="store_true")
    given = asked.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="big-ledger-", dir=given.directory))
    try:
        began = time.monotonic()
        build(folder / "ledger.db", given.messages)
        size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) / 1e9
        print(
            f"{given.messages:,} messages, {2 * given.messages:,} reports: {time.monotonic() - began:.0f} s to build, {size:.1f} GB"
        )
        ask(folder / "ledger.db", given.messages)
    finally:
        if not given.keep:
            shutil.rmtree(folder)


def shares(messages: int) -> Iterator[tuple[str, int, bool]]:
    """Campaigns: name, size, and whether they are known by ref."""
    big = messages // 5
    yield "big", big, False
    yield "refs", big, True
    left, each = messages - 2 * big, max(messages // 50, 1)
    for number in range(0, left, each):
        yield f"small-{number // each}", min(each, left - number), False


def build(path: Path, messages: int) -> None:
    with closing(open_ledger(path)) as db, closing(open_reports(path)) as reports:
        for one in (db, reports):
            one.execute("PRAGMA synchronous = OFF")
            one.execute("PRAGMA cache_size = -1000000")
        tx = Transaction(db)
        account = book.make_account(tx, CLIENT, ORIGIN)
        number = 0
        for name, size, by_ref in shares(messages):
            campaign = book.make_campaign(tx, account, name, NOW + number)
            for start in range(0, size, 50_000):
                rows = range(start, min(size, start + 50_000))
                fill(db, reports, account, campaign, rows, number + start, by_ref=by_ref)
            number += size
            sql = "UPDATE campaign SET seq = ?, completed_at = ?, kind = ? WHERE id = ?"
            db.execute(sql, (size, NOW + number, "ref" if by_ref else "number", campaign.id))
            run = (campaign.id, NOW + number)
            db.execute("INSERT INTO run (campaign, pid, host, started_at, exit_code) VALUES (?, 1, 'here', ?, 0)", run)
        reports.execute("INSERT INTO caught SELECT id, seq FROM ledger.campaign")
        for one in (db, reports):
            one.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def number_of(number: int) -> str:
    return f"+8210{10_000_000 + number}"


def fill(
    db: sqlite3.Connection, reports: sqlite3.Connection, account: int, campaign: CampaignRow, rows: range, first: int,
    *, by_ref: bool,
) -> None:  # fmt: skip
    identities = Identities(ledger_key(db), campaign.uuid)
    messages, lines, said, keys = [], [], [], []
    for row in rows:
        message, to, at = first + row - rows.start + 1, number_of(first + row - rows.start), NOW + 5 * (first + row)
        ref = f"order-{first + row}" if by_ref else None
        identity = identities.of_ref(ref) if ref else identities.of_number(to)
        key, country = f"m{message:020d}", COUNTRIES[row % 4]
        known = ref or own_ref(identity)
        messages.append(
            (message, campaign.id, identity, known, 2, row + 2, to, "0212345678", country, "GSM-7", 1, DIGEST, DIGEST,
             DIGEST, at, row + 1, key)
        )  # fmt: skip
        line = LINE % (row + 1, campaign.uuid, known, key, to, country, row + 2, campaign.name, iso(at))
        lines.append((campaign.id, row + 1, message, line.encode()))
        digest = key_digest(key)
        keys.append((int.from_bytes(digest, "big", signed=True), message))
        for delay, kind in ((1_000, b"relayed!"), (9_000, b"handset!")):
            code = "10000" if row % 50 else "23001"
            raw = (REPORT % (key, known, code, iso(at + delay))).encode()
            said.append(
                (account, digest + kind, key, known, "0", code, "Success", at + delay, at, "im", "im", "10001", 1,
                 "poll", 1, at + delay, message, "joined", raw)
            )  # fmt: skip
    db.execute("BEGIN")
    db.executemany(
        "INSERT INTO message (id, campaign, identity, ref, state, run, row, number, from_, country, encoding, segments, "
        "digest, number_digest, text_digest, claimed_at, seq, msg_key, attempts, code, result) "
        "VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 'A000', 'Success')", messages,
    )  # fmt: skip
    db.executemany("INSERT INTO line VALUES (?, ?, ?, ?)", lines)
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    reports.execute("BEGIN")
    reports.executemany("INSERT INTO key VALUES (?, ?)", keys)
    reports.executemany(
        "INSERT INTO report (account, key, msg_key, ref, type, code, text, at, sent_at, service, msg_type, carrier, "
        "parts, source, proven, received_at, message, verdict, json) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", said,
    )  # fmt: skip
    reports.execute("COMMIT")
    reports.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def ask(path: Path, messages: int) -> None:
    middle = messages // 2
    for what, *arguments in (
        ("start-up alone", "--version"),
        ("explain a number", "explain", number_of(middle)),
        ("explain a number of a campaign with refs", "explain", number_of(messages // 5 + 7)),
        ("explain a ref", "explain", f"order-{messages // 5 + 7}"),
        ("explain a msgKey", "explain", f"m{middle:020d}"),
        ("explain nobody", "explain", "+821099999999"),
        ("status of a million", "status", "big"),
        ("status of a hundred thousand", "status", "small-3"),
        ("status", "status"),
        ("status of a month", "status", "--month", "2026-09"),
        ("export of a million", "export", "big", "--out", str(path.with_name("big.csv"))),
        ("page about a million", "export", "big", "--out", str(path.with_name("big.html"))),
    ):
        timed(what, path, *arguments)
    for what, ledger in (("an empty ledger", path.with_name("empty.db")), ("this one", path)):
        print(f"{'first POST of a new campaign, ' + what:45} {first_post(ledger):8.2f} s")
    with closing(open_ledger(path)) as db:
        print(f"{'sending, per message':45} {hot_path(db) * 1e6:8.1f} µs")


def timed(what: str, path: Path, *arguments: str) -> None:
    ledger = () if arguments == ("--version",) else ("--ledger", str(path))
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "omni_bulk", *arguments, *ledger], capture_output=True, check=False)
    print(f"{what:45} {time.monotonic() - began:8.2f} s, exit {done.returncode}")


def first_post(ledger: Path) -> float:
    """Seconds from the start of a `send` to the moment at which the sandbox has its first message."""
    name = f"first-{time.time_ns()}"
    recipients = ledger.with_name(f"{name}.csv")
    recipients.write_text("to\n+821020000001\n", "utf-8")
    command = [sys.executable, "-m", "omni_bulk"]
    with subprocess.Popen([*command, "sandbox", "--port", "0"], stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            url = served.stdout.readline().split()[4].rstrip(";")  # The sandbox listens on http://…; Ctrl-C ends it.
            began = time.time()
            settings = {"OMNI_BASE_URL": url, "OMNI_CLIENT_ID": CLIENT, "OMNI_CLIENT_PASSWORD": CLIENT}
            asked = ["send", str(recipients), "--text", "hi", "--from", "0212345678", "--yes", "--quiet"]
            files = ["--ledger", str(ledger), "--out", str(ledger.with_name(f"{name}.jsonl"))]
            subprocess.run([*command, *asked, *files], env={**os.environ, **settings}, check=True)
            with urllib.request.urlopen(f"{url}/sandbox/messages") as answer:
                (message,) = json.loads(answer.read())
        finally:
            served.terminate()
    return datetime.fromisoformat(message["time"]).timestamp() - began


def hot_path(db: sqlite3.Connection, count: int = 20_000) -> float:
    """Seconds of admitting, claiming and settling one message, 200 in a commit."""
    campaign = book.make_campaign(Transaction(db), 1, f"next-{time.time_ns()}", NOW)
    identities = Identities(ledger_key(db), campaign.uuid)
    run = book.begin_run(Transaction(db), campaign.id, pid=1, host="here", now=NOW, options="{}", input_digest=None)
    admitter = Admitter(campaign, identities, run)
    made = [Message(number_of(n), "0212345678", f"Hello {n}", "KR", "GSM-7", 1, n + 2) for n in range(count)]
    entries = [identities.entry(one) for one in made]
    began = time.monotonic()
    for start in range(0, count, 200):
        with transaction(db) as tx:
            admitted = admitter.admit(tx, entries[start : start + 200])
        with transaction(db) as tx:
            book.claim(tx, [one.id for one in admitted], NOW)
        with transaction(db) as tx:
            for one in admitted:
                settle(tx, campaign, one)
    return (time.monotonic() - began) / count


def settle(tx: Transaction, campaign: CampaignRow, one: Admitted) -> None:
    draft = book.result_of(one.entry, campaign)
    book.settle(tx, campaign.id, one.id, replace(draft, status=Status.ACCEPTED, msg_key=f"k{one.id}", code="A000"))


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[Transaction]:
    db.execute("BEGIN IMMEDIATE")
    yield Transaction(db)
    db.execute("COMMIT")


if __name__ == "__main__":
    main()

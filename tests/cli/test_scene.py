"""The whole scene: lost answers, another system on the same account, two reports each; and everything comes out right."""

import csv
import json
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from tests.cli import kit
from tests.cli.kit import FROM, Served

COUNT = 1500


def test_everything_is_settled_acked_and_exported() -> None:
    knobs: dict[str, Any] = {"faults": {"drop_after": 0.02}, "dlr": True, "seed": 5, "latency_ms": 0}
    with kit.sandbox(**knobs) as served:
        env = kit.environment(served, OMNI_LEDGER="ledger.db", OMNI_DLR="1")
        kit.write_list(COUNT)
        sending = (
            "send", "list.csv", "--text", "hi {name}", "--from", FROM, "--yes", "--rate", "3000", "--max-unknown-rate", "1",
            "--max-failure-rate", "1",
        )  # fmt: skip
        sent = kit.run(*sending, env=env)
        assert sent.code == 3, sent.err
        unknown = Counter(line["status"] for line in kit.results())["unknown"]
        assert 0 < unknown < COUNT / 10
        theirs = [elsewhere(served, number) for number in range(3)]
        ran = kit.run("reports", "--poll", "--json", env=env)
        assert ran.code == 0, ran.err
        names = ("collected", "joined", "foreign", "duplicates", "settled", "doubles")
        assert {name: ran.json[name] for name in names} == {
            "collected": 2 * COUNT + 6, "joined": 2 * COUNT, "foreign": 6, "duplicates": 0, "settled": unknown,
            "doubles": 0,
        }  # fmt: skip
        left = served.stats()["reports"]
        assert (left["waiting"], left["outstanding"], left["delivered"]) == (0, 0, 2 * COUNT + 6)
        foreign = kit.results("foreign.jsonl")
        assert Counter(line["msgKey"] for line in foreign) == dict.fromkeys(theirs, 2)
        posts = served.stats()["posts"]
        assert kit.run(*sending, env=env).code == 0  # the run that finds everything done
        assert served.stats()["posts"] == posts
        ours = [json.loads(line) for line in served.log.read_bytes().splitlines()]
        keys = {one["ref"]: one["msgKey"] for one in ours if one["msgKey"] not in theirs}
        final = kit.final(kit.results())
        assert Counter(line["status"] for line in final.values()) == {"accepted": COUNT}
        assert {ref: line["msgKey"] for ref, line in final.items()} == keys
        status = kit.run("status", "list", "--json", env=env).json
        assert (status["states"]["unknown"], status["delivery"]["delivered"], status["doubles"]) == (0, COUNT, 0)
        exported(env, keys)


def elsewhere(served: Served, number: int) -> str:
    """Another system's message under the same account; gives its msgKey."""
    headers = {"X-IB-Client-Id": "sandbox", "X-IB-Client-Passwd": "sandbox"}
    token = _ask(urllib.request.Request(f"{served.url}/v1/auth/token", b"", headers))["data"]  # noqa: S310  ours
    body = {"from": FROM, "to": "+821099990000", "text": "theirs", "ref": f"theirs-{number}"}
    headers = {"Authorization": f"{token['schema']} {token['token']}", "Content-Type": "application/json"}
    posted = urllib.request.Request(f"{served.url}/v1/send/international", json.dumps(body).encode(), headers)  # noqa: S310
    return str(_ask(posted)["msgKey"])


def _ask(request: urllib.request.Request) -> dict[str, Any]:
    with urllib.request.urlopen(request, timeout=kit.PATIENCE) as answer:  # noqa: S310  ours
        found: dict[str, Any] = json.loads(answer.read())
    return found


def exported(env: dict[str, str], keys: dict[str, str]) -> None:
    """One row for each recipient with both reports, the same in both formats that people open."""
    from python_calamine import CalamineWorkbook  # noqa: PLC0415

    assert kit.run("export", "list", env=env).code == 0
    assert kit.run("export", "list", "--format", "xlsx", env=env).code == 0
    with Path("list.export.csv").open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    header, *cells = CalamineWorkbook.from_path("list.export.xlsx").get_sheet_by_index(0).to_python()
    book = [dict(zip(header, row, strict=True)) for row in cells]
    assert len(table) == len(book) == COUNT
    for one, other in zip(table, book, strict=True):
        assert one["to"] == f"'{other['to']}"
        assert (one["ref"], one["msgKey"]) == (other["ref"], other["msgKey"]) == (other["ref"], keys[one["ref"]])
        assert (one["delivery"], one["reportCode"], one["dlrReportCode"]) == ("delivered", "10000", "10000")
        assert one["reportTime"] < one["dlrReportTime"]
        assert (other["reportTime"], other["dlrReportTime"]) == (one["reportTime"], one["dlrReportTime"])

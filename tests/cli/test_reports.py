"""`reports`, `resolve` and `send --reports` as their users run them."""

import json
import os
import signal
import socket
import urllib.request
from pathlib import Path

import pytest

from tests.cli import kit
from tests.cli.kit import FROM, Ran, Served

LOST = {"faults": {"drop_after": 0.05}, "dlr": True, "seed": 5}


def send(served: Served, count: int = 100, *more: str) -> Ran:
    kit.write_list(count)
    return kit.run(
        "send",
        "list.csv",
        "--text",
        "hi {name}",
        "--from",
        FROM,
        "--yes",
        "--max-unknown-rate",
        "1",
        *more,
        env=env(served),
    )


def env(served: Served, **more: str) -> dict[str, str]:
    return kit.environment(served, OMNI_LEDGER="ledger.db", **more)


def reports(served: Served, *arguments: str, **more: str) -> Ran:
    return kit.run("reports", *arguments, env=env(served, **more))


def test_polling_settles_what_was_unknown() -> None:
    with kit.sandbox(**LOST) as served:
        sent = send(served)
        assert sent.code == 3
        assert "Delivery reports die from" in sent.err and "omni-bulk reports --poll" in sent.err
        ran = reports(served, "--poll", "--json")
        assert ran.code == 0, ran.err
        assert {name: ran.json[name] for name in ("collected", "joined", "foreign", "duplicates", "batches")} == {
            "collected": 200, "joined": 200, "foreign": 0, "duplicates": 0, "batches": 1,
        }  # fmt: skip
        assert ran.json["settled"] > 0
        assert "turned out accepted" in ran.err
        assert send(served).code == 0
        assert kit.judge(served, 100) == {"accepted": 100}
        assert len(Path("reports.jsonl").read_bytes().splitlines()) == 200
        assert Path("reports.jsonl").stat().st_mode & 0o777 == 0o600
        assert Path("ledger.reports.db").stat().st_mode & 0o777 == 0o600
        assert reports(served, "--poll", "--json").json["collected"] == 0


def test_sending_collects_beside_and_ends_with_the_figures() -> None:
    with kit.sandbox(**LOST) as served:
        ran = send(served, 100, "--reports", "2s", "--summary-json", "summary.json")
        assert ran.code == 0, ran.err
        assert "Delivery: 100 delivered" in ran.err.splitlines()[-1]
        assert json.loads(Path("summary.json").read_bytes())["states"]["unknown"] == 0
        assert kit.judge(served, 100) == {"accepted": 100}


def test_trouble_with_reports_does_not_end_the_sending() -> None:
    with kit.sandbox(webhook="http://127.0.0.1:9/") as served:
        ran = send(served, 3, "--reports", "1s")
        assert ran.code == 0
        assert "A801" in ran.err


def test_following_ends_with_a_signal_and_exit_0() -> None:
    with kit.sandbox(**LOST) as served:
        send(served)
        with kit.started("reports", "--follow", env=env(served)) as child:
            kit.until(lambda: served.stats()["reports"]["delivered"] == 200, child)
            child.send_signal(signal.SIGTERM)
            ran = kit.ended(child)
        assert ran.code == 0, ran.err
        assert "200 new reports" in ran.err


def test_a_second_collector_is_told_who_has_the_queue() -> None:
    with kit.sandbox() as served:
        send(served, 1)
        with kit.started("reports", "--follow", env=env(served)) as child:
            kit.until(lambda: served.stats()["reports"]["delivered"] == 1, child)
            ran = reports(served, "--poll")
            assert ran.code == 4
            assert f"pid {child.pid}" in ran.err


def test_what_another_system_collected_is_joined() -> None:
    with kit.sandbox(**LOST) as served:
        send(served)
        reports(served, "--poll")
        Path("reports.jsonl").rename("elsewhere.jsonl")
        for name in ("ledger.reports.db", "ledger.reports.db-wal", "ledger.reports.db-shm"):
            Path(name).unlink(missing_ok=True)
        ran = reports(served, "--import", "elsewhere.jsonl", "--json", OMNI_CLIENT_ID="", OMNI_CLIENT_PASSWORD="")
        assert (ran.code, ran.json["joined"]) == (0, 200), ran.err
        assert not Path("reports.jsonl").exists()
        lines = Path("elsewhere.jsonl").read_text("utf-8").splitlines()
        Path("array.json").write_text(json.dumps([json.loads(line) for line in lines], indent=1), "utf-8")
        Path("answer.json").write_text(
            json.dumps({"code": "A000", "data": {"report": [json.loads(lines[0])]}}), "utf-8"
        )
        assert reports(served, "--import", "array.json", "--json").json["duplicates"] == 200
        assert reports(served, "--import", "answer.json", "--json").json["duplicates"] == 1
        Path("odd.jsonl").write_text(f'{lines[0]}\n{{"name": "x"}}\n', "utf-8")
        odd = reports(served, "--import", "odd.jsonl")
        assert odd.code == 2
        assert "line 2 of odd.jsonl is no delivery report" in odd.err


def test_an_inquiry_by_name() -> None:
    with kit.sandbox() as served:
        send(served, 3)
        ran = reports(served, "--inquire", "list", "--silent", "0.001", "--inquiries", "100", "--json")
        assert (ran.code, ran.json["inquired"], ran.json["joined"]) == (0, 3, 3), ran.err
        assert reports(served, "--inquire", "nobody").code == 2


def test_a_webhook_takes_reports() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with kit.sandbox() as served:
        send(served, 1)
        arguments = ("reports", "--webhook", f"127.0.0.1:{port}", "--json")
        with kit.started(*arguments, env=env(served), stdout=-1) as child:
            assert child.stderr is not None
            os.read(child.stderr.fileno(), 4_000)
            body = json.dumps({"msgKey": "k-1", "ref": "r", "reportCode": "10000"}).encode()

            def answered() -> bool:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", data=body, timeout=5) as answer:
                        return bool(json.loads(answer.read()) == {"msgKey": "k-1"})
                except OSError:
                    return False

            kit.until(answered, child)
            child.send_signal(signal.SIGINT)
            ran = kit.ended(child)
        assert ran.code == 0, ran.err
        assert ran.json["collected"] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "give one of --poll"),
        (("--poll", "--follow"), "give one of --poll"),
        (("--webhook", "nowhere"), "HOST:PORT"),
        (("--inquire", "list", "--silent", "soon"), "--silent takes a duration"),
        (("--poll", "--ledger", "missing.db"), "there is no ledger"),
        (("--import", "missing.jsonl"), "there is no ledger"),
    ],
)
def test_flags_that_do_not_go_together(arguments: tuple[str, ...], sentence: str) -> None:
    ran = kit.run(
        "reports", *arguments, env=kit.environment(OMNI_CLIENT_ID="a", OMNI_CLIENT_PASSWORD="b", OMNI_LEDGER="no.db")
    )
    assert ran.code == 2
    assert sentence in ran.err


def test_credentials_are_needed_where_the_network_is() -> None:
    ran = kit.run("reports", "--poll", env=kit.environment())
    assert ran.code == 2
    assert "OMNI_CLIENT_ID is not set" in ran.err


def test_resolve_decides_and_says_why() -> None:
    with kit.sandbox(faults={"drop_before": 0.05}, seed=5) as served:
        send(served)
        unknown = kit.run("status", "list", "--json", env=env(served)).json["states"]["unknown"]
        ran = kit.run("resolve", "list", "--json", env=env(served, OMNI_CLIENT_ID="", OMNI_CLIENT_PASSWORD=""))
        assert ran.code == 3
        assert (ran.json["stillUnknown"], ran.json["presumedUnsent"], ran.json["resent"]) == (unknown, 0, 0)
        assert ran.json["reasons"] == {"under_72_hours": unknown}
        assert "72 hours are not over" in ran.err
        (ref, *_) = [line["ref"] for line in kit.results() if line["status"] == "unknown"]
        Path("console.csv").write_text(f"ref,msgKey\n{ref},k-from-the-console\n", "utf-8")
        ran = kit.run("resolve", "list", "--file", "console.csv", "--json", env=env(served))
        assert (ran.json["settledByHand"], ran.json["stillUnknown"]) == (1, unknown - 1)
        assert kit.run("resolve", "nobody", env=env(served)).code == 2
        assert "--resend needs --list" in kit.run("resolve", "list", "--resend", env=env(served)).err


def test_a_second_post_is_made_on_somebodys_word_only() -> None:
    with kit.sandbox(faults={"drop_before": 0.05}, seed=5) as served:
        send(served)
        ran = kit.run(
            "send", "list.csv", "--text", "hi {name}", "--from", FROM, "--yes", "--unknown", "resend:1s",
            "--max-unknown-rate", "1", env=env(served),
        )  # fmt: skip
        assert "posted once more" in ran.err
        assert any(ref.endswith("~2") for ref in served.refs())
        assert served.stats()["doubles"] == 0
        wrong = kit.run("send", "list.csv", "--text", "x", "--from", FROM, "--unknown", "maybe", env=env(served))
        assert (wrong.code, "--unknown is hold" in wrong.err) == (2, True)

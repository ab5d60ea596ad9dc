"""`export --format html` as its users run it."""

import re
import stat
from pathlib import Path

from tests.cli import kit
from tests.cli.kit import FROM, Ran


def sent(name: str = "list.csv") -> None:
    with kit.sandbox() as served:
        kit.write_list(12, name, extra=[["8.21E+11", "broken"]])
        ran = kit.run(
            "send",
            name,
            "--text",
            "hi {name}",
            "--from",
            FROM,
            "--yes",
            env=kit.environment(served, OMNI_LEDGER="ledger.db"),
        )
        assert ran.code == 1, ran.err


def export(*arguments: str, locale: str = "C.UTF-8") -> Ran:
    return kit.run("export", *arguments, env=kit.environment(OMNI_LEDGER="ledger.db", LC_ALL=locale))


def test_a_page_for_a_mail() -> None:
    sent()
    ran = export("list", "--format", "html")
    assert ran.code == 0 and "13 recipients written to" in ran.err, ran.err
    made = Path("list.export.html")
    html = made.read_text("utf-8")
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert html.startswith('<!DOCTYPE html>\n<html lang="en">') and "What needs a decision" in html
    assert not re.search(r"\+8210\d{4}", html) and "01020000" not in re.sub(r"\D", "", html)
    assert "omni-bulk send list.rejects.csv" in html.replace("<span>", "").replace("</span>", "")
    before = made.stat().st_ino
    assert export("list", "--format", "html", "--lang", "ko").code == 0
    assert made.stat().st_ino != before and '<html lang="ko">' in made.read_text("utf-8")


def test_the_name_of_the_file_says_that_it_is_a_page_and_nothing_else_is_lost() -> None:
    sent()
    assert export("list", "--out", "report.HTML").code == 0
    assert Path("report.HTML").read_bytes().startswith(b"<!DOCTYPE html>")
    Path("index.html").write_text("<!DOCTYPE html>\n<html><p>my homepage</p></html>", "utf-8")
    for out in ("list.csv", "list.results.jsonl", "index.html"):
        before = Path(out).read_bytes()
        ran = export("list", "--format", "html", "--out", out)
        assert ran.code == 2 and "is there already and is no export" in ran.err
        assert Path(out).read_bytes() == before
    assert export("list", "--format", "csv", "--out", "report.HTML").code == 0  # a page of ours may be replaced


def test_language_prices_and_stdout() -> None:
    sent()
    korean = export("list", "--format", "html", "--out", "-", locale="ko_KR.UTF-8")
    assert korean.code == 0 and "판단이 필요한 것" in korean.out.decode()
    Path("prices.csv").write_text("country,price,currency\nKR,9.5,KRW\n", "utf-8")
    priced = export("list", "--format", "html", "--out", "-", "--prices", "prices.csv")
    assert re.search(r"<dt>Estimated cost</dt><dd>114</dd>", priced.out.decode())
    for flags, sentence in (
        (("--lang", "fr", "--format", "html"), "--lang is one of en, ko, not 'fr'"),
        (("--format", "pdf"), "--format is one of csv, jsonl, xlsx, html, not 'pdf'"),
    ):
        ran = export("list", *flags)
        assert ran.code == 2 and sentence in ran.err


def test_a_campaign_whose_name_is_hostile_is_only_a_name() -> None:
    campaign = "x<script>alert(1)"
    with kit.sandbox() as served:
        env = kit.environment(served, OMNI_LEDGER="ledger.db")
        kit.write_list(2)
        kit.run(
            "send",
            "list.csv",
            "--text",
            "hi",
            "--from",
            FROM,
            "--yes",
            "--campaign",
            campaign,
            "--out",
            "r.jsonl",
            env=env,
        )
    html = export(campaign, "--format", "html", "--out", "-").out.decode()
    assert "x&lt;script&gt;alert(1)" in html and "<script" not in html

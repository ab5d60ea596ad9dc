"""Texts, rules and numbers by flag: what the plan says is what the results hold, and what cannot be is refused."""

from pathlib import Path

import pytest

from tests.cli.kit import FROM, results, run

LIST = "to,name,lang\n+8613123456789,王,zh\n+821020000000,김,ko\n+82212345678,Office,ko\n+84912345678,Lan,vi\n"
USUAL = ("list.csv", "--from", FROM, "--sandbox")


@pytest.fixture(autouse=True)
def _list() -> None:
    Path("list.csv").write_text(LIST, encoding="utf-8")


def states() -> dict[str, tuple[str, str | None, tuple[str, ...]]]:
    return {
        line["to"]: (line["status"], line["reason"], tuple(line.get("warnings", ())))
        for line in results("list.sandbox.jsonl")
    }


def test_rules_warnings_and_the_signature() -> None:
    ran = run(*USUAL, "--text", "{name}’s order")
    assert ran.code == 0, ran.err
    found = states()
    assert found["+8613123456789"] == ("skipped", "country_rule", ())
    assert found["+82212345678"] == ("accepted", None, ("fixed_line",))
    assert found["+84912345678"] == ("accepted", None, ("sender_registration", "sender_name_only"))
    assert "1 skipped, country_rule (row 2): signature: " in ran.err
    assert "warning: fixed_line, KR 1: a landline" in ran.err
    assert "UCS-2: 3 messages, 3 segments, because of ’ 2, Hangul 1" in ran.err

    ran = run(
        *USUAL, "--text", "{name}’s order", "--signature", "INFO中国", "--gsm7", "--only-mobile",
        "--allow", "VN.sender_registration,sender_name_only",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    found = states()
    assert found["+8613123456789"] == ("accepted", None, ())
    assert found["+82212345678"] == ("skipped", "not_mobile", ())
    assert found["+84912345678"] == ("accepted", None, ("gsm7_replaced",))
    assert '--gsm7 replaced: ’ by "\'" in 1' in ran.err


def test_strict_and_rules_of_ones_own() -> None:
    Path("rules.toml").write_text(
        '[[rule]]\nrule = "no_kr"\ncountries = ["KR"]\nseverity = "warn"\nsay = "not there"\n', encoding="utf-8"
    )
    Path("omni-bulk.toml").write_text('rules = "rules.toml"\nstrict = true\nsignature = "INFO"\n', encoding="utf-8")
    ran = run(*USUAL, "--text", "Hello")
    assert {state[:2] for to, state in states().items() if to != "+8613123456789"} == {("skipped", "country_rule")}
    assert "no_kr: not there" in ran.err
    assert states()["+8613123456789"] == ("accepted", None, ())


def test_texts_by_language() -> None:
    Path("texts.toml").write_text(
        'column = "lang"\n[texts]\nko = "{name}님 주문"\n"zh" = "【INFO】{name}"\ndefault = "Hi {name}"\n',
        encoding="utf-8",
    )
    ran = run(*USUAL, "--texts", "texts.toml")
    assert ran.code == 0, ran.err
    assert {line["to"]: line["encoding"] for line in results("list.sandbox.jsonl")} == {
        "+8613123456789": "UCS-2", "+821020000000": "UCS-2", "+82212345678": "UCS-2", "+84912345678": "GSM-7",
    }  # fmt: skip


def test_a_change_of_one_of_the_texts_is_seen(tmp_path: Path) -> None:
    texts = Path("texts.toml")
    usual = (*USUAL, "--texts", "texts.toml", "--ledger", tmp_path / "kept.db", "--out", tmp_path / "kept.jsonl")
    texts.write_text('[texts]\nKR = "one"\ndefault = "two"\n', encoding="utf-8")
    assert run(*usual).code == 0
    texts.write_text('[texts]\nKR = "one"\nVN = "new"\ndefault = "two"\n', encoding="utf-8")
    ran = run(*usual)
    assert ran.code == 4 and "the template changed" in ran.err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--text", "x", "--texts", "texts.toml"), "leave out --text"),
        (("--texts", "texts.toml"), "--texts chooses by the column 'tongue', which the list does not have"),
        (("--texts", "nowhere.toml"), "cannot be read"),
        (("--text", "x", "--allow", "nothing"), "--allow names no rule 'nothing'"),
        (("--text", "x", "--rules", "texts.toml"), "means nothing here"),
        (("--text", "x", "--purpose", "fun"), "--purpose"),
        (("--text", "x", "--normalize", "nfc"), "--normalize"),
        (("--text", "x", "--signature", "【"), "--signature is the registered name"),
    ],
)
def test_what_is_refused(flags: tuple[str, ...], words: str) -> None:
    Path("texts.toml").write_text('column = "tongue"\n[texts]\ndefault = "x"\n', encoding="utf-8")
    ran = run(*USUAL, *flags)
    assert ran.code == 2 and words in ran.err
    assert not Path("list.sandbox.jsonl").exists()

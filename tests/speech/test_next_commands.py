"""What a user runs into, as a user does: the sentence names the command or the flag that helps, ready to be copied."""

import os
import shlex
from pathlib import Path

import pytest

from tests.cli import kit
from tests.cli.kit import FROM, environment, run, write_list

SEND = ("list.csv", "--text", "Hi {name}", "--from", FROM)
SANDBOX = (*SEND, "--sandbox", "--ledger", "l.db")


@pytest.fixture(autouse=True)
def _list() -> None:
    write_list(3)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("stauts", "october"), 2, "did you mean omni-bulk status october?"),
        (("lists.csv", "--from", FROM), 2, "There is no file lists.csv: did you mean list.csv?"),
        (SEND, 2, "OMNI_CLIENT_ID is not set: set it, or OMNI_CLIENT_ID_FILE to the path of a file; `omni-bulk init` asks"),
        (("check", "list.csv", "--from", FROM, "--text", "{city}"), 2,
         'no column for: it has "to", "name". Say --map COLUMN=city, or write {city|what else} in the template'),
        (("check", "list.csv", "--from", FROM), 2, "give --text, --text-file or --texts, or a text column"),
        (("check", "list.csv", "--text", "x"), 2, "there is no originating number: give --from"),
        (("check", *SEND, "--min-rows", "4"), 5, "is it whole? If it is, give --min-rows 3."),
        (("check", *SEND, "--max-rows", "2"), 5, "is it the right one? If it is, give --max-rows 3."),
        (("check", *SEND, "--max-cost", "9"), 2, "give --prices FILE, or `prices` in the settings file"),
        (("check", *SEND, "--map", "Handy=to"), 2, '--map names a column "Handy" that the list does not have: "to", "name".'),
        (("status", "--ledger", "gone.db"), 2,
         "name one with --ledger FILE, or send something: the first `omni-bulk send` makes it"),
        (("resolve", "list", "--resend"), 2, "--resend needs --list INPUT"),
        (("init",), 2, "on stdin with --stdin, or write the rest with --without-credentials"),
        (("stauts", "--lang", "ko"), 2, "혹시 이 명령인가요? omni-bulk status --lang ko"),
        (("check", "list.csv", "--from", FROM, "--text", "{city}", "--lang=ko"), 2,
         '있는 열: "to", "name". `--map 열이름=city` 옵션을 주거나 문구에 {city|대신할 말}처럼 적으세요'),
        (("check", *SEND, "--min-rows", "4", "--lang", "ko"), 5, "맞다면 다음을 주세요: --min-rows 3"),
        ((*SEND, "--txt", "x"), 2, "No such option: --txt"),
        ((*SEND, "--txt", "x", "--lang", "ko"), 2, "없는 옵션입니다: --txt. 혹시 이것인가요? --text, --texts"),
        (("reports", "--lang", "ko"), 2, "--poll, --follow, --inquire, --import, --webhook 가운데 하나를 주세요"),
        ((*SEND, "--lang", "ko"), 2, "`omni-bulk init`으로도 넣을 수 있습니다"),
    ],
    ids=lambda value: shlex.join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_before_anything_is_sent(arguments: tuple[str, ...], code: int, sentence: str) -> None:
    ran = run(*arguments)
    assert ran.code == code and sentence in ran.err, ran.err


def test_a_campaign_of_another_name() -> None:
    assert run(*SANDBOX, "--campaign", "october sale").code == 0
    for verb in ("status", "export"):
        ran = run(verb, "october sales", "--ledger", "l.db")
        assert ran.code == 2
        assert "see omni-bulk status. Did you mean 'october sale'?" in ran.err


def test_the_commands_at_the_end_find_the_same_ledger() -> None:
    """What stands behind `omni-bulk` in the last lines runs as it is copied."""
    with kit.sandbox() as served:
        env = environment(served)
        ran = run(*SEND, "--ledger", "a ledger.db", env=env)
        assert ran.code == 0
        poll = ran.err.rpartition("omni-bulk ")[2].strip()
        assert shlex.split(poll) == ["reports", "--poll", "--ledger", "a ledger.db"]
        assert run(*shlex.split(poll), env=env).code == 0


def test_bad_credentials_and_unknown_answers() -> None:
    with kit.sandbox(faults={"hang_after": 1.0}) as served:
        wrong = {**environment(served), "OMNI_CLIENT_PASSWORD": "wrong"}
        ran = run(*SEND, "--ledger", "l.db", env=wrong)
        assert ran.code == 5
        assert "`omni-bulk doctor --ledger l.db` checks the credentials and the network. Cure the cause" in ran.err
        ran = run("reports", "--poll", "--ledger", "l.db", env=wrong)
        assert ran.code == 5 and "`omni-bulk doctor --ledger l.db` checks the credentials" in ran.err
        ran = run(*SEND, "--ledger", "l.db", "--timeout", "0.5", "--max-unknown-rate", "1", env=environment(served))
        assert ran.code == 3
        assert "omni-bulk reports --poll --ledger l.db, then omni-bulk status list --ledger l.db" in ran.err
    ran = run("status", "list", "--ledger", "l.db")
    assert "3 unknown: they may have arrived" in ran.out.decode()
    assert "omni-bulk reports --poll settles what reports prove, omni-bulk resolve list decides" in ran.out.decode()


def test_another_run_holds_the_campaign() -> None:
    with kit.sandbox(latency_ms=20_000) as served:
        env = environment(served, OMNI_LEDGER=os.fspath(Path("l.db").absolute()))
        with kit.started(*SEND, "--yes", env=env) as first:
            assert kit.until(lambda: served.log.exists() and served.taken() > 0, first)
            ran = run(*SEND, "--yes", env=env)
            assert ran.code == 4 and "`omni-bulk status --runs` shows what is running" in ran.err
            runs = run("status", "--runs", env=env)
            assert runs.code == 0 and "list: killed, or still running" in runs.out.decode()
            served.stop()  # else its answers are waited for

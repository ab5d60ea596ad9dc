"""The first command of a new user, as typed: on a terminal, in a pipe, over what is there already."""

import os
import re
import stat
import tomllib
from pathlib import Path

import pytest

from tests.cli import kit
from tests.cli.terminal import CTRL_C, CTRL_D, on_terminal
from tests.first.kit import Here

SECRETS = (Path("secrets/client-id"), Path("secrets/client-password"))
LINES = b"the-id\nthe pass word\n"


def test_asked_on_a_terminal_everything_it_names_next_works() -> None:
    with kit.sandbox() as served:
        env = kit.environment(OMNI_BASE_URL=served.url, OMNI_LEDGER="ledger.db")
        with on_terminal("init", env=env) as terminal:
            terminal.wait_for("Client id: ")
            terminal.type("sandbox\n")
            terminal.wait_for("Client password")
            terminal.type("sandbox\n")
            terminal.wait_for("Originating number")
            terminal.type("0212345678\n")
            assert terminal.finish() == 0
        assert "(is not shown): \n" in terminal.plain, "the password was echoed"
        assert max(map(len, terminal.plain.splitlines())) <= 80
        for path in (*SECRETS, Path("omni-bulk.toml"), Path("sample.csv")):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(Path("secrets").stat().st_mode) == 0o700
        assert Path("secrets/.gitignore").read_text(encoding="utf-8") == "*\n"
        steps = re.findall(r"^  omni-bulk (.+)$", terminal.plain, re.MULTILINE)
        assert len(steps) == 3
        for step in steps:
            ran = kit.run(*step.replace("+…", "+821012345678").split(), env=env)
            assert ran.code == 0, ran.err + ran.out.decode()
        assert served.taken() == 1, "the sandbox in the process took the list, and the other only the test message"


def test_without_a_terminal_it_asks_nothing_and_says_what_to_give(here: Here) -> None:
    ran = here("init")
    assert ran.code == 2
    assert "--stdin" in ran.err
    assert "--without-credentials" in ran.err
    assert not list(Path().iterdir())


def test_credentials_can_come_on_stdin(here: Here) -> None:
    ran = here("init", "--stdin", "--from", "0212345678", "new/place", stdin=LINES)
    assert ran.code == 0, ran.err
    assert "pass word" not in ran.err
    place = Path("new/place")
    assert [(place / path).read_text(encoding="utf-8") for path in SECRETS] == ["the-id\n", "the pass word\n"]
    toml = tomllib.loads((place / "omni-bulk.toml").read_text(encoding="utf-8"))
    assert toml["from"] == "0212345678"
    assert f"cd {place.absolute()}" in ran.err


@pytest.mark.parametrize("given", [b"", b"only-one\n", b"id\n\n", b"a\nb\nc\n", b"id\npass\x07word\n"])
def test_anything_but_two_usable_lines_is_refused_whole(here: Here, given: bytes) -> None:
    ran = here("init", "--stdin", stdin=given)
    assert (ran.code, list(Path().iterdir())) == (2, [])
    assert "two lines" in ran.err


def test_nothing_that_is_there_is_replaced_unless_told(here: Here) -> None:
    assert here("init", "--stdin", stdin=LINES).code == 0
    Path("sample.csv").write_text("mine", encoding="utf-8")
    again = here("init", "--stdin", stdin=b"other\nother\n")
    assert again.code == 0
    assert "--replace" in again.err
    assert Path("sample.csv").read_text(encoding="utf-8") == "mine"
    assert SECRETS[0].read_text(encoding="utf-8") == "the-id\n"
    assert here("init", "--stdin", "--replace", stdin=b"other\nother\n").code == 0
    assert SECRETS[0].read_text(encoding="utf-8") == "other\n"
    assert Path("sample.csv").read_text(encoding="utf-8") != "mine"


def test_on_a_terminal_each_replacement_is_asked_for(here: Here) -> None:
    here("init", "--stdin", stdin=LINES)
    Path("sample.txt").write_text("mine", encoding="utf-8")
    with on_terminal("init", "--from", "0212345678", env=kit.environment()) as terminal:
        terminal.wait_for("are there already. Replace")  # the credentials
        terminal.type("n\n")
        for answer in ("y", "", "n"):  # settings, list, text
            terminal.wait_for("is there already. Replace")
            terminal.type(f"{answer}\n")
        assert terminal.finish() == 0
    assert SECRETS[1].read_text(encoding="utf-8") == "the pass word\n"
    assert tomllib.loads(Path("omni-bulk.toml").read_text(encoding="utf-8"))["from"] == "0212345678"
    assert Path("sample.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("keys", [CTRL_C, CTRL_D])
def test_giving_up_writes_nothing(keys: str) -> None:
    with on_terminal("init", env=kit.environment()) as terminal:
        terminal.wait_for("Client id: ")
        terminal.type("me\n")
        terminal.wait_for("Client password")
        terminal.type(keys)
        assert terminal.finish() == 2
    assert "nothing was written" in terminal.plain
    assert not list(Path().iterdir())


def test_without_credentials_it_says_what_is_missing(here: Here) -> None:
    ran = here("init", "--without-credentials")
    assert ran.code == 0
    assert "OMNI_CLIENT_ID" in ran.err
    assert not Path("secrets").exists()
    assert "client_id_file" not in tomllib.loads(Path("omni-bulk.toml").read_text(encoding="utf-8"))


def test_the_environment_goes_first_and_that_is_said(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNI_CLIENT_ID", "another")
    ran = here("init", "--stdin", stdin=LINES)
    assert "OMNI_CLIENT_ID in the environment goes before" in ran.err


def test_no_secret_is_written_through_a_link(here: Here) -> None:
    Path("elsewhere").write_text("", encoding="utf-8")
    Path("secrets").mkdir()
    SECRETS[1].symlink_to(Path("elsewhere").absolute())
    ran = here("init", "--stdin", "--replace", stdin=LINES)
    assert ran.code == 2
    assert "link" in ran.err
    assert not Path("elsewhere").read_bytes()


def test_flags_that_contradict_and_a_from_that_is_none(here: Here) -> None:
    assert here("init", "--stdin", "--without-credentials").code == 2
    ran = here("init", "--without-credentials", "--from", "?")
    assert ran.code == 2
    assert "--from" in ran.err
    assert os.listdir() == []  # noqa: PTH208

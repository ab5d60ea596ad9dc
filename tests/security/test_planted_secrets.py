"""A password and a token are planted, and looked for wherever a run of the command leaves or shows anything."""

import asyncio
import pickle
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from omni_bulk import Omni, Settings
from tests.cli.kit import PATIENCE, Ran, command, results, write_list
from tests.security.kit import PASSWORD, SECRETS, SEND, TOKEN, account, api, content, files

WRONG = f"wrong+{PASSWORD}"
PERSONAL = ("8210", "20000001", "PlantedName", "Hello")

_WITH_A_BUG = """
import sys
from omni_bulk import {module} as broken
def bug(*given, **more):
    held = given, more  # what a traceback must not show of its frames
    raise RuntimeError("an injected bug")
{target} = bug
from omni_bulk.__main__ import main
main()
"""


def with_a_bug(module: str, target: str) -> list[str]:
    """The beginning of a command in which `target` of a module always raises."""
    return [sys.executable, "-c", _WITH_A_BUG.format(module=module, target=f"broken.{target}")]


USUAL = command()
RUNS = {
    "good": (USUAL, PASSWORD, {0}),
    "bad_credentials": (USUAL, WRONG, {5}),
    "bug_after_an_answer": (with_a_bug("worker", "classify"), PASSWORD, {70}),
    "bug_in_the_client": (with_a_bug("client", "Client.post_message"), PASSWORD, {70}),
    "bug_in_the_token": (with_a_bug("auth", "read_token"), PASSWORD, {70}),
}


def found_in(text: bytes) -> list[str]:
    return [secret for secret in SECRETS if secret.encode() in text]


class Searched:
    """Where a secret was seen while a run was under way, on disk and in the list of processes."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.commands = 0
        self.live: set[str] = set()

    def look(self) -> None:
        for path in files():
            self.live.add(path.name)
            self.found += [f"{path}: {secret}" for secret in found_in(content(path))]
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if path.with_name("cwd").resolve() != Path.cwd():
                    continue  # another test's: one of them gives a password as a flag, to be refused
                called = path.read_bytes()
                self.commands += b"--verbose" in called and b"list.csv" in called
                self.found += [f"{path}: {secret}" for secret in found_in(called)]


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("name", RUNS)
def test_a_secret_is_in_no_file_no_word_and_no_process_list(name: str, log_format: str) -> None:
    begin, password, codes = RUNS[name]
    write_list(0, extra=[[f"+8210{20_000_000 + place}", "PlantedName"] for place in range(3)])
    searched = Searched()
    with api(look=searched.look) as server:
        done = subprocess.run(
            [*begin, "list.csv", *SEND, "--verbose", "--log-format", log_format, "--summary-json", "summary.json"],
            env=account(server, password), capture_output=True, check=False, timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    searched.look()
    ran = Ran(done.returncode, done.stdout, done.stderr.decode())
    assert ran.code in codes, ran.err
    assert searched.found == []
    assert found_in(done.stdout + done.stderr) == []
    # That the search sees what it should: the ledger under way, the words, the command.
    assert {"ledger.db-wal", "summary.json"} <= searched.live
    assert ("injected bug" in ran.err) == ("bug" in name)
    if Path("/proc/self/cmdline").exists():
        assert searched.commands
    shown = ran.err.replace("/ledger.db", "")
    assert [one for one in PERSONAL if one in shown] == []
    if name == "good":
        assert [line["status"] for line in results()] == ["accepted"] * 3


def test_the_search_finds_what_is_planted() -> None:
    searched = Searched()
    Path("leak").write_text(f"Bearer {TOKEN}")
    searched.look()
    assert searched.found
    for spelling in (PASSWORD, "cGFzcytQbGFudGVk", "pass%2BPlanted%2F7q%3D%26word"):
        assert found_in(spelling.encode()) or any(spelling in secret for secret in SECRETS)


@pytest.mark.parametrize("given", [["--client-password", PASSWORD], [f"--client-password={PASSWORD}"]])
def test_no_flag_takes_a_password_and_who_tries_does_not_see_it_repeated(given: list[str]) -> None:
    write_list(1)
    with api() as server:
        done = subprocess.run(
            [*USUAL, "list.csv", *SEND, *given], env=account(server), capture_output=True, check=False,
            timeout=PATIENCE, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert server.requests == []
    assert done.returncode == 2
    assert found_in(done.stdout + done.stderr) == []


def pickled(thing: object) -> bytes:
    """The pickle of `thing`, nothing when there is none."""
    try:
        return pickle.dumps(thing)
    except (TypeError, AttributeError, pickle.PicklingError):
        return b""


def test_what_holds_a_secret_is_not_pickled() -> None:
    settings = Settings(client_id="planted-client", client_password=PASSWORD, ledger="ledger.db")

    async def main() -> list[bytes]:
        async with Omni(settings) as omni:
            return [pickled(one) for one in (settings, omni, omni.account, omni.campaign("c"))]

    assert asyncio.run(main()) == [b""] * 4
    assert found_in(repr(vars(settings)).encode()) == []

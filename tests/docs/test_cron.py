"""The crontab of the samples, run as cron would run it: its own variables, `/bin/sh`, nobody at a terminal."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from omni_bulk import read_results
from tests.conftest import REPOSITORY
from tests.docs.desk import Desk, Served
from tests.docs.pages import READMES, blocks

HOME = "/srv/omni-bulk"  # where the sample says that everything is
PEOPLE = 8
_FIELD = re.compile(r"[\d*,/-]+\Z")


@dataclass(frozen=True, slots=True)
class Crontab:
    variables: dict[str, str]
    times: list[str]
    command: str
    collecting: str  # the whole second line


def crontab() -> Crontab:
    """As cron(8) reads it: comments, `NAME=value`, and lines of five fields and a command."""
    variables: dict[str, str] = {}
    jobs: list[str] = []
    for line in (REPOSITORY / "samples" / "crontab").read_text(encoding="utf-8").splitlines():
        if assigned := re.fullmatch(r"(\w+)\s*=\s*(.*)", line):
            variables[assigned[1]] = assigned[2]
        elif line.strip() and not line.lstrip().startswith("#"):
            jobs.append(line)
    job, collecting = jobs
    *times, command = job.split(None, 5)
    return Crontab(variables, times, command, collecting)


def test_the_line_is_one_that_cron_takes() -> None:
    job = crontab()
    assert len(job.times) == 5
    assert all(map(_FIELD.match, job.times))
    assert not re.search(r"(?<!\\)%", job.command)
    assert len(job.command) < 1000  # what cron(8) takes
    assert job.variables["SHELL"] == "/bin/sh"


def test_every_path_is_absolute() -> None:
    job = crontab()
    words = shlex.split(job.command)
    assert all(word.startswith(HOME) for word in words if "/" in word and " " not in word)
    assert all(value.startswith("/") for name, value in job.variables.items() if name.endswith("_FILE"))


@pytest.mark.parametrize("page", READMES)
def test_the_readmes_show_this_line(page: str) -> None:
    (shown,) = blocks(page, "crontab")
    assert shown.text.strip() == " ".join([*crontab().times, crontab().command])


class Night:
    """The line of the sample, its directory moved to `folder`. `at` is the time of day that the program sees."""

    def __init__(self, folder: Path, sandbox: Served, environment: dict[str, str]) -> None:
        self.folder = folder
        self._program = folder / ".venv" / "bin" / "omni-bulk"
        kept = {name: value for name, value in environment.items() if name.startswith(("COVERAGE", "PYTHON", "HOME"))}
        job = crontab()
        self._environment = {
            **kept, "PATH": "/usr/bin:/bin", "OMNI_BASE_URL": sandbox.url,
            **{name: self._moved(value) for name, value in job.variables.items()},
        }  # fmt: skip
        self._command = self._moved(job.command)
        for name in ("lists", "results", "secrets", "state", ".venv/bin"):
            (folder / name).mkdir(parents=True)
        for name in ("client-id", "client-password"):
            (folder / "secrets" / name).write_text("sandbox\n")
        shutil.copy(REPOSITORY / "samples" / "ended.sh", folder)
        (folder / "lists" / "nightly.txt").write_text("{name}, good evening.")
        self.list(range(PEOPLE))

    def _moved(self, text: str) -> str:
        return text.replace(HOME, str(self.folder))

    def list(self, people: range) -> None:
        """Puts a list of these people in place."""
        rows = "".join(f"+8210200001{person:02d},guest {person}\n" for person in people)
        (self.folder / "lists" / "nightly.csv").write_text(f"to,name\n{rows}")

    def run(self, at: str, *flags: str) -> str:
        """What cron would mail. The program is told the time; nothing else of its command is changed."""
        told = shlex.join(["--as-of", at, *flags])
        self._program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m omni_bulk "$@" {told}\n')
        self._program.chmod(0o755)
        return self.shell(self._command)

    def collecting(self) -> str:
        """The command of the line that collects; from now on the program is told nothing."""
        self._program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m omni_bulk "$@"\n')
        *times, command = crontab().collecting.split(None, 5)
        assert all(map(_FIELD.match, times))
        return self._moved(command)

    def shell(self, command: str) -> str:
        """What cron would mail of `command`."""
        done = subprocess.run(
            [self._environment["SHELL"], "-c", command], env=self._environment, cwd=self.folder,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    def first_time_by_hand(self) -> None:
        """What the README tells to do once: look at the plan on a terminal. Cron never begins with a new ledger."""
        self._program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m omni_bulk "$@"\n')
        self._program.chmod(0o755)
        line = re.sub(r" (--yes|--require-ledger|-q)\b", "", self._command)
        operator, terminal = os.openpty()
        try:
            os.write(operator, b"n\n")
            subprocess.run(
                ["/bin/sh", "-c", line], env=self._environment, cwd=self.folder, stdin=terminal, stderr=terminal,
                stdout=subprocess.DEVNULL, timeout=60, check=True,
            )  # fmt: skip
        finally:
            os.close(operator)
            os.close(terminal)

    def accepted(self, campaign: str) -> int:
        path = self.folder / "results" / f"{campaign}.results.jsonl"
        return read_results(path).count("accepted") if path.exists() else 0


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Served]:
    with Desk(tmp_path).sandbox("omni-bulk sandbox --port 0 --seed 1") as served:
        yield served


@pytest.fixture
def night(tmp_path: Path, sandbox: Served) -> Night:
    night = Night(tmp_path / "srv", sandbox, dict(os.environ))
    night.first_time_by_hand()
    assert sandbox.taken == []
    return night


def messages_per_phone(sandbox: Served) -> set[int]:
    return set(Counter(message["to"] for message in sandbox.taken).values())


def test_without_a_ledger_nothing_is_sent(tmp_path: Path, sandbox: Served) -> None:
    night = Night(tmp_path / "srv", sandbox, dict(os.environ))
    assert "ended with 2" in night.run("2026-11-22T09:05")
    assert sandbox.taken == []


def test_reports_are_collected_beside_it(night: Night) -> None:
    night.run("2026-11-22T09:05")
    command = night.collecting()
    assert night.shell(command) == ""
    assert (night.folder / "results" / "reports.jsonl").read_text().count("\n") == PEOPLE


def test_each_night_is_a_campaign_and_a_second_run_sends_nothing(night: Night, sandbox: Served) -> None:
    assert night.run("2026-11-22T09:05") == ""
    assert night.run("2026-11-22T09:35") == ""
    assert (night.accepted("nightly-2026-11-22"), messages_per_phone(sandbox)) == (PEOPLE, {1})
    assert night.run("2026-11-23T09:05") == ""
    assert (night.accepted("nightly-2026-11-23"), messages_per_phone(sandbox)) == (PEOPLE, {2})
    summary = json.loads((night.folder / "state" / "nightly.json").read_bytes())
    assert (summary["campaign"], summary["exit"]) == ("nightly-2026-11-23", 0)


def test_after_midnight_last_night_is_finished_first_and_then_today_is_sent(night: Night, sandbox: Served) -> None:
    assert "ended with 6" in night.run("2026-11-22T23:59", "--limit", "3")
    assert night.run("2026-11-23T09:05") == ""
    assert (night.accepted("nightly-2026-11-22"), night.accepted("nightly-2026-11-23")) == (PEOPLE, 0)
    assert messages_per_phone(sandbox) == {1}
    assert night.run("2026-11-23T09:35") == ""
    assert night.accepted("nightly-2026-11-23") == PEOPLE
    assert messages_per_phone(sandbox) == {2}


def test_after_midnight_another_list_is_another_campaign(night: Night, sandbox: Served) -> None:
    night.run("2026-11-22T23:59", "--limit", "3")
    night.list(range(50, 50 + PEOPLE))
    assert night.run("2026-11-23T09:05") == ""
    assert (night.accepted("nightly-2026-11-22"), night.accepted("nightly-2026-11-23")) == (3, PEOPLE)
    assert messages_per_phone(sandbox) == {1}

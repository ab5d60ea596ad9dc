"""The systemd units: what systemd thinks of them, and what their command lines do once systemd has expanded them."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.samples.kit import PEOPLE, SAMPLES, Place, Ran

UNITS = sorted(path.name for path in (SAMPLES / "systemd").glob("omni-bulk-*"))
NIGHTLY = "omni-bulk-nightly.service"
REPORTS = "omni-bulk-reports.service"
_SPECIFIER = re.compile(r"%(.)")
_VARIABLE = re.compile(r"\$\{(\w+)\}|(?<!\S)\$(\w+)(?!\S)|\$\$")


@dataclass(frozen=True)
class Unit:
    """A unit file as systemd.syntax(7) reads it: the lines of each key, in order."""

    name: str
    keys: dict[str, list[str]]

    def one(self, key: str) -> str:
        (value,) = self.keys[key]
        return value


def unit_of(name: str) -> Unit:
    text = (SAMPLES / "systemd" / name).read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", "", text)  # a backslash at the end joins lines
    keys: dict[str, list[str]] = {}
    for line in joined.splitlines():
        if line.strip() and not line.startswith(("#", ";", "[")):
            key, _, value = line.partition("=")
            keys.setdefault(key, []).append(value.strip())
    return Unit(name, keys)


class Expanded:
    """A unit after systemd is done with it: specifiers first, then words, then variables."""

    def __init__(self, unit: Unit, place: Place) -> None:
        self._specifiers = {"%": "%", "n": unit.name, "d": "/srv/omni-bulk/secrets"}  # %d: where LoadCredential puts it
        self.variables = dict(self._environment(unit, place))
        self.start = [self._with_variables(word) for word in self._words(unit.one("ExecStart"))]
        self.stop_post = [self._with_variables(word) for word in self._words(unit.one("ExecStopPost"))]

    def _words(self, line: str) -> list[str]:
        return shlex.split(_SPECIFIER.sub(lambda found: self._specifiers[found[1]], line))

    def _environment(self, unit: Unit, place: Place) -> Iterator[tuple[str, str]]:
        for line in unit.keys["Environment"]:
            for word in self._words(line):
                name, _, value = word.partition("=")
                yield name, value
        for path in unit.keys["EnvironmentFile"]:  # no specifiers in there
            for line in Path(place.moved(path)).read_text(encoding="utf-8").splitlines():
                if line and not line.startswith("#"):
                    name, _, value = line.partition("=")
                    yield name, value

    def _with_variables(self, word: str) -> str:
        return _VARIABLE.sub(lambda found: self.variables[found[1] or found[2]], word)


def run(place: Place, name: str, *, at: str | None = None, flags: tuple[str, ...] = ()) -> tuple[Ran, str]:
    """One activation. The program is told the time; gives how it ended, and what ExecStopPost said of it."""
    unit = Expanded(unit_of(name), place)
    variables = {key: place.moved(value) for key, value in unit.variables.items()}
    place.tell(*(() if at is None else ("--as-of", at)), *flags)
    ran = place.run([place.moved(word) for word in unit.start], variables)
    said = place.run([place.moved(word) for word in unit.stop_post], {"EXIT_STATUS": str(ran.code)})
    return ran, said.output


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_units(place: Place, tmp_path: Path) -> None:
    for name in UNITS:
        (tmp_path / name).write_text(place.moved((SAMPLES / "systemd" / name).read_text(encoding="utf-8")))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in UNITS)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if "Failed to initialize manager" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip(f"systemd-analyze cannot work here: {done.stderr.strip()}")
    about_ours = [line for line in done.stderr.splitlines() if "omni-bulk" in line]
    assert (done.returncode, about_ours) == (0, []), done.stderr
    calendar = unit_of("omni-bulk-nightly.timer").one("OnCalendar")
    subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, timeout=60, check=True)


def test_each_of_two_dates_is_its_own_campaign_and_a_second_run_sends_nothing(place: Place) -> None:
    for number, day in enumerate(("2026-11-22", "2026-11-23"), 1):
        for minute in ("05", "35"):
            ran, said = run(place, NIGHTLY, at=f"{day}T09:{minute}")
            assert (ran.code, said) == (0, ""), ran.output
        assert place.summary()["campaign"] == f"nightly-{day}"
        assert place.accepted(f"nightly-{day}") == PEOPLE
        assert place.sandbox.taken() == number * PEOPLE


def test_a_run_over_midnight_finishes_the_night_before(place: Place) -> None:
    ran, said = run(place, NIGHTLY, at="2026-11-22T23:59", flags=("--limit", "2"))
    assert (ran.code, "next scheduled run" in said) == (6, True), ran.output
    assert run(place, NIGHTLY, at="2026-11-23T00:10")[0].code == 0
    assert (place.accepted("nightly-2026-11-22"), place.accepted("nightly-2026-11-23")) == (PEOPLE, 0)
    assert place.sandbox.taken() == PEOPLE


def test_the_collector_runs_as_its_unit_says(place: Place) -> None:
    run(place, NIGHTLY, at="2026-11-22T09:05")
    unit = Expanded(unit_of(REPORTS), place)
    assert unit.start[1:] == ["reports", "--follow", "-q"]
    once = [place.moved(word).replace("--follow", "--poll") for word in unit.start]  # the same, but it ends
    assert place.run(once, {key: place.moved(value) for key, value in unit.variables.items()}).code == 0
    assert (place.folder / "results" / "reports.jsonl").read_text().count("\n") == PEOPLE


@pytest.mark.parametrize("name", [NIGHTLY, REPORTS])
def test_no_secret_is_in_a_command_line_and_draining_has_its_time(name: str, place: Place) -> None:
    unit = unit_of(name)
    assert "password" not in unit.one("ExecStart")
    assert float(unit.one("TimeoutStopSec")) > 20  # --drain


def test_codes_that_ask_for_another_run_and_no_others_get_one() -> None:
    unit = unit_of(NIGHTLY)
    prevented = set(map(int, unit.one("RestartPreventExitStatus").split()))
    assert prevented == {1, 2, 3, 4, 5, 70, 74}
    assert unit.one("SuccessExitStatus") == "6"
    assert unit.one("Restart") == "on-failure"  # so 69, 75 and a kill are run again
    assert not {69, 75} & prevented

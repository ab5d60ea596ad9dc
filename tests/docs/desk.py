"""Where a reader of the documentation would sit: a directory with lists, credentials, the program, and a sandbox."""

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY

LISTS = ("october", "november", "december")
GOOD_ROWS = 34  # of the sample: what is left without the repeated row and the damaged one


class Desk:
    """Runs scripts one after the other, as in one shell: the directory and exported variables stay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = dict(os.environ)
        self._shims(folder / ".venv" / "bin")
        (folder / "samples").symlink_to(REPOSITORY / "samples")
        header, *rows = (REPOSITORY / "samples" / "campaign.csv").read_text(encoding="utf-8").splitlines()
        for name in LISTS:
            (folder / f"{name}.csv").write_text("\n".join([header, *rows[:GOOD_ROWS]]) + "\n", encoding="utf-8")
        (folder / "october.txt").write_bytes((REPOSITORY / "samples" / "campaign.txt").read_bytes())
        secrets = Path(os.environ["HOME"]) / ".omni"
        secrets.mkdir(mode=0o700)
        for name in ("client-id", "client-password"):
            (secrets / name).write_text("sandbox\n")

    def reject(self, name: str) -> None:
        """Puts the damaged row of the sample where a run would have left it to be corrected."""
        header, *_, damaged = (REPOSITORY / "samples" / "campaign.csv").read_text(encoding="utf-8").splitlines()
        rows = (f"{header},omni-bulk: reason", f"{damaged},a spreadsheet made it a power of ten")
        (self.folder / f"{name}.rejects.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")

    def _shims(self, folder: Path) -> None:
        """The interpreter of these tests under the names that the documentation uses."""
        folder.mkdir(parents=True)
        for name, command in (("python", ""), ("python3", ""), ("omni-bulk", "-m omni_bulk")):
            shim = folder / name
            shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {command} "$@"\n')
            shim.chmod(0o755)
        self.environment["PATH"] = f"{folder}:{self.environment['PATH']}"

    def sh(self, script: str) -> subprocess.CompletedProcess[str]:
        """Every line has to succeed; the exit code is that of the last line run. stdin is no terminal."""
        exported = self.folder / ".exported"
        wrapped = f"set -eu\ntrap 'env -0 > {shlex.quote(str(exported))}' EXIT\n{script}\n"
        done = subprocess.run(
            ["bash", "-c", wrapped], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        pairs = exported.read_text(encoding="utf-8").split("\0")
        self.environment = dict(pair.split("=", 1) for pair in pairs if pair)
        return done

    @contextmanager
    def sandbox(self, command: str) -> Iterator["Served"]:
        """Serves `command` (`omni-bulk sandbox …`) on a free port for as long as the context lasts."""
        words = shlex.split(re.sub(r"--port \d+", "--port 0", command))
        with subprocess.Popen(
            words, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        ) as process:
            try:
                assert process.stdout is not None
                served = Served(re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0])  # type: ignore[index]
                self.environment["OMNI_BASE_URL"] = served.url
                yield served
            finally:
                process.terminate()


class Served:
    """A sandbox in another process."""

    def __init__(self, url: str) -> None:
        self.url = url

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/sandbox/{path}") as answer:  # noqa: S310  http on this machine
            return json.load(answer)

    @property
    def taken(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self._get("messages")
        return listed

    @property
    def doubles(self) -> int:
        return int(self._get("stats")["doubles"])


def help_of(*verb: str) -> str:
    """What `--help` prints, wide enough for no flag to be cut."""
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-m", "omni_bulk", *verb, "--help"],
        env=environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout

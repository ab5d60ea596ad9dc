"""Where the samples say that everything is, moved to a temporary directory, with a sandbox behind it."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omni_bulk import read_results
from tests.cli.kit import Served
from tests.conftest import REPOSITORY

SAMPLES = REPOSITORY / "samples"
HOME = "/srv/omni-bulk"
PEOPLE = 6


@dataclass(frozen=True)
class Ran:
    code: int
    output: str


class Place:
    """`/srv/omni-bulk` under `folder`: lists, results, secrets, state, the program, and a ledger that is still empty."""

    def __init__(self, folder: Path, sandbox: Served) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.program = folder / ".venv" / "bin" / "omni-bulk"
        for name in ("lists", "results", "secrets", "state", ".venv/bin"):
            (folder / name).mkdir(parents=True)
        for name in ("client-id", "client-password"):
            (folder / "secrets" / name).write_text("sandbox\n")
        for name in ("ended.sh", "systemd/nightly.env"):
            shutil.copy(SAMPLES / name, folder)
        (folder / "lists" / "nightly.txt").write_text("{name}, good evening.")
        rows = "".join(f"+8210200001{person:02d},guest {person}\n" for person in range(PEOPLE))
        (folder / "lists" / "nightly.csv").write_text(f"to,name\n{rows}")
        self.tell()
        making = [str(self.program), "suppress", "add", "--ledger", str(folder / "state" / "ledger.db")]
        subprocess.run(making, input="to\n", env=self.environment({}), capture_output=True, text=True, check=True)

    def moved(self, text: str) -> str:
        return text.replace(HOME, str(self.folder))

    def tell(self, *flags: str) -> None:
        """From now on the program gets these flags after its own when it sends; that is how the date is moved."""
        told = f'[ "$1" = send ] && set -- "$@" {shlex.join(flags)}\n' if flags else ""
        self.program.write_text(f'#!/bin/sh\n{told}exec {shlex.quote(sys.executable)} -m omni_bulk "$@"\n')
        self.program.chmod(0o755)

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """What a scheduler gives: next to nothing, and `variables`."""
        kept = {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE", "PYTHON", "HOME"))}
        return {
            **kept, "PATH": f"{self.program.parent}:/usr/bin:/bin", "OMNI_BASE_URL": self.sandbox.url, **variables
        }  # fmt: skip

    def run(self, words: Sequence[str], variables: Mapping[str, str]) -> Ran:
        done = subprocess.run(
            words, env=self.environment(variables), cwd=self.folder / "results", stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout + done.stderr)

    def accepted(self, campaign: str) -> int:
        path = self.folder / "results" / f"{campaign}.results.jsonl"
        return read_results(path).count("accepted") if path.exists() else 0

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "state" / "nightly.json").read_bytes())
        return found

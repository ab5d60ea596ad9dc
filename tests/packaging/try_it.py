"""Builds wheel and sdist, and tries them in fresh environments; needs an index, and takes minutes. Not a test:

    python -m tests.packaging.try_it [PYTHON …] [--lowest]

For each PYTHON, by default this one: the wheel is installed, and the sample list sent to the sandbox from an empty folder;
so is the sdist. With --lowest the oldest versions that pyproject.toml allows are installed with it, and the fast tests are
run with them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.packaging.bounds import bounds

SAMPLE = [
    "campaign.csv", "--text-file", "campaign.txt", "--from", "0212345678", "--signature", "Sample", "--sandbox",
    "--tolerate", "invalid=3%",
]  # fmt: skip
FAST = [
    "tests/settings", "tests/input", "tests/messages", "tests/engine", "tests/cli/test_helpers.py",
    "tests/cli/test_output.py", "tests/campaign/test_singles.py",
]  # fmt: skip
TOOLS = [
    "pytest", "pytest-asyncio", "pytest-cov", "pytest-xdist", "aioresponses", "hypothesis", "trustme", "pyyaml",
]  # fmt: skip


def call(*words: str | Path, cwd: Path = REPOSITORY) -> None:
    """Runs a command; what it says is shown, and that it fails ends everything."""
    print("$", *words, flush=True)
    bare = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OMNI_", "VIRTUAL_ENV"))
    }
    subprocess.run(list(map(str, words)), cwd=cwd, env=bare, stdin=subprocess.DEVNULL, check=True)


def environment(python: str, folder: Path, *packages: str | Path) -> Path:
    """A fresh virtual environment with these; gives its bin directory."""
    call(python, "-m", "venv", folder)
    call(folder / "bin" / "python", "-m", "pip", "install", "--quiet", *packages)
    return folder / "bin"


def send_the_sample(program: Path, work: Path) -> None:
    empty = Path(tempfile.mkdtemp(dir=work))
    for name in SAMPLE[0], SAMPLE[2]:
        (empty / name).write_bytes((REPOSITORY / "samples" / name).read_bytes())
    call(program, "--version", cwd=empty)
    call(program, *SAMPLE, cwd=empty)


def main() -> None:
    reading = argparse.ArgumentParser()
    reading.add_argument("pythons", nargs="*", default=[sys.executable])
    reading.add_argument("--lowest", action="store_true")
    given = reading.parse_args()
    with tempfile.TemporaryDirectory(prefix="omni-bulk-packaging-") as folder:
        work = Path(folder)
        building = environment(sys.executable, work / "build", "build")
        call(building / "python", "-m", "build", "--quiet", "--outdir", work / "dist", REPOSITORY)
        (wheel,), (sdist,) = (list((work / "dist").glob(pattern)) for pattern in ("*.whl", "*.tar.gz"))
        for number, python in enumerate(given.pythons):
            for kind, package in ("wheel", wheel), ("sdist", sdist):
                send_the_sample(environment(python, work / f"{kind}{number}", package) / "omni-bulk", work)
        if given.lowest:
            constraints = work / "lowest.txt"
            constraints.write_text("".join(f"{one.constraint}\n" for one in bounds("speed")))
            lowest = environment(given.pythons[0], work / "lowest", f"{wheel}[speed]", "-c", constraints)
            send_the_sample(lowest / "omni-bulk", work)
            call(lowest / "python", "-m", "pip", "install", "--quiet", *TOOLS, "-c", constraints)
            call(lowest / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", *FAST)
    print("all of it works")


if __name__ == "__main__":
    main()

"""What the tests of settings and locks share."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from omni_bulk.errors import SettingsError
from omni_bulk.settings import Settings

SECRET = "s3cr3t-Planted"


def problems(**given: Any) -> tuple[str, ...]:
    """The sentences of the error that these arguments raise."""
    with pytest.raises(SettingsError) as caught:
        Settings(**given)
    return caught.value.problems


def write(path: str | Path, text: str, mode: int = 0o600) -> Path:
    """A file of that text; returns its absolute path."""
    file = Path(path)
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file.absolute()


@contextmanager
def another_process(code: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has run `code` and now waits for its end."""
    script = f"from pathlib import Path\nfrom omni_bulk.lock import *\n{code}\nprint('there', flush=True)\ninput()"
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with child:
        try:
            assert child.stdout is not None and child.stdout.readline() == "there\n"
            yield child
        finally:
            child.kill()

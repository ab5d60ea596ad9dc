"""Running a verb in this process: a second faster each than in one of its own, where that is not the point."""

import io
import sys
from collections.abc import Callable
from typing import Any

import pytest

from omni_bulk import cli
from tests.cli.kit import Ran

Here = Callable[..., Ran]


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """What runs `omni-bulk` with these arguments, no terminal, and that text on stdin."""

    def here(*arguments: Any, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = cli.run(list(map(str, arguments)))
        out, err = capsys.readouterr()
        return Ran(code, out.encode(), err)

    return here

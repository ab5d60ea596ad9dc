"""A command on a terminal of its own: what a person sees, and types."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

from tests.cli.kit import PATIENCE, command

CTRL_C, CTRL_D = "\x03", "\x04"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """The person's end: `seen` is all that was shown, with colours and cursor movements."""

    def __init__(self, child: subprocess.Popen[bytes], end: int) -> None:
        self.child = child
        self._end = end
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self._end, text.encode())

    def wait_for(self, pattern: str) -> None:
        """Reads on until what came since matches."""
        start, give_up = len(self.seen), monotonic() + PATIENCE
        while not re.search(pattern, self.plain[self._plain_length(start) :]):
            assert monotonic() < give_up, f"{pattern!r} was not shown:\n{self.seen}"
            assert self._read(), f"it ended without showing {pattern!r}:\n{self.seen}"

    def hang_up(self) -> None:
        """The person closes the window."""
        os.close(self._end)
        self._end = -1

    def close(self) -> None:
        if self._end >= 0:
            self.hang_up()

    def finish(self) -> int:
        """Reads to the end, and gives the exit code."""
        while self._read():
            pass
        return self.child.wait(PATIENCE)

    @property
    def plain(self) -> str:
        """What was shown, without colours and cursor movements."""
        return _CONTROL.sub("", self.seen).replace("\r\n", "\n")

    def _plain_length(self, upto: int) -> int:
        return len(_CONTROL.sub("", self.seen[:upto]).replace("\r\n", "\n"))

    def _read(self) -> bool:
        if not select.select([self._end], [], [], PATIENCE)[0]:
            return False
        with suppress(OSError):  # Linux says EIO when the other end is closed
            found = os.read(self._end, 65_536)
            self.seen += found.decode(errors="replace")
            return bool(found)
        return False


@contextmanager
def on_terminal(
    *arguments: str | Path, env: Mapping[str, str], columns: int = 80, stderr: int | None = None
) -> Iterator[Terminal]:
    """A command with a terminal for stdin, stdout and (unless another is given) stderr."""
    end, its_end = pty.openpty()
    fcntl.ioctl(its_end, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))

    def take() -> None:  # in the child: so that Ctrl-C reaches it
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    child = subprocess.Popen(
        command(*arguments),
        stdin=its_end,
        stdout=its_end,
        stderr=its_end if stderr is None else stderr,
        # Without COLUMNS and LINES of whoever runs the tests: the terminal says how wide it is.
        env={
            name: value for name, value in {**env, "TERM": "xterm-256color"}.items() if name not in {"COLUMNS", "LINES"}
        },
        preexec_fn=take,  # noqa: PLW1509  no threads here that could hold a lock
    )
    os.close(its_end)
    with child:
        terminal = Terminal(child, end)
        try:
            yield terminal
        finally:
            child.kill()
            terminal.close()

"""The standard streams of this process, made so that losing one never ends a run."""

import codecs
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from omni_bulk.cli.language import spoken
from omni_bulk.errors import OutputError
from omni_bulk.sentences import said, system

# What we write ourselves beyond ASCII, for a stderr that cannot: a Windows console redirected to a file, LC_ALL=C.
_PLAIN = {
    "…": "...",
    "【": "[",
    "】": "]",
    "→": "->",
    "–": "-",
    "—": "-",
    "·": "-",
    "━": "-",
    "╸": "-",
    "“": '"',
    "”": '"',
}


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """For `codecs`: the plain sign where there is one, else the letter's number as Python writes it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    plain = (_PLAIN.get(one) or one.encode("ascii", "backslashreplace").decode() for one in lost)
    return "".join(plain), error.end


class Patient(io.TextIOWrapper):
    """A stream for words: a full disk or a closed terminal behind it loses them, and nothing else."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def make_safe() -> None:
    """Opens what is closed of stdin, stdout and stderr, lets stderr be lost, and lets no letter be unprintable.

    A standard stream closed by the parent is a trap: the next file opened takes its number, and a stray line of
    anybody's goes into the ledger.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, closefd=False)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    encoding = "utf-8" if sys.stderr is None else sys.stderr.encoding
    codecs.register_error("plainly", _plainly)
    words = os.fdopen(2, "wb", closefd=False)
    sys.stderr = Patient(words, encoding=encoding, errors="plainly", line_buffering=True)


def put(text: str) -> None:
    """Prints to stdout, a sentence in the language of this command.

    Raises OutputError when it cannot be written; a reader who left is no trouble.
    """
    try:
        print(spoken(text), flush=True)
    except BrokenPipeError:
        return
    except OSError as error:
        raise OutputError(said("stdout cannot be written ({strerror})", strerror=system(error))) from None


def to_stdout(write: Callable[[IO[bytes]], object]) -> None:
    """Has bytes written to stdout. Raises OutputError when they cannot be; a reader who left is no trouble."""
    try:
        write(sys.stdout.buffer)
        sys.stdout.flush()
    except BrokenPipeError:
        return
    except OSError as error:
        raise OutputError(said("stdout cannot be written ({strerror})", strerror=system(error))) from None


def finish(code: int) -> int:
    """The exit code, after stdout is written out. Lines that nobody takes (``| head``) are no reason to fail here."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code

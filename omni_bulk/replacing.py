"""A file of ours written whole or not at all: made for its owner alone beside its place, then put there."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import IO

from omni_bulk.errors import OutputError
from omni_bulk.files import cause, refuse_open_directory
from omni_bulk.sentences import said, term

_MODE = 0o600
_BINARY = getattr(os, "O_BINARY", 0)


@contextmanager
def replacing(path: Path, what: str, flag: str = "--out") -> Iterator[IO[bytes]]:
    """The file to write; it takes its place, on the disk, when the block ends well, and is gone when it does not.

    `what` it is and the `flag` that names another place are for the sentence. Raises OutputError when it cannot be
    written, or when what is there is a link or no file.
    """
    draft = path.with_name(f".{path.name}.{token_hex(4)}.draft")
    with told(path, what, flag):
        try:
            with open(make_private(path, draft), "w+b") as file:  # of a descriptor
                yield file
                file.flush()
                os.fsync(file.fileno())
            settle_in(draft, path)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def told(path: Path, what: str, flag: str) -> Iterator[None]:
    """Trouble of the system with a file, as an OutputError that says what to do."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            said(
                "{what} {path} cannot be written ({error}); name another with {flag}",
                what=term(what),
                path=path,
                error=cause(error),
                flag=flag,
            )
        ) from None


def make_private(path: Path, draft: Path) -> int:
    """Opens a new `draft` (0600, whatever the umask) of what shall stand at `path`. Raises OSError."""
    refuse_open_directory(path)
    if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(0, "it is a link" if path.is_symlink() else "it is not a regular file")
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, _MODE)
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, _MODE)
    return descriptor


def settle_in(draft: Path, path: Path) -> None:
    """Puts the draft in its place, on the disk too."""
    draft.replace(path)
    if os.name == "posix":  # elsewhere a directory cannot be synced
        directory = os.open(path.absolute().parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

"""The bytes of a list: a file as it is, or what a gzip file holds, and what the system says about them; and where our
own files must not be.
"""

import difflib
import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from omni_bulk.errors import InputError
from omni_bulk.sentences import said, system

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

UNPACKED_MAX: Final = 8 * 1024**3
"""Bytes that a gzip file may hold: a hundred million rows."""
RATIO_MAX: Final = 300
"""How many times its own size a gzip file may hold, beyond `RATIO_FREE`. Lists hold ten times it, those of one long
text two hundred; bombs a thousand."""
RATIO_FREE: Final = 64 * 1024**2
"""Bytes that any gzip file may hold."""
_MODE_BITS: Final = os.name == "posix"
_WINDOWS: Final = os.name == "nt"


def cause(error: OSError) -> str:
    """What the system says of a file, for the brackets of a sentence.

    Windows lets nobody replace or open what another program holds, and says no more than "Permission denied".
    """
    told = system(error)
    if _WINDOWS and isinstance(error, PermissionError):
        return said("{told}: if it is open in Excel or another program, close it there", told=told)
    return told


def refuse_open_directory(path: Path) -> None:
    """Raise OSError if anybody may put another file in the place of `path`: its directory is writable for all.

    With the sticky bit (``/tmp``) only a file's owner may. A group may share a directory, as a container's volume is.
    """
    mode = path.absolute().parent.stat().st_mode
    if _MODE_BITS and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise OSError(0, "everybody can write to its directory: run `chmod o-w` on that")


def is_packed(file: Path) -> bool:
    """Whether it is a gzip file, whatever it is called."""
    with file.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def opened(file: Path, shown: str | os.PathLike[str]) -> BinaryIO:
    """The bytes of `file`, unpacked; `shown` is what it is called in sentences."""
    return io.BufferedReader(_Unpacked(file, shown)) if is_packed(file) else file.open("rb")


class _Unpacked(io.RawIOBase):
    """What a gzip file holds, as far as a list may: a few kilobytes can stand for a terabyte."""

    def __init__(self, file: Path, shown: str | os.PathLike[str]) -> None:
        self._shown = shown
        self._left = min(UNPACKED_MAX, max(RATIO_FREE, RATIO_MAX * file.stat().st_size))
        self._stream = gzip.open(file, "rb")  # noqa: SIM115  closed with this

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        count = self._stream.readinto(buffer)
        self._left -= count
        if self._left < 0:
            raise InputError(
                said(
                    "{shown} holds far more than a list packed to its size would: if it is one, unpack it with "
                    "gunzip and name the result.",
                    shown=self._shown,
                )
            )
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def _missing(path: Path) -> str:
    with suppress(OSError):  # the folder may be missing too, or be nobody's to look into
        if near := difflib.get_close_matches(path.name, [one.name for one in path.absolute().parent.iterdir()], n=1):
            return said("There is no file {path}: did you mean {near}?", path=path, near=path.with_name(near[0]))
    return said("There is no file {path}: check the path.", path=path)


@contextmanager
def sentences(path: str | os.PathLike[str]) -> Iterator[None]:
    """What the system says of a file, as an `InputError` that says what to do."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(_missing(Path(path))) from error
    except PermissionError as error:
        if _WINDOWS:
            raise InputError(
                said("{path} cannot be read: {error}, and run again.", path=path, error=cause(error))
            ) from error
        raise InputError(
            said("This user may not read {path}: change its mode, or run as its owner.", path=path)
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(said("{path} is a damaged gzip file: compress it anew.", path=path)) from error
    except OSError as error:
        raise InputError(said("{path} cannot be read: {strerror}.", path=path, strerror=system(error))) from error
    except UnicodeDecodeError as error:
        raise InputError(said("{path} changed while it was read: start again.", path=path)) from error

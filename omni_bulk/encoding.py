"""In which encoding a list or a template is written: the one wanted, else by the ladder BOM, UTF-8, CP949.

An encoding holds for a file as a whole, so every byte of it is decoded before the first row is used: a Korean letter of
an old encoding in row 900,000 is found before anybody was sent anything. 100 MB take about 0.1 s.
"""

import codecs
import io
import os
from collections.abc import Callable
from typing import BinaryIO, Final

from omni_bulk.errors import InputError
from omni_bulk.sentences import said

_CHUNK: Final = 256 * 1024
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: it begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(opened: Callable[[], BinaryIO], path: str | os.PathLike[str], wanted: str | None) -> str:
    """The encoding in which every byte can be read: the one wanted, else by the ladder BOM, UTF-8, CP949."""
    with opened() as stream:
        head = stream.read(4)
    if wanted is not None:
        try:
            io.TextIOWrapper(io.BytesIO(), encoding=wanted)
        except LookupError as error:
            raise InputError(
                said("--encoding {wanted} is no encoding of text: try utf-8, cp949 or utf-16.", wanted=wanted)
            ) from error
        named = codecs.lookup(wanted).name
    else:
        named = next((name for bom, name in _BOMS if head.startswith(bom)), "")
    first = _first_failure(opened, named or "utf-8")
    if first is None:
        return named or "utf-8"
    if named or _has_wide_letters(opened, first[0]):
        raise InputError(
            said(
                "{path} is not {named} throughout: byte {byte}, in line {line}, cannot be read. "
                "Save the list anew as UTF-8, or say --encoding NAME.",
                path=path,
                named=named or "utf-8",
                byte=first[0],
                line=first[1],
            )
        )
    second = _first_failure(opened, "cp949")
    if second is None:
        return "cp949"
    raise InputError(
        said(
            "{path} is neither UTF-8 (see line {line}) nor CP949 (byte {byte}, in line {other}): "
            "save it as UTF-8, or say --encoding NAME.",
            path=path,
            line=first[1],
            byte=second[0],
            other=second[1],
        )
    )


def _first_failure(opened: Callable[[], BinaryIO], encoding: str) -> tuple[int, int] | None:
    """Byte offset and line of the first byte that `encoding` cannot read, None if it reads them all."""
    decoder = codecs.getincrementaldecoder(encoding)()
    read, line = 0, 1
    with opened() as stream:
        while True:
            chunk = stream.read(_CHUNK)
            held = decoder.getstate()[0]  # bytes of a character that the last chunk cut
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].decode(encoding, "ignore")
                return read - len(held) + error.start, line + before.count("\n")
            except UnicodeError:  # UTF-16 without the mark that tells its byte order
                return 0, 1
            if not chunk:
                return None
            read += len(chunk)
            line += text.count("\n")


def _has_wide_letters(opened: Callable[[], BinaryIO], until: int) -> bool:
    """Whether the bytes before `until` hold letters that UTF-8 writes in three bytes, which CP949 has hardly ever.

    Then the list is UTF-8 with one damaged spot, and reading all of it as CP949 would garble every name in it.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    with opened() as stream:
        while until > 0 and (chunk := stream.read(min(_CHUNK, until))):
            until -= len(chunk)
            if any(char > "\u07ff" for char in decoder.decode(chunk)):
                return True
    return False

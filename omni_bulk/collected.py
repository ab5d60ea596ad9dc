"""Reports that somebody else collected, in a file: JSON lines, a JSON array, or the API's answers as they came."""

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path

from omni_bulk.errors import InputError
from omni_bulk.files import opened
from omni_bulk.joining import NUMBER, read_json
from omni_bulk.sentences import said, system

WHOLE_MAX = 512 * 1024 * 1024  # bytes of a file that is one JSON value, read at once: a million reports
LINE_MAX = 16 * 1024 * 1024  # bytes of one line: an answer with 1,000 reports takes 350 kB
_OURS = "collected"  # what the fields of our own that stand in reports.jsonl begin with


def read_collected(path: str | PathLike[str]) -> Iterator[object]:
    """Every report in the file, gzip or plain, one after the other. Raises InputError, with the line, for what is none.

    Lines of our own ``reports.jsonl`` and ``foreign.jsonl`` are read as the reports they hold.
    """
    file = Path(path)
    try:
        with opened(file, path) as stream:
            first = stream.readline(LINE_MAX)
            if read_json(first) is None or first.lstrip()[:1] == b"[":
                rest = stream.read(WHOLE_MAX)
                if len(rest) == WHOLE_MAX:
                    raise InputError(
                        said("{path} is one JSON value of over 512 MiB: write one report a line instead", path=path)
                    )
                if (first + rest).strip():
                    yield from _reports(read_json(first + rest), f"{path}")
                return
            number = 1
            while first:
                if (one := _one(read := read_json(first))) is not None:
                    yield one
                elif first.strip():
                    yield from _reports(read, f"line {number} of {path}")
                first, number = stream.readline(LINE_MAX), number + 1
    except OSError as error:
        raise InputError(said("{path} cannot be read ({strerror})", path=path, strerror=system(error))) from None


def _reports(read: object, where: str) -> Iterator[object]:
    if isinstance(read, list):
        for one in read:
            yield from _reports(one, where)
    elif (one := _one(read)) is not None:
        yield one
    elif (inner := _inside(read)) is not None:
        yield from _reports(inner, where)
    else:
        raise InputError(
            said(
                "{where} is no delivery report: each is a JSON object with a msgKey. What came before it is stored; "
                "mend the file and import it again",
                where=where,
            )
        )


def _one(read: object) -> dict[str, object] | None:
    """The report that this is, without what our own files add to one; None where it is none."""
    if not isinstance(read, dict) or not read.get("msgKey"):
        return None
    return {name: value for name, value in read.items() if not name.startswith(_OURS)} if NUMBER in read else read


def _inside(read: object) -> object:
    """What an answer of the API, or a line of ours, holds; an answer without reports holds an empty list."""
    if not isinstance(read, Mapping):
        return None
    if isinstance(held := read.get("data"), Mapping) and "report" in held:
        return held["report"] or []
    return read.get("report")

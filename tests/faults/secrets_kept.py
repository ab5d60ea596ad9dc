"""What must not be read anywhere: credentials in every spelling, numbers and texts."""

import base64
import logging
import traceback
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from tests.faults.campaigns import CLIENT_ID, FROM, MANY, PASSWORD, PROXY_LOGIN, number
from tests.faults.server import TOKEN

_CREDENTIALS = (PASSWORD, TOKEN, PROXY_LOGIN[1], ":".join(PROXY_LOGIN), f"{CLIENT_ID}:{PASSWORD}")


def spellings(secret: str) -> Iterator[str]:
    """As it is, escaped, URL-quoted, and in base64 at each of its three alignments."""
    yield secret
    yield repr(secret.encode())[2:-1]
    yield quote(secret)
    yield quote(secret, safe="")
    yield quote_plus(secret)
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + secret.encode())
        yield coded[4 * (shift > 0) : -4].decode()


CREDENTIALS = tuple({spelling for secret in _CREDENTIALS for spelling in spellings(secret)})
PERSONAL = ("PlantedText", FROM, *(number(place).removeprefix("+82") for place in range(1, MANY + 1)))


def found(text: str, planted: Iterable[str]) -> list[str]:
    return [secret for secret in planted if secret in text]


def shown(records: Iterable[logging.LogRecord]) -> str:
    """Everything a formatter could make of these records: message, arguments, extras and tracebacks."""
    parts = []
    for record in records:
        parts += [record.getMessage(), repr(vars(record))]
        if record.exc_info and record.exc_info[1] is not None:
            parts += told(record.exc_info[1])
    return "\n".join(parts)


def told(error: BaseException) -> list[str]:
    """An exception and all that it was raised from, as text and as a traceback."""
    return [str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)]

"""The API's codes, and an answer as bytes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

JSON = "application/json"

# code → (HTTP status, result). A000, A001, A010, A020 and A999 stand in the guide; the others and all the statuses are
# from the code table of the vendor's next API, which also lists the v1 ones.
CODES: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "A000": (200, "Success"),
        "A001": (401, "Expired token"),
        "A002": (403, "Invalid token"),
        "A010": (400, "JSON cannot be parsed"),
        "A011": (400, "JSON cannot be mapped"),
        "A020": (429, "Rate limit exceeded"),
        "A100": (401, "Invalid client id or password"),
        "A110": (403, "Blocked account"),
        "A111": (403, "Blocked account"),
        "A113": (403, "Invalid expiry of the account"),
        "A300": (400, "Invalid send request"),
        "A302": (400, "Invalid from"),
        "A303": (400, "Invalid text"),
        "A305": (400, "Invalid ref"),
        "A306": (400, "Invalid to"),
        "A320": (400, "Message quota exceeded"),
        "A322": (400, "Spam filter: text"),
        "A323": (400, "Spam filter: from"),
        "A324": (400, "Spam filter: to"),
        "A325": (400, "No permission for this channel"),
        "A327": (400, "Unregistered from"),
        "A328": (400, "Text too long"),
        "A801": (400, "No permission to poll"),
        "A802": (403, "Invalid report id"),
        "A910": (500, "Internal error"),
        "A920": (503, "Server busy"),
        "A999": (500, "Unknown error"),
    }
)

# These prove nothing: the message may have been taken. So does any code that is not in the table.
AMBIGUOUS_CODES = frozenset({"A910", "A920", "A999"})


class Answer(NamedTuple):
    """An HTTP answer: `status`, `body`, the OMNI `code` in it (None when there is none) and two headers."""

    status: int
    body: bytes
    code: str | None = None
    content_type: str = JSON
    retry_after: str | None = None


def ambiguous(code: str) -> bool:
    """Whether a client that gets this code cannot know if its message was taken."""
    return code in AMBIGUOUS_CODES or code not in CODES


def answer(code: str, *, status: int | None = None, retry_after: str | None = None, **fields: Any) -> Answer:
    """The JSON answer for `code`, with its usual HTTP status unless `status` is given, and `fields` behind the result.

    An unlisted code comes with HTTP 400. `retry_after` is sent with HTTP 429 only.
    """
    usual, result = CODES.get(code, (400, "Refused"))
    status = usual if status is None else status
    body = orjson.dumps({"code": code, "result": result, **fields})
    return Answer(status, body, code, retry_after=retry_after if status == 429 else None)

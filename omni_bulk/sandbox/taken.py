"""A message the sandbox took, and how the API writes a time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Literal

KST = timezone(timedelta(hours=9))  # every timestamp of the API is in Korean time (guide)


def stamp(seconds: float, timespec: Literal["seconds", "milliseconds"] = "seconds") -> str:
    """Epoch `seconds` as ISO 8601 with offset, such as ``2026-11-23T16:40:47+09:00``."""
    return datetime.fromtimestamp(seconds, KST).isoformat(timespec=timespec)


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that was taken, and would be billed. `time` is in epoch seconds; `ref` is None when none was sent."""

    msg_key: str
    to: str = field(repr=False)
    from_: str = field(repr=False)
    text: str = field(repr=False)
    ref: str | None
    time: float

    def as_json(self) -> dict[str, str | None]:
        """The object that ``GET /sandbox/messages`` and the log show; `time` to the millisecond."""
        return {
            "msgKey": self.msg_key,
            "ref": self.ref,
            "to": self.to,
            "from": self.from_,
            "text": self.text,
            "time": stamp(self.time, "milliseconds"),
        }

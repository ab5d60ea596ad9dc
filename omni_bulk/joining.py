"""What a delivery report says, and whose it is. Pure: JSON and what the ledger knows in, judgements out.

Fields are read as the vendor's guide names them and as its SDKs have met them (``report: null``, ``ref`` missing,
``resCnt`` as string); whatever nobody has listed stays in `Report.json`.
"""

from collections.abc import Mapping
from hashlib import blake2b

import orjson

from omni_bulk.model import Report, Way
from omni_bulk.results import epoch_ms

TEXT_MAX = 400  # characters of one field that get a column; the whole object is kept beside


def read_report(raw: object, *, source: Way, proven: bool, received_at: int) -> Report:
    """One report, whatever was sent as one: what cannot be read is None, and nothing is dropped."""
    fields: Mapping[str, object] = raw if isinstance(raw, dict) else {}
    return Report(
        msg_key=_text(fields.get("msgKey")) or "",
        ref=_text(fields.get("ref")) or None,
        type=_text(fields.get("reportType")),
        code=_text(fields.get("reportCode")),
        text=_text(fields.get("reportText")),
        at=epoch_ms(_text(fields.get("reportTime"))),
        sent_at=epoch_ms(_text(fields.get("sendTime"))),
        service=_text(fields.get("serviceType")),
        msg_type=_text(fields.get("msgType")),
        carrier=_text(fields.get("carrier")),
        parts=_whole(fields.get("resCnt")),
        json=orjson.dumps(raw),
        source=source,
        proven=proven,
        received_at=received_at,
    )


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value[:TEXT_MAX]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    text = (_text(value) or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def key_digest(msg_key: str) -> bytes:
    """Eight bytes by which a msgKey is found."""
    return blake2b(msg_key.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def report_key(report: Report) -> bytes:
    """Equal for a retried, inquired or imported copy of one report: msgKey, type, code, and time as an instant.

    16 bytes; the first 8 are those of the msgKey alone. What cannot be read as such is told apart by its whole text.
    """
    if report.msg_key and report.at is not None:
        rest = f"{report.type}\0{report.code}\0{report.at}".encode("utf-8", "surrogatepass")
    else:
        rest = report.json
    return key_digest(report.msg_key) + blake2b(rest, digest_size=8).digest()

"""Messages that wait for the time of day at which they may be sent, in temporary files: a list of any length may wait."""

import tempfile
from collections.abc import Iterator
from typing import IO

import orjson

from omni_bulk.ledger import book
from omni_bulk.model import CampaignRow, Entry, Message
from omni_bulk.worker import Job


class Waiting:
    """Jobs of one campaign, by the moment (seconds since 1970) from which on they may be sent.

    There is one file for each moment, of which a world of time zones has some forty. They have no name, so they go when
    they are closed, and whoever reads the directory finds no number in it.
    """

    def __init__(self, campaign: CampaignRow) -> None:
        self._campaign = campaign
        self._files: dict[float, IO[bytes]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def next(self) -> float | None:
        """When the first of them may be sent, None when nobody waits."""
        return min(self._files, default=None)

    def put(self, opening: float, job: Job) -> None:
        """Keeps the job until `opening`."""
        file = self._files.get(opening)
        if file is None:
            file = self._files[opening] = tempfile.TemporaryFile(prefix="omni-bulk-")  # noqa: SIM115  closed when it is due
        kept = (job.id, job.draft.ref, job.message, job.shared_from, job.attempts, job.sent_at, job.latency_ms)
        file.write(orjson.dumps(kept, option=orjson.OPT_APPEND_NEWLINE))
        self._count += 1

    def due(self, now: float) -> Iterator[Job]:
        """Takes out those whose time has come, in the order in which they were put there."""
        for opening in sorted(self._files):
            if opening > now:
                return
            with self._files.pop(opening) as file:
                file.seek(0)
                for line in file:
                    self._count -= 1
                    yield self._job(orjson.loads(line))

    def _job(self, kept: list[object]) -> Job:
        id_, ref, fields, shared, attempts, sent_at, latency = kept
        assert isinstance(fields, dict)  # noqa: S101  as `put` wrote it
        message = Message(**{**fields, "warnings": tuple(fields["warnings"])})
        draft = book.result_of(Entry(b"", str(ref), message), self._campaign)
        return Job(
            int(str(id_)), message, draft, self._campaign, shared_from=bool(shared), attempts=int(str(attempts)),
            sent_at=None if sent_at is None else float(str(sent_at)),
            latency_ms=None if latency is None else int(str(latency)),
        )  # fmt: skip

    def close(self) -> None:
        """Whoever still waits is left to the next run."""
        while self._files:
            self._files.popitem()[1].close()

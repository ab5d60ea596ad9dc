"""What a run is like in numbers, for Prometheus: counted as it happens, never estimated.

No metric has a number, a ref or a text in a label. The labels are a campaign's name without its period, and words out of
short lists: statuses, countries, what an answer proves, and the API's codes, of which so many are kept apart.

prometheus-client is an extra (``omni-bulk[metrics]``) and imported when a `Meter` is made.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from types import ModuleType
from typing import TYPE_CHECKING, Final

from omni_bulk.errors import SettingsError
from omni_bulk.hooks import Attempt, Pause
from omni_bulk.model import Result
from omni_bulk.sentences import said

if TYPE_CHECKING:
    from prometheus_client import Gauge

CODES_MAX: Final = 40
"""Codes that are told apart; the API's documents list 27. Further ones count as ``other``."""
BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds; the last is the default timeout of an attempt."""
_MISSING = said(
    "prometheus-client is not installed, which --metrics and --metrics-file need: pip install 'omni-bulk[metrics]'"
)


@dataclass(frozen=True, slots=True)
class Gauges:
    """How things stand at one moment. What is None is not known, and left out.

    `rate` is the pace now and `ceiling` the highest one, in messages a second; `in_flight` counts POSTs without an
    answer, `in_doubt` messages that the ledger has as claimed, `doubles` those that were accepted twice; `paused` and
    `running` are 0 or 1; ages are in seconds, of the token and of the last emptying of the queue of reports.
    """

    running: float
    rate: float | None = None
    ceiling: float | None = None
    in_flight: float | None = None
    paused: float | None = None
    in_doubt: float | None = None
    doubles: float | None = None
    token_age_seconds: float | None = None
    oldest_report_age_seconds: float | None = None
    last_result_timestamp_seconds: float | None = None
    exit_code: float | None = None


_SAY: Final[dict[str, str]] = {
    "running": "1 while a run goes on, 0 after it",
    "rate": "Pace now, messages a second",
    "ceiling": "Highest pace, messages a second",
    "in_flight": "POSTs without an answer yet",
    "paused": "1 while nothing may be sent: the API is unreachable, refuses or wants a pause",
    "in_doubt": "Messages that are claimed and have no result",
    "doubles": "Messages that were accepted twice without a resend: must be 0",
    "token_age_seconds": "Age of the token in use",
    "oldest_report_age_seconds": "Time since the queue of delivery reports was last empty; reports die after 3 days",
    "last_result_timestamp_seconds": "When the last result was recorded",
    "exit_code": "How the last run ended; absent while one goes on",
}


class Meter:
    """Counts for one run. Raises `SettingsError` when prometheus-client is missing.

    It listens to an account: ``account.hooks.add(meter)``. Its methods are called on the event loop; `text` and the
    server may run in another thread.
    """

    def __init__(self, campaign: str) -> None:
        library = _library()
        library.disable_created_metrics()  # a second series beside each counter, which says nothing here
        self.registry = registry = library.CollectorRegistry()
        self._campaign = campaign
        self._expose: Callable[..., bytes] = library.generate_latest
        self._serve = library.start_http_server
        self._codes: set[str] = set()
        self._results = library.Counter(
            "omni_bulk_results", "Results recorded", ("campaign", "status", "code", "country"), registry=registry
        )
        self._posts = library.Counter(
            "omni_bulk_posts", "POSTs, by what their answer proves", ("campaign", "kind"), registry=registry
        )
        self._seconds = library.Histogram(
            "omni_bulk_answer_seconds",
            "Time to the answer of a POST",
            ("campaign",),
            buckets=BUCKETS,
            registry=registry,
        )
        self._pauses = library.Counter(
            "omni_bulk_pauses", "Pauses, by their cause", ("campaign", "cause"), registry=registry
        )
        self._gauges: dict[str, Gauge] = {
            one.name: library.Gauge(f"omni_bulk_{one.name}", _SAY[one.name], ("campaign",), registry=registry)
            for one in fields(Gauges)
        }

    def result(self, result: Result) -> None:
        """A result was recorded."""
        self._results.labels(self._campaign, str(result.status), self._code(result.code), result.country or "").inc()

    def attempt(self, attempt: Attempt) -> None:
        """A POST has its answer, or will have none."""
        self._posts.labels(self._campaign, attempt.kind.value).inc()
        if attempt.latency_ms is not None:
            self._seconds.labels(self._campaign).observe(attempt.latency_ms / 1000)

    def pause(self, pause: Pause) -> None:
        """Sending pauses."""
        self._pauses.labels(self._campaign, pause.cause).inc()

    def show(self, gauges: Gauges) -> None:
        """How things stand now."""
        for name, gauge in self._gauges.items():
            value = getattr(gauges, name)
            if value is not None:
                gauge.labels(self._campaign).set(value)
            else:
                with suppress(KeyError):
                    gauge.remove(self._campaign)

    def text(self) -> bytes:
        """The exposition in Prometheus's text format."""
        return self._expose(self.registry)

    def serve(self, host: str, port: int) -> Callable[[], None]:
        """Serves ``/metrics`` there in a thread, and gives what ends it. Raises OSError when nothing can listen there."""
        server, thread = self._serve(port, host, self.registry)

        def end() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return end

    def _code(self, code: str | None) -> str:
        if code is None:
            return ""
        if code not in self._codes and len(self._codes) >= CODES_MAX:
            return "other"
        self._codes.add(code)
        return code


def _library() -> ModuleType:
    try:
        import prometheus_client  # noqa: PLC0415  an extra
    except ModuleNotFoundError:
        raise SettingsError(_MISSING) from None
    return prometheus_client

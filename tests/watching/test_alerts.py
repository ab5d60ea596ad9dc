"""The sample's alert rules: each fires for what it is for, on names and labels that are really exposed.

promtool is no part of the tests: expressions are evaluated by `promql`, which knows what they use and no more.
"""

import re
from typing import Any

import pytest
import yaml

from omni_bulk import Attempt, Pause, Result, Status
from omni_bulk.metrics import Gauges, Meter
from omni_bulk.model import Kind
from tests.conftest import REPOSITORY
from tests.watching import promql
from tests.watching.test_metrics import Series, series

NOW = 1_795_669_200.0
FOREIGN = {"node_textfile_mtime_seconds"}  # node_exporter's own
WORDS = {
    "sum", "by", "rate", "time", "and", "or", "on", "histogram_quantile", "for", "campaign", "le", "instance", "file",
    "status", "code", "country", "kind", "cause",
}  # fmt: skip


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((REPOSITORY / "samples" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def exposed() -> Series:
    """Everything that can be exposed, once each."""
    meter = Meter("x")
    meter.result(Result(1, "id", "x", Status.ACCEPTED, code="A000", country="KR"))
    meter.attempt(Attempt("r", "id", "x", "KR", Kind.ACCEPTED, "A000", None, 1, 20))
    meter.pause(Pause("throttled", 1.0))
    meter.show(Gauges(*[1.0] * len(Gauges.__dataclass_fields__)))
    return series(meter.text())


def scene(**changes: float | tuple[float, float]) -> promql.Scene:
    """One campaign that runs well, as Prometheus would have scraped it; `changes` by metric, or by status or bucket.

    A pair is the value at the beginning of a rule's range and the one now.
    """
    gauges = {
        "running": 1, "rate": 198, "ceiling": 200, "in_flight": 12, "paused": 0, "in_doubt": 12, "doubles": 0,
        "token_age_seconds": 300, "oldest_report_age_seconds": 600, "last_result_timestamp_seconds": NOW - 1,
    }  # fmt: skip
    statuses = {"accepted": (0.0, 9_000.0), "rejected": (0.0, 90.0), "unknown": (0.0, 3.0)}
    buckets = {"0.1": (0.0, 8_000.0), "1.0": (0.0, 9_000.0), "10.0": (0.0, 9_093.0), "+Inf": (0.0, 9_093.0)}
    host, mine = ("instance", "sms:9100"), ("campaign", "night")
    found: dict[str, dict[promql.Labels, tuple[float, float]]] = {"omni_bulk_results_total": {}}
    for status, default in statuses.items():
        key = frozenset({host, mine, ("status", status), ("code", "A000"), ("country", "KR")})
        found["omni_bulk_results_total"][key] = pair(changes.pop(status, default))
    found["omni_bulk_answer_seconds_bucket"] = {
        frozenset({host, mine, ("le", bound)}): pair(changes.pop(f"le_{bound}", default)) for bound, default in buckets.items()
    }  # fmt: skip
    age = changes.pop("file_age", 5.0)
    assert isinstance(age, float)
    file = ("file", "/var/lib/node_exporter/omni-night.prom")
    found["node_textfile_mtime_seconds"] = {frozenset({host, file}): pair(NOW - age)}
    for name, value in {**gauges, **changes}.items():
        found[f"omni_bulk_{name}"] = {frozenset({host, mine}): pair(value)}
    return found


def pair(value: float | tuple[float, float]) -> tuple[float, float]:
    return value if isinstance(value, tuple) else (value, value)


# What each rule is for. Every other rule keeps still then, but for those that look at the same thing.
TROUBLE: dict[str, dict[str, Any]] = {
    "OmniBulkDoubles": {"doubles": 1},
    "OmniBulkStopped": {"running": 0, "exit_code": 74, "in_doubt": 0},
    "OmniBulkUnknown": {"running": 0, "exit_code": 3, "in_doubt": 0},
    "OmniBulkUnfinished": {"running": 0, "exit_code": 75, "in_doubt": 0},
    "OmniBulkStalled": {"last_result_timestamp_seconds": NOW - 700},
    "OmniBulkGone": {"file_age": 90.0},
    "OmniBulkPaused": {"paused": 1},
    "OmniBulkThrottled": {"rate": 90},
    "OmniBulkRefused": {"rejected": (100.0, 2_100.0)},
    "OmniBulkSlowAnswers": {"le_1.0": (0.0, 5_000.0), "le_0.1": (0.0, 10.0)},
    "OmniBulkInDoubt": {"running": 0, "exit_code": 0, "in_doubt": 3},
    "OmniBulkReportsDying": {"oldest_report_age_seconds": 49 * 3600},
}


def firing(scene: promql.Scene) -> list[str]:
    return [rule["alert"] for rule in rules() if promql.fires(rule["expr"], scene, NOW)]


def test_no_rule_fires_while_all_is_well() -> None:
    assert firing(scene()) == []
    assert firing(scene(running=0, exit_code=0, in_doubt=0, in_flight=0, rate=0, file_age=90_000.0)) == []


@pytest.mark.parametrize("alert", [rule["alert"] for rule in rules()])
def test_each_rule_fires_for_its_own_trouble_and_no_other(alert: str) -> None:
    assert firing(scene(**TROUBLE[alert])) == [alert]


@pytest.mark.parametrize(
    "changes",
    [{"paused": 1, "last_result_timestamp_seconds": NOW - 700}, {"running": 0, "exit_code": 1, "in_doubt": 0}],
)
def test_what_a_rule_leaves_out_does_not_fire_it(changes: dict[str, float]) -> None:
    assert not {"OmniBulkStalled", "OmniBulkStopped", "OmniBulkUnfinished"} & set(firing(scene(**changes)))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_each_rule_of_the_sample_asks_for_what_is_there(rule: dict[str, Any]) -> None:
    """Every name and label of an expression is one that is exposed."""
    expression = re.sub(r"\s+", " ", rule["expr"])
    bare = re.sub(r'"[^"]*"|\[\d+m\]', "", expression)
    names = {word for word in re.findall(r"[a-z_]{2,}", bare) if word not in WORDS}
    labels = {name: dict(found) for name, found in exposed()}
    assert names - FOREIGN <= set(labels)
    assert names - FOREIGN, "it looks at nothing of ours"
    for name, matchers in re.findall(r"(omni_bulk_\w+)\{([^}]*)\}", expression):
        for label, value in re.findall(r'(\w+)=~?"([^"]*)"', matchers):
            assert label in labels[name]
            assert label != "status" or set(value.split("|")) <= set(map(str, Status))
    assert expression.count("(") == expression.count(")")
    assert rule["annotations"]["summary"]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert re.fullmatch(r"\d+m", rule.get("for", "1m"))

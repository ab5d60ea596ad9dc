"""The Airflow DAG, with Airflow when it is installed, and always with the little of it that the sample touches."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.samples.kit import PEOPLE, SAMPLES, Place

DAG = SAMPLES / "airflow_dag.py"
WAIT = 20.0  # s


class Task:
    """What `@task` makes of a function; calling it places it in the DAG."""

    placed: "list[Task]" = []  # noqa: RUF012  the DAG under construction

    def __init__(self, function: Callable[..., Any], rule: str) -> None:
        self.function, self.rule = function, rule
        self.after: list[Task] = []

    def __call__(self) -> "Task":
        Task.placed.append(self)
        return self

    def __rshift__(self, other: "Task") -> "Task":
        other.after.append(self)
        return other


def fake_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """`airflow.sdk`, as far as the sample goes."""
    names = ("AirflowException", "AirflowFailException", "AirflowSkipException")
    modules = {name: ModuleType(name) for name in ("airflow", "airflow.sdk", "airflow.sdk.exceptions")}
    for name in names:
        setattr(modules["airflow.sdk.exceptions"], name, type(name, (Exception,), {}))

    def task(function: Callable[..., Any] | None = None, *, trigger_rule: str = "all_success") -> Any:
        return (lambda found: Task(found, trigger_rule)) if function is None else Task(function, trigger_rule)

    def dag(**_: Any) -> Callable[[Callable[[], None]], Callable[[], None]]:
        return lambda function: function

    modules["airflow.sdk"].__dict__.update(dag=dag, task=task)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(Task, "placed", [])


@pytest.fixture
def dag(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The module of the sample, its home moved to a temporary directory."""
    fake_airflow(monkeypatch)
    monkeypatch.setenv("OMNI_BULK_HOME", str(tmp_path / "srv"))
    spec = importlib.util.spec_from_file_location("airflow_dag", DAG)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def task(name: str) -> Task:
    (found,) = [one for one in Task.placed if one.function.__name__ == name]
    return found


@pytest.mark.skipif(importlib.util.find_spec("airflow") is None, reason="Airflow is not installed")
def test_airflow_takes_it(tmp_path: Path) -> None:
    script = "import runpy, sys; print(sorted(runpy.run_path(sys.argv[1])['nightly_sms']().task_ids))"
    done = subprocess.run(
        [sys.executable, "-c", script, str(DAG)], env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "['reports', 'send']" in done.stdout, done.stderr


def test_each_of_two_dates_is_its_own_campaign_however_late_the_task(
    dag: Any, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNI_BASE_URL", place.sandbox.url)
    one, two = (datetime.fromisoformat(f"2026-11-{day}T09:05:00+09:00") for day in (22, 23))
    task("send").function(data_interval_end=one)
    task("send").function(dag_run=SimpleNamespace(run_after=two))  # by hand, in Airflow 3
    assert place.accepted("nightly-2026-11-22") == place.accepted("nightly-2026-11-23") == PEOPLE
    assert place.sandbox.taken() == 2 * PEOPLE
    task("reports").function()
    assert (place.folder / "results" / "reports.jsonl").read_text().count("\n") == 2 * PEOPLE


def test_reports_are_collected_whatever_became_of_the_sending(dag: Any) -> None:
    assert task("reports").after == [task("send")]
    assert task("reports").rule == "all_done"


@pytest.mark.parametrize(
    ("codes", "ends"),
    [
        ([0, 3], None),
        ([69, 75], "AirflowException"),
        ([6], "AirflowSkipException"),
        ([1, 2, 4, 5, 70, 74, 130], "AirflowFailException"),
    ],
)
def test_an_exit_code_becomes_the_end_it_asks_for(dag: Any, codes: list[int], ends: str | None) -> None:
    for code in codes:
        if ends is None:
            dag.ended(code)
        else:
            with pytest.raises(getattr(dag, ends)) as raised:
                dag.ended(code)
            assert type(raised.value).__name__ == ends


def test_a_task_that_is_stopped_lets_the_program_drain(dag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class StoppedError(Exception):
        pass

    def stop(line: str) -> None:
        raise StoppedError(line)

    home = Path(os.environ["OMNI_BULK_HOME"])
    (home / "results").mkdir(parents=True)
    program = home / "program"
    program.write_text(
        f"#!/bin/sh\ntrap 'echo drained >{home}/said; exit 75' TERM\necho ready\nread -r _ <{home}/never\n"
    )
    program.chmod(0o755)
    os.mkfifo(home / "never")
    keeper = os.open(home / "never", os.O_RDWR)  # so that the program waits there until it is told to end
    try:
        monkeypatch.setattr(dag, "PROGRAM", str(program))
        monkeypatch.setattr(dag.log, "info", stop)
        with pytest.raises(StoppedError, match="ready"):
            dag.run("send")
    finally:
        os.close(keeper)
    assert (home / "said").read_text() == "drained\n"

"""A nightly campaign as an Airflow DAG (2.11, or 3): send, then collect the delivery reports.

Airflow runs a task again when it failed, so each exit code has to become the right kind of end. And it runs tasks late:
the campaign is named after the time for which the run was scheduled, never after the clock.
"""

import logging
import os
import subprocess
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

try:  # Airflow 3
    from airflow.sdk import dag, task
    from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
except ImportError:
    from airflow.decorators import dag, task
    from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException

SEOUL = ZoneInfo("Asia/Seoul")
HOME = os.environ.get("OMNI_BULK_HOME", "/srv/omni-bulk")
PROGRAM = os.environ.get("OMNI_BULK_PROGRAM", f"{HOME}/.venv/bin/omni-bulk")
DRAIN = 20  # s; Airflow's killed_task_cleanup_time (60 s by default) has to be longer
log = logging.getLogger(__name__)


def run(*arguments: str) -> int:
    """Runs omni-bulk and gives its exit code. When the task is stopped, it is given the time to drain."""
    with subprocess.Popen(
        [PROGRAM, *arguments],
        cwd=f"{HOME}/results",
        env={
            **os.environ,
            "OMNI_LEDGER": f"{HOME}/state/ledger.db",
            "OMNI_CLIENT_ID_FILE": f"{HOME}/secrets/client-id",
            "OMNI_CLIENT_PASSWORD_FILE": f"{HOME}/secrets/client-password",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        try:
            for line in child.stdout or ():
                log.info(line.rstrip())
            return child.wait()
        finally:
            if child.poll() is None:  # the task was stopped: an exception came out of the loop
                child.terminate()
                try:
                    child.wait(DRAIN + 10)
                except subprocess.TimeoutExpired:
                    child.kill()


def ended(code: int) -> None:
    """Ends the task as the exit code asks for."""
    if code in {69, 75}:  # nobody answered; interrupted: tried again (`retries`), and nobody gets two
        raise AirflowException(f"omni-bulk ended with {code}: it is run again and goes on where it stopped")
    if code == 6:  # stopped where it was told; a retry now would undo that, so neither failed nor done
        raise AirflowSkipException("stopped at its deadline: the next run begins with those who are left")
    if code == 3:  # finished, some unknown: a retry would not tell; the reports, collected next, do
        log.warning("Some are unknown: nobody sends them again. Look at `omni-bulk status` after the reports.")
    elif code:  # 5 and the others want a person: a retry would fail the same way
        raise AirflowFailException(f"omni-bulk ended with {code}: read the log, cure the cause, then clear the task")


def scheduled(context: Any) -> datetime:
    """For when the run was scheduled. A run started by hand in Airflow 3 has no interval, only the time of asking."""
    at: datetime = context.get("data_interval_end") or context["dag_run"].run_after
    return at


@dag(
    schedule="5 9 * * *",
    start_date=datetime(2026, 11, 1, tzinfo=SEOUL),
    catchup=False,  # a paused DAG does not send the nights that it missed
    max_active_runs=1,
    default_args={"retries": 5, "retry_delay": timedelta(minutes=10)},
)
def nightly_sms() -> None:
    """Sends tonight's list, then collects reports."""

    @task
    def send(**context: Any) -> None:
        ended(
            run(
                "send", f"{HOME}/lists/nightly.csv", "--text-file", f"{HOME}/lists/nightly.txt", "--from", "0212345678",
                "--per", "day", "--as-of", scheduled(context).isoformat(), "--yes", "--tolerate", "invalid=1%",
                "--require-ledger", "--deadline", "20h", "--drain", str(DRAIN), "--lock-wait", "600",
            )
        )  # fmt: skip

    @task(trigger_rule="all_done")  # whatever became of the sending, reports die after three days
    def reports() -> None:
        ended(run("reports", "--poll"))

    send() >> reports()


nightly_sms()

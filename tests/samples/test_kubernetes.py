"""The Kubernetes sample: what the schemas think of it, and the command of its container, run on two dates."""

import importlib.util
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest
import yaml

from tests.docs.pages import table
from tests.samples.kit import HOME, PEOPLE, SAMPLES, Place, Ran

MANIFEST = SAMPLES / "kubernetes" / "nightly.yaml"
SECRETS = "/run/secrets/omni-bulk"
ANNOTATION = "metadata.annotations['batch.kubernetes.io/cronjob-scheduled-timestamp']"
JOB_NAME = "metadata.labels['batch.kubernetes.io/job-name']"
Node = dict[str, Any]


def job(name: str) -> Node:
    objects: list[Node] = list(yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8")))
    (found,) = [one for one in objects if one["kind"] == "CronJob" and one["metadata"]["name"] == name]
    spec: Node = found["spec"]["jobTemplate"]["spec"]
    return spec


def container(name: str) -> Node:
    (only,) = job(name)["template"]["spec"]["containers"]
    return dict(only)


def run(place: Place, name: str, **fields: str) -> Ran:
    """The container's command under its variables. `fields` are what the downward API would give; unset is empty."""
    here = container(name)
    known = {ANNOTATION: fields.get("scheduled", ""), JOB_NAME: fields.get("job_name", "")}
    variables = {
        one["name"]: one["value"] if "value" in one else known[one["valueFrom"]["fieldRef"]["fieldPath"]]
        for one in here["env"]
    }
    moved = {key: place.moved(value).replace(SECRETS, f"{place.folder}/secrets") for key, value in variables.items()}
    return place.run([place.moved(word) for word in here["command"]], moved)


def job_name(at: str) -> str:
    """What the CronJob controller calls the Job of that time."""
    return f"nightly-{int(datetime.fromisoformat(at).timestamp()) // 60}"


@pytest.mark.skipif(
    importlib.util.find_spec("kubernetes_validate") is None, reason="kubernetes-validate (100 MB) is not installed"
)
def test_the_schemas_of_kubernetes_take_it() -> None:
    words = [sys.executable, "-m", "kubernetes_validate", "--strict", str(MANIFEST)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_of_two_dates_is_its_own_campaign_however_late_the_pod(place: Place) -> None:
    for number, day in enumerate(("2026-11-22", "2026-11-23"), 1):
        at = f"{day}T09:05:00+09:00"
        for _ in range(2):  # the pod of a retry sends nothing more
            ran = run(place, "nightly", scheduled=at, job_name=job_name(at))
            assert ran.code == 0, ran.output
        assert place.accepted(f"nightly-{day}") == PEOPLE
        assert place.sandbox.taken() == number * PEOPLE


def test_without_the_annotation_the_name_of_the_job_gives_the_day(place: Place) -> None:
    ran = run(place, "nightly", job_name=job_name("2026-11-22T23:59:00+09:00"))
    assert (ran.code, place.accepted("nightly-2026-11-22")) == (0, PEOPLE), ran.output


def test_a_job_made_by_hand_sends_todays(place: Place) -> None:
    ran = run(place, "nightly", job_name="nightly-by-hand")
    assert ran.code == 0, ran.output
    assert place.sandbox.taken() == PEOPLE
    assert not list((place.folder / "results").glob("nightly-1970*"))


def test_the_collector_collects(place: Place) -> None:
    run(place, "nightly", scheduled="2026-11-22T09:05:00+09:00")
    ran = run(place, "reports")
    assert ran.code == 0, ran.output
    assert (place.folder / "results" / "reports.jsonl").read_text().count("\n") == PEOPLE


def test_a_volume_that_comes_up_empty_stops_it(place: Place) -> None:
    (place.folder / "state" / "ledger.db").unlink()
    assert run(place, "nightly", scheduled="2026-11-22T09:05:00+09:00").code == 2
    assert place.sandbox.taken() == 0


def decided(name: str, code: int) -> str:
    """What the Job controller does about a pod that ended with `code`: the first rule that fits, else it counts."""
    for rule in job(name)["podFailurePolicy"]["rules"]:
        codes = rule.get("onExitCodes", {})
        if code in codes.get("values", ()):
            assert (codes["operator"], codes["containerName"]) == ("In", container(name)["name"])
            return str(rule["action"])
    return "Count"


def test_exit_codes_are_handled_by_what_they_ask_for() -> None:
    spec = job("nightly")
    assert {code: decided("nightly", code) for code in (69, 75, 137)} == {69: "Count", 75: "Ignore", 137: "Count"}
    known = [int(row[0]) for row in table("README.md", "130")]
    for code in set(known) - {0, 69, 75, 130}:
        assert decided("nightly", code) == "FailJob", code
    of_their_own = [
        rule["onExitCodes"]["values"] for rule in spec["podFailurePolicy"]["rules"] if "onExitCodes" in rule
    ]
    assert all([code] in of_their_own for code in (6, 3, 5))  # the Job's condition names the rule, for alerts
    assert {decided("reports", code) for code in (69, 75)} == {"Count"}


@pytest.mark.parametrize("name", ["nightly", "reports"])
def test_a_pod_may_do_little_and_has_time_to_drain(name: str) -> None:
    pod = job(name)["template"]["spec"]
    here = container(name)
    assert pod["terminationGracePeriodSeconds"] > 20  # --drain
    assert pod["restartPolicy"] == "Never"  # podFailurePolicy asks for it
    assert pod["securityContext"]["runAsNonRoot"]
    assert here["securityContext"]["readOnlyRootFilesystem"]
    assert here["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not any("secret" in one["name"].lower() for one in here["env"])
    assert {mount["mountPath"] for mount in here["volumeMounts"]} == {HOME, SECRETS, "/tmp"}  # noqa: S108  a volume

"""`ended.sh`: one sentence for each exit code, and none for success."""

import subprocess

import pytest

from tests.docs.pages import table
from tests.samples.kit import SAMPLES

CODES = [int(row[0]) for row in table("README.md", "130")]


def said(*arguments: str, **environment: str) -> str:
    script = SAMPLES / "ended.sh"
    done = subprocess.run(
        ["/bin/sh", str(script), *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stderr


def test_success_is_silent() -> None:
    assert said("0") == said(EXIT_STATUS="0") == ""


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (75, "next run goes on"), (69, "next run goes on"), (6, "next scheduled run"), (3, "do not send again"),
        (5, "cure it"), (70, "unexpected"),
    ],
)  # fmt: skip
def test_codes_ask_for_different_things(code: int, words: str) -> None:
    assert words in said(str(code))
    assert said(EXIT_STATUS=str(code)) == said(str(code))


def test_every_code_of_the_readme_is_spoken_of() -> None:
    for code in CODES:
        assert code == 0 or said(str(code)).startswith(f"omni-bulk ended with {code}: ")


def test_a_signal_is_spoken_of_too() -> None:
    assert said(EXIT_STATUS="KILL").startswith("omni-bulk ended with KILL: ")

"""The plain program of the samples."""

import os
import subprocess
import sys
from pathlib import Path

from tests.cli import kit
from tests.samples.kit import SAMPLES


def send(served: kit.Served, to: str, ref: str, **more: str) -> tuple[int, str]:
    environment = {**os.environ, **served.settings, "OMNI_LEDGER": str(Path("ledger.db").absolute()), **more}
    words = [sys.executable, str(SAMPLES / "one_time_code.py"), to, ref]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_login_gets_one_code_and_each_way_to_end_has_a_sentence() -> None:
    with kit.sandbox() as served:
        assert send(served, "+821020000001", "login-1")[0] == 0
        assert send(served, "+821020000001", "login-1") == (4, "a code was sent for this login already\n")
        assert send(served, "+8210", "login-2") == (1, "not sent: invalid_number\n")
        assert served.refs() == ["login-1"]
        code, said = send(served, "+821020000001", "login-3", OMNI_CLIENT_PASSWORD="wrong")
        assert (code, "Traceback" in said) == (5, False)

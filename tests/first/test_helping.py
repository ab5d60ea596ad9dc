"""What a shell asks for: help that is there at once, and completion."""

import subprocess
import sys
from pathlib import Path

from tests.cli import kit

# Each takes 20 to 200 ms to import; all of them together were half a second.
HEAVY = {"aiohttp", "asyncio", "phonenumbers", "pydantic", "pydantic_settings", "rich"}


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from omni_bulk.cli import run; run(sys.argv[1:]); print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, timeout=kit.PATIENCE, check=True
    )
    assert "Usage" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_the_shell_completes_verbs_and_flags() -> None:
    def asked(words: str) -> list[str]:
        more = {"_OMNI_BULK_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        return kit.run(env={**kit.environment(), **more}).out.decode().split()

    assert asked("omni-bulk do") == ["doctor"]
    assert "--ledger" in asked("omni-bulk doctor --l")


def test_there_is_a_way_to_install_it() -> None:
    assert kit.run("--install-completion", "bash").code == 0
    assert list(Path.home().rglob("omni-bulk.sh"))

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

USE = """
    import aiohttp
    import pytest
    from omni_bulk.testing import Sandbox, omni_sandbox

    {mark}
    async def test_it_is_started(omni_sandbox):
        assert isinstance(omni_sandbox, Sandbox)
        assert omni_sandbox.options.tps == 400
        async with aiohttp.request("GET", omni_sandbox.url + "/sandbox/stats") as response:
            assert (await response.json())["taken"] == 0

    {mark}
    @pytest.mark.parametrize("omni_sandbox", [{{"tps": 5}}], indirect=True)
    async def test_it_takes_knobs(omni_sandbox):
        assert omni_sandbox.options.tps == 5
"""


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_the_fixture_works_in_both_modes_of_pytest_asyncio(tmp_path: Path, mode: str) -> None:
    mark = "@pytest.mark.asyncio" if mode == "strict" else ""
    (tmp_path / "test_use.py").write_text(dedent(USE).format(mark=mark))
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\nasyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    ran = run("-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path))
    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr


def test_without_pytest_there_is_the_sandbox_alone() -> None:
    code = """
        import sys
        sys.modules["pytest"] = sys.modules["pytest_asyncio"] = None
        import omni_bulk.testing as kit
        assert kit.__all__ == ["Sandbox"]
        assert not hasattr(kit, "omni_sandbox")
        print(kit.Sandbox().url)
    """
    ran = run("-c", dedent(code))
    assert ran.stdout == "http://127.0.0.1:0\n", ran.stderr


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=root)

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


AS_USERS_WRITE = """
    import asyncio
    import pytest
    from omni_bulk import Omni, Template
    from omni_bulk.testing import Sandbox, omni_sandbox, omni_settings

    PHONE = "+821012345678"

    async def code(settings, ref="login-1"):
        async with Omni(settings) as omni:
            return await omni.send(PHONE, "Your code is 481516", from_="0212345678", ref=ref)

    async def test_what_was_sent(omni_sandbox, omni_settings):
        omni_sandbox.assert_nothing_sent()
        await code(omni_settings)
        await code(omni_settings)
        omni_sandbox.assert_sent(PHONE, "Your code is 481516", from_="0212345678", ref="login-1")
        omni_sandbox.assert_sent(PHONE)
        omni_sandbox.assert_nobody_twice()
        assert [message.text for message in omni_sandbox.messages_to(PHONE)] == ["Your code is 481516"]

    @pytest.mark.parametrize("kind, taken", [("hang", 1), ("drop", 1), ("a999", 0), ("A920", 0)])
    async def test_what_nobody_knows(omni_sandbox, omni_settings, kind, taken):
        omni_sandbox.fail_next(kind)
        assert (await code(omni_settings)).status == "unknown"
        assert len(omni_sandbox.messages) == taken

    async def test_refusals(omni_sandbox, omni_settings):
        omni_sandbox.fail_next("A306")
        omni_sandbox.fail_next("refuse")
        assert (await code(omni_settings)).code == "A306"
        assert (await code(omni_settings, "login-2")).status == "accepted"

    async def test_a_blocked_account(omni_sandbox, omni_settings):
        omni_sandbox.fail_next("A110", on="token")
        with pytest.raises(Exception, match="A110|blocked"):
            await code(omni_settings)

    async def test_something_in_the_background(omni_sandbox, omni_settings):
        sending = asyncio.create_task(code(omni_settings))
        (message,) = await omni_sandbox.wait_for(1)
        assert message.to == PHONE
        await sending

    async def test_failures_say_what_was_there(omni_sandbox, omni_settings):
        with pytest.raises(AssertionError, match="0 of 1 messages came"):
            await omni_sandbox.wait_for(1, 0.01)
        with pytest.raises(AssertionError, match="got 0 such messages, not 1, of 0"):
            omni_sandbox.assert_sent(PHONE)
        await code(omni_settings)
        with pytest.raises(AssertionError, match="481516"):
            omni_sandbox.assert_sent(PHONE, "another text")
        with pytest.raises(AssertionError, match="1 messages were taken, to .82.*78") as failed:
            omni_sandbox.assert_nothing_sent()
        assert "12345" not in str(failed.value)
        omni_sandbox.assert_sent("+821099999999", times=0)

    async def test_a_second_message_is_found():
        async with Sandbox(seed=1) as sandbox:
            answers = [sandbox.state.token("sandbox", "sandbox") for _ in range(1)]
            import json
            token = json.loads(answers[0].body)["data"]["token"]
            body = json.dumps({"from": "0212345678", "to": PHONE, "text": "x", "ref": "r"}).encode()
            for _ in range(2):
                sandbox.state.post("Bearer " + token, body)
            with pytest.raises(AssertionError, match="refs: r"):
                sandbox.assert_nobody_twice()
"""


def test_a_user_s_tests_read_as_users_write_them(tmp_path: Path) -> None:
    (tmp_path / "test_use.py").write_text(dedent(AS_USERS_WRITE))
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    ran = run("-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path))
    assert "10 passed" in ran.stdout, ran.stdout + ran.stderr


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
        assert kit.__all__ == ["Sandbox", "Taken"]
        assert not hasattr(kit, "omni_sandbox")
        print(kit.Sandbox().url)
    """
    ran = run("-c", dedent(code))
    assert ran.stdout == "http://127.0.0.1:0\n", ran.stderr


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=root)

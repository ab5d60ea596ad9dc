"""Every block a reader may copy is run. What is not run says why, in a comment above it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from omni_bulk.model import Status
from omni_bulk.tables import country_rules, read_texts
from tests.docs.desk import GOOD_ROWS, Desk
from tests.docs.pages import PAGES, READMES, Block, blocks

RUN = ("sh", "python", "console")
PROMPT = "$ "
_COUNT = re.compile(
    rf"\b([\d,]+)(?:명)? (?:[가-힣 ]+\()?({'|'.join(map(str, Status))})\b"
)  # in Korean: 34명 접수(accepted)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("OMNI_LEDGER", str(tmp_path / "ledger.db"))  # a terminal would have made one
    return Desk(tmp_path)


def set_up_part(block: Block) -> str:
    """What `.ci/run` has run before: making the environment and installing into it."""
    *set_up, application = block.text.strip().split(" && ")
    assert [step.split()[0] for step in set_up] == ["python3", ".venv/bin/pip"], block
    return application


def check_counts(shown: str, printed: str, block: Block) -> None:
    """The wording may change; how many were accepted, rejected and so on is a fact."""
    assert _COUNT.findall(shown), f"{block} shows no counts"
    assert set(_COUNT.findall(shown)) <= set(_COUNT.findall(printed)), f"{block}\n{printed}"


def run_console(desk: Desk, block: Block) -> None:
    for part in block.text.split(f"\n{PROMPT}"):
        command, _, shown = part.removeprefix(PROMPT).partition("\n")
        done = desk.sh(command)
        assert done.returncode in {0, 6}, f"{block}\n{done.stderr}"  # 6: stopped at --limit
        check_counts(shown, done.stdout + done.stderr, block)


def run_python(desk: Desk, block: Block) -> None:
    (desk.folder / "block.py").write_text(block.text, encoding="utf-8")
    done = desk.sh("python block.py")
    assert done.returncode == 0, f"{block}\n{done.stderr}"


def run_pytest(desk: Desk, block: Block) -> None:
    (desk.folder / "test_block.py").write_text(block.text, encoding="utf-8")
    done = desk.sh("env -u PYTEST_ADDOPTS python -m pytest -q -p no:cacheprovider -o asyncio_mode=auto test_block.py")
    assert done.returncode == 0, f"{block}\n{done.stdout}"
    assert "1 passed" in done.stdout


def run(desk: Desk, block: Block) -> None:
    if block.mark == "ci:test-command":
        assert set_up_part(block).startswith(".venv/bin/pytest")  # these very tests
    elif block.mark == "run: pytest":
        run_pytest(desk, block)
    elif block.language == "python":
        run_python(desk, block)
    elif block.language == "console":
        run_console(desk, block)
    else:
        if needed := re.match(r"omni-bulk (\w+)\.rejects\.csv ", block.text):
            desk.reject(needed[1])
        done = desk.sh(set_up_part(block) if block.mark == "ci:first-command" else block.text)
        assert done.returncode == block.exit_code, f"{block}\n{done.stderr}"


def test_the_readme_runs_from_top_to_bottom_and_sends_nobody_twice(desk: Desk) -> None:
    every = blocks("README.md", *RUN)
    (serving,) = [block for block in every if block.mark == "run: sandbox"]
    with desk.sandbox(serving.text.strip()) as sandbox:
        for block in every:
            if block is not serving:
                run(desk, block)
        assert len(sandbox.taken) == 3 * GOOD_ROWS + 1  # three lists and a code
        assert sandbox.doubles == 0


def test_a_python_block_sends_nothing_when_it_runs_again(desk: Desk) -> None:
    sending = [block for block in blocks("README.md", "python") if not block.mark and "Omni(" in block.text]
    assert sending
    desk.environment |= {"OMNI_CLIENT_ID": "sandbox", "OMNI_CLIENT_PASSWORD": "sandbox"}
    (desk.folder / "omni-bulk.toml").write_text('signature = "Sample"\n')  # as a block before it does
    with desk.sandbox("omni-bulk sandbox --port 0") as sandbox:
        for block in sending:
            run_python(desk, block)
            taken = len(sandbox.taken)
            assert taken == GOOD_ROWS + 1
            run_python(desk, block)
            assert len(sandbox.taken) == taken


def test_the_samples_run_as_their_readme_says(desk: Desk) -> None:
    del desk.environment["OMNI_LEDGER"]
    for block in blocks("samples/README.md", *RUN):
        run(desk, block)


def test_the_first_command_ends_with_1_without_its_tolerance(desk: Desk) -> None:
    (first,) = [block for block in blocks("README.md", "sh") if block.mark == "ci:first-command"]
    command = set_up_part(first)
    assert command.endswith(" --tolerate invalid=3%")
    assert desk.sh(command.removesuffix(" --tolerate invalid=3%")).returncode == 1


def test_both_readmes_have_the_same_blocks() -> None:
    english, korean = ([(block.language, block.mark, *told(block)) for block in blocks(page)] for page in READMES)
    assert english == korean


def told(block: Block) -> tuple[str, ...]:
    """The text of a block; of a screen what was typed and the counts, for its words may be in Korean on the Korean page."""
    if block.language == "text":
        return ()
    if block.language != "console":
        return (block.text,)
    typed = [line.replace(" --lang ko", "") for line in block.text.split("\n") if line.startswith(PROMPT)]
    return (*typed, *map(" ".join, _COUNT.findall(block.text)))


@pytest.mark.parametrize("page", PAGES)
def test_a_block_that_is_not_run_says_why(page: str) -> None:
    known = {"", "ci:first-command", "ci:test-command", "run: pytest", "run: sandbox"}
    for block in blocks(page, *RUN):
        assert page in {"README.md", "README.ko.md", "samples/README.md"} or block.mark.startswith("not run: "), block
        assert block.mark in known or re.fullmatch(r"exit: \d+|not run: .{10,}", block.mark), block
    assert {block.language for block in blocks(page)} <= {*RUN, "crontab", "text", "toml"}, page


def test_the_files_shown_can_be_read(tmp_path: Path) -> None:
    shown = [block.text for block in blocks("README.md", "toml")]
    for number, text in enumerate(shown):
        (tmp_path / f"{number}.toml").write_text(text, encoding="utf-8")
    texts, rules = (tmp_path / "0.toml", tmp_path / "1.toml")
    assert read_texts(texts).column == "lang"
    assert country_rules(rules) != country_rules()
    assert len(shown) == 3


def test_the_shim_is_this_interpreter(desk: Desk) -> None:
    done = subprocess.run(
        [desk.folder / ".venv/bin/python", "-c", "import sys; print(sys.version)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == sys.version.strip()

"""The Dockerfile, by its instructions: there is no engine where these tests run, so nothing is built."""

import re
import shlex
import tomllib
from dataclasses import dataclass

from tests.conftest import REPOSITORY
from tests.samples.kit import SAMPLES


@dataclass(frozen=True)
class Instruction:
    word: str
    rest: str


def instructions() -> list[Instruction]:
    text = (SAMPLES / "Dockerfile").read_text(encoding="utf-8")
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", kept)
    return [Instruction(*line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def stages() -> list[list[Instruction]]:
    found: list[list[Instruction]] = []
    for one in instructions():
        if one.word == "FROM":
            found.append([])
        found[-1].append(one)
    return found


def every(word: str, stage: list[Instruction]) -> list[str]:
    return [one.rest for one in stage if one.word == word]


def test_it_is_slim_and_of_a_python_that_is_supported() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for stage in stages():
        image = stage[0].rest.split()[0]
        assert (version := re.fullmatch(r"python:(3\.\d+)-slim", image)), image
        assert f"Programming Language :: Python :: {version[1]}" in project["classifiers"]


def test_what_is_built_stays_behind_and_what_is_copied_exists() -> None:
    build, final = stages()
    assert not any("pip" in line for line in every("RUN", final))
    for line in every("COPY", build):
        *sources, _ = line.split()
        assert all((REPOSITORY / source).exists() for source in sources), line
    assert all(line.startswith("--from=build ") for line in every("COPY", final))


def test_it_is_not_root_and_says_so_by_number() -> None:
    _, final = stages()
    (user,) = every("USER", final)
    assert int(user) > 0
    after = [one.word for one in final[[one.word for one in final].index("USER") :]]
    assert "RUN" not in after


def test_signals_reach_the_program() -> None:
    _, final = stages()
    assert every("ENTRYPOINT", final) == ['["omni-bulk"]']  # exec form


def test_no_secret_goes_into_the_image() -> None:
    for one in instructions():
        assert not re.search(r"passw|secret|token", one.rest, re.IGNORECASE), one


def test_its_example_runs_read_only_and_waits_for_the_drain() -> None:
    text = (SAMPLES / "Dockerfile").read_text(encoding="utf-8")
    shown = re.search(r"docker run .*?…", text.replace("\n#", "\n").replace("\\\n", " "), re.DOTALL)
    assert shown is not None
    words = shlex.split(shown[0])
    assert "--read-only" in words
    assert int(words[words.index("--stop-timeout") + 1]) > 20  # --drain

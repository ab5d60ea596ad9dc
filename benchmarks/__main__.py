"""``python -m benchmarks [NAME]… [--quick] [--rounds N] [--json FILE] [--markdown FILE]``."""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

import orjson

from benchmarks.figures import FIGURES
from benchmarks.report import Figure, to_json, to_markdown
from benchmarks.stand import Stand, WrongAnswer

ROUNDS = 5


def main() -> int:
    """Measures, and prints Markdown. 1 when a program did not do its job: then nothing of that figure is shown."""
    given = _arguments()
    rounds = given.rounds or (1 if given.quick else ROUNDS)
    figures: list[Figure] = []
    with Stand(fast_loop=find_spec("uvloop") is not None) as stand:
        for name in given.names or FIGURES:
            print(f"{name} …", file=sys.stderr, flush=True)
            try:
                figures.append(FIGURES[name](stand, rounds, given.quick))
            except WrongAnswer as error:
                print(f"{name}: {error}", file=sys.stderr)
                return 1
            # At once, so that an hour of measuring is not lost with its last figure.
            if given.json is not None:
                content = to_json(figures, rounds=rounds, quick=given.quick)
                given.json.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
            if given.markdown is not None:
                given.markdown.write_text(to_markdown(figures), encoding="utf-8")
    print(to_markdown(figures))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What sending costs, measured here.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which figures: {', '.join(FIGURES)}; default all")
    parser.add_argument("--quick", action="store_true", help="small lists and one round: whether it works, no figures")
    parser.add_argument("--rounds", type=int, help=f"how often; default {ROUNDS}")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in FIGURES]:
        parser.error(f"there is no figure {', '.join(unknown)}")
    return given


if __name__ == "__main__":
    sys.exit(main())

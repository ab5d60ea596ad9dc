"""``python -m omni_bulk`` and the console script ``omni-bulk``."""

import sys


def main() -> None:
    """Runs the command line and exits."""
    from omni_bulk.cli import run, streams  # noqa: PLC0415  nothing is imported before it is needed

    streams.make_safe()
    sys.exit(streams.finish(run(sys.argv[1:])))


if __name__ == "__main__":
    main()

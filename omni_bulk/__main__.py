"""``python -m omni_bulk`` and the console script ``omni-bulk``."""

import gc
import sys

# Cycles are rare here, and Python looks for them every 700 objects: 4 % of a run, and of its start.
GARBAGE = 50_000  # objects


def main() -> None:
    """Runs the command line and exits."""
    gc.set_threshold(GARBAGE)
    from omni_bulk.cli import run, streams  # noqa: PLC0415  nothing is imported before it is needed

    streams.make_safe()
    sys.exit(streams.finish(run(sys.argv[1:])))


if __name__ == "__main__":
    main()

"""The fault matrix as a table for ARCHITECTURE.md, from the rows that the tests run.

``python -m tests.faults.table`` prints it; ``python -m tests.faults.table ARCHITECTURE.md`` puts it between the markers.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.faults.rows import FAULTS, RELEASED, Fault
from tests.faults.server import Variant

BEGIN, END = "<!-- faults:begin -->", "<!-- faults:end -->"
HEADER = ("fault", "what the server saw", "verdict", "result", "posts", "run")


def markdown(faults: Iterable[Fault]) -> str:
    """One row for each fault that fares as it should, in the order given; no final newline."""
    lines = [HEADER, ("---",) * len(HEADER), *(_cells(fault) for fault in faults if not fault.wrong)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def placed(document: str, table: str) -> str | None:
    """`document` with `table` between its markers; None when it has none."""
    new, found = re.subn(f"(?s){BEGIN}.*?{END}", lambda _: f"{BEGIN}\n{table}\n{END}", document)
    return new if found else None


def _cells(fault: Fault) -> tuple[str, ...]:
    where = "" if fault.variant is Variant.PLAIN else f" ({fault.variant.value})"
    saw = fault.misbehaviour.at.value
    run = f"{fault.ends.value}, exit {fault.exit_code}"
    return (fault.how + where, saw, fault.verdict.value, _result(fault), str(fault.posts), run)


def _result(fault: Fault) -> str:
    if fault.line is None:
        return "none yet: unsent"
    later = "later" if fault.verdict in RELEASED else ""
    words = [later, f"`{fault.line.status}`", fault.line.code or "", fault.line.reason or ""]
    return " ".join(word for word in words if word)


if __name__ == "__main__":
    rendered = markdown(FAULTS)
    if not sys.argv[1:]:
        print(rendered)
    for name in sys.argv[1:]:
        path = Path(name)
        text = placed(path.read_text(encoding="utf-8"), rendered)
        if text is None:
            sys.exit(f"{path} has no {BEGIN} … {END}")
        path.write_text(text, encoding="utf-8")

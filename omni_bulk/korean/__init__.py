"""What the command line says, in Korean: English template → Korean template. Pure.

The English stands where it is said; here is one table for each place in which it is said. Both have the same fields. A
particle never follows a field, for its form (을/를, 이/가, 은/는, 과/와, 로/으로) would hang on what stands there.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from omni_bulk.korean.checks import CHECKS
from omni_bulk.korean.inputs import INPUTS
from omni_bulk.korean.refusals import REFUSALS
from omni_bulk.korean.sending import SENDING
from omni_bulk.korean.terms import TERMS
from omni_bulk.korean.verbs import VERBS
from omni_bulk.words import CLAUSES, DETAILS

TABLES: Final[tuple[Mapping[str, str], ...]] = (TERMS, SENDING, VERBS, CHECKS, REFUSALS, INPUTS)
"""Each without what another has."""
_OF_ROWS: Final = {CLAUSES["en"][reason]: korean for reason, korean in CLAUSES["ko"].items()}
KOREAN: Final[Mapping[str, str]] = MappingProxyType(
    {**_OF_ROWS, **DETAILS, **{english: korean for table in TABLES for english, korean in table.items()}}
)
"""Everything; the clauses about rows are those of `words`."""

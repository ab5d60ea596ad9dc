"""The table of events of both READMEs against the one of the code."""

import pytest

from omni_bulk.events import EVENTS
from tests.docs.pages import READMES, codes, table


@pytest.mark.parametrize("page", READMES)
def test_every_event_is_documented_with_its_level_and_none_is_invented(page: str) -> None:
    rows = table(page, "`plan`")
    stated = {event: row[1] for row in rows for event in codes(row[0])}
    assert stated == {name: event.level for name, event in EVENTS.items()}

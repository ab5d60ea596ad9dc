"""The values themselves: what they show, and the states that are results."""

import pytest

from omni_bulk.model import Recipient, Result, State, Status
from tests.pure.made import NUMBER, entry, message, problem


@pytest.mark.parametrize("status", Status)
def test_every_status_is_a_state(status: Status) -> None:
    assert State.of(status).status is status


def test_only_what_has_no_result_yet_is_no_status() -> None:
    assert {state.name.lower() for state in State} - set(Status) == {"ready", "claimed"}


@pytest.mark.parametrize(
    "value",
    [
        Recipient(NUMBER, 2, text="hello", from_=NUMBER, fields={"phone": NUMBER, "name": "hello"}),
        message(from_=NUMBER),
        problem(),
        entry(message(from_=NUMBER)).item,
        Result(1, "0", "october", Status.ACCEPTED, to=NUMBER, from_=NUMBER),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_number_and_no_text_is_shown(value: object) -> None:
    assert NUMBER not in repr(value)
    assert "hello" not in repr(value)

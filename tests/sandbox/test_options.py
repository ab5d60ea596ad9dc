import dataclasses
from typing import Any, get_type_hints

import pytest

from omni_bulk.sandbox.options import Knobs, Options


def test_every_knob_is_an_option_of_the_same_type() -> None:
    hints = get_type_hints(Options)
    assert get_type_hints(Knobs) == {field.name: hints[field.name] for field in dataclasses.fields(Options)}


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"limiter": "leaky"}, "bucket, fixed, sliding"),
        ({"tps": 0}, "tps must be more than 0"),
        ({"tps": float("nan")}, "tps must be more than 0"),
        ({"capacity": 0.5}, "capacity must be at least 1"),
        ({"token_ttl": -1}, "token_ttl must be more than 0"),
        ({"claimed_ttl": -1}, "claimed_ttl must be at least 0"),
        ({"latency_ms": -1}, "latency_ms must be at least 0"),
        ({"faults": {"flood": 0.1}}, "no fault 'flood'"),
        ({"faults": {"slow": 2}}, "between 0 and 1"),
        ({"webhook": "https://127.0.0.1/"}, "http URL on this machine"),
        ({"webhook": "http://example.com/"}, "http URL on this machine"),
        ({"webhook": "http://10.0.0.1/"}, "http URL on this machine"),
        ({"webhook": "nonsense"}, "http URL on this machine"),
    ],
)
def test_a_value_that_cannot_work_is_refused_at_once(knobs: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Options(**knobs)


@pytest.mark.parametrize("url", ["http://localhost:1/x", "http://127.0.0.2:8080/", "http://[::1]:80/"])
def test_a_webhook_on_this_machine_is_fine(url: str) -> None:
    assert Options(webhook=url).webhook == url


def test_the_secrets_stay_out_of_the_repr() -> None:
    shown = repr(Options(client_password="hush", webhook_secret="hushhush"))
    assert "hush" not in shown

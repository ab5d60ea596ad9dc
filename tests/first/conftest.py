import pytest

from tests.first.kit import Here, runner


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Runs a command in this process."""
    return runner(monkeypatch, capsys)

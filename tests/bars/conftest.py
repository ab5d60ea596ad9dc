"""The command line within this process, as the tests of `cli` call it."""

from tests.cli.conftest import Call, Serve, api, call

__all__ = ["Call", "Serve", "api", "call"]

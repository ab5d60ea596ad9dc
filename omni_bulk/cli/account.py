"""Whose ledger rows a verb means when it asks nobody: the account of the settings, else the only one there is."""

from contextlib import closing

from pydantic import SecretStr

from omni_bulk.errors import SettingsError
from omni_bulk.ledger import no_ledger, read_ledger
from omni_bulk.sentences import said
from omni_bulk.settings import Settings


def offline_account(settings: Settings) -> tuple[Settings, str]:
    """Settings that name an account for the ledger alone, and its origin. Raises SettingsError when there are several."""
    if settings.client_id is not None:
        known = (settings.client_id, settings.origin)
    else:
        db = read_ledger(settings.ledger)
        if db is None:
            raise no_ledger(settings.ledger)
        with closing(db):
            accounts = db.execute("SELECT client_id, origin FROM account").fetchall()
        if len(accounts) != 1:
            raise SettingsError(
                said("the ledger knows {number} accounts: say which one is meant, OMNI_CLIENT_ID", number=len(accounts))
            )
        known = (str(accounts[0][0]), str(accounts[0][1]))
    nobody = {"client_id": known[0], "client_password": SecretStr("not used")}
    return settings.model_copy(update=nobody), known[1]

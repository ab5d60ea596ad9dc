"""A stand-in for the OMNI v1 API: an account that exists in memory only. Nothing is ever sent.

`State` is the account, pure; `Sandbox` serves it on 127.0.0.1; `Options` are its knobs, `FAULTS` what can go wrong.
"""

from omni_bulk.sandbox.faults import FAULTS, Fault, Faults, parse_fault
from omni_bulk.sandbox.options import Options
from omni_bulk.sandbox.server import Sandbox, serve
from omni_bulk.sandbox.state import State
from omni_bulk.sandbox.taken import Taken

__all__ = ["FAULTS", "Fault", "Faults", "Options", "Sandbox", "State", "Taken", "parse_fault", "serve"]

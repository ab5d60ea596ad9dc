"""A plain program that sends one code, and handles each way in which that can end.

    OMNI_CLIENT_ID=… OMNI_CLIENT_PASSWORD=… python one_time_code.py +821012345678 login-77-1

The second argument is the `ref`: the same one again sends nothing, and gives what was recorded.
"""

import asyncio
import secrets
import sys

from omni_bulk import Omni, OmniBulkError, RefConflict, Settings, Status

VALID = 120.0  # s for which the code is good: later it need not be sent


async def send_code(to: str, ref: str) -> int:
    """Sends a code to `to` and gives an exit code."""
    code = f"{secrets.randbelow(1_000_000):06}"  # kept by your login, not by omni_bulk
    async with Omni(Settings()) as omni:
        try:
            # A code is worthless in two minutes, so two are better than none: unknown="resend" posts it once more when
            # nobody knows whether the first was taken. For anything else leave that out.
            result = await omni.send(
                to, f"Your code is {code}", from_="0212345678", ref=ref, expires_in=VALID, unknown="resend"
            )
        except RefConflict:  # this login asked before, and that code was another one: a new login needs a new ref
            print("a code was sent for this login already")
            return 4
    match result.status:
        case Status.ACCEPTED:
            print("sent", result.msg_key)
            return 0
        case Status.UNKNOWN:  # twice unknown: it may arrive
            print("perhaps sent:", result.reason)
            return 3
        case _:  # invalid number, suppressed, refused by the API, expired
            print("not sent:", result.reason or result.code)
            return 1


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(send_code(*sys.argv[1:3])))
    except OmniBulkError as error:  # settings, the account as a whole, or the ledger: each is a sentence
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)

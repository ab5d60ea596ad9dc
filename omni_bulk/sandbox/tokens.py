"""The token endpoint: who gets one, how long it lives, and what an old one is told."""

from collections.abc import Callable
from hmac import compare_digest
from random import Random

from omni_bulk.sandbox.codes import Answer, answer
from omni_bulk.sandbox.limiter import Sliding
from omni_bulk.sandbox.options import Options
from omni_bulk.sandbox.taken import stamp

SCHEMA = "Bearer"
LIMIT_WINDOW = 60.0  # seconds over which `token_limit` counts; the guide says only that there is such a limit


class Tokens:
    """Issues tokens and knows each one again. Every issued token is good until it expires (guide)."""

    def __init__(self, options: Options, *, clock: Callable[[], float], rng: Random) -> None:
        self.issued = 0
        self._options = options
        self._clock = clock
        self._rng = rng
        self._expires: dict[str, float] = {}  # token → when it really ends; ended ones stay, to be told A001
        self._limiter = Sliding(options.token_limit, clock, LIMIT_WINDOW) if options.token_limit is not None else None

    def issue(self, client_id: str | None, client_password: str | None) -> Answer:
        """Answer one token request: A000 with the token, A100 for wrong credentials, A020 for too many requests."""
        options = self._options
        if self._limiter is not None and not self._limiter.allow():
            return answer("A020", retry_after=options.retry_after)
        given = f"{client_id or ''}\n{client_password or ''}"
        if not compare_digest(given.encode(), f"{options.client_id}\n{options.client_password}".encode()):
            return answer("A100")
        if options.revoke_older:
            self._expires.clear()
        now = self._clock()
        token = f"{self._rng.getrandbits(256):064x}"
        self._expires[token] = now + options.token_ttl
        self.issued += 1
        claimed = options.token_ttl if options.claimed_ttl is None else options.claimed_ttl
        return answer("A000", data={"schema": SCHEMA, "token": token, "expired": stamp(now + claimed)})

    def expire(self) -> None:
        """End every token issued so far, now: each is told A001."""
        self._expires = dict.fromkeys(self._expires, self._clock())

    def check(self, authorization: str | None) -> str | None:
        """The code that refuses this ``Authorization`` header (A001 expired, A002 unknown), or None when it is good."""
        schema, _, token = (authorization or "").partition(" ")
        expires = self._expires.get(token)
        if expires is None or schema.lower() != "bearer":
            return "A002"
        return "A001" if self._clock() >= expires else None

"""How the ledger knows a recipient again without reading a number: digests under the ledger's own random key.

A digest without the key says nothing, so a ref on the wire, a copied results file or an erased recipient gives no
number away. BLAKE2b in keyed mode is a MAC; a copied hash object costs 0.7 µs where HMAC-SHA256 costs 2.
"""

import re
from base64 import b32decode, b32encode
from hashlib import blake2b

from omni_bulk.model import Entry, Message, Problem

KEY_BYTES = 32
IDENTITY_BYTES = 16
DIGEST_BYTES = 8
_OWN_REF = re.compile(r"ob-[a-z2-7]{26}\Z")


def own_ref(identity: bytes) -> str:
    """The ref of a recipient whose row has none: ``ob-`` and 26 characters."""
    return "ob-" + b32encode(identity).decode().rstrip("=").lower()


def identity_of_own_ref(ref: str) -> bytes | None:
    """The identity inside a ref that `own_ref` made, else None."""
    if not _OWN_REF.match(ref):
        return None
    identity = b32decode(ref[3:].upper() + "======")
    return identity if own_ref(identity) == ref else None  # the last character has bits to spare


class Numbers:
    """Digests of E.164 numbers under the ledger's key, the same in every campaign: of those who get nothing at all."""

    def __init__(self, key: bytes) -> None:
        self._hash = blake2b(key=key, digest_size=IDENTITY_BYTES, person=b"anywhere")

    def of(self, number: str) -> bytes:
        """16 bytes."""
        hashed = self._hash.copy()
        hashed.update(number.encode("utf-8", "surrogatepass"))
        return hashed.digest()


class Identities:
    """The keyed digests of one campaign.

    `key` is the ledger's (32 random bytes), `campaign_id` the campaign's UUID: the same number in two campaigns is two
    identities, so their refs on the wire never meet.
    """

    def __init__(self, key: bytes, campaign_id: str) -> None:
        scope = campaign_id.encode() + b"\0"
        self._number = blake2b(scope, key=key, digest_size=IDENTITY_BYTES, person=b"number")
        self._ref = blake2b(scope, key=key, digest_size=IDENTITY_BYTES, person=b"ref")
        self._repeat = blake2b(scope, key=key, digest_size=IDENTITY_BYTES, person=b"repeat")
        self._digest = blake2b(scope, key=key, digest_size=DIGEST_BYTES, person=b"content")

    def of_number(self, number: str) -> bytes:
        hashed = self._number.copy()
        hashed.update(number.encode("utf-8", "surrogatepass"))
        return hashed.digest()

    def of_ref(self, ref: str) -> bytes:
        hashed = self._ref.copy()
        hashed.update(ref.encode("utf-8", "surrogatepass"))
        return hashed.digest()

    def of_repeat(self, identity: bytes, times: int) -> bytes:
        """The identity of the line about the `times`-th row of one run that repeats `identity`."""
        hashed = self._repeat.copy()
        hashed.update(identity + times.to_bytes(8, "big"))
        return hashed.digest()

    def digest(self, content: str) -> bytes:
        hashed = self._digest.copy()
        hashed.update(content.encode("utf-8", "surrogatepass"))
        return hashed.digest()

    def entry(self, made: Message | Problem) -> Entry:
        """The ledger's view of a composed row: a ref identifies it, else the number, else what stands in its place."""
        if made.ref is not None:
            identity, ref = self.of_ref(made.ref), made.ref
        else:
            # A number that could not be read is known again by its cell as written.
            identity = self.of_number(made.to or (made.identity if isinstance(made, Problem) else ""))
            ref = own_ref(identity)
        if isinstance(made, Problem):
            return Entry(identity, ref, made)
        return Entry(
            identity,
            ref,
            made,
            digest=self.digest(f"{made.to}\0{made.from_}\0{made.text}"),
            number_digest=self.digest(made.to),
            text_digest=self.digest(made.text),
        )

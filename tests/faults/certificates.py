"""TLS contexts of a server: one that a client of our authority trusts, and those it must not."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Certificates:
    """`authority` is the PEM file that the client is given; the rest are contexts for a server's side."""

    authority: Path
    good: ssl.SSLContext
    expired: ssl.SSLContext
    self_signed: ssl.SSLContext
    wrong_host: ssl.SSLContext
    demanding: ssl.SSLContext  # asks for a certificate of the client

    @classmethod
    def made_in(cls, directory: Path) -> "Certificates":
        ours, another = trustme.CA(), trustme.CA()
        path = directory / "authority.pem"
        ours.cert_pem.write_to_path(path)
        now = datetime.now(UTC)
        demanding = _context(ours.issue_cert(HOST))
        demanding.verify_mode = ssl.CERT_REQUIRED
        ours.configure_trust(demanding)
        alone = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with another.private_key_pem.tempfile() as key, another.cert_pem.tempfile() as certificate:
            alone.load_cert_chain(certificate, key)
        return cls(
            authority=path,
            good=_context(ours.issue_cert(HOST)),
            expired=_context(ours.issue_cert(HOST, not_before=now - timedelta(9), not_after=now - timedelta(2))),
            self_signed=alone,
            wrong_host=_context(ours.issue_cert("another.invalid")),
            demanding=demanding,
        )


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context

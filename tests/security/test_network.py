"""Where requests go, and over what, is decided by the settings alone; the environment has no say."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from omni_bulk.client import Client, Endpoint
from omni_bulk.model import Evidence
from omni_bulk.wire import Answer, Failure
from tests.cli.kit import run, write_list
from tests.engine.peer import Line, Peer, peer
from tests.security.kit import SEND, account, api

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def post(url: str, ca_file: Path | None = None) -> Answer:
    async def main() -> Answer:
        async with Client(Endpoint(url, "id", "password", timeout=10.0, ca_file=ca_file)) as client:
            return await client.post_message(b"{}", "Bearer token")

    return asyncio.run(main())


def encrypted(context: ssl.SSLContext) -> Callable[[Line], None]:
    """The script of a peer that answers over TLS."""

    def script(line: Line) -> None:
        line.encrypt(context)
        line.request()
        line.answer()

    return script


def https(server: Peer) -> str:
    return f"https://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def served_by(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


# ── proxies ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("also", [{}, {"NO_PROXY": ""}])
def test_a_proxy_of_the_environment_sees_nothing_of_a_run(also: dict[str, str]) -> None:
    write_list(2)
    Path(".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    Path(".netrc").chmod(0o600)
    with api() as trap, api() as server:
        traps = dict.fromkeys(PROXIES, trap.url)
        ran = run("list.csv", *SEND, env={**account(server), **traps, **also, "NETRC": ".netrc"})
        assert trap.connections == 0
        assert len(server.requests) == 3  # the token, and two messages
        assert all(b"Basic" not in request for request in server.requests)
    assert ran.code == 0, ran.err


def test_a_proxy_that_is_a_setting_is_used() -> None:
    write_list(1)
    with api() as proxy:
        env = {**account(proxy), "OMNI_BASE_URL": "http://127.0.0.1:9", "OMNI_PROXY": proxy.url}
        assert run("list.csv", *SEND, env=env).code == 0
        assert proxy.requests[0].startswith(b"POST http://127.0.0.1:9/v1/auth/token ")


# ── authorities ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_authority_of_the_environment_does_not_add_to_the_one_that_is_set(
    authority: trustme.CA, ca_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who names authorities means these and no others."""
    another = tmp_path / "another.pem"
    trustme.CA().cert_pem.write_to_path(another)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with peer(encrypted(served_by(authority))) as server:
        refused = post(https(server), ca_file=another)
        assert server.requests == []
        assert post(https(server), ca_file=ca_file).status == 200
    assert (refused.failure, refused.evidence) == (Failure.CERTIFICATE, Evidence.NOTHING_WRITTEN)


def test_without_one_the_systems_hold_and_the_environment_may_say_where_they_are(
    authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL's own variable: on some systems it is how the system's authorities are found at all."""
    with peer(encrypted(served_by(authority))) as server:
        assert post(https(server)).failure is Failure.CERTIFICATE
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
        assert post(https(server)).status == 200


def test_the_keys_of_a_session_are_written_nowhere(
    authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has them reads password, token and texts out of recorded traffic."""
    monkeypatch.setenv("SSLKEYLOGFILE", "keys.log")
    with peer(encrypted(served_by(authority))) as server:
        assert post(https(server), ca_file=ca_file).status == 200
    assert not Path("keys.log").exists()


# ── versions of TLS ───────────────────────────────────────────────────────────────────────────────────────────────


def at_most(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    context.set_ciphers("ALL:@SECLEVEL=0")  # where OpenSSL still speaks the old ones, it does so at this level only
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = version
    return context


def speaks(context: ssl.SSLContext, ca_file: Path) -> bool:
    """Whether a client that accepts anything reaches such a server: if not, the local OpenSSL cannot make one."""
    lenient = ssl.create_default_context(cafile=str(ca_file))
    lenient.set_ciphers("ALL:@SECLEVEL=0")
    lenient.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    ours, its = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = lenient.wrap_bio(its, ours, server_hostname="127.0.0.1")
    server = context.wrap_bio(ours, its, server_side=True)
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return False
    return client.version() is not None


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_a_server_that_speaks_old_versions_only_is_refused(
    version: ssl.TLSVersion, authority: trustme.CA, ca_file: Path
) -> None:
    old = at_most(served_by(authority), version)
    if not speaks(old, ca_file):
        pytest.skip("this OpenSSL does not speak it either")
    with peer(encrypted(old)) as server:
        answer = post(https(server), ca_file=ca_file)
        assert server.requests == []
    assert (answer.failure, answer.evidence) == (Failure.TLS, Evidence.NOTHING_WRITTEN)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_newer_versions_are_spoken(version: ssl.TLSVersion, authority: trustme.CA, ca_file: Path) -> None:
    context = served_by(authority)
    context.maximum_version = version
    with peer(encrypted(context)) as server:
        assert post(https(server), ca_file=ca_file).status == 200

"""The check-up behind `doctor`: looks at everything a `send` will need, and sends nothing.

The network is asked for one address, one certificate and one token. Each check ends in a `Finding`; one that cannot be
made because of another is `skipped`, so that one cause is told once.
"""

import asyncio
import os
import platform
import shutil
import socket
import sqlite3
import ssl
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from omni_bulk.auth import no_token, passing
from omni_bulk.client import Client, Endpoint, tls_context
from omni_bulk.errors import OmniBulkError, SettingsError
from omni_bulk.findings import (
    CREDENTIALS,
    LEDGER,
    NETWORK,
    SETTINGS,
    Finding,
    certificate,
    clock,
    descriptors,
    fail,
    in_doubt,
    ok,
    polled,
    room,
    skipped,
)
from omni_bulk.ledger.health import Health, health, reports_of
from omni_bulk.ledger.schema import VERSION
from omni_bulk.lock import refuse_network_filesystem
from omni_bulk.sentences import listed, said, term
from omni_bulk.settings import Settings
from omni_bulk.wire import Answer, read_token, server_time

PATIENCE = 10.0  # s for each question to the network
LIBRARIES = (
    "aiohttp", "aiolimiter", "filelock", "orjson", "phonenumbers", "platformdirs", "pydantic", "pydantic-settings",
    "python-calamine", "rich", "tenacity", "typer", "uvloop", "prometheus-client",
)  # fmt: skip
NETWORK_CHECKS = ("DNS", "TLS", "credentials", "clock")


def versions() -> Mapping[str, str | None]:
    """Python, SQLite, OpenSSL and our libraries, by name; None for an extra that is not installed."""
    found: dict[str, str | None] = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "sqlite": sqlite3.sqlite_version,
        "openssl": ssl.OPENSSL_VERSION.split(" ")[1],
    }
    for name in LIBRARIES:
        found[name] = None
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


async def checkup(settings: Settings) -> AsyncIterator[Finding]:
    """Every check of the network and of this computer, as it is made."""
    async for finding in _network(settings):
        yield finding
    for finding in await asyncio.to_thread(lambda: [*_ledger(settings.ledger), *_computer(settings)]):
        yield finding


# ── the network ───────────────────────────────────────────────────────────────────────────────────────────────────


async def _network(settings: Settings) -> AsyncIterator[Finding]:
    url = urlsplit(settings.base_url)
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    through = None if settings.proxy is None else urlsplit(settings.proxy.get_secret_value()).hostname
    found = await _dns(through or host)
    yield found
    if found.exit_code:
        for check in NETWORK_CHECKS[1:]:
            yield skipped(check, said("without an address"))
        return
    if url.scheme == "http":
        yield skipped("TLS", said("http, on this computer"))
    elif through:
        yield skipped("TLS", said("through the proxy; asking for the token verifies it too"))
    else:
        yield await _tls(host, port, settings)
    try:
        client_id, password = settings.require_credentials()
    except SettingsError as error:
        yield fail("credentials", said("they are missing"), listed(error.problems, " "), SETTINGS)
        yield skipped("clock", said("the answer to the credentials would tell"))
        return
    endpoint = Endpoint(
        base_url=settings.base_url.rstrip("/"),
        client_id=client_id,
        password=password.get_secret_value(),
        timeout=min(PATIENCE, settings.timeout),
        connections=1,
        proxy=None if settings.proxy is None else settings.proxy.get_secret_value(),
        ca_file=settings.ca_file,
    )
    asked = time.time()
    async with Client(endpoint) as client:
        answer = await client.fetch_token()
    yield _token(answer)
    yield _clock(answer, (asked + time.time()) / 2)


async def _dns(host: str) -> Finding:
    try:
        async with asyncio.timeout(PATIENCE):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except TimeoutError:
        why = said("no answer within {seconds:.0f} s", seconds=PATIENCE)
    except OSError as error:
        why = term((error.strerror or "no answer").lower())
    else:
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        if host in addresses:
            return ok("DNS", said("{host} is an address, no name to look up", host=host))
        if len(addresses) > 1:
            more = len(addresses) - 1
            return ok("DNS", said("{host} is {address} and {more} more", host=host, address=addresses[0], more=more))
        return ok("DNS", said("{host} is {address}", host=host, address=addresses[0]))
    return fail(
        "DNS",
        said("{host}: {why}", host=host, why=why),
        said("Check the network of this computer, and --base-url or the proxy."),
        NETWORK,
    )


async def _tls(host: str, port: int, settings: Settings) -> Finding:
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(host, port, ssl=tls_context(settings.ca_file))
    except ssl.SSLCertVerificationError as error:
        todo = said("If a proxy of your company stands between, give its certificate with --ca-file; else do not send.")
        return fail(
            "TLS",
            said("the certificate does not verify: {verify_message}", verify_message=error.verify_message),
            todo,
            CREDENTIALS,
        )
    except TimeoutError:
        why = said("no answer within {seconds:.0f} s", seconds=PATIENCE)
    except OSError as error:  # ssl.SSLError too
        why = term((error.strerror or type(error).__name__).lower())
    else:
        found = writer.get_extra_info("peercert")
        writer.transport.abort()
        return certificate((ssl.cert_time_to_seconds(found["notAfter"]) - time.time()) / 86_400)
    return fail(
        "TLS",
        said("no connection to {host}:{port}: {why}", host=host, port=port, why=why),
        said("Check firewall and --base-url."),
        NETWORK,
    )


def _token(answer: Answer) -> Finding:
    if read_token(answer) is not None:
        return ok("credentials", said("the API gives a token for them"))
    if passing(answer):
        what = term(answer.failure.value.replace("_", " ") if answer.failure else f"HTTP {answer.status}")
        return fail(
            "credentials", said("no token could be had ({what})", what=what), said("Try again in a minute."), NETWORK
        )
    stopped = no_token(answer)
    todo = said("Correct client id and password (`omni-bulk init` asks for them), or ask the vendor about the account.")
    return fail("credentials", stopped.sentence, todo, CREDENTIALS)


def _clock(answer: Answer, asked: float) -> Finding:
    server = server_time(answer.headers)
    if server is None:
        return skipped("clock", said("the server did not say what time it is"))
    return clock(asked - server - 0.5)  # the header has whole seconds, cut


# ── this computer ─────────────────────────────────────────────────────────────────────────────────────────────────


def _ledger(path: Path) -> Iterator[Finding]:
    try:
        refuse_network_filesystem(path)
    except OmniBulkError as error:
        yield fail("ledger", error.sentence, said("Name one on a local disk with --ledger."), LEDGER)
        return
    found = health(path)
    if found is None:
        yield _place(path)
        return
    if found.problem is not None:
        todo = said("Upgrade omni_bulk.") if found.version > VERSION else _RESTORE
        yield fail("ledger", said("{path}: {problem}", path=path, problem=found.problem), todo, LEDGER)
        return
    if not os.access(path, os.W_OK):
        yield fail(
            "ledger",
            said("{path}: this user may not write it", path=path),
            said("Run as its owner, or name another."),
            LEDGER,
        )
        return
    yield _well(path, found)
    yield in_doubt(found.in_doubt)
    reports = reports_of(path)
    if reports is not None and reports.polled_at is not None:
        yield polled(max(0.0, time.time() - reports.polled_at / 1000))


_RESTORE = said(
    "Restore it from a backup and give each campaign's results file once with --already; without a backup name a new "
    "ledger and do the same."
)


def _well(path: Path, found: Health) -> Finding:
    sizes: str = f"{found.size / 1e6:,.1f} MB"
    if found.log:
        sizes = said("{sizes} and {log:,.1f} MB of log", sizes=sizes, log=found.log / 1e6)
    return ok(
        "ledger",
        said(
            "{path}: whole, version {version}, {sizes}, {recipients:,} recipients",
            path=path,
            version=found.version,
            sizes=sizes,
            recipients=found.recipients,
        ),
    )


def _place(path: Path) -> Finding:
    folder = _nearest(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        return fail(
            "ledger",
            said("{path} cannot be made: {folder} cannot be written", path=path, folder=folder),
            said("Name another --ledger."),
            LEDGER,
        )
    return ok("ledger", said("there is none yet at {path}; the first send makes it", path=path))


def _nearest(path: Path) -> Path:
    """The folder of `path`, or the nearest one above that is there."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())


def _computer(settings: Settings) -> Iterator[Finding]:
    folder = _nearest(settings.ledger)
    yield room(shutil.disk_usage(folder).free, str(folder))
    if os.name != "posix":
        yield skipped("open files", said("this system has no such limit"))
        return
    import resource  # noqa: PLC0415  not on Windows

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    yield descriptors(sys.maxsize if limit == resource.RLIM_INFINITY else limit, settings.workers)

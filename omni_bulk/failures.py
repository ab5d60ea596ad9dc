"""What a failure of aiohttp's means. No exception of it is logged, chained or shown: its ``repr`` can hold the token."""

import aiohttp

from omni_bulk.wire import Failure

# First match wins, so the order is from the special to the general.
_FAILURES: tuple[tuple[type[BaseException], Failure], ...] = (
    (aiohttp.ClientConnectorCertificateError, Failure.CERTIFICATE),
    (aiohttp.ServerFingerprintMismatch, Failure.CERTIFICATE),
    (aiohttp.ClientConnectorSSLError, Failure.TLS),
    (aiohttp.ClientConnectorDNSError, Failure.DNS),
    (aiohttp.ClientProxyConnectionError, Failure.PROXY),
    (aiohttp.ClientConnectorError, Failure.REFUSED),
    (aiohttp.ConnectionTimeoutError, Failure.CONNECT_TIMEOUT),
    (aiohttp.ServerTimeoutError, Failure.TIMEOUT),
    (TimeoutError, Failure.TIMEOUT),
    (aiohttp.ServerDisconnectedError, Failure.CONNECTION_LOST),
    (aiohttp.ClientOSError, Failure.CONNECTION_LOST),
    (aiohttp.ClientPayloadError, Failure.CONNECTION_LOST),
    (aiohttp.ClientResponseError, Failure.BAD_ANSWER),
    (aiohttp.ClientConnectionError, Failure.CONNECTION_LOST),
    (OSError, Failure.CONNECTION_LOST),
)


def failure_of(error: BaseException) -> Failure:
    """The one mapping of foreign exceptions to ours. What is not listed is an answer that could not be read."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Failure.PROXY_AUTH if error.status == 407 else Failure.PROXY
    for kind, failure in _FAILURES:
        if isinstance(error, kind):
            return failure
    return Failure.BAD_ANSWER

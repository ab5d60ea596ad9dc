"""The faults: one row for each, with what must come of it. `table` renders the rows, `test_matrix` runs them."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from omni_bulk.model import Kind, Status
from tests.faults.acts import (
    BOMB,
    HTML,
    STRAY,
    STRAY_A020,
    again,
    certified,
    chunked,
    demanding,
    drip,
    echoes,
    elsewhere,
    endless,
    fin,
    omni,
    replies,
    rst,
    says,
    silence,
    stop_accepting,
    stop_listening,
    takes,
    twice,
    unread,
    vanish,
    when_idle,
    written,
)
from tests.faults.server import FOR_EVER, Act, At, Misbehaviour, Variant, answer

SHORT = 0.4  # s for a whole attempt, where the fault is that it takes longer
LONG = 10.0  # s: no fault


class Ends(Enum):
    """What becomes of the run."""

    GOES_ON = "goes on"
    PAUSES = "pauses, goes on"
    STOPS = "stops"
    PAUSES_AND_STOPS = "pauses, stops"

    @property
    def stops(self) -> bool:
        return self in {Ends.STOPS, Ends.PAUSES_AND_STOPS}

    @property
    def pauses(self) -> bool:
        return self in {Ends.PAUSES, Ends.PAUSES_AND_STOPS}


@dataclass(frozen=True, slots=True)
class Line:
    """What the results line of a message that met the fault must say. `own_key`: with the msgKey given to it."""

    status: Status
    reason: str | None = None
    code: str | None = None
    attempts: int = 1
    own_key: bool = False


TAKEN = Line(Status.ACCEPTED, code="A000", own_key=True)
TAKEN_LATER = Line(Status.ACCEPTED, code="A000", attempts=2, own_key=True)  # after an attempt that was refused
WITHOUT_KEY = Line(Status.ACCEPTED, "no_msg_key", "A000")


def unknown(reason: str, code: str | None = None) -> Line:
    return Line(Status.UNKNOWN, reason, code)


LOST = unknown("connection_lost")
TIMEOUT = unknown("timeout")
BAD = unknown("bad_answer")


RELEASED = {Kind.NOT_SENT, Kind.TOKEN, Kind.THROTTLED, Kind.BARE_REFUSAL}  # not taken, and tried again


@dataclass(frozen=True, slots=True)
class Fault:
    """One row: how the server misbehaves, and everything that must come of it.

    `line` is of each recipient in `hit` (by their place in the list), None when there must be none: the message is left
    for the next run. `posts` are the whole POSTs of each of them that the server saw while it misbehaved. `exit_code`
    is the summary's.
    """

    name: str
    how: str
    misbehaviour: Misbehaviour
    verdict: Kind
    line: Line | None
    posts: int
    exit_code: int
    ends: Ends = Ends.GOES_ON
    hit: tuple[int, ...] = (2,)
    variant: Variant = Variant.PLAIN
    timeout: float = LONG
    paced: bool = False  # each message only when the one before is recorded and its connection idles
    names: bool = False  # the server is called by a name, which has to be resolved
    wrong: str = ""  # what is wrong with us: the row is expected to fail until that is corrected

    @property
    def size(self) -> int:
        """Recipients in the list: one more than the fault meets."""
        return max(self.hit) + 1


def body(act: Act, times: int = 1, *, first: int = 2, refuses: bool = False, closing: bool = False) -> Misbehaviour:
    return Misbehaviour(At.BODY, act, first, times, refuses, closing)


def refusal(act: Act, times: int = 1, *, first: int = 2) -> Misbehaviour:
    return body(act, times, first=first, refuses=True)


def bare(status: str, headers: Mapping[str, str] | None = None) -> Act:
    """An answer with a body that is not the API's."""
    return replies(status, HTML, headers={"Content-Type": "text/html", **(headers or {})})


PAGE = bare("200 OK")
BUSY = bare("503 Service Unavailable")


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


FAULTS: tuple[Fault, ...] = (
    # ── no connection: nothing can have left ──────────────────────────────────────────────────────────────────────
    Fault(
        "refused", "closes its port for a moment",
        Misbehaviour(At.LISTENER, stop_listening), Kind.NOT_SENT, TAKEN, 0, 0,
    ),
    Fault(
        "refused_long", "closes its port for more than 20 attempts",
        Misbehaviour(At.LISTENER, stop_listening, times=23), Kind.NOT_SENT, TAKEN, 0, 0, Ends.PAUSES,
    ),
    Fault(
        "refused_for_ever", "closes its port for good",
        Misbehaviour(At.LISTENER, stop_listening, times=FOR_EVER), Kind.NOT_SENT, None, 0, 69, Ends.PAUSES_AND_STOPS,
    ),
    Fault(
        "dns", "its name does not resolve for a moment",
        Misbehaviour(At.LISTENER, vanish), Kind.NOT_SENT, TAKEN, 0, 0, names=True,
    ),
    Fault(
        "dns_for_ever", "its name does not resolve any more",
        Misbehaviour(At.LISTENER, vanish, times=FOR_EVER), Kind.NOT_SENT, None, 0, 69, Ends.PAUSES_AND_STOPS, names=True,
    ),
    Fault(
        "connect_timeout", "lets connections wait for ever",
        Misbehaviour(At.LISTENER, stop_accepting), Kind.NOT_SENT, TAKEN, 0, 0, timeout=SHORT,
    ),
    Fault(
        "proxy_refused", "the proxy closes its port for a moment",
        Misbehaviour(At.LISTENER, stop_listening), Kind.NOT_SENT, TAKEN, 0, 0, variant=Variant.PROXY,
    ),
    # ── TLS ───────────────────────────────────────────────────────────────────────────────────────────────────────
    Fault(
        "tls_expired", "its certificate has expired",
        Misbehaviour(At.ACCEPT, certified("expired")), Kind.ACCOUNT, None, 0, 5, Ends.STOPS, variant=Variant.TLS,
    ),
    Fault(
        "tls_self_signed", "its certificate is signed by itself",
        Misbehaviour(At.ACCEPT, certified("self_signed")), Kind.ACCOUNT, None, 0, 5, Ends.STOPS, variant=Variant.TLS,
    ),
    Fault(
        "tls_wrong_host", "its certificate is another host's",
        Misbehaviour(At.ACCEPT, certified("wrong_host")), Kind.ACCOUNT, None, 0, 5, Ends.STOPS, variant=Variant.TLS,
    ),
    Fault(
        "tls_eof", "FIN in the TLS handshake",
        Misbehaviour(At.ACCEPT, unread(fin)), Kind.NOT_SENT, TAKEN, 0, 0, variant=Variant.TLS,
    ),
    Fault(
        "tls_rst", "RST in the TLS handshake",
        Misbehaviour(At.ACCEPT, unread(rst)), Kind.NOT_SENT, TAKEN, 0, 0, variant=Variant.TLS,
    ),
    Fault(
        "tls_garbage", "answers the TLS handshake in plain HTTP",
        Misbehaviour(At.ACCEPT, unread(says(answer(HTML), fin))), Kind.NOT_SENT, TAKEN, 0, 0, variant=Variant.TLS,
    ),
    Fault(
        "tls_stalled", "never answers the TLS handshake",
        Misbehaviour(At.ACCEPT, silence), Kind.NOT_SENT, TAKEN, 0, 0, variant=Variant.TLS, timeout=SHORT,
    ),
    Fault(
        "tls_client_certificate", "demands a client certificate (noticed after the handshake)",
        Misbehaviour(At.ACCEPT, demanding), Kind.UNKNOWN, LOST, 0, 3, variant=Variant.TLS,
    ),
    # ── proxies ───────────────────────────────────────────────────────────────────────────────────────────────────
    Fault(
        "proxy_407", "the proxy answers 407 in the origin's place",
        refusal(bare("407 Proxy Authentication Required")), Kind.ACCOUNT, None, 1, 5, Ends.STOPS, variant=Variant.PROXY,
    ),
    Fault(
        "proxy_502", "the proxy answers 502 in the origin's place",
        body(bare("502 Bad Gateway")), Kind.UNKNOWN, BAD, 1, 3, variant=Variant.PROXY,
    ),
    Fault(
        "tunnel_407", "the proxy answers CONNECT with 407",
        Misbehaviour(At.CONNECT, bare("407 Proxy Authentication Required")), Kind.ACCOUNT, None, 0, 5, Ends.STOPS,
        variant=Variant.TUNNEL,
    ),
    Fault(
        "tunnel_502", "the proxy answers CONNECT with 502",
        Misbehaviour(At.CONNECT, bare("502 Bad Gateway")), Kind.NOT_SENT, TAKEN, 0, 0, variant=Variant.TUNNEL,
    ),
    Fault(
        "tunnel_cut", "the proxy ends the connection after CONNECT",
        Misbehaviour(At.CONNECT, fin), Kind.NOT_SENT, TAKEN, 0, 0, variant=Variant.TUNNEL,
    ),
    Fault(
        "tunnel_garbage", "the proxy answers CONNECT with garbage",
        Misbehaviour(At.CONNECT, says(b"\x00\x01garbage\r\n\r\n", fin)), Kind.NOT_SENT, TAKEN, 0, 0,
        variant=Variant.TUNNEL,
    ),
    Fault(
        "tunnel_stalled", "the proxy never answers CONNECT",
        Misbehaviour(At.CONNECT, silence), Kind.NOT_SENT, TAKEN, 0, 0, variant=Variant.TUNNEL, timeout=SHORT,
    ),
    Fault(
        "tunnel_to_nowhere", "the proxy opens the tunnel and ends it",
        Misbehaviour(At.CONNECT, says(b"HTTP/1.1 200 OK\r\n\r\n", unread(rst))), Kind.NOT_SENT, TAKEN, 0, 0,
        variant=Variant.TUNNEL,
    ),
    # ── the connection ends ───────────────────────────────────────────────────────────────────────────────────────
    Fault(
        "fin_at_accept", "FIN on a new connection, the POST unread",
        Misbehaviour(At.ACCEPT, unread(fin)), Kind.UNKNOWN, LOST, 0, 3,
    ),
    Fault(
        "rst_at_accept", "RST on a new connection, the POST unread",
        Misbehaviour(At.ACCEPT, unread(rst)), Kind.UNKNOWN, LOST, 0, 3,
    ),
    Fault(
        "stalled_at_accept", "never reads from a new connection",
        Misbehaviour(At.ACCEPT, silence), Kind.UNKNOWN, TIMEOUT, 0, 3, timeout=SHORT,
    ),
    Fault("fin_after_head", "FIN after the headers", Misbehaviour(At.HEAD, fin), Kind.UNKNOWN, LOST, 0, 3),
    Fault("rst_after_head", "RST after the headers", Misbehaviour(At.HEAD, rst), Kind.UNKNOWN, LOST, 0, 3),
    Fault("fin_after_body", "FIN after the whole POST", body(fin), Kind.UNKNOWN, LOST, 1, 3),
    Fault("rst_after_body", "RST after the whole POST", body(rst), Kind.UNKNOWN, LOST, 1, 3),
    Fault(
        "rst_after_body_new", "RST after the whole POST on a connection of its own",
        body(rst, closing=True), Kind.UNKNOWN, LOST, 1, 3,
    ),
    Fault("tls_fin_after_body", "FIN after the whole POST", body(fin), Kind.UNKNOWN, LOST, 1, 3, variant=Variant.TLS),
    Fault("tls_rst_after_body", "RST after the whole POST", body(rst), Kind.UNKNOWN, LOST, 1, 3, variant=Variant.TLS),
    Fault(
        "rst_lasting", "RST after each of four POSTs",
        body(rst, 4, first=1), Kind.UNKNOWN, LOST, 1, 3, hit=(1, 2, 3, 4),
    ),
    Fault(
        "fin_while_idle", "FIN between two requests",
        body(when_idle(fin)), Kind.ACCEPTED, TAKEN, 1, 0, paced=True,
    ),
    Fault(
        "rst_while_idle", "RST between two requests",
        body(when_idle(rst)), Kind.ACCEPTED, TAKEN, 1, 0, paced=True,
    ),
    Fault(
        "408_while_idle", "408 and FIN between two requests",
        body(when_idle(says(answer(status="408 Request Timeout", headers={"Connection": "close"}), fin))), Kind.ACCEPTED, TAKEN, 1, 0,
        paced=True,
    ),
    # ── no answer, or none in time ────────────────────────────────────────────────────────────────────────────────
    Fault("silence", "never answers", body(silence), Kind.UNKNOWN, TIMEOUT, 1, 3, timeout=SHORT),
    Fault(
        "tls_silence", "never answers", body(silence), Kind.UNKNOWN, TIMEOUT, 1, 3, timeout=SHORT, variant=Variant.TLS,
    ),
    Fault(
        "drip", "a good answer, a byte at a time",
        body(drip(b"")), Kind.UNKNOWN, TIMEOUT, 1, 3, timeout=SHORT,
    ),
    Fault(
        "drip_body", "a good answer, its body a byte at a time",
        body(drip(b"\r\n\r\n")), Kind.UNKNOWN, TIMEOUT, 1, 3, timeout=SHORT,
    ),
    Fault(
        "stalled_body", "A000, but the rest of the body never comes",
        body(written(lambda good: answer(good, headers={"Content-Length": str(len(good) + 9)}), silence)), Kind.UNKNOWN, TIMEOUT, 1, 3,
        timeout=SHORT,
    ),
    Fault(
        "interim_for_ever", "102 Processing again and again",
        body(endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n")), Kind.UNKNOWN, TIMEOUT, 1, 3, timeout=SHORT,
    ),
    # ── what is no HTTP, or not all of it ─────────────────────────────────────────────────────────────────────────
    Fault("garbage", "a garbage status line", body(says(b"\x16\x03garbage\r\n\r\n")), Kind.UNKNOWN, BAD, 1, 3),
    Fault(
        "echo_in_status_line", "our headers as its status line",
        body(echoes(lambda ours: ours + b"\r\n\r\n")), Kind.UNKNOWN, BAD, 1, 3,
    ),
    Fault(
        "echo_in_header", "our headers in a header that is none",
        body(echoes(lambda ours: b"HTTP/1.1 200 OK\r\n\x00" + ours + b"\r\n\r\n")), Kind.UNKNOWN, BAD, 1, 3,
    ),
    Fault("long_header", "a header of 100 kB", body(replies(headers={"X-Long": "x" * 100_000})), Kind.UNKNOWN, BAD, 1, 3),
    Fault(
        "endless_headers", "headers without end",
        body(endless(b"HTTP/1.1 200 OK\r\n", b"x-more: and more\r\n" * 50)), Kind.UNKNOWN, BAD, 1, 3,
    ),
    Fault("two_lengths", "two Content-Lengths", body(written(
        lambda good: b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: %d\r\n\r\n" % len(good) + good,
    )), Kind.UNKNOWN, BAD, 1, 3),
    Fault(
        "bad_chunk", "a chunk size that is none",
        body(written(lambda good: chunked(b"zz\r\n", good, b"\r\n0\r\n\r\n"))), Kind.UNKNOWN, BAD, 1, 3,
    ),
    Fault(
        "cut_head", "FIN within the headers",
        body(says(b"HTTP/1.1 200 OK\r\ncontent-ty", fin)), Kind.UNKNOWN, LOST, 1, 3,
    ),
    Fault(
        "cut_body", "A000, but FIN before the end of the body",
        body(written(lambda good: answer(good, headers={"Content-Length": str(len(good) + 9)}), fin)), Kind.UNKNOWN, LOST, 1, 3,
    ),
    Fault(
        "cut_chunk", "A000 in chunks, but FIN before the last",
        body(written(lambda good: chunked(b"%x\r\n" % len(good), good, b"\r\n"), fin)), Kind.UNKNOWN, LOST, 1, 3,
    ),
    Fault(
        "endless_body", "a body without end",
        body(endless(chunked(), b"1000\r\n" + b" " * 4096 + b"\r\n")), Kind.UNKNOWN, BAD, 1, 3,
    ),
    Fault(
        "gzip_bomb", "32 MiB of zeros, gzipped to 32 kB",
        body(replies(body=BOMB, headers={"Content-Encoding": "gzip"})), Kind.UNKNOWN, BAD, 1, 3,
    ),
    Fault(
        "gzip", "A000 gzipped, unasked",
        body(written(lambda good: answer(gzip.compress(good), headers={"Content-Encoding": "gzip"}))), Kind.UNKNOWN, BAD, 1, 3,
    ),
    Fault("upgrade", "101 Switching Protocols", body(replies(
        "101 Switching Protocols", headers={"Connection": "upgrade", "Upgrade": "websocket"},
    )), Kind.UNKNOWN, BAD, 1, 3),
    # ── somebody else answers ─────────────────────────────────────────────────────────────────────────────────────
    Fault("portal", "200 with the HTML of a captive portal", body(PAGE), Kind.UNKNOWN, BAD, 1, 3),
    Fault(
        "portal_lasting", "200 with HTML from the first POST on",
        body(PAGE, FOR_EVER, first=1), Kind.UNKNOWN, BAD, 1, 69, Ends.PAUSES_AND_STOPS, hit=(1, 2, 3, 4),
    ),
    Fault("busy", "503 with HTML", body(BUSY), Kind.UNKNOWN, BAD, 1, 3),
    Fault(
        "busy_for_a_while", "503 with HTML, three times",
        body(BUSY, 3), Kind.UNKNOWN, BAD, 1, 3, Ends.PAUSES, hit=(2, 3, 4),
    ),
    Fault(
        "busy_lasting", "503 with HTML from the first POST on",
        body(BUSY, FOR_EVER, first=1), Kind.UNKNOWN, BAD, 1, 69, Ends.PAUSES_AND_STOPS, hit=(1, 2, 3, 4),
    ),
    Fault(
        "busy_echo", "503 with our headers in header and body",
        body(echoes(lambda ours: answer(ours, status="503 Busy", headers={"X-Request": ours.decode()}))), Kind.UNKNOWN, BAD, 1, 3,
    ),
    *(
        Fault(
            f"redirect_{status[:3]}", f"{status[:3]} to another port, which gets nothing",
            body(elsewhere(status)), Kind.UNKNOWN, BAD, 1, 3,
        )
        for status in ("301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect")
    ),
    Fault("no_content", "204", body(says(b"HTTP/1.1 204 No Content\r\n\r\n")), Kind.UNKNOWN, BAD, 1, 3),
    Fault("empty", "200 with an empty body", body(replies()), Kind.UNKNOWN, BAD, 1, 3),
    # ── refusals, which prove that the message was not taken ──────────────────────────────────────────────────────
    *(
        Fault(
            f"bare_{status[:3]}", f"{status[:3]} without a body of the API's",
            refusal(bare(status)), Kind.BARE_REFUSAL, TAKEN_LATER, 1, 0,
        )
        for status in ("401 Unauthorized", "403 Forbidden", "404 Not Found", "405 Method Not Allowed")
    ),
    Fault(
        "bare_403_lasting", "403 without a body from the second POST on",
        refusal(replies("403 Forbidden"), FOR_EVER), Kind.BARE_REFUSAL, None, 4, 5, Ends.PAUSES_AND_STOPS,
    ),
    Fault("429", "429 with HTML", refusal(bare("429 Too Many Requests")), Kind.THROTTLED, TAKEN_LATER, 1, 0),
    Fault(
        "429_retry_after", "429 with HTML and Retry-After",
        refusal(bare("429 Too Many Requests", {"Retry-After": "7"})), Kind.THROTTLED, TAKEN_LATER, 1, 0, Ends.PAUSES,
    ),
    Fault("429_cut", "429, but FIN before the end of the body", refusal(
        replies("429 Too Many Requests", HTML, fin, headers={"Content-Length": "999"}),
    ), Kind.THROTTLED, TAKEN_LATER, 1, 0),
    Fault("429_A777", "429 with an unknown code", refusal(
        omni("A777", "429 Too Many Requests"),
    ), Kind.THROTTLED, Line(Status.ACCEPTED, code="A000", attempts=2, own_key=True), 1, 0),
    Fault("A020", "A020 with 429", refusal(omni("A020", "429 Too Many Requests")), Kind.THROTTLED, TAKEN_LATER, 1, 0),
    Fault("A020_in_200", "A020 in 200", refusal(omni("A020")), Kind.THROTTLED, TAKEN_LATER, 1, 0),
    Fault(
        "A020_lasting", "A020 with Retry-After from the second POST on",
        refusal(omni("A020", headers={"Retry-After": "60"}), FOR_EVER), Kind.THROTTLED, None, 11, 69, Ends.PAUSES_AND_STOPS,
    ),
    Fault("A001", "A001: the token has expired", refusal(omni("A001", "401 Unauthorized")), Kind.TOKEN, TAKEN_LATER, 1, 0),
    Fault(
        "A001_lasting", "A001 for every token from the first POST on",
        refusal(omni("A001", "401 Unauthorized"), FOR_EVER, first=1), Kind.TOKEN, None, 3, 5, Ends.STOPS, hit=(1,),
    ),
    Fault(
        "A002_lasting", "A002 for every token from the first POST on",
        refusal(omni("A002", "403 Forbidden"), FOR_EVER, first=1), Kind.TOKEN, None, 2, 5, Ends.STOPS, hit=(1,),
    ),
    Fault("A100", "A100: bad credentials", refusal(omni("A100", "401 Unauthorized")), Kind.ACCOUNT, None, 1, 5, Ends.STOPS),
    Fault("A320", "A320: the quota is used up", refusal(omni("A320", "400 Bad Request")), Kind.ACCOUNT, None, 1, 5, Ends.STOPS),
    Fault("A327", "A327: our `from` is not registered", refusal(omni("A327", "400 Bad Request")), Kind.FROM, None, 1, 5, Ends.STOPS),
    Fault(
        "A306", "A306: the number is wrong",
        refusal(omni("A306", "400 Bad Request")), Kind.REFUSED, Line(Status.REJECTED, code="A306"), 1, 1,
    ),
    # ── bodies ────────────────────────────────────────────────────────────────────────────────────────────────────
    Fault("A000_500", "A000 with HTTP 500", body(takes("500 Internal Server Error")), Kind.ACCEPTED, TAKEN, 1, 0),
    Fault("A000_429", "A000 with HTTP 429", body(takes("429 Too Many Requests")), Kind.ACCEPTED, TAKEN, 1, 0),
    Fault("key_number", "A000 with a number as msgKey", body(takes(msgKey=4711)), Kind.ACCEPTED, Line(Status.ACCEPTED, code="A000"), 1, 0),
    Fault("key_null", "A000 with null as msgKey", body(takes(msgKey=None)), Kind.ACCEPTED, WITHOUT_KEY, 1, 0),
    Fault("key_missing", "A000 without msgKey", body(takes(msgKey=...)), Kind.ACCEPTED, WITHOUT_KEY, 1, 0),
    Fault("ref_missing", "A000 without ref", body(takes(ref=...)), Kind.ACCEPTED, TAKEN, 1, 0),
    Fault("ref_foreign", "A000 with another ref", body(takes(ref="another")), Kind.UNKNOWN, unknown("foreign_ref", "A000"), 1, 3),
    Fault(
        "A020_foreign", "A020 with another ref",
        body(takes("429 Too Many Requests", code="A020", ref="another")), Kind.UNKNOWN, unknown("foreign_ref", "A020"), 1, 3,
    ),
    Fault("A777", "an unknown code, A777", body(omni("A777")), Kind.UNKNOWN, unknown("unproven_code", "A777"), 1, 3),
    Fault(
        "A999", "A999 with HTTP 500",
        body(omni("A999", "500 Internal Server Error")), Kind.UNKNOWN, unknown("unproven_code", "A999"), 1, 3,
    ),
    Fault("truncated", "JSON that ends too early", body(written(lambda good: answer(good[:-9]))), Kind.UNKNOWN, BAD, 1, 3),
    Fault("bom", "a BOM before the JSON", body(written(lambda good: answer(b"\xef\xbb\xbf" + good))), Kind.UNKNOWN, BAD, 1, 3),
    Fault("utf16", "JSON in UTF-16", body(written(lambda good: answer(good.decode().encode("utf-16")))), Kind.UNKNOWN, BAD, 1, 3),
    Fault("deep", "JSON 1,000 deep", body(replies(body=nested(1_000))), Kind.UNKNOWN, BAD, 1, 3),
    Fault(
        "deep_A000", "A000 with 30,000 deep JSON inside",
        body(written(lambda good: answer(good[:-1] + b',"x":' + nested(30_000) + b"}"))), Kind.UNKNOWN, BAD, 1, 3,
    ),
    Fault(
        "two_codes", "`code` twice: A000, then A020",
        body(written(lambda good: answer(good[:-1] + b',"code":"A020"}'))), Kind.UNKNOWN, BAD, 1, 3,
    ),
    Fault(
        "two_keys", "`msgKey` twice",
        body(written(lambda good: answer(b'{"msgKey":"stray",' + good[1:]))), Kind.ACCEPTED, TAKEN, 1, 0,
    ),
    Fault(
        "interim", "100 and 103 before the answer",
        body(written(lambda good: b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + answer(good))),
        Kind.ACCEPTED, TAKEN, 1, 0,
    ),
    Fault(
        "http_1_0", "HTTP/1.0 whose body ends with the connection",
        body(written(lambda good: b"HTTP/1.0 200 OK\r\n\r\n" + good, fin)), Kind.ACCEPTED, TAKEN, 1, 0,
    ),
    # ── more than one answer ──────────────────────────────────────────────────────────────────────────────────────
    Fault("two_answers", "two answers in one breath", body(twice(STRAY)), Kind.ACCEPTED, TAKEN, 1, 0),
    Fault(
        "two_answers_A020", "A020 and A000, both without ref, in one breath",
        body(says(STRAY_A020 + STRAY)), Kind.UNKNOWN, BAD, 1, 3,
    ),
    Fault("long_answer", "an answer longer than its Content-Length", body(written(
        lambda good: answer(good[:5], headers={"Content-Length": "5"}) + good[5:],
    )), Kind.UNKNOWN, BAD, 1, 3),
    Fault(
        "late_same", "the same answer again when the connection idles",
        body(when_idle(again)), Kind.ACCEPTED, TAKEN, 1, 0, paced=True,
    ),
    Fault(
        "late_A000", "another A000, without ref, when the connection idles",
        body(when_idle(says(STRAY))), Kind.ACCEPTED, TAKEN, 1, 0, paced=True,
    ),
    Fault(
        "late_A020", "A020, without ref, when the connection idles",
        body(when_idle(says(STRAY_A020))), Kind.ACCEPTED, TAKEN, 1, 0, paced=True,
    ),
    Fault(
        "late_408", "408 when the connection idles",
        body(when_idle(replies("408 Request Timeout"))), Kind.ACCEPTED, TAKEN, 1, 0, paced=True,
    ),
)  # fmt: skip

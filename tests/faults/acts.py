"""The ways to misbehave: each an `Act`, or a maker of one."""

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from random import Random

from tests.faults.server import Act, Post, Wire, accepted, answer, success

HTML = b"<!DOCTYPE html><title>Welcome</title><p>Accept the terms to go on.</p>"
BOMB = gzip.compress(bytes(32 << 20), 9)  # 32 MiB of zeros in 32 kB
STEP = 0.01  # s between two bytes of a drip


def fin(wire: Wire, _post: Post | None) -> None:
    wire.fin()


def rst(wire: Wire, _post: Post | None) -> None:
    wire.rst()


def silence(wire: Wire, _post: Post | None) -> None:
    wire.until_gone()


def unread(end: Act) -> Act:
    """End the connection when the peer's bytes are here, without having read one."""

    def act(wire: Wire, post: Post | None) -> None:
        wire.arrived()
        end(wire, post)

    return act


def certified(name: str) -> Act:
    """Shake hands with that certificate of the server's, if the client will."""

    def act(wire: Wire, _post: Post | None) -> None:
        wire.start_tls(getattr(wire.server.certificates, name))
        wire.until_gone()

    return act


def demanding(wire: Wire, _post: Post | None) -> None:
    """Shake hands with who has no certificate: in TLS 1.3 the client is done, and has posted, before it is refused."""
    wire.start_tls(wire.server.certificates.demanding, patient=True)


def stop_listening(wire: Wire, _post: Post | None) -> None:
    wire.server.stop_listening()


def stop_accepting(wire: Wire, _post: Post | None) -> None:
    wire.server.stop_accepting()


def vanish(wire: Wire, _post: Post | None) -> None:
    wire.server.unresolvable = True


def says(written: bytes, then: Act | None = None) -> Act:
    """Send these bytes; then end so, if at all."""

    def act(wire: Wire, post: Post | None) -> None:
        wire.send(written)
        if then is not None:
            then(wire, post)

    return act


def replies(
    status: str = "200 OK", body: bytes = b"", then: Act | None = None, headers: Mapping[str, str] | None = None
) -> Act:
    return says(answer(body, status=status, headers=headers), then)


def omni(code: str, status: str = "200 OK", headers: Mapping[str, str] | None = None) -> Act:
    """An answer of the API with this code, for the message that was asked about."""

    def act(wire: Wire, post: Post | None) -> None:
        assert post is not None
        wire.send(
            answer({"code": code, "result": f"result of {code}", "ref": post.ref}, status=status, headers=headers)
        )

    return act


def takes(status: str = "200 OK", **changed: object) -> Act:
    """A000 with other fields than it should have; `...` leaves one out."""

    def act(wire: Wire, post: Post | None) -> None:
        assert post is not None
        wire.send(answer(success(wire, post, **changed), status=status))

    return act


def written(how: Callable[[bytes], bytes], then: Act | None = None) -> Act:
    """The body of a good answer, written in another way: `how` makes the whole answer of it."""

    def act(wire: Wire, post: Post | None) -> None:
        assert post is not None
        wire.send(how(json.dumps(success(wire, post)).encode()))
        if then is not None:
            then(wire, post)

    return act


def chunked(*chunks: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"".join(chunks)


def drip(after: bytes) -> Act:
    """A good answer, one byte at a time from the end of `after` on."""

    def act(wire: Wire, post: Post | None) -> None:
        assert post is not None
        whole = accepted(wire, post)
        start = whole.index(after) + len(after)
        wire.send(whole[:start])
        for at in range(start, len(whole)):
            if wire.server.over.wait(STEP) or not wire.send(whole[at : at + 1]):
                return

    return act


def endless(start: bytes, more: bytes) -> Act:
    """`start`, then `more` again and again until the peer goes."""

    def act(wire: Wire, _post: Post | None) -> None:
        wire.send(start)
        while wire.send(more):
            pass

    return act


def elsewhere(status: str) -> Act:
    """A redirect to another port, which must never hear of it."""

    def act(wire: Wire, _post: Post | None) -> None:
        wire.send(
            answer(status=status, headers={"Location": f"http://127.0.0.1:{wire.server.trap}/v1/send/international"})
        )

    return act


def echoes(how: Callable[[bytes], bytes]) -> Act:
    """What servers in trouble do: show the request's headers to whom it may concern."""

    def act(wire: Wire, post: Post | None) -> None:
        assert post is not None
        wire.send(how(f"authorization: {post.authorization}".encode()))
        wire.fin()

    return act


def twice(second: bytes) -> Act:
    """The good answer and another one in the same breath."""

    def act(wire: Wire, post: Post | None) -> None:
        assert post is not None
        wire.send(accepted(wire, post) + second)

    return act


def when_idle(late: Act) -> Act:
    """The good answer; and `late`, when the client has recorded it and the connection idles."""

    def act(wire: Wire, post: Post | None) -> None:
        assert post is not None
        wire.send(accepted(wire, post))
        wire.server.settled.wait(10.0)
        late(wire, post)

    return act


def again(wire: Wire, post: Post | None) -> None:
    assert post is not None
    wire.send(accepted(wire, post))


def any_of(acts: Sequence[tuple[Act, bool]], seed: int) -> Act:
    """Each time another one, by chance. With each: whether it refuses, so that the message is not taken."""
    chance = Random(seed)

    def act(wire: Wire, post: Post | None) -> None:
        assert post is not None
        chosen, refuses = chance.choice(acts)
        wire.server.taken[post.ref] -= refuses
        chosen(wire, post)

    return act


STRAY = answer({"code": "A000", "result": "Success", "msgKey": "stray"})
STRAY_A020 = answer({"code": "A020", "result": "Too many"}, status="429 Too Many Requests")

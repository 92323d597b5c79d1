"""Every place of every operation, and the corpus thrown at it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import quote

from tests.hostile.corpus import (
    BODIES,
    ENCODED,
    HEADERS,
    JSON,
    MARK,
    MIB,
    NAMES,
    REFUSED,
    SEGMENTS,
    TEXTS,
    VALUES,
)
from tests.hostile.samples import Fields, Sample, Sampler, fields_of, with_value
from tests.support.operations import Operation

_TWICE = f"{MARK}%00"
_NUL = b'"%s\\u0000"' % MARK.encode()


@dataclass(frozen=True)
class Attack:
    """A bad request, made when it is sent: there are more of them than are used.

    `statuses` are all that it may be answered with; any but 5xx, where None.
    """

    place: str
    make: Callable[[], Sample]
    statuses: set[int] | None = None


def attacks_on(sampler: Sampler, operation: Operation) -> Iterator[Attack]:
    """All that there is for one operation."""
    sample = sampler.sample(operation)
    yield from _paths(sample)
    yield from _queries(sample)
    yield from _headers(sample)
    if operation.body_type == JSON:
        body = sampler.body(operation)
        yield from _fields(sample, body)
        yield from _bodies(sample)
    elif operation.body_type is not None:
        yield from _forms(sample)
    else:
        # What takes no body is not disturbed by one.
        for media_type, content, _ in BODIES:
            yield Attack("body", partial(replace, sample, media_type=media_type, body=content))


def _paths(sample: Sample) -> Iterator[Attack]:
    for name in sample.path:
        for segment in SEGMENTS:
            path = {**sample.path, name: segment}
            yield Attack(f"path.{name}", partial(replace, sample, path=path))


def _queries(sample: Sample) -> Iterator[Attack]:
    declared = [
        item["name"]
        for item in sample.operation.spec.get("parameters", ())
        if item["in"] == "query"
    ]
    for name in [*declared, f"{MARK}%ff", "user_id", ""]:
        for text in TEXTS:
            if len(text) < 9000:  # more is no URL that a server takes
                value = quote(text, safe="")
                yield Attack(f"query.{name}", partial(sample.with_query, name, value))
        for value in ("%ff%fe", "%ed%a0%80", "%", "%zz", "a&&&=&=", "+", "%2525"):
            yield Attack(f"query.{name}", partial(sample.with_query, name, value))
        twice = partial(replace, sample, query=(*sample.query, (name, "1"), (name, _TWICE)))
        yield Attack(f"query.{name}", twice)


def _headers(sample: Sample) -> Iterator[Attack]:
    for name, value in HEADERS:
        yield Attack(f"header.{name.decode()}", partial(sample.with_headers, (name, value)))
        doubled = partial(sample.with_headers, (name, b"1"), (name, value))
        yield Attack(f"header.{name.decode()}", doubled)
    for item in sample.operation.spec.get("parameters", ()):
        if item["in"] != "header":
            continue
        name = item["name"].encode()
        for text in TEXTS:
            value = text.encode().replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
            yield Attack(f"header.{item['name']}", partial(sample.with_headers, (name, value)))
        for value in (
            b"\xff",
            b'W/"1"',
            b'"1", "2"',
            b'"' + b"9" * 400 + b'"',
            b"*, *",
            b'"\xff"',
        ):
            yield Attack(f"header.{item['name']}", partial(sample.with_headers, (name, value)))
            doubled = partial(sample.with_headers, (name, b'"1"'), (name, value))
            yield Attack(f"header.{item['name']}", doubled)


def _fields(sample: Sample, body: Any) -> Iterator[Attack]:
    for place in fields_of(body):
        where = ".".join(map(str, ("body", *place)))
        for value in VALUES:
            yield Attack(where, partial(_put, sample, body, place, value))
        if isinstance(place[-1], int):
            continue
        for name in NAMES:
            unknown = partial(_put, sample, body, place, b'"%s"' % MARK.encode(), name)
            yield Attack(where, unknown, REFUSED)
        # The same name twice, the second time with what is refused anywhere.
        again = place[-1].encode()
        yield Attack(where, partial(_put, sample, body, place, _NUL, again))


def _put(
    sample: Sample, body: Any, place: Fields, value: bytes, name: bytes | None = None
) -> Sample:
    return replace(sample, body=with_value(body, place, value, name))


def _bodies(sample: Sample) -> Iterator[Attack]:
    for media_type, content, statuses in BODIES:
        yield Attack(
            "body", partial(replace, sample, media_type=media_type, body=content), statuses
        )
    yield from _encoded(sample)
    yield Attack("body", partial(sample.padded, MIB + 1), {413})
    for size in (MIB - 1, MIB):
        yield Attack("body", partial(replace(sample, body=b"[]").padded, size), REFUSED)


def _forms(sample: Sample) -> Iterator[Attack]:
    for pair in sample.body.split(b"&"):
        name = pair.partition(b"=")[0]
        for text in TEXTS:
            value = quote(text, safe="").encode()
            content = sample.body.replace(pair, name + b"=" + value)
            yield Attack(f"body.{name.decode()}", partial(replace, sample, body=content))
        for raw in (b"%ff%fe", b"%ed%a0%80", b"%", b"\xff", b"a&" * 5000, b"=" * 5000):
            content = sample.body.replace(pair, name + b"=" + raw)
            yield Attack(f"body.{name.decode()}", partial(replace, sample, body=content))
    for media_type, content, _ in BODIES:
        yield Attack("body", partial(replace, sample, media_type=media_type, body=content))
    for content in (b"", b"&" * 50_000, b"a=1&" * 50_000, b"\xff=\xff", b"%00=%00"):
        yield Attack("body", partial(replace, sample, body=content))
    yield Attack("body", partial(sample.padded, MIB + 1, b"&"), {413})
    yield from _multipart(sample)


def _multipart(sample: Sample) -> Iterator[Attack]:
    part = b'--x\r\nContent-Disposition: form-data; name="username"%s\r\n\r\n%s\r\n'
    for content in (
        b"--x",
        b"--x\r\n\r\n",
        part % (b"", b"\xff"),
        part % (b'; filename="%s\x00"' % MARK.encode(), b"a") + b"--x--\r\n",
        (part % (b"", b"a")) * 2000 + b"--x--\r\n",
        b"--x\r\n" + b"A: " + b"b" * 20_000,
    ):
        for media_type in (
            "multipart/form-data; boundary=x",
            "multipart/form-data; boundary=\xff",
        ):
            yield Attack("body", partial(replace, sample, media_type=media_type, body=content))


def _encoded(sample: Sample) -> Iterator[Attack]:
    for encoding, content in ENCODED:
        coded = partial(
            replace(sample, body=content).with_headers, (b"content-encoding", encoding.encode())
        )
        yield Attack("body", coded, {415})

"""Clients that stall, flood or do not read, against the server as it ships.

`make bench-misbehaving-clients` does the same with a thousand sockets, and measures what others feel of it.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest

from duly.api.exchange import BODY_TIMEOUT
from tests.support.accounts import API, Account, register
from tests.support.direct_sql import execute
from tests.support.raw_http import END, Connection, chunk, connected, head
from tests.support.servers import Server, serving

LIMIT = 10
"""Seconds within which a stalled connection is closed."""

JSON = {"Content_Type": "application/json"}
ALIVE = head("GET", "/health/live")
LOGIN = f"{API}/auth/login"
CREDENTIALS = b'{"email": "nobody@example.com", "password": "not the password"}'
FIFTY_MB = 50 * 1024 * 1024


@dataclass(frozen=True)
class Misbehaviour:
    """What a client sends at first, what it then sends time and again, and what it gets."""

    first: bytes
    drip: bytes = b""
    gets: tuple[int, ...] = ()


def begun(**headers: str) -> bytes:
    return head("POST", LOGIN, **JSON, **headers)


MISBEHAVIOURS = [
    Misbehaviour(b""),
    Misbehaviour(b"GET /health"),
    Misbehaviour(b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: "),
    Misbehaviour(b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ", drip=b"a"),
    Misbehaviour(b"", drip=b"\r\n"),
    Misbehaviour(begun(Content_Length="100") + b'{"em', gets=(408,)),
    Misbehaviour(begun(Content_Length="1000") + b'{"em', drip=b"a", gets=(408,)),
    Misbehaviour(begun(Transfer_Encoding="chunked") + b"1", gets=(408,)),
    Misbehaviour(begun(Transfer_Encoding="chunked"), drip=chunk(b" "), gets=(408,)),
    Misbehaviour(begun(Transfer_Encoding="chunked") + b"1;", drip=b"x", gets=(408,)),
    Misbehaviour(
        begun(Transfer_Encoding="chunked") + chunk(b"[]") + b"0\r\nX:", drip=b"x", gets=(408,)
    ),
    Misbehaviour(begun(Content_Length="100", Expect="100-continue"), gets=(100, 408)),
    Misbehaviour(begun(Content_Length=str(FIFTY_MB)) + b"{", gets=(413,)),
    Misbehaviour(head("GET", "/health/live", Content_Length="100") + b"1", gets=(200,)),
    Misbehaviour(head("POST", "/no/such/path", Content_Length="100") + b"1", gets=(404,)),
    Misbehaviour(ALIVE, gets=(200,)),
    Misbehaviour(ALIVE + b"GET /hea", gets=(200,)),
]


@pytest.fixture(scope="module")
def server(dsn: str) -> Iterator[Server]:
    """One worker with one database connection: whoever kept either would be noticed."""
    with serving(dsn, workers=1, DULY_POOL_SIZE="1") as server:
        yield server


@pytest.fixture
async def dora(server: Server) -> AsyncIterator[Account]:
    """Someone well-behaved."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        yield await register(client)


async def misbehave(server: Server, misbehaviour: Misbehaviour) -> Connection:
    async with connected(server.url) as connection:
        connection.send(misbehaviour.first)
        closed = (
            connection.drip(misbehaviour.drip, LIMIT)
            if misbehaviour.drip
            else connection.read_for(LIMIT)
        )
        assert await closed, f"still open after {LIMIT} s: {misbehaviour}"
    return connection


async def fill(dsn: str, account: Account, tasks: int) -> None:
    """Many of the longest tasks."""
    await execute(
        dsn,
        "INSERT INTO tasks (user_id, id, title, description, revision) "
        "SELECT %s, gen_random_uuid(), 'long', repeat('x', 20000), n FROM generate_series(1, %s) n",
        account.id,
        tasks,
    )


def deaf_socket(server: Server, request: bytes) -> socket.socket:
    """A client that sends a request and reads no answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", int(server.url.rpartition(":")[2])))
    client.sendall(request)
    return client


def open_ports(server: Server) -> set[int]:
    """The ports of the clients whose connections the server holds."""
    [worker] = server.workers
    return {peer.raddr.port for peer in worker.net_connections("tcp") if peer.raddr}


async def are_dropped(server: Server, clients: list[socket.socket], seconds: float) -> bool:
    ports = {client.getsockname()[1] for client in clients}
    assert ports <= await asyncio.to_thread(open_ports, server)
    for _ in range(int(seconds / 0.2)):
        if not ports & await asyncio.to_thread(open_ports, server):
            return True
        await asyncio.sleep(0.2)
    return False


@pytest.mark.slow
async def test_stalled_clients_are_dropped_while_others_are_served(
    server: Server, dora: Account, dsn: str
) -> None:
    people = [dora, *[await register(dora.client) for _ in range(3)]]  # one export each
    for person in people:
        await fill(dsn, person, tasks=600)
    exports = [head("GET", f"{API}/users/me/export", **person.headers) for person in people]
    page = head("GET", f"{API}/tasks?limit=100", **dora.headers)
    deaf = [deaf_socket(server, request) for request in [*exports, page * 10]]

    chosen = [one for one in MISBEHAVIOURS for _ in range(3)]
    stalled = asyncio.gather(*(misbehave(server, one) for one in chosen))
    served = 0
    while not stalled.done():
        assert (await dora.get("/users/me")).status_code == 200
        served += 1
        await asyncio.sleep(0.1)
    assert await are_dropped(server, deaf, LIMIT)

    assert served > 20
    for one, connection in zip(chosen, await stalled, strict=True):
        assert tuple(connection.statuses) == one.gets, (one, connection.received)
        assert (b'"REQUEST_TIMEOUT"' in connection.received) == (408 in one.gets)
    for client in deaf:
        client.close()


async def test_the_time_limit_of_a_request_covers_its_body(dsn: str) -> None:
    with serving(dsn, workers=1, DULY_REQUEST_TIMEOUT="1") as server:
        async with connected(server.url) as connection:
            connection.send(begun(Content_Length="100") + b'{"em')

            assert await connection.read_for(BODY_TIMEOUT / 2)

    assert connection.statuses == [408]


async def test_a_reader_that_is_slow_but_reads_gets_all_of_it(dora: Account, dsn: str) -> None:
    await fill(dsn, dora, tasks=300)
    received = b""
    async with dora.client.stream("GET", f"{API}/users/me/export", headers=dora.headers) as answer:
        async for piece in answer.aiter_raw(131_072):
            received += piece
            await asyncio.sleep(0.02)

    assert len(received) > 300 * 20_000
    assert httpx.Response(200, content=received).json()["tasks"][299]["title"] == "long"


@pytest.mark.slow
async def test_huge_bodies_are_refused_unread(server: Server) -> None:
    async def upload(opening: bytes, piece: bytes) -> list[int]:
        async with connected(server.url) as connection:
            reading = asyncio.ensure_future(connection.read_for(LIMIT))
            connection.send(opening)
            for _ in range(FIFTY_MB // 65_536):
                if connection.statuses:
                    break
                await connection.send_all(piece)
            assert await reading
            return connection.statuses

    [worker] = server.workers
    before = worker.memory_info().rss
    answers = await asyncio.gather(
        *(upload(begun(Content_Length=str(FIFTY_MB)), b" " * 65_536) for _ in range(5)),
        *(upload(begun(Transfer_Encoding="chunked"), chunk(b" " * 65_536)) for _ in range(5)),
    )

    assert answers == [[413]] * 10
    assert worker.memory_info().rss - before < 20 * 1024 * 1024


async def test_pipelined_requests_are_answered_in_their_order(server: Server) -> None:
    requests = [head("GET", "/health/live", X_Request_ID=f"number-{n}") for n in range(50)]
    async with connected(server.url) as connection:
        connection.send(b"".join(requests) + head("GET", "/health/live", Connection="close"))
        assert await connection.read_for(LIMIT)

    assert connection.statuses == [200] * 51
    lines = connection.received.split(b"\r\n")
    ids = [line.partition(b": ")[2] for line in lines if line.startswith(b"x-request-id: number")]
    assert ids == [b"number-%d" % n for n in range(50)]


@pytest.mark.parametrize("order", ["length first", "length last", "length twice"])
async def test_two_ways_to_end_a_body_smuggle_nothing(server: Server, order: str) -> None:
    length, chunked = "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"
    framing = {
        "length first": length + chunked,
        "length last": chunked + length,
        "length twice": length + chunked + length,
    }[order]
    opening = begun().removesuffix(b"\r\n") + framing.encode() + b"\r\n"
    async with connected(server.url) as connection:
        connection.send(opening + chunk(CREDENTIALS) + END + ALIVE * 3)
        assert await connection.read_for(LIMIT)

    # Read to its chunked end, answered, and then nothing: what follows is no request.
    assert connection.statuses == [401]
    assert b"\r\nconnection: close\r\n" in connection.received


@pytest.mark.parametrize(
    "framing",
    [
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        'Transfer-Encoding: "chunked"',
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked, identity\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length : 5",
        "Content-Length: 99999999999999999999",
        "X-Folded: a\r\n b\r\nContent-Length: 5",
        "X-Bare: a\rContent-Length: 5",
    ],
)
async def test_a_body_whose_end_is_in_doubt_is_refused(server: Server, framing: str) -> None:
    opening = begun(Connection="close").removesuffix(b"\r\n") + framing.encode() + b"\r\n\r\n"
    async with connected(server.url) as connection:
        connection.send(opening + chunk(CREDENTIALS) + END)
        assert await connection.read_for(LIMIT)

    assert connection.statuses == [400]


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with its length", "chunked"])
@pytest.mark.parametrize(
    ("path", "size", "status"),
    [(LOGIN, 3_000_000, 413), ("/no/such/path", 900_000, 404), ("/health/live", 900_000, 405)],
)
async def test_client_that_sends_everything_before_reading_gets_the_response(
    server: Server, path: str, size: int, status: int, *, is_chunked: bool
) -> None:
    framing = {"Transfer_Encoding": "chunked"} if is_chunked else {"Content_Length": str(size)}
    piece = b" " * 30_000
    body = (chunk(piece) if is_chunked else piece) * (size // len(piece))

    def send_then_read() -> bytes:
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        with socket.create_connection(address, timeout=LIMIT) as client:
            # A reset, which an answer under way would not survive everywhere, is raised here.
            client.sendall(head("POST", path, **JSON, **framing) + body)
            client.sendall(END if is_chunked else b"")
            return client.recv(65_536)

    received = await asyncio.to_thread(send_then_read)

    assert received.startswith(b"HTTP/1.1 %d " % status)

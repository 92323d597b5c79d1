"""Clients that hang up in the middle of a request, and honest ones beside them."""

import asyncio
import json
import random
import socket
import struct
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import psycopg

from tests.support.accounts import API, Account

_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass
class Crowd:
    """Users of one server. Every title that a user sends begins with the user's id."""

    url: str
    people: list[Account]
    rng: random.Random
    hung_up: int = 0
    answered: int = 0
    has_waited: asyncio.Event = field(default_factory=asyncio.Event)

    async def hang_up(self, times: int, longest: float) -> None:
        """Hang up so often, each time at a random moment of a request."""
        gate = asyncio.Semaphore(40)

        async def once() -> None:
            async with gate:
                await self._hang_up(longest)

        await asyncio.gather(*(once() for _ in range(times)))

    async def _hang_up(self, longest: float) -> None:
        person = self.rng.choice(self.people)
        place = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(self._request(person))
        await writer.drain()
        await asyncio.sleep(self.rng.uniform(0, longest))
        if self.rng.random() < 0.5:
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.transport.abort()  # RST
        else:
            writer.close()  # FIN
        del reader
        self.hung_up += 1

    def _request(self, person: Account) -> bytes:
        title = f"{person.id} {self.rng.getrandbits(40):x}"
        task_id = f"{self.rng.getrandbits(128):032x}"
        create = {"op": "create", "type": "task", "data": {"title": title}}
        calls: list[tuple[str, str, Any]] = [
            ("POST", "/tasks", {"title": title}),
            ("POST", "/tasks", {"title": title, "id": task_id}),
            ("POST", "/batch", {"operations": [create] * 5}),
            ("GET", "/tasks?include_total=true&q=task", None),
            ("GET", "/users/me/export", None),
            ("GET", "/sync", None),
            ("GET", "/events", None),
        ]
        method, path, body = self.rng.choice(calls)
        content = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} {API}{path} HTTP/1.1",
            "Host: duly.test",
            f"Authorization: {person.headers['Authorization']}",
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
        ]
        if method == "POST":
            lines.append(f"Idempotency-Key: {title.replace(' ', '-')}")
        return "\r\n".join([*lines, "", ""]).encode() + content

    async def use_honestly(self, over: asyncio.Event) -> None:
        """Make and read tasks beside the others; whatever is answered is one's own."""
        person = self.rng.choice(self.people)
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as client:
            while not over.is_set():
                task = {"title": f"{person.id} honest"}
                await self._ask(client, person, "POST", "/tasks", json=task)
                for path in ("/tasks?limit=100", "/users/me", "/sync", "/users/me/export"):
                    await self._ask(client, person, "GET", path)

    async def _ask(
        self, client: httpx.AsyncClient, person: Account, method: str, path: str, **options: Any
    ) -> None:
        answer = await client.request(method, API + path, headers=person.headers, **options)
        # Another client of this person may be exporting.
        if path.endswith("/export") and answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            return
        # A slow database is reported, and so is a slow client: a busy machine may pause this one
        # between the head of a request and its body. Nothing else may go wrong.
        is_late = answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
        is_slow = answer.status_code == httpx.codes.REQUEST_TIMEOUT
        assert answer.is_success or is_late or is_slow, answer.text
        for other in self.people:
            assert other.id == person.id or other.id not in answer.text
        if is_late:
            self.has_waited.set()
        self.answered += answer.is_success

    async def get_in_the_way(self, dsn: str, over: asyncio.Event) -> None:
        """Hold rows of some users, for longer than the service waits."""
        async with await psycopg.AsyncConnection.connect(dsn) as holder:
            while not over.is_set():
                ids = [UUID(person.id) for person in self.rng.sample(self.people, 6)]
                await holder.execute("SELECT FROM users WHERE id = ANY(%s) FOR UPDATE", [ids])
                await asyncio.sleep(1.2)
                await holder.rollback()
                await asyncio.sleep(0.3)


async def crowd_of(url: str, size: int, seed: int) -> Crowd:
    """New users of a server."""
    people = []
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        for number in range(size):
            body = {"email": f"{seed}.{number}@example.com", "password": "correct horse battery"}
            answer = await client.post(f"{API}/auth/register", json=body)
            assert answer.status_code == httpx.codes.CREATED, answer.text
            people.append(Account(client, body["email"], body["password"], answer.json()))
    return Crowd(url, people, random.Random(seed))

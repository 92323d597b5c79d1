"""How each system's API is called: one method for each kind of request."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from bench.suite.messages import COUNTER, Client, Request

PASSWORD = "a bench's passphrase"
BATCH = 100
WORDS = [f"word{number}" for number in range(40)]
"""Each task has one of them, which a search finds it by."""


@dataclass
class Person:
    """Someone with an account."""

    email: str
    id: str = ""
    token: str = ""
    tasks: list[str] = field(default_factory=list)


def new_task(number: int) -> dict[str, Any]:
    """Return a task; one of four is completed."""
    word = WORDS[number % len(WORDS)]
    return {
        "title": f"Task {number}",
        "description": f"What is to be done for {word}, task {number:05d}, in sixty characters.",
        "is_completed": number % 4 == 0,
    }


class Api(ABC):
    """The requests of one system. A method returns None for what the system does not have."""

    @abstractmethod
    def register(self, client: Client, email: str) -> Person:
        """Create an account and sign in."""

    @abstractmethod
    def fill(self, client: Client, person: Person, count: int) -> None:
        """Create tasks and note their ids."""

    @abstractmethod
    def sign_in(self, person: Person) -> Request:
        """Sign in with a password."""

    @abstractmethod
    def get(self, person: Person, task: str) -> Request:
        """Read a task."""

    @abstractmethod
    def newest(self, person: Person) -> Request:
        """List the newest 20 tasks."""

    @abstractmethod
    def newest_open(self, person: Person) -> Request:
        """List the newest 20 open tasks."""

    @abstractmethod
    def search(self, person: Person, word: str) -> Request:
        """Find tasks by a word."""

    @abstractmethod
    def create(self, person: Person) -> Request:
        """Create a task."""

    @abstractmethod
    def update(self, person: Person, task: str) -> Request:
        """Change a task's title."""

    @abstractmethod
    def complete(self, person: Person, task: str, *, done: bool) -> Request:
        """Complete a task, or reopen it."""

    def batch(self, person: Person) -> Request | None:
        """Create 100 tasks in one request."""
        del person
        return None

    def sync(self, client: Client, person: Person) -> Request | None:
        """Sync when nothing has changed."""
        del client, person
        return None

    def unchanged(self, client: Client, person: Person) -> Request | None:
        """List 20 tasks that the client has already."""
        del client, person
        return None


_DULY = "/api/v1"


class DulyApi(Api):
    """Duly."""

    @override
    def register(self, client: Client, email: str) -> Person:
        body = {"email": email, "password": PASSWORD}
        session = client.send(Request("POST", f"{_DULY}/auth/register", body=body)).json()
        return Person(email, session["user"]["id"], session["access_token"])

    @override
    def fill(self, client: Client, person: Person, count: int) -> None:
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            request = self._batch(person, [new_task(number) for number in numbers])
            results = client.send(request).json()["results"]
            person.tasks += [result["data"]["id"] for result in results]

    @override
    def sign_in(self, person: Person) -> Request:
        body = {"email": person.email, "password": PASSWORD}
        return Request("POST", f"{_DULY}/auth/login", body=body)

    @override
    def get(self, person: Person, task: str) -> Request:
        return Request("GET", f"{_DULY}/tasks/{task}", person.token)

    @override
    def newest(self, person: Person) -> Request:
        return Request("GET", f"{_DULY}/tasks?limit=20", person.token)

    @override
    def newest_open(self, person: Person) -> Request:
        return Request("GET", f"{_DULY}/tasks?limit=20&is_completed=false", person.token)

    @override
    def search(self, person: Person, word: str) -> Request:
        return Request("GET", f"{_DULY}/tasks?limit=20&q={word}", person.token)

    @override
    def create(self, person: Person) -> Request:
        return Request("POST", f"{_DULY}/tasks", person.token, new_task(1))

    @override
    def update(self, person: Person, task: str) -> Request:
        body = {"title": f"Task {COUNTER}"}
        return Request("PATCH", f"{_DULY}/tasks/{task}", person.token, body)

    @override
    def complete(self, person: Person, task: str, *, done: bool) -> Request:
        action = "complete" if done else "reopen"
        return Request("POST", f"{_DULY}/tasks/{task}/{action}", person.token)

    @override
    def batch(self, person: Person) -> Request | None:
        return self._batch(person, [new_task(number) for number in range(BATCH)])

    @staticmethod
    def _batch(person: Person, tasks: list[dict[str, Any]]) -> Request:
        operations = [{"op": "create", "type": "task", "data": task} for task in tasks]
        return Request("POST", f"{_DULY}/batch", person.token, {"operations": operations})

    @override
    def sync(self, client: Client, person: Person) -> Request | None:
        path, token = f"{_DULY}/sync", ""
        while True:
            query = f"?token={token}" if token else ""
            page = client.send(Request("GET", path + query, person.token)).json()
            token = page["token"]
            if not page["has_more"]:
                return Request("GET", f"{path}?token={token}", person.token)

    @override
    def unchanged(self, client: Client, person: Person) -> Request | None:
        listed = self.newest(person)
        tag = client.send(listed).headers["etag"]
        return Request("GET", listed.path, person.token, headers={"If-None-Match": tag})


class PlainApi(Api):
    """The plain application in bench/plain_app.py. Its tasks are filled in by SQL."""

    @override
    def register(self, client: Client, email: str) -> Person:
        body = {"email": email, "password": PASSWORD}
        created = client.send(Request("POST", "/users", body=body)).json()
        person = Person(email, created["id"])
        person.token = client.send(self.sign_in(person)).json()["access_token"]
        return person

    @override
    def fill(self, client: Client, person: Person, count: int) -> None:
        for number in range(count):
            request = Request("POST", "/tasks", person.token, new_task(number))
            person.tasks.append(client.send(request).json()["id"])

    @override
    def sign_in(self, person: Person) -> Request:
        body = {"email": person.email, "password": PASSWORD}
        return Request("POST", "/login", body=body)

    @override
    def get(self, person: Person, task: str) -> Request:
        return Request("GET", f"/tasks/{task}", person.token)

    @override
    def newest(self, person: Person) -> Request:
        return Request("GET", "/tasks?limit=20", person.token)

    @override
    def newest_open(self, person: Person) -> Request:
        return Request("GET", "/tasks?limit=20&is_completed=false", person.token)

    @override
    def search(self, person: Person, word: str) -> Request:
        return Request("GET", f"/tasks?limit=20&q={word}", person.token)

    @override
    def create(self, person: Person) -> Request:
        return Request("POST", "/tasks", person.token, new_task(1))

    @override
    def update(self, person: Person, task: str) -> Request:
        return Request("PATCH", f"/tasks/{task}", person.token, {"title": f"Task {COUNTER}"})

    @override
    def complete(self, person: Person, task: str, *, done: bool) -> Request:
        return Request("PATCH", f"/tasks/{task}", person.token, {"is_completed": done})


_RECORDS = "/api/collections/tasks/records"
_USERS = "/api/collections/users"
# Without the total, which the other systems do not count either.
_NEWEST = f"{_RECORDS}?perPage=20&skipTotal=1&sort=-created"


class PocketBaseApi(Api):
    """PocketBase."""

    @override
    def register(self, client: Client, email: str) -> Person:
        body = {"email": email, "password": PASSWORD, "passwordConfirm": PASSWORD}
        created = client.send(Request("POST", f"{_USERS}/records", body=body)).json()
        person = Person(email, created["id"])
        person.token = client.send(self.sign_in(person)).json()["token"]
        return person

    @override
    def fill(self, client: Client, person: Person, count: int) -> None:
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            request = self._batch(person, [new_task(number) for number in numbers])
            person.tasks += [made["body"]["id"] for made in client.send(request).json()]

    @override
    def sign_in(self, person: Person) -> Request:
        body = {"identity": person.email, "password": PASSWORD}
        return Request("POST", f"{_USERS}/auth-with-password", body=body)

    @override
    def get(self, person: Person, task: str) -> Request:
        return Request("GET", f"{_RECORDS}/{task}", person.token)

    @override
    def newest(self, person: Person) -> Request:
        return Request("GET", _NEWEST, person.token)

    @override
    def newest_open(self, person: Person) -> Request:
        return Request("GET", f"{_NEWEST}&filter=is_completed%3Dfalse", person.token)

    @override
    def search(self, person: Person, word: str) -> Request:
        condition = f"title~'{word}'%7C%7Cdescription~'{word}'"
        return Request("GET", f"{_NEWEST}&filter={condition}", person.token)

    @override
    def create(self, person: Person) -> Request:
        return Request("POST", _RECORDS, person.token, {**new_task(1), "user": person.id})

    @override
    def update(self, person: Person, task: str) -> Request:
        body = {"title": f"Task {COUNTER}"}
        return Request("PATCH", f"{_RECORDS}/{task}", person.token, body)

    @override
    def complete(self, person: Person, task: str, *, done: bool) -> Request:
        return Request("PATCH", f"{_RECORDS}/{task}", person.token, {"is_completed": done})

    @override
    def batch(self, person: Person) -> Request | None:
        return self._batch(person, [new_task(number) for number in range(BATCH)])

    @staticmethod
    def _batch(person: Person, tasks: list[dict[str, Any]]) -> Request:
        creates = [
            {"method": "POST", "url": _RECORDS, "body": {**task, "user": person.id}}
            for task in tasks
        ]
        return Request("POST", "/api/batch", person.token, {"requests": creates})

"""The service in a few dictionaries: what each user's state should look like after each request."""

import unicodedata
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Body = dict[str, Any]
Fields = tuple[str, str | None, bool]


class Refused(Exception):
    """What the service should refuse: with which status and code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status, code)
        self.status, self.code = status, code


NOT_FOUND = (404, "NOT_FOUND")
STALE = (412, "PRECONDITION_FAILED")
TAKEN = (409, "ID_TAKEN")


def cleaned(text: str) -> str:
    """Text as it is stored."""
    return unicodedata.normalize("NFC", text.strip())


@dataclass
class Task:
    """A task. What only the service can know (times, ids) is adopted from its answers."""

    id: str
    title: str
    description: str | None
    is_completed: bool
    version: int
    creation: Fields | None
    is_trashed: bool = False
    times: dict[str, str | None] = field(default_factory=dict)
    """What it was last told to be. None in it: not told since the last change."""

    def adopt(self, told: Body) -> None:
        """Remember the times of an answer; those that must not have changed have not."""
        for name, value in told.items():
            if name.endswith("_at"):
                assert self.times.get(name) in (None, value), (name, self.times, told)
                self.times[name] = value
        assert (told["completed_at"] is not None) == told["is_completed"]

    def forget(self, *names: str) -> None:
        """These times are about to change."""
        for name in names:
            self.times.pop(name, None)

    def shown(self, user_id: str) -> Body:
        """What the service should tell of it."""
        return {
            "id": self.id,
            "user_id": user_id,
            "title": self.title,
            "description": self.description,
            "is_completed": self.is_completed,
            "version": self.version,
        }


@dataclass
class Session:
    """A sign-in. `spent` are used refresh tokens, each with its successor and when it was used."""

    id: str
    access: str
    refresh: str
    spent: list[tuple[str, str, float]] = field(default_factory=list)


@dataclass
class Stored:
    """What was answered under an idempotency key."""

    body: Any
    status: int
    content: bytes


@dataclass
class UserState:
    """All that the service should hold of one user."""

    id: str
    email: str
    password: str
    name: str | None
    timezone: str = "UTC"
    revision: int = 0
    tasks: dict[str, Task] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    ended: list[Session] = field(default_factory=list)
    keys: dict[tuple[str, str], Stored] = field(default_factory=dict)
    copy: dict[str, Body] = field(default_factory=dict)
    """What a device of the user has, that only syncs."""
    token: str | None = None

    def draft(self) -> "UserState":
        """The same to play on; sessions and keys are not part of it."""
        return UserState(
            self.id,
            self.email,
            self.password,
            self.name,
            revision=self.revision,
            tasks=deepcopy(self.tasks),
        )

    def live(self) -> list[Task]:
        return [task for task in self.tasks.values() if not task.is_trashed]

    def end(self, session_id: str) -> None:
        self.ended.append(self.sessions.pop(session_id))

    def find(self, task_id: str, matches: "Match") -> Task:
        """A task that is not in the trash, and as expected."""
        task = self.tasks.get(task_id)
        if task is None or task.is_trashed:
            raise Refused(*NOT_FOUND)
        if not matches.fits(task.version):
            raise Refused(*STALE)
        return task

    def create(self, body: Body, made_id: str | None) -> tuple[Task, bool]:
        """Make a task; `made_id` is the one that the service chose where the client did not."""
        task_id = body.get("id")
        given = (
            cleaned(body["title"]),
            None if body.get("description") is None else cleaned(body["description"]),
            body.get("is_completed", False),
        )
        found = self.tasks.get(task_id) if task_id else None
        if found is not None:
            if found.is_trashed or found.creation != given:
                raise Refused(*TAKEN)
            return found, False
        task = Task(
            task_id or str(made_id), *given, version=0, creation=given if task_id else None
        )
        self.tasks[task.id] = task
        self._bump(task)
        return task, True

    def change(self, task: Task, changes: Body) -> None:
        """Set fields; nothing at all where none is given."""
        if not changes:
            return
        for name, value in changes.items():
            if name == "is_completed":
                if value != task.is_completed:
                    task.forget("completed_at")
                task.is_completed = value
            else:
                setattr(task, name, None if value is None else cleaned(value))
        task.forget("updated_at")
        self._bump(task)

    def turn(self, task: Task, *, is_completed: bool) -> None:
        """Complete or reopen; twice is once."""
        if task.is_completed != is_completed:
            self.change(task, {"is_completed": is_completed})

    def trash(self, task: Task) -> None:
        task.is_trashed = True
        self._bump(task)

    def restore(self, task_id: str, matches: "Match") -> Task:
        task = self.tasks.get(task_id)
        if task is None:
            raise Refused(*NOT_FOUND)
        if not matches.fits(task.version):
            raise Refused(*STALE)
        if task.is_trashed:
            task.is_trashed = False
            self._bump(task)
        return task

    def erase(self, task_id: str, matches: "Match") -> None:
        task = self.tasks.get(task_id)
        if task is None:
            raise Refused(*NOT_FOUND)
        if not matches.fits(task.version):
            raise Refused(*STALE)
        self.revision += 1
        del self.tasks[task_id]

    def _bump(self, task: Task) -> None:
        self.revision += 1
        task.version = self.revision

    def listed(self, query: Body) -> list[Task]:
        """The tasks of a list in their order, all pages together."""
        tasks = [
            task
            for task in self.tasks.values()
            if task.is_trashed == query.get("trashed", False)
            and query.get("is_completed") in (None, task.is_completed)
            and fits_words(task, query.get("q"))
        ]
        name = query.get("sort", "-created_at")
        key = name.removeprefix("-")

        def order(task: Task) -> tuple[Any, str]:
            if key == "title":
                return task.title.encode(), task.id
            return datetime.fromisoformat(str(task.times[key])), task.id

        return sorted(tasks, key=order, reverse=name.startswith("-"))


@dataclass(frozen=True)
class Match:
    """An `If-Match`: of which kind, and what it says of a version."""

    kind: str | None

    def header(self, version: int) -> str | None:
        return {
            None: None,
            "any": "*",
            "current": f'"{version}"',
            "among others": f'"{version + 7}", "{version}"',
            "stale": f'"{version - 1}"',
            "weak": f'W/"{version}"',
            "no version": f'"{version}x"',
        }[self.kind]

    def fits(self, _: int) -> bool:
        return self.kind in (None, "any", "current", "among others")


ANY = Match(None)


def fits_words(task: Task, query: str | None) -> bool:
    """Whether a task has all words, the last one by its beginning, and none after a minus."""
    words = _plain(f"{task.title} {task.description or ''}").split()
    searched = _plain(query or "").split()
    excluded = {word.removeprefix("-") for word in searched if word.startswith("-")}
    wanted = [word for word in searched if not word.startswith("-")]
    return (
        excluded.isdisjoint(words)
        and set(wanted[:-1]) <= set(words)
        and all(any(word.startswith(last) for word in words) for last in wanted[-1:])
    )


def _plain(text: str) -> str:
    """The text without case and accents."""
    return "".join(
        character
        for character in unicodedata.normalize("NFD", text)
        if not unicodedata.combining(character)
    ).casefold()

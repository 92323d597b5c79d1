"""Two users, all operations in any order; after each, both worlds are what the model says."""

import base64
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.hostile.siege import Answer
from tests.model.service import Service
from tests.model.worlds import Body, Match, Refused, Session, Stored, Task, World

USERS = st.sampled_from([0, 1])
PICKS = st.integers(0, 10**6)
WORDS = ["milk", "bread", "call", "Ada", "report", "café", "zoo"]
TITLES = st.one_of(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join),
    st.sampled_from(["  milk ", "cafe\u0301 zoo", "ÄÖ", "\U0001f986", "Z", "a"]),
)
DESCRIPTIONS = st.one_of(st.none(), TITLES, st.just(""))
MATCHES = st.one_of(
    st.just(Match(None)),
    st.sampled_from(["any", "current", "among others", "stale", "weak", "no version"]).map(Match),
)
PREFIXES = st.sampled_from(["/tasks", "/users/me/tasks", "/users/{}/tasks"])
KEYS = st.one_of(st.none(), st.sampled_from(["k1", "k2", "k3", "!~"]))
PASSWORDS = ["correct horse battery", "another horse battery"]
NOBODY = "01936d5e-8f1c-7000-8000-00000000dead"


class Machine(RuleBasedStateMachine):
    """What rules have in common; `tasks.py` and `accounts.py` of this package hold the rules."""

    service: Service
    steps = 0

    @initialize()
    def begin(self) -> None:
        self.ids = [NOBODY]
        self.worlds = [self.new_world(), self.new_world()]
        for world in self.worlds:
            self.furnish(world)

    def furnish(self, world: World) -> None:
        """Some tasks to begin with, one of them in the trash."""
        session = self.session_of(world, 0)
        for title in WORDS[:5]:
            body = {"title": title}
            told = self.expect(world, session, "POST", "/tasks", 201, body=body)
            task, _ = world.create(body, told["id"])
            self.same(world, task, told)
        self.expect(world, session, "DELETE", f"/tasks/{task.id}", 204)
        world.trash(task)

    @invariant()
    def both_worlds_are_what_the_model_says(self) -> None:
        """Whatever was done, and whoever did it."""
        type(self).steps += 1
        for world in self.worlds:
            session = self.session_of(world, 0)
            export = self.expect(world, session, "GET", "/users/me/export", 200)
            assert self.profile(world) == {
                name: export["user"][name] for name in self.profile(world)
            }
            assert {item["id"] for item in export["sessions"]} == set(world.sessions)
            for name, is_trashed in (("tasks", False), ("trash", True)):
                tasks = [task for task in world.tasks.values() if task.is_trashed == is_trashed]
                self.compare(world, tasks, export[name])

    def compare(self, world: World, tasks: list[Task], told: list[Body]) -> None:
        """The same tasks, in any order."""
        by_id = {item["id"]: item for item in told}
        assert len(by_id) == len(told), "nothing is told twice"
        assert set(by_id) == {task.id for task in tasks}
        for task in tasks:
            self.same(world, task, by_id[task.id])

    def same(self, world: World, task: Task, told: Body) -> None:
        """What is told of a task is what it should be."""
        shown = task.shown(world.id)
        assert {name: told[name] for name in shown} == shown
        task.adopt(told)

    def path(self, world: World, prefix: str, task_id: str = "", action: str = "") -> str:
        """A path under one of the prefixes."""
        return "/".join(filter(None, [prefix.format(world.id), task_id, action]))

    def profile(self, world: World) -> Body:
        return {
            "id": world.id,
            "email": world.email,
            "name": world.name,
            "timezone": world.timezone,
        }

    def new_world(self, email: str | None = None) -> World:
        """Somebody new."""
        body = {"email": email or f"{uuid4()}@example.com", "password": PASSWORDS[0], "name": "A"}
        answer = self.service.call("POST", "/auth/register", body=body)
        assert answer.status == 201, answer
        told = json.loads(answer.body)
        world = World(told["user"]["id"], body["email"], body["password"], body["name"])
        self.add_session(world, told)
        return world

    def add_session(self, world: World, told: Body) -> Session:
        """Remember a sign-in."""
        payload = told["access_token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        assert claims["sub"] == world.id == told["user"]["id"]
        session = Session(claims["sid"], told["access_token"], told["refresh_token"])
        world.sessions[session.id] = session
        return session

    def session_of(self, world: World, pick: int) -> Session:
        """One of a user's sessions; a new one where all have ended."""
        if not world.sessions:
            body = {"email": world.email, "password": world.password}
            answer = self.service.call("POST", "/auth/login", body=body)
            assert answer.status == 200, answer
            return self.add_session(world, json.loads(answer.body))
        return list(world.sessions.values())[pick % len(world.sessions)]

    def an_id(self, user: int, pick: int, *, from_trash: bool = False) -> str:
        """An id: mostly the user's own, now and then another's, a former one, or nothing's."""
        tasks = self.worlds[user].tasks
        own = [task.id for task in tasks.values() if task.is_trashed >= from_trash] or list(tasks)
        if own and pick % 4:
            return own[pick // 4 % len(own)]
        others = [*self.ids, *self.worlds[1 - user].tasks]
        return others[pick // 4 % len(others)]

    def call(
        self, world: World, session: Session, method: str, path: str, **options: Any
    ) -> Answer:
        """A request of a user; whatever comes back is in order."""
        answer = self.service.call(method, path, token=session.access, **options)
        assert answer.status < 500, (method, path, options, answer)
        other = next(item for item in self.worlds if item is not world)
        assert other.id.encode() not in answer.body
        assert other.email.encode() not in answer.body
        return answer

    def expect(
        self, world: World, session: Session, method: str, path: str, status: int, **options: Any
    ) -> Any:
        """A request whose status is known; gives the body."""
        answer = self.call(world, session, method, path, **options)
        assert answer.status == status, (method, path, options, answer)
        return json.loads(answer.body) if answer.body else None

    def judge(self, answer: Answer, model: Callable[[], Any]) -> Any:
        """What the model makes of it, where the answer is no refusal; None where both refuse."""
        made, expected = None, None
        try:
            made = model()
        except Refused as refused:
            expected = (refused.status, refused.code)
        told = json.loads(answer.body)["error"]["code"] if answer.status >= 400 else None
        assert (told and (answer.status, told)) == expected, answer
        return made

    def replayed(
        self, world: World, route: str, key: str | None, body: Any, answer: Answer
    ) -> bool:
        """Whether a key was used before: then the answer is the first one, or a refusal."""
        stored = world.keys.get((route, key)) if key else None
        is_replay = answer.headers.get("idempotency-replayed") == "true"
        if stored is None:
            assert not is_replay, answer
            if key and answer.status < 400:
                world.keys[route, key] = Stored(body, answer.status, answer.body)
            return False
        if stored.body == body:
            assert (is_replay, answer.status, answer.body) == (True, stored.status, stored.content)
        else:
            code = json.loads(answer.body)["error"]["code"]
            assert (answer.status, code) == (422, "IDEMPOTENCY_MISMATCH")
        return True


__all__ = ["Machine", "rule"]

"""Two users, all operations in any order; after each, both states are what the model says."""

import base64
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.hostile.attacked_account import Answer
from tests.model.service import Service
from tests.model.states import Body, Match, Refused, Session, Stored, Task, UserState

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
        self.states = [self.new_state(), self.new_state()]
        for state in self.states:
            self.furnish(state)

    def furnish(self, state: UserState) -> None:
        """Some tasks to begin with, one of them in the trash."""
        session = self.session_of(state, 0)
        for title in WORDS[:5]:
            body = {"title": title}
            told = self.expect(state, session, "POST", "/tasks", 201, body=body)
            task, _ = state.create(body, told["id"])
            self.same(state, task, told)
        self.expect(state, session, "DELETE", f"/tasks/{task.id}", 204)
        state.trash(task)

    @invariant()
    def both_states_are_what_the_model_says(self) -> None:
        """Whatever was done, and whoever did it."""
        type(self).steps += 1
        for state in self.states:
            session = self.session_of(state, 0)
            export = self.expect(state, session, "GET", "/users/me/export", 200)
            assert self.profile(state) == {
                name: export["user"][name] for name in self.profile(state)
            }
            assert {item["id"] for item in export["sessions"]} == set(state.sessions)
            for name, is_trashed in (("tasks", False), ("trash", True)):
                tasks = [task for task in state.tasks.values() if task.is_trashed == is_trashed]
                self.compare(state, tasks, export[name])

    def compare(self, state: UserState, tasks: list[Task], told: list[Body]) -> None:
        """The same tasks, in any order."""
        by_id = {item["id"]: item for item in told}
        assert len(by_id) == len(told), "nothing is told twice"
        assert set(by_id) == {task.id for task in tasks}
        for task in tasks:
            self.same(state, task, by_id[task.id])

    def same(self, state: UserState, task: Task, told: Body) -> None:
        """What is told of a task is what it should be."""
        shown = task.shown(state.id)
        assert {name: told[name] for name in shown} == shown
        task.adopt(told)

    def path(self, state: UserState, prefix: str, task_id: str = "", action: str = "") -> str:
        """A path under one of the prefixes."""
        return "/".join(filter(None, [prefix.format(state.id), task_id, action]))

    def profile(self, state: UserState) -> Body:
        return {
            "id": state.id,
            "email": state.email,
            "name": state.name,
            "timezone": state.timezone,
        }

    def new_state(self, email: str | None = None) -> UserState:
        """Somebody new."""
        body = {"email": email or f"{uuid4()}@example.com", "password": PASSWORDS[0], "name": "A"}
        answer = self.service.call("POST", "/auth/register", body=body)
        assert answer.status == 201, answer
        told = json.loads(answer.body)
        state = UserState(told["user"]["id"], body["email"], body["password"], body["name"])
        self.add_session(state, told)
        return state

    def add_session(self, state: UserState, told: Body) -> Session:
        """Remember a sign-in."""
        payload = told["access_token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        assert claims["sub"] == state.id == told["user"]["id"]
        session = Session(claims["sid"], told["access_token"], told["refresh_token"])
        state.sessions[session.id] = session
        return session

    def session_of(self, state: UserState, pick: int) -> Session:
        """One of a user's sessions; a new one where all have ended."""
        if not state.sessions:
            body = {"email": state.email, "password": state.password}
            answer = self.service.call("POST", "/auth/login", body=body)
            assert answer.status == 200, answer
            return self.add_session(state, json.loads(answer.body))
        return list(state.sessions.values())[pick % len(state.sessions)]

    def an_id(self, user: int, pick: int, *, from_trash: bool = False) -> str:
        """An id: mostly the user's own, now and then another's, a former one, or nothing's."""
        tasks = self.states[user].tasks
        own = [task.id for task in tasks.values() if task.is_trashed >= from_trash] or list(tasks)
        if own and pick % 4:
            return own[pick // 4 % len(own)]
        others = [*self.ids, *self.states[1 - user].tasks]
        return others[pick // 4 % len(others)]

    def call(
        self, state: UserState, session: Session, method: str, path: str, **options: Any
    ) -> Answer:
        """A request of a user; whatever comes back is in order."""
        answer = self.service.call(method, path, token=session.access, **options)
        assert answer.status < 500, (method, path, options, answer)
        other = next(item for item in self.states if item is not state)
        assert other.id.encode() not in answer.body
        assert other.email.encode() not in answer.body
        return answer

    def expect(
        self,
        state: UserState,
        session: Session,
        method: str,
        path: str,
        status: int,
        **options: Any,
    ) -> Any:
        """A request whose status is known; gives the body."""
        answer = self.call(state, session, method, path, **options)
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
        self, state: UserState, route: str, key: str | None, body: Any, answer: Answer
    ) -> bool:
        """Whether a key was used before: then the answer is the first one, or a refusal."""
        stored = state.keys.get((route, key)) if key else None
        is_replay = answer.headers.get("idempotency-replayed") == "true"
        if stored is None:
            assert not is_replay, answer
            if key and answer.status < 400:
                state.keys[route, key] = Stored(body, answer.status, answer.body)
            return False
        if stored.body == body:
            assert (is_replay, answer.status, answer.body) == (True, stored.status, stored.content)
        else:
            code = json.loads(answer.body)["error"]["code"]
            assert (answer.status, code) == (422, "IDEMPOTENCY_MISMATCH")
        return True


__all__ = ["Machine", "rule"]

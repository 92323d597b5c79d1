"""Two users, all operations in any order; after each, both users' states match the model."""

import base64
import json
from collections.abc import Callable
from functools import cache
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from fastapi.routing import APIRoute
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from duly.api.route_table import API_PREFIX
from duly.api.router import add_routes
from duly.records.types import ResourceType
from duly.services.resource_types import RESOURCE_TYPES
from tests.hostile.attacked_account import Answer
from tests.model.drawing import WORDS
from tests.model.service import Service
from tests.model.states import ANY, Body, Match, Refused, Resource, Session, Stored, UserState
from tests.support.resources import REFERRED_ID, body_for, path_of

USERS = st.sampled_from([0, 1])
PICKS = st.integers(0, 10**6)
MATCHES = st.one_of(
    st.just(Match(None)),
    st.sampled_from(["any", "current", "among others", "stale", "weak", "no version"]).map(Match),
)
PREFIXES = st.sampled_from(["", "/users/me", "/users/{}"])
"""Prefixes of a path; those with a user are for types that have routes under it."""
KEYS = st.one_of(st.none(), st.sampled_from(["k1", "k2", "k3", "!~"]))
PASSWORDS = ["correct horse battery", "another horse battery"]
NOBODY = "01936d5e-8f1c-7000-8000-00000000dead"


class Machine(RuleBasedStateMachine):
    """What rules have in common; other modules of this package hold the rules."""

    service: Service
    steps = 0

    @initialize()
    def begin(self) -> None:
        self.ids = [NOBODY]
        self.states = [self.new_state(), self.new_state()]
        for state in self.states:
            self.furnish(state)

    def furnish(self, state: UserState) -> None:
        """Create some resources of each type, and delete one of them."""
        session = self.session_of(state, 0)
        for kind in RESOURCE_TYPES:
            for number, word in enumerate(WORDS[:5]):
                body = body_for(kind, word)
                if number == 0:  # others refer to it
                    body["id"] = REFERRED_ID
                received = self.expect(state, session, "POST", f"/{kind.plural}", 201, body=body)
                resource, _ = state.create(kind, body, received["id"])
                self.same(state, resource, received)
            self.expect(state, session, "DELETE", path_of(kind, resource.id), 204)
            state.delete(kind, resource.id, ANY)

    @invariant()
    def both_states_match_the_model(self) -> None:
        """Compare the exports of both users, whoever made the last request."""
        type(self).steps += 1
        for state in self.states:
            session = self.session_of(state, 0)
            export = self.expect(state, session, "GET", "/users/me/export", 200)
            assert self.profile(state) == {
                name: export["user"][name] for name in self.profile(state)
            }
            assert {item["id"] for item in export["sessions"]} == set(state.sessions)
            trashed: list[Resource] = []
            for kind in RESOURCE_TYPES:
                self.compare(state, state.those(kind, are_trashed=False), export[kind.plural])
                trashed += state.those(kind, are_trashed=True)
            self.compare(state, trashed, export["trash"])

    def compare(self, state: UserState, resources: list[Resource], received: list[Body]) -> None:
        """Both hold the same resources, in any order, each once."""
        assert len(received) == len(resources)
        by_name: dict[Any, Body] = {(item["id"], frozenset(item)): item for item in received}
        for resource in resources:
            columns = frozenset(column.name for column in resource.kind.shown)
            self.same(state, resource, by_name[resource.id, columns])

    def same(self, state: UserState, resource: Resource, received: Body) -> None:
        """The service shows a resource as the model has it."""
        shown = resource.shown(state.id)
        assert {name: received[name] for name in shown} == shown
        resource.adopt(received)

    def path(
        self,
        state: UserState,
        kind: ResourceType,
        prefix: str,
        resource_id: str = "",
        action: str = "",
    ) -> str:
        """A path of a type, under a prefix if it has such routes."""
        if prefix and not has_user_routes(kind):
            prefix = ""
        parts = [f"{prefix.format(state.id)}/{kind.plural}", resource_id, action]
        return "/".join(filter(None, parts))

    def profile(self, state: UserState) -> Body:
        """The expected profile."""
        return {
            "id": state.id,
            "email": state.email,
            "name": state.name,
            "timezone": state.timezone,
        }

    def new_state(self, email: str | None = None) -> UserState:
        """Register a new user."""
        body = {"email": email or f"{uuid4()}@example.com", "password": PASSWORDS[0], "name": "A"}
        answer = self.service.call("POST", "/auth/register", body=body)
        assert answer.status == 201, answer
        received = json.loads(answer.body)
        state = UserState(received["user"]["id"], body["email"], body["password"], body["name"])
        self.add_session(state, received)
        return state

    def add_session(self, state: UserState, received: Body) -> Session:
        """Remember a sign-in."""
        payload = received["access_token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        assert claims["sub"] == state.id == received["user"]["id"]
        session = Session(claims["sid"], received["access_token"], received["refresh_token"])
        state.sessions[session.id] = session
        return session

    def session_of(self, state: UserState, pick: int) -> Session:
        """One of a user's sessions; a new one if all have ended."""
        if not state.sessions:
            body = {"email": state.email, "password": state.password}
            answer = self.service.call("POST", "/auth/login", body=body)
            assert answer.status == 200, answer
            return self.add_session(state, json.loads(answer.body))
        return list(state.sessions.values())[pick % len(state.sessions)]

    def an_id(self, user: int, kind: ResourceType, pick: int, *, from_trash: bool = False) -> str:
        """An id: usually of the user's own resource; else of another type or user, or unused."""
        of_type = self.states[user].resources[kind.name]
        own = [one.id for one in of_type.values() if one.is_trashed >= from_trash] or list(of_type)
        if own and pick % 4:
            return own[pick // 4 % len(own)]
        others = [*self.ids, *self.states[user].ids, *self.states[1 - user].ids]
        return others[pick // 4 % len(others)]

    def call(
        self, state: UserState, session: Session, method: str, path: str, **options: Any
    ) -> Answer:
        """Send a user's request. The response is no server error, and shows nothing of the other user."""
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
        """Send a request whose status is known, and return the body of the response."""
        answer = self.call(state, session, method, path, **options)
        assert answer.status == status, (method, path, options, answer)
        return json.loads(answer.body) if answer.body else None

    def judge(self, answer: Answer, model: Callable[[], Any]) -> Any:
        """Return the model's result if neither it nor the service refuses; None if both do."""
        result, expected = None, None
        try:
            result = model()
        except Refused as refused:
            expected = (refused.status, refused.code)
        code = json.loads(answer.body)["error"]["code"] if answer.status >= 400 else None
        assert (code and (answer.status, code)) == expected, answer
        return result

    def replayed(
        self, state: UserState, route: str, key: str | None, body: Any, answer: Answer
    ) -> bool:
        """Whether the key was used before. The response is then the first one, or a refusal."""
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


@cache
def has_user_routes(kind: ResourceType) -> bool:
    """Whether the type's routes are also under `/users/{user_id}`."""
    router = APIRouter()
    add_routes(router)
    path = f"{API_PREFIX}/users/{{user_id}}/{kind.plural}"
    return any(isinstance(route, APIRoute) and route.path == path for route in router.routes)


__all__ = ["Machine", "rule"]

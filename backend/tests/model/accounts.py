"""Rules about accounts, sessions and sync."""

import json
import time
from typing import Any

from hypothesis import strategies as st

from duly.services.resource_types import RESOURCE_TYPES
from tests.model.machine import (
    NOBODY,
    PASSWORDS,
    PICKS,
    USERS,
    Machine,
    has_user_routes,
    rule,
)
from tests.model.states import UserState

REPLAY_WINDOW = 10.0
NAMES = st.none() | st.sampled_from(["Ada", "Grace", "Zoë"])


class AccountRules(Machine):
    """Each rule asks the service, then the model, and compares."""

    @rule(user=USERS, pick=PICKS, limit=st.integers(1, 5), is_full=st.booleans())
    def sync(self, user: int, pick: int, limit: int, is_full: bool) -> None:
        state = self.states[user]
        session = self.session_of(state, pick)
        if is_full and pick % 3 == 0:
            state.token, state.copy = None, {}
        while True:
            query = {"token": state.token, "limit": limit}
            page = self.expect(state, session, "GET", "/sync", 200, query=query)
            names = [(change["type"], change["id"]) for change in page["changes"]]
            assert len(names) == len(set(names)) <= limit
            for name, change in zip(names, page["changes"], strict=True):
                state.copy.pop(name, None)
                if change["op"] == "upsert":
                    state.copy[name] = change["data"]
            state.token = page["token"]
            if not page["has_more"]:
                break
        [profile] = [data for (name, _), data in state.copy.items() if name == "user"]
        assert self.profile(state) == {name: profile[name] for name in self.profile(state)}
        for kind in RESOURCE_TYPES:
            copies = [data for (name, _), data in state.copy.items() if name == kind.name]
            self.compare(state, state.those(kind, are_trashed=False), copies)

    @rule(user=USERS, pick=PICKS)
    def token_of_another_user(self, user: int, pick: int) -> None:
        state, other = self.states[user], self.states[1 - user]
        session = self.session_of(state, pick)
        if other.token:
            lists = [(f"/{kind.plural}", "cursor") for kind in RESOURCE_TYPES]
            for path, name in (("/sync", "token"), ("/events", "token"), *lists):
                self.expect(state, session, "GET", path, 400, query={name: other.token})

    @rule(user=USERS, pick=PICKS)
    def path_of_another_user(self, user: int, pick: int) -> None:
        state, other = self.states[user], self.states[1 - user]
        session = self.session_of(state, pick)
        for kind in filter(has_user_routes, RESOURCE_TYPES):
            path = f"/users/{other.id}/{kind.plural}"
            assert self.service.call("GET", path, token=session.access).status == 403

    @rule(user=USERS, pick=PICKS, name=NAMES, timezone=st.sampled_from(["UTC", "Europe/Rome"]))
    def profile_change(self, user: int, pick: int, name: str | None, timezone: str) -> None:
        state = self.states[user]
        body = {"name": name, "timezone": timezone}
        received = self.expect(
            state, self.session_of(state, pick), "PATCH", "/users/me", 200, body=body
        )
        state.name, state.timezone = name, timezone
        state.revision += 1
        assert self.profile(state) == {name: received[name] for name in self.profile(state)}

    @rule(user=USERS, pick=PICKS, is_right=st.booleans(), is_taken=st.booleans())
    def email_change(self, user: int, pick: int, is_right: bool, is_taken: bool) -> None:
        state, other = self.states[user], self.states[1 - user]
        email = other.email.upper() if is_taken else f"{pick}.{state.email[-40:]}"
        password = state.password if is_right else "wrong horse battery"
        answer = self.service.call(
            "PATCH",
            "/users/me",
            token=self.session_of(state, pick).access,
            body={"email": email, "current_password": password},
        )
        is_same = email == state.email  # which needs no password
        expected = 200 if is_same else 400 if not is_right else 409 if is_taken else 200
        assert answer.status == expected, answer
        if expected == 200:
            state.email = email
            state.revision += 1

    @rule(user=USERS, pick=PICKS, is_right=st.booleans(), new=st.sampled_from(PASSWORDS))
    def password_change(self, user: int, pick: int, is_right: bool, new: str) -> None:
        state = self.states[user]
        session = self.session_of(state, pick)
        current = state.password if is_right else "wrong horse battery"
        body = {"current_password": current, "new_password": new}
        status = 204 if is_right else 400
        self.expect(state, session, "PUT", "/users/me/password", status, body=body)
        if is_right:
            state.password = new
            state.revision += 1
            for session_id in [name for name in state.sessions if name != session.id]:
                state.end(session_id)

    @rule(user=USERS, is_right=st.booleans())
    def sign_in(self, user: int, is_right: bool) -> None:
        state = self.states[user]
        password = state.password if is_right else self.states[1 - user].password + "!"
        body = {"email": state.email.upper(), "password": password}
        answer = self.service.call("POST", "/auth/login", body=body)
        assert answer.status == (200 if is_right else 401), answer
        if is_right:
            self.add_session(state, json.loads(answer.body))

    @rule(user=USERS, pick=PICKS)
    def refresh(self, user: int, pick: int) -> None:
        session = self.session_of(self.states[user], pick)
        answer = self._refresh(session.refresh)
        assert answer.status == 200
        received = json.loads(answer.body)
        assert received["refresh_token"] != session.refresh
        session.spent.append((session.refresh, received["refresh_token"], time.monotonic()))
        session.refresh, session.access = received["refresh_token"], received["access_token"]

    @rule(user=USERS, pick=PICKS)
    def replay_of_a_refresh_token(self, user: int, pick: int) -> None:
        """Within ten seconds of its use it returns the same successor; later it ends the session."""
        state = self.states[user]
        session = self.session_of(state, pick)
        if not session.spent:
            return
        token, successor, used_at = session.spent[pick % len(session.spent)]
        if time.monotonic() - used_at < REPLAY_WINDOW - 3:
            answer = self._refresh(token)
            assert answer.status == 200
            assert json.loads(answer.body)["refresh_token"] == successor
        elif time.monotonic() - used_at > REPLAY_WINDOW + 1:
            assert self._refresh(token).status == 401
            state.end(session.id)
            assert self._refresh(session.refresh).status == 401

    def _refresh(self, token: str) -> Any:
        return self.service.call("POST", "/auth/refresh", body={"refresh_token": token})

    @rule(user=USERS, pick=PICKS)
    def list_sessions(self, user: int, pick: int) -> None:
        state = self.states[user]
        session = self.session_of(state, pick)
        items = self.expect(state, session, "GET", "/auth/sessions", 200)["items"]
        assert {item["id"]: item["is_current"] for item in items} == {
            name: name == session.id for name in state.sessions
        }

    @rule(user=USERS, pick=PICKS, is_foreign=st.booleans())
    def end_a_session(self, user: int, pick: int, is_foreign: bool) -> None:
        state, other = self.states[user], self.states[1 - user]
        session = self.session_of(state, pick)
        target = (
            next(iter(other.sessions), NOBODY)
            if is_foreign
            else self.session_of(state, pick // 7).id
        )
        status = 404 if is_foreign else 204
        self.expect(state, session, "DELETE", f"/auth/sessions/{target}", status)
        if not is_foreign:
            state.end(target)

    @rule(user=USERS, pick=PICKS, is_all=st.booleans())
    def sign_out(self, user: int, pick: int, is_all: bool) -> None:
        state = self.states[user]
        session = self.session_of(state, pick)
        method, path = ("DELETE", "/auth/sessions") if is_all else ("POST", "/auth/logout")
        self.expect(state, session, method, path, 204)
        for session_id in list(state.sessions) if is_all else [session.id]:
            state.end(session_id)

    @rule(user=USERS, pick=PICKS)
    def use_an_ended_session(self, user: int, pick: int) -> None:
        state = self.states[user]
        if state.ended:
            session = state.ended[pick % len(state.ended)]
            for path in ("/events", *(f"/{kind.plural}" for kind in RESOURCE_TYPES)):
                assert self.service.call("GET", path, token=session.access).status == 401
            assert self._refresh(session.refresh).status == 401

    @rule(user=USERS, pick=PICKS, is_right=st.booleans())
    def delete_account(self, user: int, pick: int, is_right: bool) -> None:
        if pick % 3:
            return  # or accounts would be too short-lived
        state = self.states[user]
        session = self.session_of(state, pick)
        body = {"current_password": state.password if is_right else "wrong horse battery"}
        self.expect(state, session, "DELETE", "/users/me", 204 if is_right else 400, body=body)
        if is_right:
            self.ids += state.ids
            self._check_deletion(state)
            self.states[user] = self.new_state(state.email)

    def _check_deletion(self, state: UserState) -> None:
        for session in state.sessions.values():
            assert self.service.call("GET", "/users/me", token=session.access).status == 401
            assert self._refresh(session.refresh).status == 401
        body = {"email": state.email, "password": state.password}
        assert self.service.call("POST", "/auth/login", body=body).status == 401

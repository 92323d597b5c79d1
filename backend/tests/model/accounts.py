"""Rules about accounts, sessions and sync."""

import json
import time
from typing import Any

from hypothesis import strategies as st

from tests.model.machine import NOBODY, PASSWORDS, PICKS, USERS, Machine, rule
from tests.model.worlds import World

REPLAY_WINDOW = 10.0
NAMES = st.none() | st.sampled_from(["Ada", "Grace", "Zoë"])


class AccountRules(Machine):
    """Each rule asks the service, then the model, and compares."""

    @rule(user=USERS, pick=PICKS, limit=st.integers(1, 5), anew=st.booleans())
    def sync(self, user: int, pick: int, limit: int, anew: bool) -> None:
        world = self.worlds[user]
        session = self.session_of(world, pick)
        if anew and pick % 3 == 0:
            world.token, world.copy = None, {}
        while True:
            query = {"token": world.token, "limit": limit}
            page = self.expect(world, session, "GET", "/sync", 200, query=query)
            ids = [change["id"] for change in page["changes"]]
            assert len(ids) == len(set(ids)) <= limit
            for change in page["changes"]:
                world.copy.pop(change["id"], None)
                if change["op"] == "upsert":
                    world.copy[change["id"]] = change["data"]
            world.token = page["token"]
            if not page["has_more"]:
                break
        self.compare(world, world.live(), list(world.copy.values()))

    @rule(user=USERS, pick=PICKS)
    def others_token_or_cursor(self, user: int, pick: int) -> None:
        world, other = self.worlds[user], self.worlds[1 - user]
        session = self.session_of(world, pick)
        if other.token:
            for path, name in (("/sync", "token"), ("/tasks", "cursor"), ("/events", "token")):
                self.expect(world, session, "GET", path, 400, query={name: other.token})

    @rule(user=USERS, pick=PICKS)
    def path_of_another(self, user: int, pick: int) -> None:
        world, other = self.worlds[user], self.worlds[1 - user]
        session = self.session_of(world, pick)
        answer = self.service.call("GET", f"/users/{other.id}/tasks", token=session.access)
        assert answer.status == 403

    @rule(user=USERS, pick=PICKS, name=NAMES, timezone=st.sampled_from(["UTC", "Europe/Rome"]))
    def profile_change(self, user: int, pick: int, name: str | None, timezone: str) -> None:
        world = self.worlds[user]
        body = {"name": name, "timezone": timezone}
        told = self.expect(
            world, self.session_of(world, pick), "PATCH", "/users/me", 200, body=body
        )
        world.name, world.timezone = name, timezone
        assert self.profile(world) == {name: told[name] for name in self.profile(world)}

    @rule(user=USERS, pick=PICKS, is_right=st.booleans(), is_taken=st.booleans())
    def email_change(self, user: int, pick: int, is_right: bool, is_taken: bool) -> None:
        world, other = self.worlds[user], self.worlds[1 - user]
        email = other.email.upper() if is_taken else f"{pick}.{world.email[-40:]}"
        password = world.password if is_right else "wrong horse battery"
        answer = self.service.call(
            "PATCH",
            "/users/me",
            token=self.session_of(world, pick).access,
            body={"email": email, "current_password": password},
        )
        expected = 400 if not is_right else 409 if is_taken else 200
        assert answer.status == expected, answer
        if expected == 200:
            world.email = email

    @rule(user=USERS, pick=PICKS, is_right=st.booleans(), new=st.sampled_from(PASSWORDS))
    def password_change(self, user: int, pick: int, is_right: bool, new: str) -> None:
        world = self.worlds[user]
        session = self.session_of(world, pick)
        current = world.password if is_right else "wrong horse battery"
        body = {"current_password": current, "new_password": new}
        status = 204 if is_right else 400
        self.expect(world, session, "PUT", "/users/me/password", status, body=body)
        if is_right:
            world.password = new
            for session_id in [name for name in world.sessions if name != session.id]:
                world.end(session_id)

    @rule(user=USERS, is_right=st.booleans())
    def sign_in(self, user: int, is_right: bool) -> None:
        world = self.worlds[user]
        password = world.password if is_right else self.worlds[1 - user].password + "!"
        body = {"email": world.email.upper(), "password": password}
        answer = self.service.call("POST", "/auth/login", body=body)
        assert answer.status == (200 if is_right else 401), answer
        if is_right:
            self.add_session(world, json.loads(answer.body))

    @rule(user=USERS, pick=PICKS)
    def refresh(self, user: int, pick: int) -> None:
        session = self.session_of(self.worlds[user], pick)
        answer = self._refresh(session.refresh)
        assert answer.status == 200
        told = json.loads(answer.body)
        assert told["refresh_token"] != session.refresh
        session.spent.append((session.refresh, told["refresh_token"], time.monotonic()))
        session.refresh, session.access = told["refresh_token"], told["access_token"]

    @rule(user=USERS, pick=PICKS)
    def replay_of_a_refresh_token(self, user: int, pick: int) -> None:
        """Within ten seconds of its use it gets the same successor; later it ends the session."""
        world = self.worlds[user]
        session = self.session_of(world, pick)
        if not session.spent:
            return
        token, successor, used_at = session.spent[pick % len(session.spent)]
        if time.monotonic() - used_at < REPLAY_WINDOW - 3:
            answer = self._refresh(token)
            assert answer.status == 200
            assert json.loads(answer.body)["refresh_token"] == successor
        elif time.monotonic() - used_at > REPLAY_WINDOW + 1:
            assert self._refresh(token).status == 401
            world.end(session.id)
            assert self._refresh(session.refresh).status == 401

    def _refresh(self, token: str) -> Any:
        return self.service.call("POST", "/auth/refresh", body={"refresh_token": token})

    @rule(user=USERS, pick=PICKS)
    def list_sessions(self, user: int, pick: int) -> None:
        world = self.worlds[user]
        session = self.session_of(world, pick)
        items = self.expect(world, session, "GET", "/auth/sessions", 200)["items"]
        assert {item["id"]: item["is_current"] for item in items} == {
            name: name == session.id for name in world.sessions
        }

    @rule(user=USERS, pick=PICKS, is_foreign=st.booleans())
    def end_a_session(self, user: int, pick: int, is_foreign: bool) -> None:
        world, other = self.worlds[user], self.worlds[1 - user]
        session = self.session_of(world, pick)
        target = (
            next(iter(other.sessions), NOBODY)
            if is_foreign
            else self.session_of(world, pick // 7).id
        )
        status = 404 if is_foreign else 204
        self.expect(world, session, "DELETE", f"/auth/sessions/{target}", status)
        if not is_foreign:
            world.end(target)

    @rule(user=USERS, pick=PICKS, is_all=st.booleans())
    def sign_out(self, user: int, pick: int, is_all: bool) -> None:
        world = self.worlds[user]
        session = self.session_of(world, pick)
        method, path = ("DELETE", "/auth/sessions") if is_all else ("POST", "/auth/logout")
        self.expect(world, session, method, path, 204)
        for session_id in list(world.sessions) if is_all else [session.id]:
            world.end(session_id)

    @rule(user=USERS, pick=PICKS)
    def use_what_has_ended(self, user: int, pick: int) -> None:
        world = self.worlds[user]
        if world.ended:
            session = world.ended[pick % len(world.ended)]
            assert self.service.call("GET", "/tasks", token=session.access).status == 401
            assert self.service.call("GET", "/events", token=session.access).status == 401
            assert self._refresh(session.refresh).status == 401

    @rule(user=USERS, pick=PICKS, is_right=st.booleans())
    def delete_account(self, user: int, pick: int, is_right: bool) -> None:
        if pick % 3:
            return  # or nobody would live to see much
        world = self.worlds[user]
        session = self.session_of(world, pick)
        body = {"current_password": world.password if is_right else "wrong horse battery"}
        self.expect(world, session, "DELETE", "/users/me", 204 if is_right else 400, body=body)
        if is_right:
            self.ids += world.tasks
            self._is_gone(world)
            self.worlds[user] = self.new_world(world.email)

    def _is_gone(self, world: World) -> None:
        for session in world.sessions.values():
            assert self.service.call("GET", "/users/me", token=session.access).status == 401
            assert self._refresh(session.refresh).status == 401
        body = {"email": world.email, "password": world.password}
        assert self.service.call("POST", "/auth/login", body=body).status == 401

"""The logs of a whole run: every event is there, and nothing that must not be."""

import json
import secrets
from typing import Any
from uuid import uuid4

import httpx
import pytest

from duly.core.config import Settings
from tests.support.accounts import API, Account
from tests.support.direct_sql import age
from tests.support.instances import captured_logs, running

SECRET = "Vertraulich"
"""Stands in all text that is sent, in one form or another."""

ADDRESS = "198.51.100.7"


class Run:
    """One run of the service: who did what under which request id, and what was logged."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.user_id = ""
        self.requests: dict[str, httpx.Response] = {}
        self.secrets: set[str] = {SECRET.lower()}
        self.text = ""

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, name: str) -> list[dict[str, Any]]:
        """The lines of one request, as it is called in the run."""
        request_id = self.requests[name].headers["x-request-id"]
        return [line for line in self.lines if line.get("request_id") == request_id]

    def event(self, name: str, event: str) -> dict[str, Any]:
        """The only log entry of a request for an event."""
        [line] = [line for line in self.of(name) if line["event"] == event]
        return line

    def note(self, session: dict[str, Any]) -> None:
        """What a session must keep to itself."""
        for token in (session["access_token"], session["refresh_token"]):
            self.secrets |= {part.lower() for part in token.split(".")}

    async def do(
        self,
        request: str,
        path: str,
        who: Account | None = None,
        status: int = 200,
        **options: Any,
    ) -> Any:
        """Send `<name>: <method>`, and return the body of the response."""
        name, _, method = request.rpartition(": ")
        headers = {**(who.headers if who else {}), **options.pop("headers", {})}
        response = await self.client.request(method, path, headers=headers, **options)
        assert response.status_code == status, (request, response.text)
        self.requests[name] = response
        return response.json() if response.content else None


async def drive(  # noqa: PLR0915  # one run from start to end
    run: Run, dsn: str
) -> None:
    """Send allowed requests of every kind, and many rejected ones."""
    mailbox, password = f"{SECRET}.{uuid4().hex}", f"{SECRET} {secrets.token_hex(8)}"
    email = f"{mailbox}@example.com"
    new_password, wrong = f"{SECRET} {secrets.token_hex(8)}", f"{SECRET} {secrets.token_hex(8)}"
    run.secrets |= {email.lower(), mailbox.lower(), password, new_password, wrong}
    credentials = {"email": email, "password": password}

    body = {**credentials, "name": f"{SECRET} the First"}
    first = await run.do("register: POST", f"{API}/auth/register", json=body, status=201)
    run.user_id = first["user"]["id"]
    await run.do("taken: POST", f"{API}/auth/register", json=body, status=409)
    await run.do("bad register: POST", f"{API}/auth/register", json={"email": wrong}, status=400)
    for name, given in {"wrong": {"email": email}, "unknown": {"email": f"x{email}"}}.items():
        body = {**given, "password": wrong}
        await run.do(f"{name} login: POST", f"{API}/auth/login", json=body, status=401)
    form = {"username": email, "password": wrong}
    await run.do("wrong form: POST", f"{API}/auth/token", data=form, status=401)
    session = await run.do("login: POST", f"{API}/auth/login", json=credentials)
    me = Account(run.client, email, password, session)

    renewed = await run.do(
        "refresh: POST", f"{API}/auth/refresh", json={"refresh_token": first["refresh_token"]}
    )
    await age(dsn, run.user_id, seconds=60)
    body = {"refresh_token": first["refresh_token"]}
    await run.do("reuse: POST", f"{API}/auth/refresh", json=body, status=401)
    body = {"refresh_token": f"{SECRET}{first['refresh_token']}"}
    await run.do("forged refresh: POST", f"{API}/auth/refresh", json=body, status=401)

    fields = {"title": f"{SECRET} title", "description": f"{SECRET} description"}
    task = await run.do("create: POST", f"{API}/tasks", me, 201, json=fields)
    path = f"{API}/tasks/{task['id']}"
    await run.do("list: GET", f"{API}/tasks", me, params={"q": SECRET})
    await run.do("read: GET", path, me)
    await run.do("replace: PUT", path, me, json=fields)
    await run.do("patch: PATCH", path, me, json={"title": f"Another {SECRET}"})
    await run.do("complete: POST", f"{path}/complete", me)
    await run.do("reopen: POST", f"{path}/reopen", me)
    await run.do("delete task: DELETE", path, me, 204)
    await run.do("missing: GET", path, me, 404)

    await run.do("nowhere: GET", f"/{SECRET}/{email}", status=404, params={"token": SECRET})
    await run.do("method: PUT", f"{API}/auth/login", status=405, json=credentials)
    await run.do("media: POST", f"{API}/auth/login", status=415, content=SECRET)
    await run.do("large: POST", f"{API}/auth/login", status=413, content=SECRET * 200_000)
    await run.do("forged: GET", f"{API}/tasks", status=401, headers={"Authorization": wrong})
    await run.do("cursor: GET", f"{API}/tasks", me, 400, params={"cursor": SECRET})

    profile = {"name": f"{SECRET} the Second", "email": f"x{email}", "current_password": password}
    await run.do("profile: PATCH", f"{API}/users/me", me, json=profile)
    await run.do("export: GET", f"{API}/users/me/export", me)
    change = {"current_password": wrong, "new_password": new_password}
    await run.do("bad change: PUT", f"{API}/users/me/password", me, 400, json=change)
    change["current_password"] = password
    await run.do("change: PUT", f"{API}/users/me/password", me, 204, json=change)
    await run.do("logout: POST", f"{API}/auth/logout", me, 204)
    await run.do("revoked: GET", f"{API}/users/me", me, 401)
    form = {"username": f"x{email}", "password": new_password}
    last = await run.do("form: POST", f"{API}/auth/token", data=form)
    me.session = last
    body = {"current_password": new_password}
    await run.do("delete: DELETE", f"{API}/users/me", me, 204, json=body)
    for each in (first, session, renewed, last):
        run.note(each)


@pytest.fixture(scope="module")
async def run(settings: Settings, dsn: str) -> Run:
    with captured_logs(settings) as stream:
        async with running(settings, ADDRESS, log_level="debug") as client:
            run = Run(client)
            await drive(run, dsn)
        run.text = stream.getvalue()
    return run


async def test_every_line_is_one_json_object(run: Run) -> None:
    assert len(run.lines) > len(run.requests)
    for line in run.lines:
        assert {"event", "level", "timestamp"} <= set(line)


async def test_no_secret_is_in_any_line(run: Run) -> None:
    # The path of a 404 is logged: it is what an operator looks for.
    text = "".join(line for line in run.text.lower().splitlines() if '"path":' not in line)

    assert not [secret for secret in run.secrets if secret in text]
    assert "@" not in text
    assert "$2b$" not in text


async def test_every_request_has_one_line(run: Run) -> None:
    for name, response in run.requests.items():
        line = run.event(name, "request")
        assert line["method"] == response.request.method
        assert line["status"] == response.status_code
        assert line["duration_ms"] > 0
        assert line["timestamp"].endswith("Z")


async def test_the_line_of_a_request_names_the_route_and_not_the_path(run: Run) -> None:
    assert run.event("read", "request")["route"] == f"{API}/tasks/{{task_id}}"
    assert run.event("complete", "request")["route"] == f"{API}/tasks/{{task_id}}/complete"
    assert run.event("login", "request")["route"] == f"{API}/auth/login"
    assert run.event("nowhere", "request")["route"] is None
    assert "path" not in run.event("read", "request")


async def test_line_of_a_404_names_the_path_without_the_query(run: Run) -> None:
    assert run.event("nowhere", "request")["path"] == run.requests["nowhere"].request.url.path
    assert run.event("missing", "request")["path"] == run.requests["missing"].request.url.path
    assert [line["event"] for line in run.lines if "path" in line] == ["request"] * 2


async def test_every_line_of_a_request_names_the_address_of_the_client(run: Run) -> None:
    lines = [line for line in run.lines if "request_id" in line]

    assert {line.get("address") for line in lines} == {ADDRESS}


@pytest.mark.parametrize(
    "name",
    ["register", "login", "form", "refresh", "list", "cursor", "missing", "change", "delete"],
)
async def test_the_line_of_a_request_names_its_user(run: Run, name: str) -> None:
    assert run.event(name, "request")["user_id"] == run.user_id


@pytest.mark.parametrize("name", ["wrong login", "nowhere", "forged", "revoked"])
async def test_log_of_an_unauthenticated_request_has_no_user(run: Run, name: str) -> None:
    assert "user_id" not in run.event(name, "request")


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("register", "user.registered"),
        ("login", "session.opened"),
        ("form", "session.opened"),
        ("reuse", "session.refresh_reused"),
        ("logout", "session.logged_out"),
        ("change", "user.password_changed"),
        ("profile", "user.changed"),
        ("delete", "user.deleted"),
        ("create", "task.created"),
        ("replace", "task.changed"),
        ("patch", "task.changed"),
        ("complete", "task.completed"),
        ("reopen", "task.reopened"),
        ("delete task", "task.deleted"),
    ],
)
async def test_an_event_is_logged_with_its_request_and_user(
    run: Run, name: str, event: str
) -> None:
    assert run.event(name, event)["user_id"] == run.user_id


@pytest.mark.parametrize("name", ["wrong login", "unknown login", "wrong form"])
async def test_a_failed_sign_in_is_logged_without_the_address(run: Run, name: str) -> None:
    line = run.event(name, "session.login_failed")

    assert line["level"] == "warning"
    assert set(line) == {"event", "level", "timestamp", "request_id", "address", "account"}


async def test_failed_sign_ins_to_one_account_share_a_fingerprint(run: Run) -> None:
    wrong, form, unknown = (
        run.event(name, "session.login_failed")["account"]
        for name in ("wrong login", "wrong form", "unknown login")
    )

    assert wrong == form != unknown


async def test_failed_request_logs_no_event_of_success(run: Run) -> None:
    for name in ("taken", "bad register", "bad change", "forged refresh", "missing", "media"):
        assert [line["event"] for line in run.of(name)] == ["request"], name

"""A to-do list that works offline and converges with your other devices when it syncs.

    python3 -m venv venv && venv/bin/pip install httpx
    venv/bin/python offline_client.py login ada@example.com --register
    venv/bin/python offline_client.py add "Buy milk"    # also list, done, edit, rm: none waits
    venv/bin/python offline_client.py sync              # sends your changes, fetches the others

One SQLite file holds three things. `copy` is the server's tasks as of the last sync; `outbox` has
at most one unsent change for each task; `sending` is the batch in flight. The list shows the copy
with both applied to it. docs/sync.md explains why each step is safe to repeat, and the conflicts.
"""

import argparse
import getpass
import json
import os
import sqlite3
import sys
import uuid
from pathlib import Path

import httpx

SCHEMA = """CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS copy (id TEXT PRIMARY KEY, task TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (id TEXT PRIMARY KEY, op TEXT, fields TEXT, version INTEGER);
CREATE TABLE IF NOT EXISTS sending (key TEXT PRIMARY KEY, changes TEXT NOT NULL);"""
# Put a change back into the outbox; a newer change of the same task takes precedence.
MERGE = """INSERT INTO outbox VALUES (?, ?, ?, NULL) ON CONFLICT (id) DO UPDATE SET
    op = excluded.op, fields = json_patch(excluded.fields, fields), version = NULL
    WHERE op = 'update'"""
# Drop the changes of tasks deleted elsewhere; apply the others to the new version.
DROP = "DELETE FROM outbox WHERE op != 'create' AND id NOT IN (SELECT id FROM copy)"
VERSION = "SELECT json_extract(task, '$.version') FROM copy WHERE id = outbox.id"
REBASE = f"UPDATE outbox SET version = ({VERSION}) WHERE version IS NULL"
BATCH = 100


class Store:
    """The SQLite file. `with store.db:` is one transaction, which a crash rolls back."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)  # it contains the session's tokens
        self.db = sqlite3.connect(path)
        self.db.executescript(SCHEMA)
        self.execute = self.db.execute

    def get(self, name: str) -> str | None:
        return dict(self.execute("SELECT name, value FROM meta")).get(name)

    def set(self, **values: str | None) -> None:
        self.db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def put(self, task: dict) -> None:
        self.execute(
            "INSERT OR REPLACE INTO copy VALUES (?, ?)", [task["id"], json.dumps(task)]
        )

    def pending(self) -> list[tuple[str, str, dict, int | None]]:
        rows = self.execute("SELECT id, op, fields, version FROM outbox ORDER BY rowid")
        return [
            (task_id, op, json.loads(fields), version)
            for task_id, op, fields, version in rows
        ]

    def sent(self) -> tuple[str | None, list]:
        """Return the key and the changes of the batch in flight."""
        row = self.execute("SELECT key, changes FROM sending").fetchone()
        return (row[0], json.loads(row[1])) if row else (None, [])

    def tasks(self) -> dict[str, dict]:
        """Return the tasks as the user sees them: the copy, with all local changes applied."""
        rows = self.execute("SELECT id, task FROM copy ORDER BY rowid")
        shown = {task_id: json.loads(task) for task_id, task in rows}
        for task_id, op, fields, _ in self.sent()[1] + self.pending():
            if op == "delete":
                shown.pop(task_id, None)
            elif op == "create" or task_id in shown:
                shown[task_id] = {
                    "is_completed": False,
                    **shown.get(task_id, {}),
                    **fields,
                }
        return shown

    def note(self, op: str, task_id: str, fields: dict) -> None:
        """Put a change into the outbox, merged with one of the same task that is already there."""
        with self.db:
            version = self.tasks().get(task_id, {}).get("version")
            if before := {row[0]: row for row in self.pending()}.get(task_id):
                _, old_op, old_fields, version = before
                self.execute("DELETE FROM outbox WHERE id = ?", [task_id])
                if op == "delete" and old_op == "create":
                    return  # the server does not know of it
                op = old_op if op == "update" else op
                fields = {**old_fields, **fields} if op != "delete" else {}
            row = [task_id, op, json.dumps(fields), version]
            self.execute("INSERT INTO outbox VALUES (?, ?, ?, ?)", row)


def operation_of(task_id: str, op: str, fields: dict, version: int | None) -> dict:
    """Return a change as an operation of `POST /batch`."""
    if op == "create":
        return {"op": op, "type": "task", "data": {"id": task_id, **fields}}
    data = {"data": fields} if op == "update" else {}
    return {"op": op, "type": "task", "id": task_id, "if_match": version, **data}


class Server:
    """The API, used with one session."""

    def __init__(self, store: Store, url: str | None = None) -> None:
        self.store = store
        self.url = store.get("server") if url is None else url
        if self.url is None:
            sys.exit("Log in first: this file has no session yet.")
        self.http = httpx.Client(base_url=f"{self.url}/api/v1", timeout=30)

    def call(
        self, method: str, path: str, *, is_retry: bool = False, **options: object
    ) -> dict:
        """Send a request; if the access token has expired, refresh it and try again."""
        self.http.headers["Authorization"] = f"Bearer {self.store.get('access_token')}"
        response = self.http.request(method, path, **options)
        if response.status_code != 401 or is_retry:
            return response.raise_for_status().json()
        tokens = {"refresh_token": self.store.get("refresh_token")}
        renewed = self.http.post("/auth/refresh", json=tokens)
        if renewed.status_code == 401:
            sys.exit("The session has ended. Log in again; nothing is lost.")
        self.keep(renewed.raise_for_status().json())
        return self.call(method, path, is_retry=True, **options)

    def keep(self, session: dict) -> None:
        """Store a session with its server and user, which are now known to work."""
        tokens = {name: session[name] for name in ("access_token", "refresh_token")}
        user = {"user_id": session["user"]["id"], "email": session["user"]["email"]}
        with self.store.db:
            self.store.set(server=self.url, **user, **tokens)


def push(store: Store, server: Server) -> None:
    """Send the outbox in batches, each stored with its key before it is sent.

    If no response arrives, it is sent again, and the server repeats its first response.
    """
    for _ in range(len(store.pending()) // BATCH + 1):
        key, rows = store.sent()
        if key is None:
            key, rows = uuid.uuid4().hex, store.pending()[:BATCH]
            if not rows:
                return
            with store.db:
                store.execute(
                    "INSERT INTO sending VALUES (?, ?)", [key, json.dumps(rows)]
                )
                store.db.executemany(
                    "DELETE FROM outbox WHERE id = ?", [row[:1] for row in rows]
                )
        headers = {"Idempotency-Key": key}
        batch = {"operations": [operation_of(*row) for row in rows]}
        results = server.call("POST", "/batch", json=batch, headers=headers)["results"]
        with store.db:
            for row, result in zip(rows, results, strict=True):
                settle(store, row, result)
            store.execute("DELETE FROM sending")
        for error in [result["error"] for result in results if result["status"] == 403]:
            sys.exit(
                f"{error['message']} Nothing is lost."
            )  # over quota: it stays in the outbox


def settle(store: Store, row: tuple[str, str, dict, int | None], result: dict) -> None:
    """Store the result of one change."""
    task_id, op, fields, _ = row
    if task := result[
        "data"
    ]:  # with only the texts that the operation set: keep the others
        old = store.execute("SELECT task FROM copy WHERE id = ?", [task_id]).fetchone()
        store.put({**json.loads(old[0] if old else "{}"), **task})
        store.execute(
            "UPDATE outbox SET version = ? WHERE id = ?", [task["version"], task_id]
        )
    elif result["status"] == 204:
        store.execute("DELETE FROM copy WHERE id = ?", [task_id])
    elif result["status"] != 404 and op != "delete":
        # Changed elsewhere (412): `pull` fetches the new version to apply it to. Or over quota.
        store.execute(MERGE, [task_id, op, json.dumps(fields)])


def pull(store: Store, server: Server) -> None:
    """Fetch the changes since the token. Each page is stored together with its token."""
    has_more = True
    while has_more:
        token = store.get("token")
        try:
            page = server.call("GET", "/sync", params={"token": token} if token else {})
        except httpx.HTTPStatusError as error:
            if not token or error.response.status_code not in (400, 410):
                raise
            with (
                store.db
            ):  # too old, or the server was restored or has a new key: start over
                store.set(token=None)
            continue
        with store.db:
            if token is None:
                store.execute("DELETE FROM copy")
            for change in page["changes"]:
                if change["type"] != "task":
                    continue  # a label, or a type that this client does not know
                if change["op"] == "upsert":
                    store.put(change["data"])
                else:
                    store.execute("DELETE FROM copy WHERE id = ?", [change["id"]])
            store.set(token=page["token"])
            if not (has_more := page["has_more"]):
                store.execute(DROP)
                store.execute(REBASE)


def log_in(store: Store, url: str, email: str, register: bool) -> None:
    """Sign in. The password is $DULY_PASSWORD, or typed, or read from standard input."""
    owner = store.get("user_id")
    refusal = (
        f"This file belongs to {store.get('email')}. Choose another one with --file."
    )
    if owner and register:
        sys.exit(refusal)
    server = Server(store, url.rstrip("/"))
    ask = getpass.getpass if sys.stdin.isatty() else sys.stdin.readline
    password = os.environ.get("DULY_PASSWORD") or ask().rstrip("\n")
    path = "/auth/register" if register else "/auth/login"
    response = server.http.post(path, json={"email": email, "password": password})
    if register and response.status_code == 409:
        sys.exit("This email address is already registered. Log in without --register.")
    session = response.raise_for_status().json()
    if (
        owner and owner != session["user"]["id"]
    ):  # the outbox contains changes of its owner
        bearer = f"Bearer {session['access_token']}"
        server.http.post("/auth/logout", headers={"Authorization": bearer})
        sys.exit(refusal)
    server.keep(session)


def find(store: Store, text: str) -> str:
    """Return the id that begins or ends with a text."""
    text = text.lower()
    found = [
        each for each in store.tasks() if each.startswith(text) or each.endswith(text)
    ]
    if len(found) > 1:
        sys.exit(f"Ambiguous: choose one of these ids: {', '.join(found)}")
    return (
        found[0]
        if found
        else sys.exit(f"No task has an id that begins or ends with {text!r}.")
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A to-do list that works offline.")
    parser.add_argument("--file", type=Path, default=Path("tasks.sqlite"))
    commands = parser.add_subparsers(dest="command", required=True)
    login = commands.add_parser("login")
    login.add_argument("email")
    login.add_argument("--server", default="http://127.0.0.1:8000")
    login.add_argument("--register", action="store_true")
    for usage in ("list", "sync", "add title", "edit id title", "done id", "rm id"):
        command = commands.add_parser(usage.split()[0])
        for argument in usage.split()[1:]:
            command.add_argument(argument)
    given = parser.parse_args()
    title = given.title = getattr(given, "title", "-").strip()
    if not 0 < len(title) <= 255 or not title.isprintable():
        sys.exit("A title must be one line of 1 to 255 characters.")
    return given


def run(given: argparse.Namespace) -> None:
    store = Store(given.file)
    if given.command == "login":
        log_in(store, given.server, given.email, given.register)
    elif given.command == "sync":
        server = Server(store)
        for _ in range(10):
            push(store, server)
            pull(store, server)
            if not store.pending():
                return
        sys.exit("Other devices keep changing the same tasks. Sync again.")
    elif given.command == "list":
        for (
            task_id,
            task,
        ) in store.tasks().items():  # UUIDv7 of the same minute begin alike
            mark = "x" if task["is_completed"] else " "
            print(f"{task_id[-8:]} [{mark}] {task['title']}", flush=True)
    elif given.command == "add":
        store.note("create", str(uuid.uuid4()), {"title": given.title})
    elif given.command == "rm":
        store.note("delete", find(store, given.id), {})
    else:
        fields = (
            {"is_completed": True}
            if given.command == "done"
            else {"title": given.title}
        )
        store.note("update", find(store, given.id), fields)


def reason(response: httpx.Response) -> str:
    try:
        error = response.json()["error"]
        fields = [
            f"{field['path']}: {field['message']}."
            for field in error["details"].get("fields", [])
        ]
        return " ".join([f"{error['message']} ({response.status_code})", *fields])
    except (ValueError, TypeError, LookupError):
        return f"The server responded with {response.status_code}. Check its address."


def main() -> None:
    """Run one command. Each error is reported in one line; unsent changes stay in the outbox."""
    given = parse()
    try:
        run(given)
    except httpx.HTTPStatusError as error:
        sys.exit(f"{reason(error.response)} Nothing is lost.")
    except (httpx.HTTPError, httpx.InvalidURL, OverflowError) as error:
        sys.exit(
            f"Cannot reach the server ({error}). Try again later; nothing is lost."
        )
    except BrokenPipeError:
        os._exit(1)  # the reader of the list has closed it
    except (sqlite3.Error, OSError) as error:
        sys.exit(f"Cannot use {given.file}: {error}")
    except (ValueError, TypeError, LookupError, AttributeError):
        sys.exit(
            "Unexpected response: is this a Duly server? Check its address. Nothing is lost."
        )
    except (KeyboardInterrupt, EOFError):
        sys.exit("Interrupted. Nothing is lost.")


if __name__ == "__main__":
    main()

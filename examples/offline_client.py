"""A to-do list that works without a network and converges when there is one.

    pip install httpx
    python offline_client.py login ada@example.com --server http://127.0.0.1:8000 --register
    python offline_client.py add "Buy milk"     # also list, done, edit, rm: they never wait
    python offline_client.py sync               # sends what was done, takes what others did

It holds, in one SQLite file: `copy`, the server's things as last told; `outbox`, at most one
change for each task that was not sent yet; `sending`, the batch that is under way. What is shown
is the copy with the outbox laid over it. docs/sync.md tells why each step is safe to repeat.

Where two devices changed one task: fields that only one of them changed are both kept; for the
same field, who syncs last wins; against a deletion, an edit elsewhere wins over our deletion, and
a deletion elsewhere over our edit.
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

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS copy (id TEXT PRIMARY KEY, task TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (
    id TEXT PRIMARY KEY, op TEXT NOT NULL, fields TEXT NOT NULL, version INTEGER);
CREATE TABLE IF NOT EXISTS sending (key TEXT PRIMARY KEY, changes TEXT NOT NULL);
"""
# A change goes back into the outbox, under a later one to the same task.
MERGE = """
INSERT INTO outbox VALUES (?, ?, ?, NULL) ON CONFLICT (id) DO UPDATE SET
    op = excluded.op, fields = json_patch(excluded.fields, fields), version = NULL
    WHERE op = 'update'
"""
BATCH = 100
ROUNDS = 10


class Store:
    """The SQLite file. `with store.db:` is one transaction, which a crash undoes whole."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)  # it holds tokens of the session
        self.db = sqlite3.connect(path)
        self.db.executescript(SCHEMA)

    def get(self, name: str) -> str | None:
        row = self.db.execute("SELECT value FROM meta WHERE name = ?", [name]).fetchone()
        return row and row[0]

    def set(self, **values: str | None) -> None:
        self.db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def put(self, task: dict) -> None:
        values = [task["id"], json.dumps(task)]
        self.db.execute("INSERT OR REPLACE INTO copy VALUES (?, ?)", values)

    def copy_of(self, task_id: str) -> dict:
        row = self.db.execute("SELECT task FROM copy WHERE id = ?", [task_id]).fetchone()
        return json.loads(row[0]) if row else {}

    def drop(self, task_id: str) -> None:
        self.db.execute("DELETE FROM copy WHERE id = ?", [task_id])

    def pending(self) -> list[tuple[str, str, dict, int | None]]:
        rows = self.db.execute("SELECT id, op, fields, version FROM outbox ORDER BY rowid")
        return [(row[0], row[1], json.loads(row[2]), row[3]) for row in rows]

    def sent(self) -> tuple[str | None, list]:
        """The key and the changes of the batch that is under way."""
        row = self.db.execute("SELECT key, changes FROM sending").fetchone()
        return (row[0], json.loads(row[1])) if row else (None, [])

    def tasks(self) -> dict[str, dict]:
        """What the user sees: the copy, under what is being sent, under what waits."""
        rows = self.db.execute("SELECT task FROM copy ORDER BY rowid")
        shown = {task["id"]: task for (text,) in rows for task in [json.loads(text)]}
        for task_id, op, fields, _ in self.sent()[1] + self.pending():
            if op == "delete":
                shown.pop(task_id, None)
            elif op == "create" or task_id in shown:
                fresh = {"id": task_id, "title": "", "is_completed": False}
                shown[task_id] = {**shown.get(task_id, fresh), **fields}
        return shown

    def note(self, op: str, task_id: str, fields: dict) -> None:
        """Put a change into the outbox; it joins one to the same task that waits there."""
        with self.db:
            before = {row[0]: row for row in self.pending()}.get(task_id)
            sql = "SELECT json_extract(task, '$.version') FROM copy WHERE id = ?"
            (version,) = self.db.execute(sql, [task_id]).fetchone() or [None]
            if before:
                _, old_op, old_fields, version = before
                self.db.execute("DELETE FROM outbox WHERE id = ?", [task_id])
                if op == "delete" and old_op == "create":
                    return  # nobody has ever heard of it
                op = old_op if op == "update" else op
                fields = {**old_fields, **fields} if op != "delete" else {}
            values = [task_id, op, json.dumps(fields), version]
            self.db.execute("INSERT INTO outbox VALUES (?, ?, ?, ?)", values)


def operation_of(task_id: str, op: str, fields: dict, version: int | None) -> dict:
    """One change as `POST /tasks/batch` takes it."""
    if op == "create":
        return {"op": "create", "task": {"id": task_id, **fields}}
    changes = {"changes": fields} if op == "update" else {}
    return {"op": op, "id": task_id, "if_match": version, **changes}


class Server:
    """The API, as one session."""

    def __init__(self, store: Store, url: str | None = None) -> None:
        self.store = store
        self.url = store.get("server") if url is None else url
        if self.url is None:
            sys.exit("Log in first: nobody has logged in with this file.")
        self.http = httpx.Client(base_url=f"{self.url}/api/v1", timeout=30)

    def call(self, method: str, path: str, **options: object) -> dict:
        """Send a request; an access token that has expired is replaced once."""
        self.http.headers["Authorization"] = f"Bearer {self.store.get('access_token')}"
        response = self.http.request(method, path, **options)
        if response.status_code == 401:
            tokens = {"refresh_token": self.store.get("refresh_token")}
            renewed = self.http.post("/auth/refresh", json=tokens)
            if renewed.status_code == 401:
                sys.exit("The session has ended: log in again. Nothing is lost.")
            self.keep(renewed.raise_for_status().json())
            self.http.headers["Authorization"] = f"Bearer {self.store.get('access_token')}"
            response = self.http.request(method, path, **options)
        return response.raise_for_status().json()

    def keep(self, session: dict) -> None:
        """Store a session, and with it the address and the user: both have worked."""
        user = session["user"]
        names = ("access_token", "refresh_token")
        values = {"server": self.url, "user_id": user["id"], "email": user["email"]}
        with self.store.db:
            self.store.set(**values, **{name: session[name] for name in names})


def sync(store: Store, server: Server) -> None:
    """Send and take, until nothing waits."""
    for _ in range(ROUNDS):
        push(store, server)
        pull(store, server)
        if not store.pending() and not store.sent()[0]:
            return
    sys.exit("Others change the same tasks all the time: sync again.")


def push(store: Store, server: Server) -> None:
    """Send the outbox, a batch at a time.

    A batch is written down, with its key, before it is sent: if no answer comes, the same batch
    goes out again under the same key, and the server gives the answer that it gave before.
    """
    for _ in range(len(store.pending()) // BATCH + 1):
        key, rows = store.sent()
        if key is None:
            key, rows = uuid.uuid4().hex, store.pending()[:BATCH]
            if not rows:
                return
            with store.db:
                store.db.execute("INSERT INTO sending VALUES (?, ?)", [key, json.dumps(rows)])
                store.db.executemany("DELETE FROM outbox WHERE id = ?", [row[:1] for row in rows])
        headers = {"Idempotency-Key": key}
        batch = {"operations": [operation_of(*row) for row in rows]}
        results = server.call("POST", "/tasks/batch", json=batch, headers=headers)["results"]
        with store.db:
            for row, result in zip(rows, results, strict=True):
                settle(store, row, result)
            store.db.execute("DELETE FROM sending")
        for result in results:
            if result["status"] == 403:  # a quota: the task waits in the outbox
                sys.exit(f"{result['error']['message']} Nothing is lost.")


def settle(store: Store, row: tuple[str, str, dict, int | None], result: dict) -> None:
    """Take over what became of one change."""
    task_id, op, fields, _ = row
    if result["task"]:
        # It has only those texts that the operation has set: the others stay as they were.
        store.put({**store.copy_of(task_id), **result["task"]})
        # What the user did meanwhile was done to the task as it is now.
        version = result["task"]["version"]
        store.db.execute("UPDATE outbox SET version = ? WHERE id = ?", [version, task_id])
    elif result["status"] == 204:
        store.drop(task_id)
    elif result["status"] != 404 and op != "delete":
        # Somebody was faster: our fields go on top of theirs, once `pull` has fetched them. Or
        # a quota was exceeded.
        store.db.execute(MERGE, [task_id, op, json.dumps(fields)])
    # Else it was changed elsewhere (412) or is deleted (404): `pull` fetches that.


def pull(store: Store, server: Server) -> None:
    """Take what changed since the token; each page and its token are kept together."""
    while True:
        token = store.get("token")
        try:
            page = server.call("GET", "/sync", params={"token": token} if token else {})
        except httpx.HTTPStatusError as error:
            if not token or error.response.status_code not in (400, 410):
                raise
            # Away for too long, or the server has another past or another key: start over.
            with store.db:
                store.set(token=None)
            continue
        with store.db:
            if token is None:
                store.db.execute("DELETE FROM copy")
            for change in page["changes"]:
                if change["op"] == "upsert":
                    store.put(change["data"])
                else:
                    store.drop(change["id"])
            store.set(token=page["token"])
            if not page["has_more"]:  # what waits goes on top of it, unless the task is deleted
                is_there = "EXISTS (SELECT 1 FROM copy WHERE copy.id = outbox.id)"
                store.db.execute(f"DELETE FROM outbox WHERE op != 'create' AND NOT {is_there}")
                version = "SELECT json_extract(task, '$.version') FROM copy WHERE id = outbox.id"
                store.db.execute(f"UPDATE outbox SET version = ({version}) WHERE version IS NULL")
                return


def log_in(store: Store, url: str, email: str, register: bool) -> None:
    """Sign in, with the password of DULY_PASSWORD, one that is typed, or standard input.

    A file belongs to one user: what waits in its outbox is theirs.
    """
    owner = store.get("user_id")
    refusal = f"This file belongs to {store.get('email')}: name another one with --file."
    if owner and register:
        sys.exit(refusal)
    server = Server(store, url.rstrip("/"))
    ask = getpass.getpass if sys.stdin.isatty() else sys.stdin.readline
    password = os.environ.get("DULY_PASSWORD") or ask().rstrip("\n")
    path = "/auth/register" if register else "/auth/login"
    response = server.http.post(path, json={"email": email, "password": password})
    session = response.raise_for_status().json()
    if owner and owner != session["user"]["id"]:
        bearer = {"Authorization": f"Bearer {session['access_token']}"}
        server.http.post("/auth/logout", headers=bearer)
        sys.exit(refusal)
    server.keep(session)


def find(store: Store, prefix: str) -> str:
    """The one task whose id begins like that."""
    found = [task_id for task_id in store.tasks() if task_id.startswith(prefix)]
    if len(found) != 1:
        sys.exit(f"{len(found)} tasks are called {prefix}")
    return found[0]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A to-do list that works without a network.")
    parser.add_argument("--file", type=Path, default=Path("tasks.sqlite"))
    commands = parser.add_subparsers(dest="command", required=True)
    login = commands.add_parser("login")
    login.add_argument("email")
    login.add_argument("--server", default="http://127.0.0.1:8000")
    login.add_argument("--register", action="store_true")
    arguments = {"add": ["title"], "edit": ["id", "title"], "done": ["id"], "rm": ["id"]}
    for name in ("list", "sync", *arguments):
        command = commands.add_parser(name)
        for argument in arguments.get(name, ()):
            command.add_argument(argument)
    given = parser.parse_args()
    if "title" in given:
        given.title = given.title.strip()
        if not 0 < len(given.title) <= 255 or not given.title.isprintable():
            sys.exit("A title is one line of 1 to 255 characters.")
    return given


def run(given: argparse.Namespace) -> None:
    store = Store(given.file)
    if given.command == "login":
        log_in(store, given.server, given.email, given.register)
    elif given.command == "sync":
        sync(store, Server(store))
    elif given.command == "list":
        for task_id, task in store.tasks().items():
            print(f"{task_id[:8]} [{'x' if task['is_completed'] else ' '}] {task['title']}")
    elif given.command == "add":
        store.note("create", str(uuid.uuid4()), {"title": given.title})
    else:
        fields = {"done": {"is_completed": True}, "rm": {}}.get(given.command)
        op = "delete" if given.command == "rm" else "update"
        store.note(op, find(store, given.id), {"title": given.title} if fields is None else fields)


def reason(response: httpx.Response) -> str:
    """What an error response says."""
    try:
        return f"{response.json()['error']['message']} ({response.status_code})"
    except (ValueError, TypeError, LookupError):
        return f"The server responded with {response.status_code}: check the address."


def main() -> None:
    """Run one command. Whatever goes wrong is one line, and the outbox keeps what was not sent."""
    given = parse()
    try:
        run(given)
        sys.stdout.flush()
    except httpx.HTTPStatusError as error:
        sys.exit(f"{reason(error.response)} Nothing is lost.")
    except (httpx.HTTPError, httpx.InvalidURL, OverflowError) as error:
        sys.exit(f"Cannot reach the server ({error}). Try again later: nothing is lost.")
    except BrokenPipeError:
        os._exit(1)  # whoever read the list has gone
    except (sqlite3.Error, OSError) as error:
        sys.exit(f"Cannot use {given.file}: {error}")
    except (ValueError, TypeError, LookupError, AttributeError):
        sys.exit("That is not what Duly sends or takes: check the address. Nothing is lost.")
    except (KeyboardInterrupt, EOFError):
        sys.exit("Interrupted. Nothing is lost.")


if __name__ == "__main__":
    main()

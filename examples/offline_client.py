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
CREATE TABLE IF NOT EXISTS sending (key TEXT PRIMARY KEY, operations TEXT NOT NULL);
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

    def copied(self, task_id: str) -> dict | None:
        row = self.db.execute("SELECT task FROM copy WHERE id = ?", [task_id]).fetchone()
        return row and json.loads(row[0])

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
        return [
            (task_id, op, json.loads(fields), version) for task_id, op, fields, version in rows
        ]

    def sent(self) -> tuple[str, list[dict]] | None:
        row = self.db.execute("SELECT key, operations FROM sending").fetchone()
        return row and (row[0], json.loads(row[1]))

    def tasks(self) -> dict[str, dict]:
        """What the user sees: the copy, under what is being sent, under what waits."""
        rows = self.db.execute("SELECT task FROM copy ORDER BY rowid")
        shown = {task["id"]: task for (text,) in rows for task in [json.loads(text)]}
        _, operations = self.sent() or (None, [])
        waiting = [outbox_row(operation) for operation in operations] + self.pending()
        for task_id, op, fields, _ in waiting:
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
            task = self.copied(task_id)
            version = task["version"] if task else None
            if before:
                _, old_op, old_fields, version = before
                self.db.execute("DELETE FROM outbox WHERE id = ?", [task_id])
                if op == "delete" and old_op == "create":
                    return  # nobody has ever heard of it
                op = old_op if op == "update" else op
                fields = {**old_fields, **fields} if op != "delete" else {}
            self.enqueue(task_id, op, fields, version)

    def enqueue(self, task_id: str, op: str, fields: dict, version: int | None) -> None:
        values = [task_id, op, json.dumps(fields), version]
        self.db.execute("INSERT INTO outbox VALUES (?, ?, ?, ?)", values)


def operation_of(task_id: str, op: str, fields: dict, version: int | None) -> dict:
    """One change as `POST /tasks/batch` takes it."""
    if op == "create":
        return {"op": "create", "task": {"id": task_id, **fields}}
    operation = {"op": op, "id": task_id, "if_match": version}
    return {**operation, "changes": fields} if op == "update" else operation


def outbox_row(operation: dict) -> tuple[str, str, dict, int | None]:
    """The reverse of `operation_of`."""
    fields = dict(operation.get("task") or operation.get("changes") or {})
    task_id = fields.pop("id", None) or operation["id"]
    return task_id, operation["op"], fields, operation.get("if_match")


class Server:
    """The API, as one session."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.http = httpx.Client(base_url=f"{store.get('server')}/api/v1", timeout=30)

    def call(self, method: str, path: str, **options: object) -> httpx.Response:
        """Ask; an access token that has expired is replaced once."""
        answer = self._send(method, path, **options)
        if answer.status_code == 401:
            tokens = {"refresh_token": self.store.get("refresh_token")}
            renewed = self.http.post("/auth/refresh", json=tokens)
            if renewed.status_code == 401:
                sys.exit("The session has ended: log in again. Nothing of yours is lost.")
            self.keep(renewed.raise_for_status().json())
            answer = self._send(method, path, **options)
        return answer

    def _send(self, method: str, path: str, **options: object) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {self.store.get('access_token')}"}
        headers = {**bearer, **options.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **options)

    def keep(self, session: dict) -> None:
        with self.store.db:
            names = ("access_token", "refresh_token")
            self.store.set(**{name: session[name] for name in names})


def sync(store: Store, server: Server) -> None:
    """Send and take, until nothing waits."""
    for _ in range(ROUNDS):
        push(store, server)
        pull(store, server)
        if not store.pending() and not store.sent():
            return
    sys.exit("Others change the same tasks all the time: sync again.")


def push(store: Store, server: Server) -> None:
    """Send the outbox, a batch at a time.

    A batch is written down, with its key, before it is sent: if no answer comes, the same batch
    goes out again under the same key, and the server gives the answer that it gave before.
    """
    waiting = len(store.pending())
    while store.sent() or waiting > 0:
        if not store.sent():
            with store.db:
                rows = store.pending()[:BATCH]
                operations = json.dumps([operation_of(*row) for row in rows])
                store.db.execute(
                    "INSERT INTO sending VALUES (?, ?)", [uuid.uuid4().hex, operations]
                )
                store.db.executemany("DELETE FROM outbox WHERE id = ?", [row[:1] for row in rows])
                waiting -= len(rows)
        key, operations = store.sent()
        answer = server.call(
            "POST",
            "/tasks/batch",
            json={"operations": operations},
            headers={"Idempotency-Key": key},
        )
        results = answer.raise_for_status().json()["results"]
        with store.db:
            for operation, result in zip(operations, results, strict=True):
                settle(store, outbox_row(operation), result)
            store.db.execute("DELETE FROM sending")


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
    elif result["status"] == 412 and op == "update":
        # Somebody was faster: our fields go on top of theirs, once `pull` has told us of them.
        later = {row[0]: row for row in store.pending()}.get(task_id)
        if later is None:
            store.enqueue(task_id, "update", fields, None)
        elif later[1] == "update":
            merged = json.dumps({**fields, **later[2]})
            store.db.execute(
                "UPDATE outbox SET fields = ?, version = NULL WHERE id = ?", [merged, task_id]
            )
    # Else it was changed elsewhere (412) or is gone (404): that stands, and `pull` tells of it.


def pull(store: Store, server: Server) -> None:
    """Take what changed since the token; each page and its token are kept together."""
    while True:
        token = store.get("token")
        answer = server.call("GET", "/sync", params={"token": token} if token else {})
        if token and answer.status_code in (400, 410):
            # Away for too long, or the server has another past or another key: start over.
            with store.db:
                store.set(token=None)
            continue
        page = answer.raise_for_status().json()
        with store.db:
            if token is None:
                store.db.execute("DELETE FROM copy")
            for change in page["changes"]:
                if change["op"] == "upsert":
                    store.put(change["data"])
                else:
                    store.drop(change["id"])
            store.set(token=page["token"])
            if not page["has_more"]:
                rebase(store)
        if not page["has_more"]:
            return


def rebase(store: Store) -> None:
    """Lay changes that came too late upon what the server has now; drop those to what is gone."""
    for task_id, op, _, version in store.pending():
        task = store.copied(task_id)
        if op != "create" and task is None:
            store.db.execute("DELETE FROM outbox WHERE id = ?", [task_id])
        elif version is None and task is not None:
            values = [task["version"], task_id]
            store.db.execute("UPDATE outbox SET version = ? WHERE id = ?", values)


def log_in(store: Store, server: str, email: str, register: bool) -> None:
    """Sign in, with the password of DULY_PASSWORD or one that is typed."""
    password = os.environ.get("DULY_PASSWORD") or getpass.getpass()
    with store.db:
        store.set(server=server.rstrip("/"))
    client = Server(store)
    path = "/auth/register" if register else "/auth/login"
    answer = client.http.post(path, json={"email": email, "password": password})
    if answer.is_error:
        sys.exit(answer.json()["error"]["message"])
    client.keep(answer.json())


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
    commands.add_parser("add").add_argument("title")
    commands.add_parser("list")
    commands.add_parser("sync")
    for name in ("done", "edit", "rm"):
        commands.add_parser(name).add_argument("id")
    commands.choices["edit"].add_argument("title")
    given = parser.parse_args()
    if "title" in given:
        given.title = given.title.strip()
        if not 0 < len(given.title) <= 255 or not given.title.isprintable():
            sys.exit("A title is one line of 1 to 255 characters.")
    return given


def main() -> None:
    given = parse()
    store = Store(given.file)
    if given.command == "login":
        log_in(store, given.server, given.email, given.register)
    elif given.command == "add":
        store.note("create", str(uuid.uuid4()), {"title": given.title})
    elif given.command == "done":
        store.note("update", find(store, given.id), {"is_completed": True})
    elif given.command == "edit":
        store.note("update", find(store, given.id), {"title": given.title})
    elif given.command == "rm":
        store.note("delete", find(store, given.id), {})
    elif given.command == "sync":
        try:
            sync(store, Server(store))
        except httpx.HTTPError as error:
            sys.exit(f"Not now, sync again later; nothing is lost. ({error})")
    else:
        for task_id, task in store.tasks().items():
            print(f"{task_id[:8]} [{'x' if task['is_completed'] else ' '}] {task['title']}")


if __name__ == "__main__":
    main()

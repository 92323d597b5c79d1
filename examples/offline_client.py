"""A to-do list that works offline and converges with your other devices when it syncs.

    python3 -m venv venv && venv/bin/pip install httpx
    venv/bin/python offline_client.py login ada@example.com --register
    venv/bin/python offline_client.py new-list Shopping       # none of these waits for the server
    venv/bin/python offline_client.py add "Buy milk" --to Shopping    # also done, edit, rm
    venv/bin/python offline_client.py list
    venv/bin/python offline_client.py move 5a1c7d42 first     # or last, inbox, a task or a list
    venv/bin/python offline_client.py sync    # sends your changes, fetches the others

It handles tasks and lists, and ignores all other types. `list` indents subtasks and shows due
dates: `done` on a recurring task moves it to its next date, which the next sync fetches.

One SQLite file holds three things. `copy` is the server's tasks and lists as of the last sync;
`outbox` has the unsent changes; `sending` is the batch in flight. You see the copy with both
applied to it. docs/sync.md explains why each step is safe to repeat, and the conflicts.
"""

import argparse
import getpass
import json
import os
import sqlite3
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx

SCHEMA = """CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS copy (type TEXT, id TEXT, data TEXT, PRIMARY KEY (type, id));
CREATE TABLE IF NOT EXISTS outbox (type TEXT, id TEXT, op TEXT, fields TEXT, version INTEGER);
CREATE TABLE IF NOT EXISTS sending (key TEXT PRIMARY KEY, changes TEXT NOT NULL);"""
# Drop the changes of resources deleted elsewhere, and the completion of an occurrence that is over
# or has been taken back; apply the others to the new version.
COPY = "FROM copy WHERE copy.type = outbox.type AND copy.id = outbox.id"
DROP = f"DELETE FROM outbox WHERE op != 'create' AND NOT EXISTS (SELECT 1 {COPY})"
OVER = f"""DELETE FROM outbox WHERE op = 'complete' AND json_extract(fields, '$.occurrence')
    != (SELECT json_extract(data, '$.recurrence.occurrence') {COPY})"""
REBASE = f"""UPDATE outbox SET version = (SELECT json_extract(data, '$.version') {COPY})
    WHERE version IS NULL"""
INSERT = "INSERT INTO outbox (rowid, type, id, op, fields, version)"
TYPES = ("list", "task")
BATCH = 100


class Change(NamedTuple):
    """A change that the server does not have yet. `version` is the one that the user saw."""

    type: str
    id: str
    op: str
    fields: dict
    version: int | None

    def operation(self) -> dict:
        """Return the change as an operation of `POST /batch`."""
        operation = {"op": self.op, "type": self.type}
        if self.op == "create":
            return {**operation, "data": {"id": self.id, **self.fields}}
        data = {} if self.op == "delete" else {"data": self.fields}
        return {**operation, "id": self.id, "if_match": self.version, **data}


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

    def put(self, kind: str, data: dict) -> None:
        """Store a resource. A batch returns only the texts that it set: keep the others."""
        if data.get("trashed_at"):  # created before, and deleted elsewhere since
            self.remove(kind, data["id"])
            return
        old = self.execute("SELECT data FROM copy WHERE type = ? AND id = ?", [kind, data["id"]])
        data = {**json.loads((old.fetchone() or ["{}"])[0]), **data}
        row = [kind, data["id"], json.dumps(data)]
        self.execute("INSERT OR REPLACE INTO copy VALUES (?, ?, ?)", row)

    def remove(self, kind: str, resource_id: str) -> None:
        self.execute("DELETE FROM copy WHERE type = ? AND id = ?", [kind, resource_id])

    def pending(self) -> list[Change]:
        rows = self.execute("SELECT type, id, op, fields, version FROM outbox ORDER BY rowid")
        return [
            Change(kind, resource_id, op, json.loads(fields), version)
            for kind, resource_id, op, fields, version in rows
        ]

    def sent(self) -> tuple[str | None, list[Change]]:
        """Return the key and the changes of the batch in flight."""
        row = self.execute("SELECT key, changes FROM sending").fetchone()
        return (row[0], [Change(*one) for one in json.loads(row[1])]) if row else (None, [])

    def resources(self, kind: str) -> dict[str, dict]:
        """Return tasks or lists as the user sees them, in their order, with all local changes."""
        rows = self.execute("SELECT data FROM copy WHERE type = ?", [kind])
        copy = [json.loads(data) for (data,) in rows]
        copy.sort(key=lambda one: (one["position"], one["id"]))
        shown = {one["id"]: one for one in copy}
        for change in [*self.sent()[1], *self.pending()]:
            if change.type == kind and change.op == "delete":
                shown.pop(change.id, None)
            elif change.type == kind and (change.op == "create" or change.id in shown):
                old = shown.get(change.id, {})
                shown[change.id] = {**old, **change.fields}
                if change.op == "complete":
                    shown[change.id]["is_completed"] = True
                elif change.op == "move":
                    if shown[change.id].get("list_id") != old.get("list_id"):
                        shown[change.id]["parent_id"] = None
                    shown = moved(shown, change.id)
        return shown

    def note(self, op: str, kind: str, resource_id: str, fields: dict) -> None:
        """Put a change into the outbox, merged with one of the same resource that is there."""
        with self.db:
            version = self.resources(kind).get(resource_id, {}).get("version")
            self.keep(Change(kind, resource_id, op, fields, version))

    def keep(self, change: Change, *, is_older: bool = False) -> None:
        """Store a change last, or first if it is older.

        Changes of fields become one. Moves do not: each refers to the order before it.
        """
        named = [change.type, change.id]
        ops = {other.op: other for other in self.pending() if [*other[:2]] == named}
        if is_older and "delete" in ops:
            return
        if change.op == "delete":
            self.execute("DELETE FROM outbox WHERE type = ? AND id = ?", named)
            if "create" in ops:
                return  # the server does not know of it
        other = ops.get("create") or ops.get("update")
        if other and change.op in {"create", "update"}:
            first, last = (change, other) if is_older else (other, change)
            row = [first.op, json.dumps({**first.fields, **last.fields}), first.version]
            where = "WHERE type = ? AND id = ? AND op IN ('create', 'update')"
            self.execute(f"UPDATE outbox SET op = ?, fields = ?, version = ? {where}", row + named)
            return
        row = [*named, change.op, json.dumps(change.fields), change.version]
        place = "coalesce(min(rowid), 1) - 1" if is_older else "coalesce(max(rowid), 0) + 1"
        self.execute(f"{INSERT} SELECT {place}, ?, ?, ?, ?, ? FROM outbox", row)


def moved(shown: dict[str, dict], moved_id: str) -> dict[str, dict]:
    """Put a resource after the one that its `after_id` names: null is first, without it is last."""
    one = shown.pop(moved_id)
    anchor, ids = one.pop("after_id", moved_id), list(shown)
    place = 0 if anchor is None else ids.index(anchor) + 1 if anchor in shown else len(ids)
    ids.insert(place, moved_id)
    return {each: one if each == moved_id else shown[each] for each in ids}


class Server:
    """The API, used with one session."""

    def __init__(self, store: Store, url: str | None = None) -> None:
        self.store = store
        self.url = store.get("server") if url is None else url
        if self.url is None:
            sys.exit("Log in first: this file has no session yet.")
        self.http = httpx.Client(base_url=f"{self.url}/api/v1", timeout=30)

    def call(self, method: str, path: str, *, is_retry: bool = False, **options: object) -> dict:
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
    for _ in range(len(store.pending()) + 1):
        key, changes = store.sent()
        if key is None:
            key, changes = uuid.uuid4().hex, next_batch(store.pending())
            if not changes:
                return
            with store.db:
                store.execute("INSERT INTO sending VALUES (?, ?)", [key, json.dumps(changes)])
                first = "SELECT rowid FROM outbox ORDER BY rowid LIMIT ?"
                store.execute(f"DELETE FROM outbox WHERE rowid IN ({first})", [len(changes)])
        batch = {"operations": [change.operation() for change in changes]}
        headers = {"Idempotency-Key": key}
        results = server.call("POST", "/batch", json=batch, headers=headers)["results"]
        with store.db:
            # The last first, since each change that has to be sent again becomes the first.
            for change, result in reversed(list(zip(changes, results, strict=True))):
                settle(store, change, result)
            store.execute("DELETE FROM sending")
        if error := next((one["error"] for one in results if one["status"] == 403), None):
            sys.exit(f"{error['message']} Nothing is lost.")  # over quota: it stays in the outbox
        if any(result["status"] == 412 for result in results):
            return  # fetch the new versions first


def next_batch(changes: list[Change]) -> list[Change]:
    """Return the first changes, one for each resource: the next needs the version of the first."""
    for number, change in enumerate(changes[:BATCH]):
        if change[:2] in [other[:2] for other in changes[:number]]:
            return changes[:number]
    return changes[:BATCH]


def settle(store: Store, change: Change, result: dict) -> None:
    """Store the result of one change."""
    if data := result["data"]:
        store.put(change.type, data)
        named = "WHERE type = ? AND id = ?"
        store.execute(f"UPDATE outbox SET version = ? {named}", [data["version"], *change[:2]])
    elif result["status"] == 204:
        store.remove(change.type, change.id)
    elif result["status"] == 400:
        keep_valid_part(store, change, result["error"])
    elif result["status"] != 404 and change.op != "delete":
        # Changed elsewhere (412): `pull` fetches the new version to apply it to. Or over quota.
        store.keep(change._replace(version=None), is_older=True)


def keep_valid_part(store: Store, change: Change, error: dict) -> None:
    """Store a change without what the server rejects, to send it again. Report any other error.

    This can be a list that has been deleted elsewhere, or the time of a clock that is fast.
    """
    fields = dict(change.fields)
    for field in error["details"]["fields"]:
        if field["type"] not in {"unknown_reference", "future"}:
            print(f"Rejected: {change.op} of {change.id}: {field['message']}", file=sys.stderr)
            return
        fields.pop(field["path"].removeprefix("body."), None)
    store.keep(change._replace(fields=fields), is_older=True)


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
            with store.db:  # too old, or the server was restored or has a new key: start over
                store.set(token=None)
            continue
        with store.db:
            if token is None:
                store.execute("DELETE FROM copy")
            for change in page["changes"]:
                if change["type"] not in TYPES:
                    continue  # a type that this client does not show, or does not know
                if change["op"] == "upsert":
                    store.put(change["type"], change["data"])
                else:
                    store.remove(change["type"], change["id"])
            store.set(token=page["token"])
            if not (has_more := page["has_more"]):
                store.execute(DROP)
                store.execute(OVER)
                store.execute(REBASE)


def log_in(store: Store, url: str, email: str, register: bool) -> None:
    """Sign in. The password is $DULY_PASSWORD, or typed, or read from standard input."""
    owner = store.get("user_id")
    refusal = f"This file belongs to {store.get('email')}. Choose another one with --file."
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
    if owner and owner != session["user"]["id"]:  # the outbox contains changes of its owner
        bearer = f"Bearer {session['access_token']}"
        server.http.post("/auth/logout", headers={"Authorization": bearer})
        sys.exit(refusal)
    server.keep(session)


def find(store: Store, text: str, *kinds: str) -> tuple[str, dict]:
    """Return the type and the resource whose id begins or ends with a text, or a list's name."""
    if not text:
        sys.exit("An id or a name must not be empty.")
    found = [
        (kind, {**one, "id": each})
        for kind in kinds
        for each, one in store.resources(kind).items()
        if text.lower() in {each[: len(text)], each[-len(text) :]} or one.get("name") == text
    ]
    if len(found) > 1:
        ids = ", ".join(one["id"] for _, one in found)
        sys.exit(f"Ambiguous: choose one of these ids: {ids}")
    missing = f"No {' or '.join(kinds)} has an id that begins or ends with {text!r}."
    return found[0] if found else sys.exit(missing)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A to-do list that works offline.")
    parser.add_argument("--file", type=Path, default=Path("tasks.sqlite"))
    commands = parser.add_subparsers(dest="command", required=True)
    login = commands.add_parser("login")
    login.add_argument("email")
    login.add_argument("--server", default="http://127.0.0.1:8000")
    login.add_argument("--register", action="store_true")
    usages = "list", "sync", "add title", "edit id title", "done id", "rm id", "move id to"
    for usage in (*usages, "new-list title"):
        command = commands.add_parser(usage.split()[0])
        for argument in usage.split()[1:]:
            command.add_argument(argument)
        if usage == "add title":
            command.add_argument("--to", metavar="LIST")
    given = parser.parse_args()
    title = given.title = getattr(given, "title", "-").strip()
    longest = 120 if given.command == "new-list" else 255
    if not 0 < len(title) <= longest or not title.isprintable():
        sys.exit(f"A title must be one line of 1 to {longest} characters.")
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
        show(store)
    elif given.command == "new-list":
        store.note("create", "list", str(uuid.uuid4()), {"name": given.title})
    elif given.command == "add":
        place = {}
        if given.to is not None:
            place = {"list_id": find(store, given.to, "list")[1]["id"]}
        store.note("create", "task", str(uuid.uuid4()), {"title": given.title, **place})
    else:
        _, task = find(store, given.id, "task")
        if given.command == "rm":
            store.note("delete", "task", task["id"], {})
        elif given.command == "move":
            store.note("move", "task", task["id"], place_of(store, task, given.to))
        elif given.command == "edit":
            store.note("update", "task", task["id"], {"title": given.title})
        elif not task.get("is_completed"):
            store.note("complete", "task", task["id"], completion_of(task))


def show(store: Store) -> None:
    """Print the inbox, then the tasks of each list, in their order, subtasks below their task."""
    lists, tasks = store.resources("list"), store.resources("task")
    order = {list_id: number for number, list_id in enumerate(lists, 1)}
    below: dict[str | None, list[str]] = {}
    for task_id, task in tasks.items():
        parent_id = task.get("parent_id")
        below.setdefault(parent_id if parent_id in tasks else None, []).append(task_id)

    def show_all(task_ids: list[str], indent: str) -> None:
        for task_id in task_ids:
            task = tasks[task_id]
            mark = "x" if task.get("is_completed") else " "
            name = None if indent else lists.get(task.get("list_id"), {}).get("name")
            where = f"  #{name}" if name else ""
            # UUIDv7 of the same minute begin alike.
            line = f"{task_id[-8:]} [{mark}] {indent}{task['title']}{where}{due_of(task)}"
            print(line, flush=True)
            show_all(below.get(task_id, []), f"{indent}  ")

    roots = below.get(None, [])
    show_all(sorted(roots, key=lambda one: order.get(tasks[one].get("list_id"), 0)), "")


def due_of(task: dict) -> str:
    """Return when a task is due, as `list` shows it."""
    due = task.get("due")
    return " ".join(["  due", due["date"], *filter(None, [due["time"]])]) if due else ""


def completion_of(task: dict) -> dict:
    """Return the body of a completion. A recurring task then moves on to its next date."""
    now = {"completed_at": datetime.now(UTC).isoformat()}
    recurrence = task.get("recurrence")
    return {**now, "occurrence": recurrence["occurrence"]} if recurrence else now


def place_of(store: Store, task: dict, to: str) -> dict:
    """Return the body of a move: to the inbox, first, last, after a task, or into a list."""
    if to == "inbox":
        return {"list_id": None}
    if to in {"first", "last"}:
        here = {"list_id": task.get("list_id")}
        return {**here, "after_id": None} if to == "first" else here
    kind, target = find(store, to, "task", "list")
    if kind == "list":
        return {"list_id": target["id"]}
    return {"list_id": target.get("list_id"), "after_id": target["id"]}


def reason(response: httpx.Response) -> str:
    try:
        error = response.json()["error"]
        fields = [
            f"{field['path']}: {field['message']}." for field in error["details"].get("fields", [])
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
        sys.exit(f"Cannot reach the server ({error}). Try again later; nothing is lost.")
    except BrokenPipeError:
        os._exit(1)  # the reader of the list has closed it
    except (sqlite3.Error, OSError) as error:
        sys.exit(f"Cannot use {given.file}: {error}")
    except (ValueError, TypeError, LookupError, AttributeError):
        sys.exit("Unexpected response: is this a Duly server? Check its address. Nothing is lost.")
    except (KeyboardInterrupt, EOFError):
        sys.exit("Interrupted. Nothing is lost.")


if __name__ == "__main__":
    main()

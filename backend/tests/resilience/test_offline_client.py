"""The example client, run as a reader runs it: two devices go offline, edit, and converge."""

import json
import os
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.support import launcher
from tests.support.accounts import API
from tests.support.direct_sql import execute
from tests.support.servers import Server

SCRIPT = Path(__file__).parents[3] / "examples" / "offline_client.py"


@dataclass
class Device:
    """One SQLite file, and the script that works on it."""

    file: Path

    def run(self, *arguments: str) -> str:
        done = self.attempt(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return launcher.run(
            [SCRIPT, "--file", self.file, *arguments],
            env={**os.environ, "DULY_PASSWORD": "a password of no one else"},
        )

    @property
    def tasks(self) -> dict[str, str]:
        """What it lists: titles, and whether they are done."""
        lines = self.run("list").splitlines()
        return {line[13:]: "done" if line[9:12] == "[x]" else "open" for line in lines}

    def id_of(self, title: str) -> str:
        line = next(line for line in self.run("list").splitlines() if line.endswith(title))
        return line.split()[0]

    @property
    def token(self) -> str:
        """Up to where it has synced."""
        with sqlite3.connect(self.file) as connection:
            [(token,)] = connection.execute("SELECT value FROM meta WHERE name = 'token'")
        connection.close()
        return str(token)

    def execute(self, sql: str) -> None:
        with sqlite3.connect(self.file) as connection:
            connection.execute(sql)
        connection.close()


@pytest.fixture
def devices(server: Server, tmp_path: Path) -> tuple[Device, Device]:
    email = f"{uuid4()}@example.com"
    phone, laptop = Device(tmp_path / "phone"), Device(tmp_path / "laptop")
    phone.run("login", email, "--server", server.url, "--register")
    laptop.run("login", email, "--server", server.url)
    return phone, laptop


def test_two_devices_go_offline_and_converge(devices: tuple[Device, Device]) -> None:
    phone, laptop = devices
    for title in ("both edit", "phone edits", "laptop deletes", "phone deletes"):
        phone.run("add", title)
    phone.run("sync")
    laptop.run("sync")
    ids = {title: phone.id_of(title) for title in phone.tasks}

    phone.run("done", ids["both edit"])
    laptop.run("edit", ids["both edit"], "both have edited")
    phone.run("edit", ids["laptop deletes"], "lost: it is deleted elsewhere")
    laptop.run("rm", ids["laptop deletes"])
    phone.run("rm", ids["phone deletes"])
    laptop.run("edit", ids["phone deletes"], "kept: it was edited elsewhere")
    phone.run("add", "made and removed offline")
    phone.run("rm", phone.id_of("made and removed offline"))
    laptop.run("add", "made offline")
    laptop.run("done", laptop.id_of("made offline"))

    for device in (laptop, phone, laptop):
        device.run("sync")

    assert phone.tasks == laptop.tasks
    assert phone.tasks == {
        "both have edited": "done",
        "phone edits": "open",
        "kept: it was edited elsewhere": "open",
        "made offline": "done",
    }


@pytest.mark.slow
def test_list_and_its_order_made_offline_reach_the_other_device(
    devices: tuple[Device, Device],
) -> None:
    phone, _ = devices
    phone.run("new-list", "Groceries")
    for title in ("milk", "bread", "tea"):
        phone.run("add", title, "--to", "Groceries")
    phone.run("add", "in the inbox")
    phone.run("move", phone.id_of("tea  #Groceries"), "first")
    phone.run("edit", phone.id_of("tea  #Groceries"), "green tea")
    phone.run("move", phone.id_of("milk  #Groceries"), phone.id_of("bread  #Groceries"))
    shown = [
        "in the inbox",
        "green tea  #Groceries",
        "bread  #Groceries",
        "milk  #Groceries",
    ]
    assert list(phone.tasks) == shown

    for device in devices:
        device.run("sync")
        assert list(device.tasks) == shown


@pytest.mark.slow
def test_repeated_moves_offline_end_in_the_order_that_was_shown(
    devices: tuple[Device, Device],
) -> None:
    phone, laptop = devices
    for title in ("one", "two", "three", "four"):
        phone.run("add", title)
    phone.run("sync")
    ids = {title: phone.id_of(title) for title in phone.tasks}

    phone.run("move", ids["one"], ids["two"])
    phone.run("move", ids["four"], ids["one"])
    phone.run("move", ids["one"], "last")
    shown = ["two", "four", "three", "one"]
    assert list(phone.tasks) == shown

    for device in devices:
        device.run("sync")
        assert list(device.tasks) == shown
    assert laptop.run("list") == phone.run("list")


@pytest.mark.slow
def test_moves_and_edits_of_two_devices_end_in_one_order(devices: tuple[Device, Device]) -> None:
    phone, laptop = devices
    phone.run("new-list", "Work")
    for title in ("one", "two", "three", "four"):
        phone.run("add", title)
    phone.run("sync")
    laptop.run("sync")
    ids = {title: phone.id_of(title) for title in phone.tasks}

    phone.run("move", ids["four"], "first")
    phone.run("move", ids["one"], "last")
    laptop.run("move", ids["two"], "Work")
    laptop.run("edit", ids["two"], "two, edited")
    laptop.run("move", ids["four"], ids["three"])
    phone.run("done", ids["two"])
    for device in (phone, laptop, phone):
        device.run("sync")

    assert phone.tasks == laptop.tasks
    assert phone.run("list") == laptop.run("list")
    assert list(phone.tasks.items()) == [
        ("three", "open"),
        ("four", "open"),
        ("one", "open"),
        ("two, edited  #Work", "done"),
    ]


@pytest.mark.slow
def test_occurrence_completed_by_two_devices_offline_is_completed_once(
    devices: tuple[Device, Device], server: Server
) -> None:
    phone, laptop = devices
    with client_of(server, phone) as client:
        body = {
            "title": "water the plants",
            "due": {"date": "2099-01-01"},
            "recurrence": {"rule": "FREQ=DAILY"},
        }
        task = client.post("/tasks", json=body).json()
    for device in devices:
        device.run("sync")
        device.run("done", task["id"])

    for device in (phone, laptop, phone):
        device.run("sync")

    assert phone.run("list") == laptop.run("list")
    assert list(phone.tasks.items()) == [
        ("water the plants  due 2099-01-02", "open"),
        ("water the plants  due 2099-01-01", "done"),
    ]
    with client_of(server, phone) as client:
        assert client.get(f"/tasks/{task['id']}").json()["due"]["date"] == "2099-01-02"


@pytest.mark.slow
def test_subtasks_are_listed_below_their_task(
    devices: tuple[Device, Device], server: Server
) -> None:
    phone, _ = devices
    with client_of(server, phone) as client:
        trip = client.post("/tasks", json={"title": "trip"}).json()["id"]
        client.post("/tasks", json={"title": "rent"})
        due = {"date": "2099-01-01", "time": "09:30"}
        pack = {"title": "pack", "parent_id": trip, "due": due}
        pack_id = client.post("/tasks", json=pack).json()["id"]
        client.post("/tasks", json={"title": "shoes", "parent_id": pack_id})
    phone.run("new-list", "Travel")
    phone.run("sync")

    assert list(phone.tasks) == ["trip", "  pack  due 2099-01-01 09:30", "    shoes", "rent"]

    phone.run("move", pack_id, "Travel")
    moved = ["trip", "rent", "pack  #Travel  due 2099-01-01 09:30", "  shoes"]
    assert list(phone.tasks) == moved
    phone.run("sync")
    assert list(phone.tasks) == moved


@pytest.mark.slow
def test_completion_that_was_taken_back_elsewhere_is_dropped(
    devices: tuple[Device, Device], server: Server
) -> None:
    phone, _ = devices
    with client_of(server, phone) as client:
        body = {"title": "t", "due": {"date": "2099-01-01"}, "recurrence": {"rule": "FREQ=DAILY"}}
        task = client.post("/tasks", json=body).json()
        client.post(f"/tasks/{task['id']}/complete", json={"occurrence": "2099-01-01"})
        [copy] = client.get("/tasks", params={"is_completed": True}).json()["items"]
        phone.run("sync")
        client.post(f"/tasks/{copy['id']}/reopen")
        phone.run("done", task["id"])

    phone.run("sync")

    assert phone.tasks == {"t  due 2099-01-01": "open"}


@pytest.mark.slow
def test_time_of_completion_is_kept_unless_the_clock_is_fast(
    devices: tuple[Device, Device], server: Server
) -> None:
    phone, _ = devices
    for title in ("slow", "fast"):
        phone.run("add", title)
        phone.run("done", phone.id_of(title))
    for title, year in (("slow", "2020"), ("fast", "2999")):
        at = json.dumps({"completed_at": f"{year}-01-01T00:00:00+00:00"})
        of = f"SELECT id FROM outbox WHERE json_extract(fields, '$.title') = '{title}'"
        phone.execute(f"UPDATE outbox SET fields = '{at}' WHERE op = 'complete' AND id = ({of})")

    phone.run("sync")

    assert phone.tasks == {"slow": "done", "fast": "done"}
    with client_of(server, phone) as client:
        times = {one["title"]: one["completed_at"] for one in client.get("/tasks").json()["items"]}
    assert times["slow"] == "2020-01-01T00:00:00Z"
    assert times["fast"] < "2999"


@pytest.mark.slow
def test_change_that_the_server_rejects_is_reported_and_does_not_block_others(
    devices: tuple[Device, Device], server: Server
) -> None:
    phone, _ = devices
    phone.run("add", "became recurring")
    phone.run("sync")
    task_id = phone.id_of("became recurring")
    with client_of(server, phone) as client:
        [task] = client.get("/tasks").json()["items"]
        body = {"due": {"date": "2099-01-01"}, "recurrence": {"rule": "FREQ=DAILY"}}
        client.patch(f"/tasks/{task['id']}", json=body)
    phone.run("done", task_id)
    phone.run("add", "another")

    done = phone.attempt("sync")

    assert done.returncode == 0
    assert "Rejected: complete" in done.stderr
    assert phone.tasks == {"became recurring  due 2099-01-01": "open", "another": "open"}


@pytest.mark.slow
def test_task_of_a_list_that_was_deleted_elsewhere_goes_to_the_inbox(
    devices: tuple[Device, Device], server: Server
) -> None:
    phone, _ = devices
    phone.run("new-list", "Old")
    phone.run("add", "stays")
    phone.run("sync")
    delete_lists(server, phone)

    phone.run("add", "new in it", "--to", "Old")
    phone.run("move", phone.id_of("stays"), "Old")
    assert list(phone.tasks) == ["new in it  #Old", "stays  #Old"]
    for device in devices:
        device.run("sync")
        assert set(device.tasks) == {"stays", "new in it"}


@pytest.mark.slow
@pytest.mark.parametrize("has_synced", [False, True], ids=["before", "after the deletion"])
def test_task_that_was_created_without_a_response_and_deleted_elsewhere_is_gone(
    devices: tuple[Device, Device], tmp_path: Path, *, has_synced: bool
) -> None:
    phone, laptop = devices
    phone.run("add", "lost one")
    # As if the phone never learned that the server has it.
    unaware = Device(Path(shutil.copy(phone.file, tmp_path / "unaware")))
    phone.run("sync")
    laptop.run("sync")
    laptop.run("rm", laptop.id_of("lost one"))
    laptop.run("sync")
    if has_synced:
        # The next pull does not report the deletion again.
        unaware.execute(f"INSERT OR REPLACE INTO meta VALUES ('token', '{laptop.token}')")

    unaware.run("sync")

    assert unaware.tasks == laptop.tasks == {}


@pytest.mark.slow
def test_list_deleted_elsewhere_takes_its_tasks_with_it(
    devices: tuple[Device, Device], server: Server
) -> None:
    phone, _ = devices
    phone.run("new-list", "Old")
    phone.run("add", "in it", "--to", "Old")
    phone.run("add", "not in it")
    for device in devices:
        device.run("sync")
    delete_lists(server, phone)
    phone.run("edit", phone.id_of("in it  #Old"), "edited, but gone")

    for device in devices:
        device.run("sync")
        assert list(device.tasks) == ["not in it"]


def client_of(server: Server, device: Device) -> httpx.Client:
    """A client of the API with the session of a device."""
    with sqlite3.connect(device.file) as connection:
        [(token,)] = connection.execute("SELECT value FROM meta WHERE name = 'access_token'")
    connection.close()
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"{server.url}{API}", headers=headers)


def delete_lists(server: Server, device: Device) -> None:
    """Delete all lists of a device's account, as another client would."""
    with client_of(server, device) as client:
        for one in client.get("/lists").json()["items"]:
            assert client.delete(f"/lists/{one['id']}").status_code == 204


@pytest.mark.slow
async def test_a_device_survives_lost_answers_and_lost_tokens(
    devices: tuple[Device, Device], server: Server, dsn: str
) -> None:
    phone, laptop = devices
    # It is sent, but no answer comes back: as if the script had died right after sending.
    phone.run("add", "once")
    phone.execute(
        "CREATE TRIGGER crash BEFORE DELETE ON sending BEGIN SELECT RAISE(FAIL, ''); END"
    )
    assert phone.attempt("sync").returncode != 0
    phone.execute("DROP TRIGGER crash")
    phone.run("edit", phone.id_of("once"), "exactly once")
    # No server can be reached.
    phone.execute("UPDATE meta SET value = 'http://127.0.0.1:9' WHERE name = 'server'")
    assert "nothing is lost" in phone.attempt("sync").stderr
    phone.execute(f"UPDATE meta SET value = '{server.url}' WHERE name = 'server'")
    # The access token has expired.
    phone.execute("UPDATE meta SET value = 'expired' WHERE name = 'access_token'")

    for device in (phone, laptop):
        device.run("sync")
        assert device.tasks == {"exactly once": "open"}

    # The laptop was away for too long: it starts over, and learns that the task is gone.
    phone.run("rm", phone.id_of("exactly once"))
    phone.run("add", "another")
    phone.run("sync")
    user = "(SELECT user_id FROM tasks WHERE title = 'another' ORDER BY created_at DESC LIMIT 1)"
    await execute(dsn, f"UPDATE users SET horizon = revision WHERE id = {user}")
    laptop.run("sync")
    assert laptop.tasks == {"another": "open"}

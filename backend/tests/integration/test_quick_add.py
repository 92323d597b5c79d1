"""Tasks from a line of text."""

import asyncio
import threading
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter

from duly.core.config import Settings
from duly.quick_add import parse
from duly.schemas.quick_add import QuickAddPreview, QuickAddPreviewOrResult, QuickAddResult
from duly.services import quick_add
from tests.support.accounts import Account, error_code, register
from tests.support.instances import running
from tests.support.quotas import counted

QUICK = "/tasks/quick"


async def add(account: Account, text: str, status: int = 201, **fields: Any) -> dict[str, Any]:
    response = await account.post(QUICK, {"text": text, **fields})
    assert response.status_code == status, response.text
    return dict(response.json())


async def create(account: Account, kind: str, **fields: Any) -> str:
    response = await account.post(f"/{kind}", fields)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def fault(account: Account, text: str, **fields: Any) -> tuple[str, str]:
    """The path and the type of the one field at fault."""
    response = await account.post(QUICK, {"text": text, **fields})
    assert error_code(response) == "VALIDATION_ERROR", response.text
    [field] = response.json()["error"]["details"]["fields"]
    return field["path"], field["type"]


async def test_text_creates_the_task_that_it_describes(alice: Account) -> None:
    list_id = await create(alice, "lists", name="Big house")
    section_id = await create(alice, "sections", list_id=list_id, name="Attic")
    label_id = await create(alice, "labels", name="bills")
    text = "Pay rent 2099-12-01 5pm for 45m #big house /attic p1 @Bills"

    response = await alice.post(QUICK, {"text": text})

    task = response.json()["task"]
    assert response.status_code == 201
    assert (
        await alice.client.get(response.headers["location"], headers=alice.headers)
    ).json() == task
    expected = {
        "title": "Pay rent",
        "list_id": list_id,
        "section_id": section_id,
        "priority": 1,
        "due": {"date": "2099-12-01", "time": "17:00", "timezone": None},
        "duration_minutes": 45,
        "label_ids": [label_id],
    }
    assert {name: task[name] for name in expected} == expected
    assert [
        (text[span["start"] : span["end"]], span["kind"], span["value"])
        for span in response.json()["spans"]
    ] == [
        ("2099-12-01", "date", "2099-12-01"),
        ("5pm", "time", "17:00"),
        ("for 45m", "duration", 45),
        ("#big house", "list", list_id),
        ("/attic", "section", section_id),
        ("p1", "priority", 1),
        ("@Bills", "label", "bills"),
    ]


async def test_task_from_text_equals_one_that_post_tasks_creates(alice: Account) -> None:
    quick = (await add(alice, "Pay rent 2099-12-01 p2"))["task"]
    body = {"title": "Pay rent", "due": {"date": "2099-12-01"}, "priority": 2}
    plain = (await alice.post("/tasks", body)).json()

    differing = {"id", "created_at", "updated_at", "version", "position"}
    assert {name for name in plain if plain[name] != quick[name]} <= differing
    assert quick["position"] < plain["position"]


async def test_new_labels_are_created_and_existing_ones_are_used(alice: Account, dsn: str) -> None:
    known = await create(alice, "labels", name="Bills")

    task = (await add(alice, "Pay @new @bills @NEW"))["task"]

    names = {row["id"]: row["name"] for row in (await alice.get("/labels")).json()["items"]}
    assert [names[label_id] for label_id in task["label_ids"]] == ["new", "Bills"]
    assert known in task["label_ids"]
    assert (await counted(dsn, alice.id))["labels"] == 2


async def test_dry_run_describes_the_task_and_creates_nothing(alice: Account) -> None:
    before = (await alice.get("/sync")).json()["changes"]

    preview = await add(alice, "Pay 2099-12-01 @new", status=200, dry_run=True)

    assert preview["draft"] == {
        "title": "Pay",
        "list_id": None,
        "section_id": None,
        "labels": [{"id": None, "name": "new"}],
        "priority": None,
        "due": {"date": "2099-12-01", "time": None},
        "duration_minutes": None,
        "recurrence": None,
    }
    assert [span["kind"] for span in preview["spans"]] == ["date", "label"]
    assert (await alice.get("/sync")).json()["changes"] == before


async def test_responses_match_their_schemas(alice: Account) -> None:
    own_id = str(uuid4())
    text = "Pay 2099-12-01 5pm @new p1 \\#x"

    for fields, status, model in (
        ({"dry_run": True}, 200, QuickAddPreview),
        ({"id": own_id}, 201, QuickAddResult),
        ({"id": own_id}, 200, QuickAddPreviewOrResult),
    ):
        response = await alice.post(QUICK, {"text": text, **fields})
        assert response.status_code == status
        read = TypeAdapter(model).validate_json(response.content)
        assert read.model_dump(mode="json") == response.json()


async def test_spans_count_code_points_of_the_text_as_it_was_sent(alice: Account) -> None:
    preview = await add(alice, "  🎉 e\u0301 p1", status=200, dry_run=True)

    [span] = preview["spans"]
    assert (span["start"], span["end"]) == (7, 9)
    assert preview["draft"]["title"] == "🎉 é"


async def test_language_of_the_user_decides(alice: Account) -> None:
    await alice.patch("/users/me", {"language": "de"})

    task = (await add(alice, "Miete zahlen am 1.12.2099 um 17 Uhr"))["task"]

    assert task["title"] == "Miete zahlen"
    assert task["due"] == {"date": "2099-12-01", "time": "17:00", "timezone": None}


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_today_is_the_local_day_of_the_user(alice: Account, zone: str) -> None:
    await alice.patch("/users/me", {"timezone": zone})
    before = datetime.now(ZoneInfo(zone)).date()

    task = (await add(alice, "Call Ann today"))["task"]

    assert task["due"]["date"] in {str(before), str(datetime.now(ZoneInfo(zone)).date())}


@pytest.mark.parametrize("text", ["p1", "tomorrow 5pm!", "@new", " \u00a0 "])
async def test_text_that_leaves_no_title_is_rejected(alice: Account, text: str) -> None:
    assert await fault(alice, text) == ("body.text", "nothing_left")


@pytest.mark.parametrize(
    "text", ["a" * 256 + " p1", "\u200b p1", "a\x00 p1", "a\nb p1"], ids=ascii
)
@pytest.mark.parametrize("dry_run", [True, False])
async def test_text_that_leaves_an_invalid_title_is_rejected(
    alice: Account, text: str, dry_run: bool
) -> None:
    assert (await fault(alice, text, dry_run=dry_run))[0] == "body.text"


async def test_message_names_the_invalid_part_of_the_text(alice: Account) -> None:
    for text, message in {
        "a" * 256 + " p1": "The remaining title must be 1 to 255 characters long after trimming",
        "Pay @\u3164": "Each label's name must contain a visible character",
    }.items():
        response = await alice.post("/tasks/quick", {"text": text})
        assert response.json()["error"]["details"]["fields"][0]["message"] == message


@pytest.mark.parametrize("text", ["", "a" * 2_001, 1, None])
async def test_invalid_text_is_rejected(alice: Account, text: Any) -> None:
    assert (await fault(alice, text))[0] == "body.text"


async def test_invalid_label_is_rejected_and_creates_nothing(alice: Account, dsn: str) -> None:
    assert await fault(alice, "Pay @new @\u3164") == ("body.text", "value_error")

    counts = await counted(dsn, alice.id)
    assert (counts["tasks"], counts["labels"]) == (0, 0)


async def test_names_of_other_users_and_of_deleted_and_archived_lists_stay_text(
    alice: Account, bob: Account
) -> None:
    foreign = await create(bob, "lists", name="Foreign")
    await create(bob, "sections", list_id=foreign, name="Secret")
    label_id = await create(bob, "labels", name="private")
    trashed = await create(alice, "lists", name="Trashed")
    await create(alice, "sections", list_id=trashed, name="Hidden")
    await alice.delete(f"/lists/{trashed}")
    await create(alice, "lists", name="Archived", is_archived=True)

    assert label_id not in (await add(alice, "Sweep @private"))["task"]["label_ids"]
    for text in (
        "Sweep #Foreign",
        "Sweep /Secret",
        "Sweep #Trashed",
        "Sweep /Hidden",
        "Sweep #Archived",
    ):
        task = (await add(alice, text))["task"]
        assert (task["title"], task["list_id"]) == (text, None)


async def test_first_of_equally_named_lists_is_the_first_in_the_manual_order(
    alice: Account,
) -> None:
    first, second = [await create(alice, "lists", name="Home") for _ in range(2)]

    assert (await add(alice, "Sweep #home"))["task"]["list_id"] == first
    await alice.post(f"/lists/{second}/move", {"before_id": first})
    assert (await add(alice, "Sweep #home"))["task"]["list_id"] == second


async def test_same_text_under_the_same_id_is_the_same_create(alice: Account, dsn: str) -> None:
    own_id = str(uuid4())

    first = await add(alice, "Pay tomorrow @new", id=own_id)
    # The label now exists, so the text means something else.
    label_id = first["task"]["label_ids"][0]
    await alice.delete(f"/labels/{label_id}")
    again = await add(alice, "Pay tomorrow @new", id=own_id, status=200)

    assert again["task"]["id"] == own_id
    assert again["task"]["label_ids"] == []
    counts = await counted(dsn, alice.id)
    assert (counts["tasks"], counts["labels"]) == (1, 0)


async def test_other_text_under_the_same_id_is_a_conflict(alice: Account, dsn: str) -> None:
    own_id = str(uuid4())
    await add(alice, "Pay", id=own_id)

    for text in ("Pay p1", "Pay @new"):
        response = await alice.post(QUICK, {"text": text, "id": own_id})
        assert (response.status_code, error_code(response)) == (409, "ID_TAKEN")
    plain = await alice.post("/tasks", {"title": "Pay", "id": own_id})
    assert error_code(plain) == "ID_TAKEN"
    assert (await counted(dsn, alice.id))["labels"] == 0


async def test_repeat_under_an_idempotency_key_gets_the_first_response(
    alice: Account, dsn: str
) -> None:
    options: dict[str, Any] = {"headers": {"Idempotency-Key": "k"}}
    body = {"text": "Pay tomorrow @new"}

    first = await alice.post(QUICK, body, **options)
    again = await alice.post(QUICK, body, **options)
    other = await alice.post(QUICK, {"text": "Pay"}, **options)

    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert error_code(other) == "IDEMPOTENCY_MISMATCH"
    assert (await counted(dsn, alice.id))["tasks"] == 1


async def test_concurrent_texts_with_one_new_label_create_it_once(
    alice: Account, dsn: str
) -> None:
    added = await asyncio.gather(*(add(alice, f"Task {number} @new") for number in range(8)))

    assert len({tuple(one["task"]["label_ids"]) for one in added}) == 1
    counts = await counted(dsn, alice.id)
    assert (counts["tasks"], counts["labels"]) == (8, 1)


@pytest.mark.parametrize("what", ["tasks", "labels"])
async def test_reached_quota_creates_neither_task_nor_labels(
    settings: Settings, address: str, dsn: str, what: str
) -> None:
    async with running(settings, address, **{f"max_{what}": 1}) as client:
        user = await register(client)
        await add(user, "Pay @one")
        response = await user.post(QUICK, {"text": "Pay @two"})

        assert (response.status_code, error_code(response)) == (403, "QUOTA_EXCEEDED")
        assert response.json()["error"]["details"]["what"] == what
        counts = await counted(dsn, user.id)
        assert (counts["tasks"], counts["labels"]) == (1, 1)


async def test_path_of_the_user_creates_a_task_too(alice: Account) -> None:
    response = await alice.post("/users/me/tasks/quick", {"text": "Pay p1"})

    assert response.status_code == 201
    assert response.headers["location"].startswith("/api/v1/users/me/tasks/")
    assert not response.headers["location"].endswith("/quick")


async def test_recurrence_of_the_text_is_that_of_the_task(alice: Account) -> None:
    task = (await add(alice, "Pay rent 2099-12-01 every! 2 weeks"))["task"]

    assert task["recurrence"]["rule"] == "FREQ=WEEKLY;INTERVAL=2"
    assert task["recurrence"]["anchor"] == "completion"


@pytest.mark.parametrize("is_dry_run", [True, False])
@pytest.mark.parametrize("name", ["\u3164", "\u2800", "\uffa0"])
async def test_label_that_cannot_be_seen_is_rejected(
    alice: Account, *, is_dry_run: bool, name: str
) -> None:
    response = await alice.post("/tasks/quick", {"text": f"x @{name}", "dry_run": is_dry_run})

    assert (response.status_code, error_code(response)) == (400, "VALIDATION_ERROR")
    assert (await alice.get("/labels")).json()["items"] == []


async def test_draft_has_the_title_that_the_task_gets(alice: Account) -> None:
    body = {"text": "Cafe\u0301 tomorrow"}

    draft = (await alice.post("/tasks/quick", {**body, "dry_run": True})).json()["draft"]
    task = (await alice.post("/tasks/quick", body)).json()["task"]

    assert draft["title"] == task["title"] == "Caf\u00e9"


@pytest.mark.parametrize(("names", "is_in_thread"), [(3, True), (2, False)])
async def test_text_is_parsed_in_a_thread_if_the_user_has_many_names(
    alice: Account, monkeypatch: pytest.MonkeyPatch, names: int, is_in_thread: bool
) -> None:
    threads = []

    def noting(*args: Any) -> Any:
        threads.append(threading.current_thread())
        return parse(*args)

    monkeypatch.setattr(quick_add, "parse", noting)
    monkeypatch.setattr(quick_add, "_MANY_NAMES", 3)  # the profile counts as one
    for number in range(names):
        await create(alice, "labels", name=f"label{number}")

    added = await add(alice, "Buy milk @label1")

    assert added["task"]["title"] == "Buy milk"
    assert [one is not threading.main_thread() for one in threads] == [is_in_thread]

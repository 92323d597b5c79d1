"""Names of labels: unique for a user (case-insensitive)."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.support.accounts import Account, error_code
from tests.support.invariants import check_rows
from tests.support.resource_calls import body_of, create, titles, trash


async def rename(account: Account, label: dict[str, Any], name: str) -> httpx.Response:
    return await account.patch(f"/labels/{label['id']}", {"name": name})


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("errand", "errand"),
        ("errand", "ERRAND"),
        ("errand", "  errand\n"),
        ("Straße", "STRASSE"),
        ("İ", "i\u0307"),
        ("é", "e\u0301"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
    ],
)
async def test_name_is_taken_whatever_its_case(alice: Account, name: str, same: str) -> None:
    await create(alice, "labels", name=name)

    response = await alice.post("/labels", {"name": same})

    assert (response.status_code, error_code(response)) == (409, "NAME_TAKEN")
    assert response.json()["error"]["details"] == {}
    assert await titles(alice, plural="labels") == [name]


@pytest.mark.parametrize(
    ("name", "other"), [("a", "b"), ("e", "é"), ("\u0131", "i"), ("a b", "ab")]
)
async def test_other_names_are_free(alice: Account, name: str, other: str) -> None:
    await create(alice, "labels", name=name)

    assert (await create(alice, "labels", name=other))["name"] == other


async def test_names_of_another_user_are_free(alice: Account, bob: Account) -> None:
    await create(alice, "labels", name="errand")

    assert (await create(bob, "labels", name="errand"))["name"] == "errand"


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_rename_to_a_taken_name_changes_nothing(alice: Account, method: str) -> None:
    await create(alice, "labels", name="errand")
    label = await create(alice, "labels", name="home", color="#ff0000")
    path = f"/labels/{label['id']}"

    response = await alice.request(method, path, json={"name": "Errand", "color": None})

    assert error_code(response) == "NAME_TAKEN"
    assert body_of(await alice.get(path)) == label


async def test_label_changes_the_case_of_its_own_name(alice: Account) -> None:
    label = await create(alice, "labels", name="errand")

    assert body_of(await rename(alice, label, "ERRAND"))["name"] == "ERRAND"


async def test_stale_rename_to_a_taken_name_fails_the_precondition(alice: Account) -> None:
    await create(alice, "labels", name="errand")
    label = await create(alice, "labels", name="home")

    response = await alice.patch(
        f"/labels/{label['id']}",
        {"name": "errand"},
        headers={"If-Match": f'"{label["version"] + 1}"'},
    )

    assert error_code(response) == "PRECONDITION_FAILED"


async def test_rename_frees_the_old_name(alice: Account) -> None:
    label = await create(alice, "labels", name="errand")
    await rename(alice, label, "home")

    await create(alice, "labels", name="errand")

    assert error_code(await rename(alice, label, "errand")) == "NAME_TAKEN"


async def test_name_is_free_after_the_label_is_deleted(alice: Account) -> None:
    await trash(alice, "labels", await create(alice, "labels", name="errand"))

    assert (await create(alice, "labels", name="Errand"))["name"] == "Errand"


async def test_repeated_create_is_not_a_taken_name(alice: Account) -> None:
    body = {"id": "01936d5e-8f1c-7000-8000-000000000001", "name": "errand"}
    label = body_of(await alice.post("/labels", body), 201)

    assert body_of(await alice.post("/labels", body)) == label


async def test_anchored_create_with_a_taken_name_is_rejected(alice: Account) -> None:
    await create(alice, "labels", name="errand")

    response = await alice.post("/labels", {"name": "Errand", "after_id": None})

    assert error_code(response) == "NAME_TAKEN"


async def test_racing_creates_make_one_label(pair: tuple[Account, Account], dsn: str) -> None:
    for number in range(25):
        sent = (pair[n % 2].post("/labels", {"name": f"Label {number}"}) for n in range(4))
        statuses = [response.status_code for response in await asyncio.gather(*sent)]
        assert sorted(statuses) == [201, 409, 409, 409]

    await check_rows(dsn, pair[0])


async def test_racing_renames_and_creates_leave_names_unique(
    pair: tuple[Account, Account], dsn: str
) -> None:
    labels = [await create(pair[0], "labels", name=f"label {number}") for number in range(3)]
    for number in range(25):
        responses = await asyncio.gather(
            *(rename(pair[n % 2], label, f"new {number}") for n, label in enumerate(labels)),
            pair[1].post("/labels", {"name": f"NEW {number}"}),
        )
        statuses = sorted(response.status_code for response in responses)
        assert statuses in ([200, 409, 409, 409], [201, 409, 409, 409])

    await check_rows(dsn, pair[0])

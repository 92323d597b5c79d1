"""Cursors and sync tokens: of use to one user, as they were given out, and in no other way."""

import random
import string
from uuid import UUID

import pytest
from fastapi import FastAPI

from duly.core.tokens import InvalidToken, Keyring
from tests.support.accounts import Account, error_code

_SIGNS = string.ascii_letters + string.digits + "-_=+/. %\x00\n\x7f"


async def tokens_of(account: Account) -> dict[str, list[str]]:
    """Cursors of several lists, and sync tokens of several moments."""
    for _ in range(3):
        await account.create_task()
    cursors = []
    for sort in ("created_at", "-updated_at", "title", "-created_at"):
        page = (await account.get("/tasks", params={"limit": "1", "sort": sort})).json()
        cursors.append(f"{sort} {page['next_cursor']}")
    pages = [await account.get("/sync", params={"limit": limit}) for limit in ("1", "2", "500")]
    return {"cursor": cursors, "token": [page.json()["token"] for page in pages]}


async def refused(account: Account, kind: str, text: str) -> None:
    sort, _, value = text.rpartition(" ") if kind == "cursor" else ("", "", text)
    query = {"sort": sort} if sort else {}
    path = "/tasks" if kind == "cursor" else "/sync"
    answer = await account.get(path, params={kind: value, **query})
    assert answer.status_code == 400, (kind, text, answer.text)
    assert error_code(answer) == "VALIDATION_ERROR"
    assert value not in answer.text


def edits(text: str) -> list[str]:
    """The text with one character changed, left out, or put in, at each of its places."""
    changed = [text[:n] + sign + text[n + 1 :] for n in range(len(text)) for sign in _SIGNS]
    shorter = [text[:n] + text[n + 1 :] for n in range(len(text))]
    longer = [text[:n] + sign + text[n:] for n in range(len(text) + 1) for sign in "Aa0-="]
    return [edit for edit in (*changed, *shorter, *longer) if edit != text]


@pytest.mark.slow
async def test_edit_of_one_character_is_rejected(app: FastAPI, alice: Account) -> None:
    keyring: Keyring = app.state.context.keyring
    given = await tokens_of(alice)
    tried = 0

    for text in [*given["cursor"], *given["token"]]:
        sealed = text.rpartition(" ")[2]
        assert keyring.read_cursor(UUID(alice.id), sealed)
        for edit in edits(sealed):
            tried += 1
            with pytest.raises(InvalidToken):
                keyring.read_cursor(UUID(alice.id), edit)

    assert tried > 50_000


@pytest.mark.parametrize("kind", ["cursor", "token"])
async def test_each_edit_is_a_bad_request(alice: Account, kind: str) -> None:
    rng = random.Random(kind)

    for text in (await tokens_of(alice))[kind][:2]:
        start = text.rfind(" ") + 1
        for place in range(start, len(text)):
            sign = rng.choice([sign for sign in _SIGNS if sign != text[place]])
            await refused(alice, kind, text[:place] + sign + text[place + 1 :])


@pytest.mark.parametrize("kind", ["cursor", "token"])
async def test_signed_values_of_one_user_are_rejected_for_another(
    alice: Account, bob: Account, kind: str
) -> None:
    hers, his = await tokens_of(alice), await tokens_of(bob)

    for mine, theirs in zip(his[kind], hers[kind], strict=True):
        await refused(bob, kind, theirs)
        # Nor is a part of it.
        parts = [
            _spliced(*pair, cut)
            for cut in (8, 16, 24, 40)
            for pair in ((mine, theirs), (theirs, mine))
        ]
        for part in parts:
            if part != mine:  # they may end alike
                await refused(bob, kind, part)


def _spliced(first: str, second: str, cut: int) -> str:
    start = first.rfind(" ") + 1
    return first[: start + cut] + second[start + cut :]


async def test_cursor_and_sync_token_are_not_interchangeable(alice: Account) -> None:
    given = await tokens_of(alice)

    for text in given["cursor"]:
        await refused(alice, "token", text.rpartition(" ")[2])
    for text in given["token"]:
        await refused(alice, "cursor", f"-created_at {text}")


async def test_tag_of_a_list_does_not_match_for_another_user_at_the_same_revision(
    alice: Account, bob: Account
) -> None:
    tags = []
    for account in (alice, bob):
        await account.create_task(title="the same")
        tags.append((await account.get("/tasks")).headers["etag"])

    his = await bob.get("/tasks", headers={"If-None-Match": tags[1]})
    hers = await bob.get("/tasks", headers={"If-None-Match": tags[0]})

    assert his.status_code == 304
    assert hers.status_code == 200
    assert alice.id not in hers.text

"""Finding tasks by their words."""

import json
from typing import Any

import psycopg
import pytest

from tests.accounts import Account, error_code


async def find(owner: Account, q: str) -> list[str]:
    """The titles of the tasks that a search finds, sorted."""
    response = await owner.get("/tasks", params={"q": q, "sort": "title"})
    assert response.status_code == 200, response.text
    return [task["title"] for task in response.json()["items"]]


async def create(owner: Account, *titles: str, **fields: Any) -> None:
    for title in titles:
        await owner.create_task(**{"description": None, **fields, "title": title})


async def test_a_word_is_found_in_the_title_and_in_the_description(alice: Account) -> None:
    await create(alice, "1 buy milk", "2 buy bread")
    await create(alice, "3 shopping", description="bread,\nbutter and milk.")

    assert await find(alice, "milk") == ["1 buy milk", "3 shopping"]


async def test_all_words_must_be_there_in_any_order(alice: Account) -> None:
    await create(alice, "1 buy oat milk", "2 buy milk", "3 oat flakes")
    await create(alice, "4 milk", description="of oat")

    assert await find(alice, "milk oat") == ["1 buy oat milk", "4 milk"]


async def test_a_search_finds_the_callers_tasks_only(alice: Account, bob: Account) -> None:
    await create(alice, "hers: milk")
    await create(bob, "his: milk")

    assert await find(bob, "milk") == ["his: milk"]


async def test_case_makes_no_difference(alice: Account) -> None:
    await create(alice, "Buy MILK")

    assert await find(alice, "mIlK") == ["Buy MILK"]


async def test_a_phrase_is_found_as_it_stands(alice: Account) -> None:
    await create(alice, "1 call the old friend", "2 the friend is old", "3 old big friend")

    assert await find(alice, '"old friend"') == ["1 call the old friend"]


async def test_a_word_with_a_minus_must_not_be_there(alice: Account) -> None:
    await create(alice, "1 oat milk", "2 milk", "3 bread")

    assert await find(alice, "milk -oat") == ["2 milk"]
    assert await find(alice, "-milk") == ["3 bread"]


async def test_a_drawn_line_is_no_minus(alice: Account) -> None:
    await create(alice, "1 today --- milk", "2 milk")

    assert await find(alice, "today --- milk") == ["1 today --- milk"]


async def test_either_of_two_words_will_do_with_or(alice: Account) -> None:
    await create(alice, "1 oat", "2 rye", "3 wheat")

    assert await find(alice, "oat or rye") == ["1 oat", "2 rye"]


async def test_a_common_word_is_searched_like_any_other(alice: Account) -> None:
    await create(alice, "1 the who", "2 a band")

    assert await find(alice, "the") == ["1 the who"]


@pytest.mark.parametrize(
    ("title", "q"),
    [
        ("Купить Молоко", "молоко"),
        ("ΑΓΟΡΆ ΓΆΛΑ", "γάλα"),
        ("Crème BRÛLÉE", "brûlée"),
        ("Straße fegen", "straße"),
        ("שלום עולם", "עולם"),
        ("اشتر حليب", "حليب"),
        ("दूध ख़रीदो", "दूध"),
        ("买 牛奶", "牛奶"),
        ("牛乳を 買う", "買う"),
        ("우유 사기", "우유"),
        ("ซื้อ นม", "นม"),
        ("купить молоко — хлеб", "молоко"),
        ("купить «молоко», хлеб", "молоко"),
        ("买，牛奶。", "牛奶"),  # noqa: RUF001  # as it is written
    ],
)
async def test_words_of_other_scripts_are_found(alice: Account, title: str, q: str) -> None:
    await create(alice, title, "another")

    assert await find(alice, q) == [title]


async def test_a_word_is_found_however_its_accents_are_composed(alice: Account) -> None:
    await create(alice, "caf\u00e9")

    assert await find(alice, "cafe\u0301") == ["caf\u00e9"]


@pytest.mark.parametrize(
    "q",
    [
        "'",
        "''",
        '"',
        '"milk',
        ":*",
        "milk:*",
        "&|!",
        "!",
        "!!milk",
        "(",
        ")(",
        "<->",
        "milk <2> bread",
        "\\",
        "\\'",
        "-",
        "--",
        "- -",
        "or",
        "or or",
        "-or",
        "%",
        "%s",
        "%(q)s",
        "*",
        "?",
        "$1",
        "$$",
        ";--",
        "'; DROP TABLE tasks; --",
        "\u202emilk",
        "\ufeff",
        "\u200b",
        "\U000e0001",
        "🦆",
        "a" * 200,
        "🦆" * 200,
        "- " * 99 + "a",
        "-(" * 99 + "a",
        "-" * 199 + "a",
        '-"' * 99 + "a",
        "-a " * 66,
        '"' * 199,
        "!" * 200,
    ],
    ids=ascii,
)
async def test_odd_input_is_only_text(alice: Account, q: str) -> None:
    await create(alice, "buy milk")

    response = await alice.get("/tasks", params={"q": q, "include_total": "true"})

    assert response.status_code == 200, response.text
    page = response.json()
    assert page["total"] == len(page["items"])


@pytest.mark.parametrize("q", ["a\u0000b", "\u0007", "a" * 201, "  "], ids=ascii)
async def test_input_that_is_no_text_is_refused(alice: Account, q: str) -> None:
    response = await alice.get("/tasks", params={"q": q})

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"


async def test_a_description_of_many_words_can_be_stored_and_searched(alice: Account) -> None:
    words = " ".join(f"{number:x}ж" for number in range(5_000))[:20_000].strip()
    await create(alice, "long", description=words)

    assert await find(alice, words.split()[-1]) == ["long"]


async def test_a_search_can_use_its_index(dsn: str) -> None:
    statement = (
        "EXPLAIN (FORMAT JSON) SELECT id FROM tasks "
        "WHERE user_id = gen_random_uuid() AND search @@ websearch_to_tsquery('simple', 'milk')"
    )
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        # The tables of tests are small: what else could be faster is ruled out.
        for path in ("enable_seqscan", "enable_indexscan", "enable_indexonlyscan"):
            await connection.execute(f"SET LOCAL {path} = off")
        cursor = await connection.execute(statement)
        row = await cursor.fetchone()

    assert row is not None
    assert "ix_tasks_search" in json.dumps(row[0])

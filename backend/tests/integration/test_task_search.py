"""Finding tasks by their words."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.accounts import Account, error_code


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


async def test_accents_make_no_difference(alice: Account) -> None:
    await create(alice, "1 crème brûlée", "2 Creme", "3 cream")

    assert await find(alice, "CREME") == ["1 crème brûlée", "2 Creme"]
    assert await find(alice, "crémé") == ["1 crème brûlée", "2 Creme"]


async def test_the_last_word_is_found_by_its_beginning(alice: Account) -> None:
    await create(alice, "1 oat milk", "2 oatmeal", "3 oat bread with mildew", "4 camomile")

    assert await find(alice, "mil") == ["1 oat milk", "3 oat bread with mildew"]
    assert await find(alice, "oat mil") == ["1 oat milk", "3 oat bread with mildew"]
    assert await find(alice, "oat mil -bread") == ["1 oat milk"]


async def test_words_before_the_last_must_be_whole(alice: Account) -> None:
    await create(alice, "1 oat milk", "2 oatmeal with milk")

    assert await find(alice, "oa milk") == []
    assert await find(alice, "oat milk") == ["1 oat milk"]


async def test_a_quoted_or_excluded_word_must_be_whole(alice: Account) -> None:
    await create(alice, "1 milk", "2 mildew")

    assert await find(alice, '"mil"') == []
    assert await find(alice, "-mil") == ["1 milk", "2 mildew"]


async def test_phrase_is_found_in_its_order(alice: Account) -> None:
    await create(alice, "1 call the old friend", "2 the friend is old", "3 old big friend")
    await create(alice, "4", description="an Old\nFriend")

    assert await find(alice, '"old friend"') == ["1 call the old friend", "4"]
    assert await find(alice, '-"old friend"') == ["2 the friend is old", "3 old big friend"]


async def test_a_phrase_does_not_reach_from_the_title_into_the_description(
    alice: Account,
) -> None:
    await create(alice, "1 oat", description="milk")

    assert await find(alice, '"oat milk"') == []
    assert await find(alice, "oat milk") == ["1 oat"]


async def test_a_phrase_that_is_still_open_is_found_by_its_beginning(alice: Account) -> None:
    await create(alice, "1 oat milk", "2 oat and milk")

    assert await find(alice, '"oat mil') == ["1 oat milk"]


async def test_words_without_a_space_between_are_a_phrase(alice: Account) -> None:
    await create(alice, "1 mail ada@example.com", "2 an example of com, for ada")

    assert await find(alice, "ada@example.com") == ["1 mail ada@example.com"]
    assert await find(alice, "ada@exam") == ["1 mail ada@example.com"]


async def test_a_word_with_a_minus_must_not_be_there(alice: Account) -> None:
    await create(alice, "1 oat milk", "2 milk", "3 bread")

    assert await find(alice, "milk -oat") == ["2 milk"]
    assert await find(alice, "-milk") == ["3 bread"]


async def test_dash_is_not_a_minus(alice: Account) -> None:
    await create(alice, "1 today --- milk", "2 milk")

    assert await find(alice, "today --- milk") == ["1 today --- milk"]


async def test_or_is_a_word_like_any_other(alice: Account) -> None:
    await create(alice, "1 oat", "2 rye", "3 oat or rye")

    assert await find(alice, "oat or rye") == ["3 oat or rye"]


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
        ("明天去超市买牛奶和面包", "牛奶"),
        ("明天去超市买牛奶和面包", "超市 面包"),
        ("スーパーで牛乳を買う", "牛乳"),
        ("オーツミルクを買う", "ミルク"),
        ("ซื้อนมและขนมปัง", "ขนมปัง"),
        ("우유를 사기", "우유"),
    ],
)
async def test_words_of_other_scripts_are_found(alice: Account, title: str, q: str) -> None:
    await create(alice, title, "another")

    assert await find(alice, q) == [title]


async def test_characters_in_a_row_are_found_in_a_row_only(alice: Account) -> None:
    await create(alice, "牛奶", "奶牛", "牛肉和奶")

    assert await find(alice, "牛奶") == ["牛奶"]
    assert await find(alice, "牛 奶") == sorted(["牛奶", "奶牛", "牛肉和奶"])


@pytest.mark.parametrize("q", ["", "  ", "\t"], ids=ascii)
async def test_an_empty_search_lists_all_tasks(alice: Account, q: str) -> None:
    await create(alice, "1 milk", "2 bread")

    page = await alice.get("/tasks", params={"q": q, "limit": 1, "sort": "title"})
    cursor = page.json()["next_cursor"]
    rest = await alice.get("/tasks", params={"cursor": cursor, "sort": "title"})

    assert [task["title"] for task in page.json()["items"]] == ["1 milk"]
    assert [task["title"] for task in rest.json()["items"]] == ["2 bread"]


@pytest.mark.parametrize("q", ["🦆", "-", '"', "!", "\u200b"], ids=ascii)
async def test_a_search_without_words_finds_nothing(alice: Account, q: str) -> None:
    await create(alice, "🦆 milk - bread!")

    assert await find(alice, q) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"title": "rye"}, {"rye", "oat"}),
        ({"description": "rye"}, {"milk", "rye"}),
        ({"description": None}, {"milk"}),
        ({"is_completed": True}, {"milk", "oat"}),
        ({"title": "rye", "description": "rye", "is_completed": True}, {"rye"}),
    ],
    ids=["title", "description", "no description", "completion", "all"],
)
@pytest.mark.parametrize("is_batch", [False, True], ids=["alone", "in a batch"])
async def test_a_changed_task_is_found_by_its_present_words(
    alice: Account, change: dict[str, Any], found: set[str], *, is_batch: bool
) -> None:
    task = await alice.create_task(title="milk", description="oat")

    if is_batch:
        operation = {"op": "update", "type": "task", "id": task["id"], "data": change}
        response = await alice.post("/batch", {"operations": [operation]})
        assert response.json()["results"][0]["status"] == 200
    else:
        response = await alice.patch(f"/tasks/{task['id']}", change)
        assert response.status_code == 200

    assert {word for word in ("milk", "oat", "rye") if await find(alice, word)} == found


async def test_tasks_of_a_batch_are_found(alice: Account) -> None:
    one = str(uuid4())
    operations = [
        {
            "op": "create",
            "type": "task",
            "data": {"id": one, "title": "milk", "description": "oat"},
        },
        {"op": "create", "type": "task", "data": {"title": "bread"}},
        {"op": "complete", "type": "task", "id": one},
        {"op": "update", "type": "task", "id": one, "data": {"title": "rye"}},
    ]

    await alice.post("/batch", {"operations": operations})

    assert [await find(alice, q) for q in ("bread", "rye", "oat", "milk")] == [
        ["bread"],
        ["rye"],
        ["rye"],
        [],
    ]


async def test_a_word_is_found_however_its_accents_are_composed(alice: Account) -> None:
    await create(alice, "caf\u00e9")

    assert await find(alice, "cafe\u0301") == ["caf\u00e9"]


ODD_INPUT = {
    (): [
        "'",
        "''",
        '"',
        ":*",
        "&|!",
        "!",
        "(",
        ")(",
        "<->",
        "milk <2> bread",
        "\\",
        "\\'",
        "-",
        "--",
        "- -",
        "%",
        "%s",
        "%(q)s",
        "*",
        "?",
        "$1",
        "$$",
        ";--",
        "'; DROP TABLE tasks; --",
        "\ufeff",
        "\u200b",
        "\U000e0001",
        "🦆",
        "a" * 200,
        "🦆" * 200,
        '"' * 199,
        "!" * 200,
        "milk:*A | !milk",
        "\ufdfa" * 200,
        "\u3300" * 200,
        "\u0301\u0323" * 100,
        "牛" * 200,
    ],
    ("milk", "milk and bread"): [
        '"milk',
        "milk:*",
        "!!milk",
        "\u202emilk",
        "milk' | '",
        "milk') | ('",
        "milk\\",
        "!milk & !milk",
    ],
    ("milk and bread",): ["milk\\' | 'a"],
    ("milk and bread", "or a"): ["- " * 99 + "a", "-" * 199 + "a", '-"' * 99 + "a"],
    ("or a",): ["or", "or or"],
    ("bread", "milk", "milk and bread"): ["-or", "-(" * 99 + "a", "-a " * 66],
}


@pytest.mark.parametrize(
    ("q", "found"), [(q, found) for found, qs in ODD_INPUT.items() for q in qs], ids=ascii
)
async def test_odd_input_is_only_text(alice: Account, q: str, found: tuple[str, ...]) -> None:
    await create(alice, "milk", "bread", "milk and bread", "or a")

    response = await alice.get("/tasks", params={"q": q, "sort": "title", "include_total": "true"})

    assert response.status_code == 200, response.text
    page = response.json()
    assert tuple(task["title"] for task in page["items"]) == found
    assert page["total"] == len(found)


@pytest.mark.parametrize("q", ["a\u0000b", "\u0007", "a" * 201], ids=ascii)
async def test_search_for_invalid_text_is_rejected(alice: Account, q: str) -> None:
    response = await alice.get("/tasks", params={"q": q})

    assert response.status_code == 400
    assert error_code(response) == "VALIDATION_ERROR"


@pytest.mark.parametrize("q", ["'x' | 'milk", "milk | bread", "x:* | milk", "!x", "milk & !x"])
async def test_an_operator_of_postgresql_is_punctuation(alice: Account, q: str) -> None:
    await create(alice, "milk", "bread")

    found = await find(alice, q)

    # As the words alone: none of these tasks holds an x, nor both other words.
    assert found == []


async def test_a_description_is_found_by_its_first_744_words(alice: Account) -> None:
    words = [f"{number:x}ж" for number in range(1_001)]
    await create(alice, "long", description=" ".join(words))

    assert await find(alice, words[743]) == ["long"]
    assert await find(alice, words[744]) == []
    assert await find(alice, words[1_000]) == []


async def test_a_phrase_far_into_a_description_is_found(alice: Account) -> None:
    await create(alice, "long", description="牛肉" * 7_000 + "买茶")

    assert await find(alice, "买茶") == ["long"]


async def test_a_word_of_20000_letters_is_found_by_its_beginning(alice: Account) -> None:
    await create(alice, "long", description="a" * 20_000)

    assert await find(alice, "a" * 64) == ["long"]
    assert await find(alice, "a" * 200) == ["long"]
    assert await find(alice, "a" * 63 + "b") == []

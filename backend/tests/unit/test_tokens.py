"""Keys and tokens."""

import base64
import time
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duly.core import tokens
from duly.core.config import MAX_ACCESS_TOKEN_MINUTES
from duly.core.tokens import CLOCK_LEEWAY, InvalidToken, Keyring

KEY, FORMER, FOREIGN = (letter * 8 + "0123456789abcdef" * 2 for letter in "kfx")
RING = Keyring(KEY)
USER, SESSION = UUID(int=1), UUID(int=2)
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

uuids = st.uuids()
texts = st.text(alphabet=BASE64URL + "=+/. \n\0é", max_size=120)
contents = st.lists(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=50)),
    max_size=6,
)


def edits(text: str) -> st.SearchStrategy[str]:
    """The text with one character changed, left out, added, or moved to the other case."""
    places = st.integers(0, len(text) - 1)
    characters = st.sampled_from(BASE64URL + "=+/. \n\0é")
    return st.one_of(
        st.builds(lambda at, char: text[:at] + char + text[at + 1 :], places, characters),
        st.builds(lambda at: text[:at] + text[at + 1 :], places),
        st.builds(lambda at, char: text[:at] + char + text[at:], places, characters),
        st.builds(lambda at: text[:at] + text[at].swapcase() + text[at + 1 :], places),
        st.builds(lambda char: text + char, characters),
    ).filter(lambda edited: edited != text)


def twins(token: str) -> list[str]:
    """Other texts that a lax decoder takes for the same bytes."""
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    loose = [token[:-1] + char for char in BASE64URL if char != token[-1]]
    same = [
        text for text in loose if base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) == raw
    ]
    padding = "=" * (-len(token) % 4)
    standard = base64.b64encode(raw).decode()
    return [*same, token + padding, token + "=", standard, token + "\n", f" {token}"]


# Refresh tokens


@given(uuids, uuids)
def test_refresh_token_holds_its_user_and_session(user_id: UUID, session_id: UUID) -> None:
    issued = RING.issue_refresh(user_id, session_id)

    assert RING.read_refresh(issued.token) == issued
    assert (issued.user_id, issued.session_id) == (user_id, session_id)


@pytest.mark.slow
@given(st.data())
def test_a_refresh_token_with_any_character_edited_is_refused(data: st.DataObject) -> None:
    token = RING.issue_refresh(USER, SESSION).token

    with pytest.raises(InvalidToken):
        RING.read_refresh(data.draw(edits(token)))


@given(texts)
def test_text_that_was_never_issued_is_not_a_refresh_token(text: str) -> None:
    with pytest.raises(InvalidToken):
        RING.read_refresh(text)


def test_exactly_one_text_is_a_refresh_token() -> None:
    token = RING.issue_refresh(USER, SESSION).token
    others = [text for text in twins(token) if text != token]

    assert others
    for text in others:
        with pytest.raises(InvalidToken):
            RING.read_refresh(text)


def test_refresh_tokens_are_unique() -> None:
    tokens = {RING.issue_refresh(USER, SESSION).token for _ in range(100)}

    assert len(tokens) == 100


def test_stored_hash_does_not_reveal_the_refresh_token() -> None:
    issued = RING.issue_refresh(USER, SESSION)

    assert len(issued.digest) == 32
    assert issued.digest not in base64.urlsafe_b64decode(issued.token + "==")
    assert issued.digest != RING.issue_refresh(USER, SESSION).digest


def test_a_refresh_token_of_a_foreign_key_is_refused() -> None:
    with pytest.raises(InvalidToken):
        RING.read_refresh(Keyring(FOREIGN).issue_refresh(USER, SESSION).token)


def test_a_refresh_token_of_a_former_key_is_read() -> None:
    issued = Keyring(FORMER).issue_refresh(USER, SESSION)

    assert Keyring(KEY, [FORMER]).read_refresh(issued.token) == issued


def test_a_successor_is_a_good_token_of_the_same_session() -> None:
    issued = RING.issue_refresh(USER, SESSION)

    (successor,) = RING.successors(issued)

    assert RING.read_refresh(successor.token) == successor
    assert (successor.user_id, successor.session_id) == (USER, SESSION)
    assert successor.token != issued.token


def test_a_successor_is_the_same_each_time_and_on_every_worker() -> None:
    issued = RING.issue_refresh(USER, SESSION)

    assert Keyring(KEY).successors(issued) == RING.successors(issued)


def test_two_tokens_of_a_session_have_different_successors() -> None:
    one, other = (RING.issue_refresh(USER, SESSION) for _ in range(2))

    assert RING.successors(one) != RING.successors(other)


def test_successors_during_a_key_change_start_with_the_new_one_and_include_the_former() -> None:
    issued = Keyring(FORMER).issue_refresh(USER, SESSION)

    successors = Keyring(KEY, [FORMER]).successors(issued)

    assert successors == [*RING.successors(issued), *Keyring(FORMER).successors(issued)]


# Cursors


@given(uuids, contents)
def test_cursor_returns_its_content(user_id: UUID, content: list[Any]) -> None:
    assert RING.read_cursor(user_id, RING.sign_cursor(user_id, content)) == content


@pytest.mark.slow
@settings(max_examples=200)
@given(contents, st.data())
def test_a_cursor_with_any_character_edited_is_refused(
    content: list[Any], data: st.DataObject
) -> None:
    cursor = RING.sign_cursor(USER, content)

    with pytest.raises(InvalidToken):
        RING.read_cursor(USER, data.draw(edits(cursor)))


@given(texts)
def test_text_that_was_never_signed_is_not_a_cursor(text: str) -> None:
    with pytest.raises(InvalidToken):
        RING.read_cursor(USER, text)


@given(contents)
def test_exactly_one_text_is_a_cursor(content: list[Any]) -> None:
    cursor = RING.sign_cursor(USER, content)

    for text in twins(cursor):
        if text != cursor:
            with pytest.raises(InvalidToken):
                RING.read_cursor(USER, text)


@given(uuids.filter(lambda user_id: user_id != USER))
def test_a_cursor_is_refused_to_another_user(user_id: UUID) -> None:
    with pytest.raises(InvalidToken):
        RING.read_cursor(user_id, RING.sign_cursor(USER, ["tasks"]))


def test_a_cursor_of_a_former_key_is_opened_and_of_a_foreign_one_is_not() -> None:
    ring = Keyring(KEY, [FORMER])

    assert ring.read_cursor(USER, Keyring(FORMER).sign_cursor(USER, [1])) == [1]
    with pytest.raises(InvalidToken):
        ring.read_cursor(USER, Keyring(FOREIGN).sign_cursor(USER, [1]))


def test_refresh_token_and_cursor_are_not_interchangeable() -> None:
    with pytest.raises(InvalidToken):
        RING.read_cursor(USER, RING.issue_refresh(USER, SESSION).token)
    with pytest.raises(InvalidToken):
        RING.read_refresh(RING.sign_cursor(USER, ["x" * 60]))


# Access tokens


@given(uuids, uuids, st.integers(60, MAX_ACCESS_TOKEN_MINUTES * 60))
def test_access_token_holds_its_user_session_and_expiry(
    user_id: UUID, session_id: UUID, lifetime: int
) -> None:
    before = int(time.time())

    claims = RING.read_access(RING.issue_access(user_id, session_id, lifetime))

    assert (claims.user_id, claims.session_id) == (user_id, session_id)
    assert before + lifetime <= claims.expires_at <= time.time() + lifetime


@pytest.mark.slow
@settings(max_examples=300)
@given(st.data())
def test_an_access_token_with_any_character_edited_is_refused(data: st.DataObject) -> None:
    token = RING.issue_access(USER, SESSION, 60)

    with pytest.raises(InvalidToken):
        RING.read_access(data.draw(edits(token)))


def test_exactly_one_text_is_an_access_token() -> None:
    token = RING.issue_access(USER, SESSION, 60)
    signed, _, signature = token.rpartition(".")

    for text in twins(signature):
        if text != signature:
            with pytest.raises(InvalidToken):
                RING.read_access(f"{signed}.{text}")


@given(texts)
def test_text_that_was_never_signed_is_not_an_access_token(text: str) -> None:
    for token in (text, f"{RING._keys[0].header_segment}.{text}"):
        with pytest.raises(InvalidToken):
            RING.read_access(token)


def test_an_access_token_ends_when_its_time_is_over() -> None:
    token = RING.issue_access(USER, SESSION, 60)

    with mock.patch.object(tokens, "time") as clock:
        clock.time.return_value = time.time() + 58
        RING.read_access(token)
        clock.time.return_value = time.time() + 61
        with pytest.raises(InvalidToken):
            RING.read_access(token)


def test_the_clock_of_another_server_may_be_a_little_ahead() -> None:
    with mock.patch.object(tokens, "time") as clock:
        clock.time.return_value = time.time() + CLOCK_LEEWAY - 1
        ahead = RING.issue_access(USER, SESSION, 60)
        clock.time.return_value = time.time() + CLOCK_LEEWAY + 10
        far_ahead = RING.issue_access(USER, SESSION, 60)

    RING.read_access(ahead)
    with pytest.raises(InvalidToken):
        RING.read_access(far_ahead)


def test_an_access_token_of_a_former_key_is_read_and_of_a_foreign_one_is_not() -> None:
    ring = Keyring(KEY, [FORMER])

    assert ring.read_access(Keyring(FORMER).issue_access(USER, SESSION, 60)).user_id == USER
    with pytest.raises(InvalidToken):
        ring.read_access(Keyring(FOREIGN).issue_access(USER, SESSION, 60))


def test_access_tokens_are_unique() -> None:
    assert RING.issue_access(USER, SESSION, 60) != RING.issue_access(USER, SESSION, 60)


# Links, challenges and codes


@given(uuids, uuids, st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True))
def test_challenge_and_code_hold_their_ids_and_the_provider(
    user_id: UUID, other_id: UUID, provider: str
) -> None:
    challenge = RING.issue_challenge(user_id, other_id, provider)
    code = RING.issue_sign_in_code(user_id, other_id, provider)

    assert RING.read_challenge(challenge.token) == challenge
    assert RING.read_sign_in_code(code.token) == code
    for issued in (challenge, code):
        assert (issued.user_id, issued.id, issued.provider) == (user_id, other_id, provider)


def test_challenge_after_a_password_names_no_provider() -> None:
    issued = RING.issue_challenge(USER, SESSION)

    assert RING.read_challenge(issued.token) == issued
    assert issued.provider == ""


def test_link_holds_its_user_and_its_id_only() -> None:
    issued = RING.issue_link(USER, SESSION)
    longer = tokens._sign_ids(RING._keys[0].link, USER, SESSION, "google")

    assert RING.read_link(issued.token) == issued
    with pytest.raises(InvalidToken):
        RING.read_link(longer)


@pytest.mark.slow
@given(st.data())
def test_challenge_with_any_character_edited_is_refused(data: st.DataObject) -> None:
    token = RING.issue_challenge(USER, SESSION, "google").token

    with pytest.raises(InvalidToken):
        RING.read_challenge(data.draw(edits(token)))


def test_each_use_has_a_key_of_its_own() -> None:
    key = RING._keys[0]
    derived = {key.derive(use) for use in ("access token", "refresh token", "cursor", "key id")}

    assert len(derived) == 4
    assert all(len(one) == 32 and KEY.encode() not in one for one in derived)

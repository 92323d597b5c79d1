"""Owner predicates whose removal has no effect, since another predicate also protects the rows.

Each names the predicate that remains, and why it is enough; `test_explained.py` checks both.
The long run fails if a removal goes undetected and neither this list nor `equal_ids.py` nor `UNNOTICED`
has it, or if one that is listed here is detected.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from duly.core.password_hashes import hash_password
from duly.core.tokens import InvalidToken, Keyring
from duly.models import Session, UserEmail
from duly.schemas.api_tokens import NewApiToken
from duly.schemas.auth import Credentials, Registration
from duly.services import task_pages
from duly.services.resource_types import RESOURCE_TYPES
from duly.utils.identifiers import new_id
from duly.utils.search import description_vector, search_query, title_vector
from duly.utils.tables import table_of
from tests.attack.predicates import BUILDERS, label_of
from tests.support.resources import REFERRED_ID


@dataclass(frozen=True)
class Reason:
    """`remains` is in the statement still, and `check` shows that it is enough.

    Where only a request can show it, `test` names the test of `test_explained.py` that sends it, with
    the predicate and without.
    """

    because: str
    remains: str
    check: Callable[[], None] | None = None
    test: str | None = None


def _no_two_hashes_are_alike() -> None:
    assert hash_password("the same", 4) != hash_password("the same", 4)


def _an_address_is_in_one_row() -> None:
    assert [column.name for column in table_of(UserEmail).primary_key] == ["email_key"]


def _no_token_names_anothers_session() -> None:
    keyring = Keyring("0f6a41ce2b7d9853" * 4)
    mine, theirs = keyring.issue_refresh(UUID(int=1), UUID(int=2)), UUID(int=3)
    raw = _raw(mine.token)
    for forged in (raw[:16] + theirs.bytes + raw[32:], theirs.bytes + raw[16:]):
        with pytest.raises(InvalidToken):
            keyring.read_refresh(_text(forged))
    # And nobody but us chooses a session's id.
    assert {column.name for column in table_of(Session).primary_key} == {"user_id", "id"}


def _no_code_names_anothers() -> None:
    keyring = Keyring("0f6a41ce2b7d9853" * 4)
    raw = _raw(keyring.issue_sign_in_code(UUID(int=1), UUID(int=2), "google").token)
    for forged in (raw[:16] + UUID(int=3).bytes + raw[32:], UUID(int=3).bytes + raw[16:]):
        with pytest.raises(InvalidToken):
            keyring.read_sign_in_code(_text(forged))


def _session_ids_are_new() -> None:
    assert new_id() != new_id()
    assert not {"id", "session_id"} & {*Registration.model_fields, *Credentials.model_fields}


def _token_ids_are_new() -> None:
    assert new_id() != new_id()
    assert not {"id", "token_id"} & {*NewApiToken.model_fields}


def _a_search_meets_no_word_of_another_user() -> None:
    mine, theirs = UUID(int=1), UUID(int=2)
    query = search_query(mine, 'milk -bread "two litres" -"oat milk" e-mail mil')
    words = title_vector(theirs, "milk"), description_vector(theirs, "two litres of oat milk")
    searched = {lexeme[:22] for lexeme in re.findall(r"'([^']*)'", query)}
    found = {lexeme[:22] for text in words for lexeme in text.split()}
    assert (len(searched), len(found)) == (1, 1)
    assert searched != found
    # One that must be there, so that a search for exclusions alone finds no other user's tasks.
    assert re.match(r"'[\w-]{22}' & ", query)


def _raw(token: str) -> bytes:
    from base64 import urlsafe_b64decode

    return urlsafe_b64decode(token + "=" * (-len(token) % 4))


def _text(raw: bytes) -> str:
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(raw).rstrip(b"=").decode()


_LEASED = (
    "the lease's expiry, to the microsecond, was read from the caller's own row; a test of its own "
    "shows that another user's lease with the same expiry stays, and goes without the predicate"
)
_DELETED = (
    "no export runs while the attackers delete their accounts; a test of its own shows that the "
    "lease of another user stays, and goes without the predicate"
)
_SALTED = "the row must have the hash that was read of the caller's account; each has its own salt"
_SEALED = "both the user and the session are read from a token that is sealed with our key"


def _searched_pages() -> Iterator[str]:
    """The owner's predicate of the search in each statement that searches."""
    for args, options in BUILDERS["services.task_pages.list_statement"]:
        [shape] = args
        if shape.is_searched:
            # What is read twice is written first.
            has_nulls = task_pages.SORTS[shape.sort.removeprefix("-")].has_nulls
            number = 0 if shape.is_counted or has_nulls else 1
            yield f"services.task_pages.list_statement{label_of(args, options)}#{number}"


_SEARCHED = Reason(
    "the lexemes of a search and of the index begin with their owner",
    "@@ CAST(%(words)s::VARCHAR AS TSQUERY)",
    _a_search_meets_no_word_of_another_user,
)


def _lookups() -> Iterator[tuple[str, tuple[str, str, Any]]]:
    """The look-ups after a write without a row, and a request that runs each."""
    for kind, shape, number in (
        ("list", "plain", 1),
        ("section", "in list", 2),
        ("label", "plain", 2),
        ("filter", "plain", 1),
        ("task", "plain", 1),
        ("task", "in list", 2),
    ):
        place = {"list_id": REFERRED_ID} if shape == "in list" else {}
        yield f"records.creation._lookup({kind} {shape})#{number}", ("POST", f"/{kind}s", place)
    for kind, field, number in (
        ("list", "name", 1),
        ("section", "name", 1),
        ("label", "name", 3),
        ("label", "color", 1),
        ("task", "description", 1),
    ):
        changes = {field: "#ff0000" if field == "color" else "too late"}
        name = f"records.changes._setting({kind} {field}).lookup#{number}"
        yield name, ("PATCH", f"/{kind}s/{{}}", changes)
    yield "records.changes.erasing(filter).lookup#1", ("DELETE", "/filters/{}", None)
    yield "services.task_completion.ERASE.lookup#3", ("DELETE", "/tasks/{}?permanent=true", None)
    yield "services.task_trees.TRASH.lookup#3", ("DELETE", "/tasks/{}", None)
    for action, number in (("complete", 3), ("reopen", 5), ("restore", 3)):
        # Named after the first module that has it.
        module = "task_trees" if action == "restore" else "task_completion"
        name = f"services.{module}.{action.upper()}.lookup#{number}"
        yield name, ("POST", f"/tasks/{{}}/{action}", None)


LOOKUPS = dict(sorted(_lookups()))

_CASCADES = {
    "services.task_trees.TRASH": ("DELETE", "/tasks/{}"),
    "services.task_trees.RESTORE": ("POST", "/tasks/{}/restore"),
    "services.task_completion.COMPLETE": ("POST", "/tasks/{}/complete"),
    "services.task_completion.REOPEN": ("POST", "/tasks/{}/reopen"),
    "services.task_completion.ERASE": ("DELETE", "/tasks/{}?permanent=true"),
}
TOO_MANY = {
    f"{name}.lookup#{number}": request for name, request in _CASCADES.items() for number in (0, 1)
}
"""The look-ups that count what a request would change, and the request."""

EXPLAINED = {
    **dict.fromkeys(_searched_pages(), _SEARCHED),
    **dict.fromkeys(
        (f"services.sync._PAGE#{number}" for number, _ in enumerate(RESOURCE_TYPES, start=4)),
        Reason(
            "it picks which of the caller's own tombstones are reported; that resources of others "
            "have no say in it, a test of its own shows, with the predicate and without",
            "tombstones.user_id = %(user_id)s",
            test="test_deletion_is_reported_if_another_user_has_the_same_id",
        ),
    ),
    **dict.fromkeys(
        LOOKUPS,
        Reason(
            "it says whether the caller's own account is active; a test of its own shows that, "
            "without it, the statement that locks the account says the same",
            "users.disabled_at IS NULL",
            test="test_write_of_a_disabled_user_is_rejected_by_the_lock_as_well",
        ),
    ),
    **dict.fromkeys(
        TOO_MANY,
        Reason(
            "it counts what the statement would have changed, which has found too much already; a "
            "test of its own shows, with the predicate and without, that the tasks of others do not "
            "count",
            "FROM tree",
            test="test_number_of_too_many_changes_is_that_of_own_tasks",
        ),
    ),
    **{
        f"services.task_completion.{name}#3": Reason(
            "it decides which of two statements runs, and both change the caller's tasks only; a "
            "test of its own shows, with the predicate and without, that the response is the same",
            "tasks.user_id = %(user_id)s",
            test="test_subtask_of_another_user_does_not_change_the_response",
        )
        for name in ("COMPLETE_ONE", "REOPEN_ONE")
    },
    "records.order._beside(task list_id is_before=True is_inclusive=True)#0": Reason(
        "the nearest is the anchor itself, which is the caller's; if the anchor is elsewhere, a test "
        "of its own shows that another user's task with the same id is not used instead",
        "anchor.user_id = %(user_id)s",
        test="test_task_of_another_user_is_not_used_as_an_anchor",
    ),
    "records.commands.LOCK#0": Reason(
        "it locks the row of the caller; a test of its own shows, with the predicate and without, "
        "that a batch does not wait for other users",
        "users.disabled_at IS NULL",
        test="test_batch_waits_for_no_other_user",
    ),
    **{
        f"{name}#0": Reason(because, remains, test="test_lease_of_another_user_is_untouched")
        for name, because, remains in (
            ("services.exports._RENEW", _LEASED, "export_leases.expires_at = %(mine)s"),
            ("services.exports._RELEASE", _LEASED, "export_leases.expires_at = %(mine)s"),
            ("services.users._DELETE_LEASE", _DELETED, "DELETE FROM export_leases"),
        )
    },
    "services.auth._SET_PASSWORD#0": Reason(
        _SALTED, "users.password_hash = %(old_hash)s", _no_two_hashes_are_alike
    ),
    "services.auth._REHASH#0": Reason(
        _SALTED, "users.password_hash = %(old_hash)s", _no_two_hashes_are_alike
    ),
    "services.sessions._ADMIT#0": Reason(
        _SALTED, "users.password_hash = %(password_hash)s", _no_two_hashes_are_alike
    ),
    "services.sessions._ADMIT_WITHOUT_PASSWORD#0": Reason(
        "no attacker has an account without a password; a test of its own shows that the accounts "
        "of others stay as they are, and change without the predicate",
        "users.password_hash IS NULL",
        test="test_sign_in_changes_no_other_account_without_a_password",
    ),
    "services.sessions._IS_RECENT#0": Reason(
        "the id is that of the caller's access token, and nobody but us chooses a session's id",
        "sessions.id = %(session_id)s",
        _session_ids_are_new,
    ),
    "services.sign_in_codes._USE#0": Reason(
        "both the user and the code are read from a code that is sealed with our key",
        "sign_in_codes.digest = %(digest)s",
        _no_code_names_anothers,
    ),
    "services.sessions._OPEN#0": Reason(
        "it picks which of the user's own sessions are beyond the limit; a test of its own shows, "
        "with the predicate and without, that the sessions of others do not count",
        "sessions.id = beyond.id",
        test="test_session_limit_counts_own_sessions_only",
    ),
    "services.sessions._OPEN#1": Reason(
        "the ids are those of the user's own sessions, and nobody but us chooses a session's id",
        "sessions.id = beyond.id",
        _session_ids_are_new,
    ),
    "services.api_tokens._CREATE#0": Reason(
        "it counts the user's own tokens; a test of its own shows, with the predicate and without, "
        "that the tokens of others do not count",
        "< %(limit)s",
        test="test_token_limit_counts_own_tokens_only",
    ),
    "services.api_token_uses._READ#0": Reason(
        "the id is read from the row of the token's hash, and nobody but us chooses a token's id",
        "api_tokens.id = %(token_id)s",
        _token_ids_are_new,
    ),
    "services.api_token_uses._READ#1": Reason(
        "it says whether the token's own account is active; a test of its own shows, with the "
        "predicate and without, that other accounts do not count",
        "users.disabled_at IS NULL",
        test="test_token_of_a_disabled_user_is_rejected",
    ),
    "services.session_refresh._ROTATE#0": Reason(
        _SEALED, "sessions.id = %(session_id)s", _no_token_names_anothers_session
    ),
    "services.session_refresh._END_REUSED#0": Reason(
        _SEALED, "sessions.id = %(session_id)s", _no_token_names_anothers_session
    ),
    "services.identities._END#0": Reason(
        "the id was read from the caller's own row, and nobody but us chooses the id of an identity",
        "user_identities.id = %(identity_id)s",
        _session_ids_are_new,
    ),
    "services.email_keys._DROP#0": Reason(
        "the address is the one of the caller's own row, and no two rows have the same",
        "user_emails.email_key = %(email_key)s",
        _an_address_is_in_one_row,
    ),
}


def shown_by(test: str) -> list[str]:
    """The mutants that a test of `test_explained.py` must distinguish from the statement."""
    return [name for name, reason in EXPLAINED.items() if reason.test == test]

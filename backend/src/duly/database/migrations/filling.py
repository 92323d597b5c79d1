"""New columns of the rows of all users, filled in while Duly serves requests.

A batch is a transaction. It locks the rows of its users first, as all writers do, so it waits for no
other row, and no request waits for longer than a batch takes.
"""

from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from uuid import UUID

from duly.database.migrations.online import Driver
from duly.utils.name_keys import name_key
from duly.utils.order_keys import appended, between

_BATCH = 1_000
"""Rows that a transaction changes, at most, and users that it locks."""

_UNORDERED = "a0"
"""The default of `position`."""

_MAX_NAME = 120

_FIRST = UUID(int=0)
_USERS = b"SELECT id, {} FROM users WHERE id > %s ORDER BY id LIMIT %s"
_LOCK = b"SELECT id FROM users WHERE id = ANY(%s) FOR NO KEY UPDATE"


def fill_positions(driver: Driver, table: str, counter: str, *more: str) -> None:
    """Put the resources of each user into the order in which they were created.

    `counter` is the column of `users` that counts them; `more` are other columns to set, in SQL.
    """
    values = ", ".join(["position = given.position", *more])
    write = f"""
        UPDATE {table} SET {values}
        FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS given (user_id, id, position)
        WHERE {table}.user_id = given.user_id AND {table}.id = given.id
    """.encode()  # noqa: S608  # three constants
    newest = f"SELECT user_id, max(position) FROM {table} WHERE user_id = ANY(%s) GROUP BY 1"  # noqa: S608  # a constant
    find = f"""
        SELECT user_id, id FROM {table} WHERE user_id = ANY(%s) AND position = '{_UNORDERED}'
        ORDER BY user_id, created_at, id LIMIT {_BATCH}
    """  # noqa: S608  # three constants

    def work(users: list[UUID]) -> bool:
        found = driver.execute(find.encode(), [users]).fetchall()
        # A user has had as many revisions as resources, so these keys are before all later ones.
        last = {
            user_id: max(position, appended(0))
            for user_id, position in driver.execute(newest.encode(), [users])
        }
        positions = []
        for user_id, _ in found:
            last[user_id] = between(last[user_id], None)
            positions.append(last[user_id])
        owners, ids = [user_id for user_id, _ in found], [row_id for _, row_id in found]
        driver.execute(write, [owners, ids, positions])
        return len(found) == _BATCH

    _for_users(driver, counter, work)


def fill_label_names(driver: Driver) -> None:
    """Set `name_key` where it is not that of the name.

    Of labels with the same name, the second and those after it get a number and a new revision.
    """

    def work(users: list[UUID]) -> bool:
        labels = driver.execute(
            b"SELECT user_id, id, name, name_key FROM labels "
            b"WHERE user_id = ANY(%s) ORDER BY user_id, created_at, id",
            [users],
        ).fetchall()
        for user_id, of_user in groupby(labels, key=itemgetter(0)):
            _fill_names(driver, user_id, [label[1:] for label in of_user])
        return False

    _for_users(driver, "label_count", work)


def _fill_names(driver: Driver, user_id: UUID, labels: list[tuple[UUID, str, str | None]]) -> None:
    taken: set[str] = set()
    changed: list[tuple[UUID, str, str]] = []
    renamed: list[UUID] = []
    for label_id, name, stored_key in labels:
        new_name = _free(name, taken)
        taken.add(name_key(new_name))
        if new_name != name:
            renamed.append(label_id)
        if stored_key != name_key(new_name):
            changed.append((label_id, new_name, name_key(new_name)))
    if not changed:
        return
    ids, names, keys = (list(column) for column in zip(*changed, strict=True))
    # First, since the key of one may have been that of another.
    driver.execute(
        b"UPDATE labels SET name_key = NULL "
        b"WHERE user_id = %s AND id = ANY(%s) AND name_key IS NOT NULL",
        [user_id, ids],
    )
    driver.execute(
        b"UPDATE labels SET name = given.name, name_key = given.name_key "
        b"FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS given (id, name, name_key) "
        b"WHERE labels.user_id = %s AND labels.id = given.id",
        [ids, names, keys, user_id],
    )
    for label_id in renamed:
        driver.execute(
            b"WITH owner AS (UPDATE users SET revision = revision + 1 WHERE id = %s RETURNING *) "
            b"UPDATE labels SET revision = owner.revision, updated_at = clock_timestamp() "
            b"FROM owner WHERE labels.user_id = owner.id AND labels.id = %s",
            [user_id, label_id],
        )


def _free(name: str, taken: set[str]) -> str:
    """Return the name, or one with a number if its key is taken."""
    free, number = name, 1
    while name_key(free) in taken:
        number += 1
        suffix = f" ({number})"
        free = name[: _MAX_NAME - len(suffix)] + suffix
    return free


def _for_users(driver: Driver, counter: str, work: Callable[[list[UUID]], bool]) -> None:
    """Call `work` for all users, in transactions that lock them, until it returns false.

    Users who are locked meanwhile come last and alone: a batch that waits for one user must not
    keep others waiting.
    """
    busy: list[UUID] = []
    for users in _groups(driver, counter):
        busy += _work(driver, users, work)
    for user in busy:
        _work(driver, [user], work)


def _work(driver: Driver, users: list[UUID], work: Callable[[list[UUID]], bool]) -> set[UUID]:
    """Do the work for some users; return those who were locked."""
    lock = _LOCK + (b" SKIP LOCKED" if len(users) > 1 else b"")
    busy: set[UUID] = set()
    has_more = True
    while has_more:
        with driver.transaction():
            locked = [user_id for (user_id,) in driver.execute(lock, [users])]
            has_more = bool(locked) and work(locked)
        if len(users) > 1:
            busy |= set(users) - set(locked)
    return busy


def _groups(driver: Driver, counter: str) -> Iterator[list[UUID]]:
    """All users, in groups that have a batch of rows together, or one user."""
    read = _USERS.replace(b"{}", counter.encode())
    group: list[UUID] = []
    size, last = 0, _FIRST
    while page := driver.execute(read, [last, _BATCH]).fetchall():
        for user_id, count in page:
            if group and (size + count > _BATCH or len(group) == _BATCH):
                yield group
                group, size = [], 0
            group.append(user_id)
            size += count
        last = page[-1][0]
    if group:
        yield group

"""JSON as it is sent, and the identifiers in it."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from duly.utils.encoding import RepeatedMember, decode, encode
from duly.utils.identifiers import new_id


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, 678901),  # noqa: DTZ001  # as rows carry it
    ],
)
def test_a_time_is_rfc_3339_in_utc(moment: datetime) -> None:
    assert encode(moment) == b'"2026-01-02T03:04:05.678901Z"'


def test_a_time_of_another_zone_says_so() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))

    assert encode(moment) == b'"2026-01-02T03:04:05+02:00"'


def test_a_row_is_an_object() -> None:
    row = {
        "id": UUID(int=1),
        "title": 'é "quoted" <b>',
        "completed_at": None,
        "is_completed": True,
    }

    assert encode([row]).decode() == (
        '[{"id":"00000000-0000-0000-0000-000000000001","title":"é \\"quoted\\" <b>",'
        '"completed_at":null,"is_completed":true}]'
    )


def test_ids_made_later_sort_later() -> None:
    ids = [new_id() for _ in range(1000)]

    assert sorted(ids) == ids
    assert len(set(ids)) == 1000


def test_an_id_is_a_uuid_of_version_7() -> None:
    made = new_id()

    assert type(made) is UUID
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":{"b":1,"c":2,"b":3}}',
        b'[{"x":1},{"x":1,"x":1}]',
        b'{"a":' + b"9" * 300 + b',"a":1}',
    ],
    ids=lambda text: text[:40].decode(),
)
def test_repeated_member_is_rejected(text: bytes) -> None:
    with pytest.raises(RepeatedMember):
        decode(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a":1,"A":2}', {"a": 1, "A": 2}),
        (b'[{"a":1},{"a":1}]', [{"a": 1}, {"a": 1}]),
        (b'{"a":{"a":1}}', {"a": {"a": 1}}),
        (b'{"e\xcc\x81":1,"\xc3\xa9":2}', {"e\u0301": 1, "\u00e9": 2}),
        (b"{}", {}),
        (b"null", None),
    ],
)
def test_members_of_different_names_are_kept(text: bytes, value: object) -> None:
    assert decode(text) == value


@pytest.mark.parametrize("depth", [990, 1_020, 5_000, 400_000])
def test_deep_nesting_is_parsed_or_rejected(depth: int) -> None:
    with contextlib.suppress(ValueError):
        decode(b'{"a":' * depth + b"1" + b"}" * depth)

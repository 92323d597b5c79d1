"""JSON as it is sent, and the identifiers in it."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from duly.utils.encoding import encode
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

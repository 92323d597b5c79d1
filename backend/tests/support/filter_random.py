"""Random tasks and random filters, close enough to each other that about half of them match."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from duly.filter_language import FilterError, parse
from duly.utils.name_keys import name_key
from tests.support.filter_oracle import Viewpoint
from tests.support.filter_vectors import Sample

_ZONES = [
    *("Etc/UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "Asia/Kolkata"),
    *("Pacific/Kiritimati", "Pacific/Pago_Pago", "Australia/Lord_Howe", "Africa/Cairo"),
]
_NAMES = ["Work", "WORK", "Wörk", "Straße", "strasse", "a*b", "50%", "a_b", "Σ", "In", "x" * 120]
_WORDS = ["milk", "Milkshake", "bread", "two", "litres", "crème", "-", "it"]
_FIELDS = ["due", "start", "created", "updated", "completed"]
_DAYS = ["today", "tomorrow", "yesterday", "monday", "wednesday", "sunday"]
_STATES = ["open", "completed", "overdue", "recurring", "subtask", "today"]
_EMPTY = ["priority", "due", "start", "label", "list"]


def random_sample(drawn: Random, tasks: int = 20) -> Sample:
    """Tasks around a random day, half of whose members are null."""
    today = date(2026, 1, 1) + timedelta(days=drawn.randrange(500))
    zone = drawn.choice(_ZONES)
    lists = [{"id": f"l{n}", "name": name} for n, name in enumerate(drawn.sample(_NAMES, 5))]
    sections = [
        {"id": f"s{n}", "list_id": f"l{n % 5}", "name": drawn.choice(_NAMES)} for n in range(7)
    ]
    names = {name_key(name): name for name in drawn.sample(_NAMES, 6)}
    labels = [{"id": f"b{n}", "name": name} for n, name in enumerate(names.values())]
    ids = [({one["id"]: one["name"] for one in kind}) for kind in (lists, sections, labels)]
    return Sample(
        "random",
        Viewpoint(zone, today, *ids),
        lists,
        sections,
        labels,
        [_task(drawn, n, today, zone, sections=sections, labels=labels) for n in range(tasks)],
        [],
    )


def _task(
    drawn: Random,
    number: int,
    today: date,
    zone: str,
    *,
    sections: Sequence[dict[str, Any]],
    labels: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    section = drawn.choice([None, *sections])
    in_list = drawn.choice([None, "l0", "l1", "l2", "l3", "l4"])
    due = drawn.choice([None, _moment(drawn, today)])
    return {
        "id": f"t{number}",
        "title": " ".join(drawn.choices(_WORDS, k=3)),
        "description": drawn.choice([None, " ".join(drawn.choices(_WORDS, k=4))]),
        "list_id": section["list_id"] if section else in_list,
        "section_id": section and section["id"],
        "parent_id": drawn.choice([None, "t0"]) if number else None,
        "priority": drawn.choice([None, 1, 2, 3, 4]),
        "label_ids": [one["id"] for one in drawn.sample(labels, drawn.choice([0, 0, 1, 3]))],
        "start": drawn.choice([None, _moment(drawn, today)]),
        "due": due,
        "recurrence": {"rule": "FREQ=DAILY"} if due and drawn.random() < 0.5 else None,
        "created_at": _instant(drawn, today, zone),
        "updated_at": _instant(drawn, today, zone),
        "completed_at": drawn.choice([None, _instant(drawn, today, zone)]),
    }


def _moment(drawn: Random, today: date) -> dict[str, Any]:
    day = (today + timedelta(days=drawn.randint(-3, 3))).isoformat()
    at = drawn.choice([None, "00:00", "02:30", "12:00", "23:59"])
    zone = drawn.choice([None, *_ZONES]) if at else None
    return {"date": day, "time": at, "timezone": zone}


def _instant(drawn: Random, today: date, zone: str) -> str:
    """An instant at which a local day begins, or one near it."""
    midnight = datetime.combine(today + timedelta(days=drawn.randint(-2, 2)), time())
    at = midnight.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    shift = drawn.choice([0, 0, -1, 1, drawn.randrange(86_400_000_000)])
    return (at + timedelta(microseconds=shift)).isoformat()


def random_filter(drawn: Random, sample: Sample) -> str:
    """A filter of one to eight terms."""
    while True:
        text = _any(drawn, sample, drawn.choice([1, 1, 2, 2, 3, 4, 6, 8]))
        with suppress(FilterError):  # one is too deep, or has two separate searches
            parse(text)
            return text


def _any(drawn: Random, sample: Sample, terms: int) -> str:
    if terms == 1:
        return drawn.choice(["", "", "!"]) + _term(drawn, sample)
    left = drawn.randrange(1, terms)
    parts = (_any(drawn, sample, left), _any(drawn, sample, terms - left))
    return drawn.choice(["{} & {}", "{} | {}", "({} | {})", "!({} & {})", "!({} | {})"]).format(
        *parts
    )


def _term(drawn: Random, sample: Sample) -> str:
    kind = drawn.randrange(12)
    if kind < 5:
        sign = drawn.choice(["<", "<=", "=", ">=", ">"])
        return f"{drawn.choice(_FIELDS)} {sign} {_day(drawn, sample.view.today)}"
    if kind == 5:
        return drawn.choice(_STATES)
    if kind == 6:
        return f"no {drawn.choice(_EMPTY)}"
    if kind == 7:
        return f"p{drawn.randint(1, 4)}"
    if kind == 8:
        words = " ".join(drawn.choices([*_WORDS, "mi", "-two", '\\"two litres\\"'], k=2))
        return f'search: "{words}"'
    return _name(drawn)


def _day(drawn: Random, today: date) -> str:
    near = (today + timedelta(days=drawn.randint(-2, 2))).isoformat()
    day = drawn.choice([*_DAYS, near])
    return day + drawn.choice(["", "", " + 1 day", " - 2 days", " - 1 week"])


def _name(drawn: Random) -> str:
    sign, name = drawn.choice("#/@"), drawn.choice([*_NAMES, "nothing"])
    name = drawn.choice([name, name.lower(), name.upper()])
    if drawn.random() < 0.3:
        return f"{sign}{name[: drawn.randrange(3)]}*"
    if drawn.random() < 0.2:
        return drawn.choice(["#inbox", f"{sign}*"])
    return f'{sign}"{name}"'

"""Random recurrence rules: ordinary ones, and ones that rarely or never have a date."""

import random
from collections.abc import Iterable

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")


def random_rule(rng: random.Random) -> str:
    """Return a rule of ordinary parts, in a random combination."""
    frequency = rng.choice(_FREQUENCIES)
    parts = [f"FREQ={frequency}"]
    if rng.random() < 0.6:
        parts.append(f"INTERVAL={rng.choice([1, 2, 3, 4, 6, 7, 12, rng.randint(1, 60)])}")
    limits = []
    if rng.random() < 0.35:
        limits.append(_list("BYMONTH", rng.sample(range(1, 13), rng.randint(1, 4))))
    if frequency != "WEEKLY" and rng.random() < 0.35:
        limits.append(_list("BYMONTHDAY", (_signed(rng, 31) for _ in range(rng.randint(1, 4)))))
    if rng.random() < 0.5:
        largest = 50 if frequency == "YEARLY" and "BYMONTH=" not in "".join(limits) else 5
        has_numbers = frequency in {"MONTHLY", "YEARLY"} and rng.random() < 0.5
        limits.append(_weekdays(rng, largest if has_numbers else 0))
    if limits and rng.random() < 0.3:
        limits.append(_list("BYSETPOS", (_signed(rng, 5) for _ in range(rng.randint(1, 2)))))
    if rng.random() < 0.3:
        parts.append(f"WKST={rng.choice(_WEEKDAYS)}")
    return ";".join(parts + limits)


def hostile_rule(rng: random.Random) -> str:
    """Return a rule whose parts rarely or never go together."""
    frequency = rng.choice(_FREQUENCIES)
    sevens, cycle = 7 * rng.randint(1, 142), rng.choice([27, 189, 773, 100, 400, 12, 999])
    parts = [f"FREQ={frequency}"]
    if rng.random() < 0.8:
        parts.append(f"INTERVAL={rng.choice([rng.randint(1, 999), sevens, cycle])}")
    limits = []
    if rng.random() < 0.7:
        limits.append(f"BYMONTH={rng.choice(['2', '4', '2,4', '1,12'])}")
    if frequency != "WEEKLY" and rng.random() < 0.7:
        days = ["29", "30", "31", "-29", "-30", "-31", "29,-1", "1,-31"]
        limits.append(f"BYMONTHDAY={rng.choice(days)}")
    if rng.random() < 0.6:
        if frequency in {"DAILY", "WEEKLY"} or rng.random() < 0.3:
            limits.append(f"BYDAY={rng.choice(['MO,TU,WE,TH,FR,SA', 'MO', 'TU,WE', 'SU'])}")
        else:
            number = rng.choice([5, 6, 52, 53, -5, -6, -52, -53])
            limits.append(f"BYDAY={number}{rng.choice(_WEEKDAYS)}")
    if limits and rng.random() < 0.3:
        limits.append(f"BYSETPOS={rng.choice([1, 2, 3, 5, 6, -7, 53, 366])}")
    return ";".join(parts + limits)


def _signed(rng: random.Random, largest: int) -> int:
    return rng.choice([-1, 1]) * rng.randint(1, largest)


def _weekdays(rng: random.Random, largest: int) -> str:
    return _list(
        "BYDAY",
        (
            f"{_signed(rng, largest) if largest else ''}{rng.choice(_WEEKDAYS)}"
            for _ in range(rng.randint(1, 4))
        ),
    )


def _list(name: str, values: Iterable[object]) -> str:
    return f"{name}={','.join(map(str, values))}"

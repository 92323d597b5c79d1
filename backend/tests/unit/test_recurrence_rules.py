"""Recurrence rules: what is read of them, and how mistakes are reported."""

from datetime import date

import pytest

from duly.recurrence.rules import Day, Frequency, InvalidRule, Rule, parse_rule


def test_rule_has_what_the_text_says() -> None:
    text = "FREQ=YEARLY;INTERVAL=2;BYMONTH=12,3;BYDAY=-1SU,MO;BYSETPOS=-1,2;WKST=SU;COUNT=1000"

    assert parse_rule(text) == Rule(
        Frequency.YEARLY,
        interval=2,
        by_month=(3, 12),
        by_day=(Day(0, 0), Day(6, -1)),
        by_set_position=(-1, 2),
        week_start=6,
        count=1000,
    )


def test_rule_without_optional_parts_has_defaults() -> None:
    assert parse_rule("FREQ=DAILY") == Rule(Frequency.DAILY, interval=1, week_start=0)


def test_until_is_a_date() -> None:
    assert parse_rule("FREQ=MONTHLY;BYMONTHDAY=-1,+1;UNTIL=99991231") == Rule(
        Frequency.MONTHLY, by_month_day=(-1, 1), until=date(9999, 12, 31)
    )


def test_rules_in_other_spellings_are_equal() -> None:
    spellings = {
        parse_rule(text)
        for text in (
            "FREQ=MONTHLY;BYDAY=1MO,FR",
            "rrule:byday=fr,+1mo;freq=Monthly",
            "RRULE:FREQ=MONTHLY;BYDAY=FR,01MO,FR;INTERVAL=001;WKST=mo",
        )
    }

    assert len(spellings) == 1


def test_rule_of_200_characters_is_accepted() -> None:
    text = "FREQ=MONTHLY;BYMONTHDAY=" + "1," * 87 + "31"

    assert len(text) == 200
    assert parse_rule(text).by_month_day == (1, 31)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FREQ=SECRET", "FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY"),
        ("INTERVAL=2", "FREQ is required"),
        ("FREQ=DAILY;FREQ=DAILY", "FREQ must not be repeated"),
        ("FREQ=DAILY;INTERVAL=1234", "INTERVAL must be a number from 1 to 999"),
        ("FREQ=DAILY;COUNT=5678", "COUNT must be a number from 1 to 1000"),
        ("FREQ=YEARLY;BYMONTH=13", "BYMONTH must list numbers from 1 to 12, separated by commas"),
        (
            "FREQ=MONTHLY;BYMONTHDAY=45",
            "BYMONTHDAY must list numbers from 1 to 31 or -1 to -31, separated by commas",
        ),
        (
            "FREQ=MONTHLY;BYDAY=99MO",
            (
                "BYDAY must list MO, TU, WE, TH, FR, SA, SU, separated by commas, "
                "each with an optional number from 1 to 53 or -1 to -53 before it"
            ),
        ),
        ("FREQ=WEEKLY;WKST=SECRET", "WKST must be one of MO, TU, WE, TH, FR, SA, SU"),
        (
            "FREQ=DAILY;UNTIL=20261231T000000Z",
            "UNTIL must be a date such as 20261231, without a time",
        ),
        (
            "FREQ=DAILY;SECRET=1",
            (
                "Must consist of parts NAME=value, separated by semicolons; the names are FREQ, "
                "INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS, WKST, COUNT, UNTIL"
            ),
        ),
        ("FREQ=DAILY;COUNT=2;UNTIL=20261231", "COUNT and UNTIL must not be combined"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY must not be combined with FREQ=WEEKLY"),
        (
            "FREQ=WEEKLY;BYDAY=1MO",
            "BYDAY can have numbers only with FREQ=MONTHLY or FREQ=YEARLY",
        ),
        ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS requires BYDAY, BYMONTHDAY or BYMONTH"),
        ("x" * 201, "Must be at most 200 characters long"),
        ("FREQ=täglich", "Must be a rule such as FREQ=WEEKLY;BYDAY=MO, in ASCII"),
    ],
)
def test_message_says_what_is_allowed_and_repeats_no_input(text: str, message: str) -> None:
    with pytest.raises(InvalidRule) as raised:
        parse_rule(text)

    assert str(raised.value) == message

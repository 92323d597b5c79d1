"""English."""

from datetime import time

from duly.quick_add.languages.language import (
    JOINED_WEEKDAYS,
    NUMERIC_DAY,
    ZONE_NAME,
    Language,
    words,
)

_MONTHS = "(?:each |<every>)(?:<interval> |<nth> |<other> )?months?"
# "of every 3 months"; the second one also without "of".
_OF_MONTHS = f"(?P<of_month> of {_MONTHS})"
_EACH_MONTH = f"(?P<of_month> (?:of )?{_MONTHS})"

_PREPOSITIONS = "(?:about|after|around|before|between|by|from|(?:(?:beginning|starting) )?on|starting|till|until)"

ENGLISH = Language(
    relative_days={
        "today": 0,
        "tomorrow": 1,
        "tmrw": 1,
        "day after tomorrow": 2,
        "the day after tomorrow": 2,
    },
    weekdays={
        "monday": 0,
        "tuesday": 1,
        "tues": 1,
        "tue": 1,
        "wednesday": 2,
        "thursday": 3,
        "thurs": 3,
        "thur": 3,
        "thu": 3,
        "friday": 4,
        "fri": 4,
        "saturday": 5,
        "sunday": 6,
    },
    short_weekdays={"mon": 0, "wed": 2, "sat": 5, "sun": 6},
    nouns=frozenset({"sun"}),
    capitalized_nouns=frozenset(),
    months={
        "january": 1,
        "jan": 1,
        "february": 2,
        "feb": 2,
        "march": 3,
        "mar": 3,
        "april": 4,
        "apr": 4,
        "may": 5,
        "june": 6,
        "jun": 6,
        "july": 7,
        "jul": 7,
        "august": 8,
        "aug": 8,
        "september": 9,
        "sept": 9,
        "sep": 9,
        "october": 10,
        "oct": 10,
        "november": 11,
        "nov": 11,
        "december": 12,
        "dec": 12,
    },
    clear_months=frozenset({"feb", "apr", "jul", "aug", "sept", "sep", "oct", "nov", "dec"}),
    units={
        "day": "DAILY",
        "days": "DAILY",
        "week": "WEEKLY",
        "weeks": "WEEKLY",
        "month": "MONTHLY",
        "months": "MONTHLY",
        "year": "YEARLY",
        "years": "YEARLY",
    },
    cadences={
        "daily": "DAILY",
        "weekly": "WEEKLY",
        "monthly": "MONTHLY",
        "yearly": "YEARLY",
        "annually": "YEARLY",
    },
    numbers={
        "one": 1,
        "two": 2,
        "three": 3,
        "four": 4,
        "five": 5,
        "six": 6,
        "seven": 7,
        "eight": 8,
        "nine": 9,
        "ten": 10,
    },
    ordinals={
        "first": 1,
        "1st": 1,
        "second": 2,
        "2nd": 2,
        "third": 3,
        "3rd": 3,
        "fourth": 4,
        "4th": 4,
        "fifth": 5,
        "5th": 5,
        "last": -1,
    },
    day_parts={
        "morning": time(9),
        "noon": time(12),
        "afternoon": time(15),
        "evening": time(19),
    },
    has_compounds=False,
    vocabulary={
        "on": "(?:on|by) ",
        "at": "(?:at|around|by|@) ",
        "next": "next",
        "suffix": "st|nd|rd|th",
        "am": r"a\.?m\.?",
        "pm": r"p\.?m\.?",
        "noon": "noon",
        "every": "(?:(?:by|on) )?every(?P<after>!)? ",
        "nth": "[0-9]{1,3}(?:st|nd|rd|th)|second|third|fourth|fifth",
        "other": "other",
        "of_month": " (?:of|in) (?:the|each|every) month| of month",
        "last_day": "last day",
        "workdays": "weekday|workday|working day",
        "weekdays": "(?:WEEKDAY)s?(?:(?:, and |, ?| and | & | )(?:every )?(?:WEEKDAY)s?){0,6}",
        "ordinals": "(?:ORDINAL)(?:(?:, and |, ?| and | & )(?:the )?(?:ORDINAL)){0,4}",
        "monthdays": (
            "[1-3]?[0-9](?:st|nd|rd|th)(?:(?:, and |, ?| and | & )[1-3]?[0-9](?:st|nd|rd|th)){0,9}"
        ),
    },
    dates=(
        "(?:by )?<relative>",
        "<on>?<weekday> in (?:<n>|an?) <unit>",
        "in (?:<n>|an?) <unit>,? (?:on )?<weekday>",
        "in <n> <unit>",
        "in an? (?P<unit>week|month|year)",
        "(?:by )?<next> week (?:on )?<weekday>",
        "<on>?<weekday> <next> week",
        "(?:by )?<next> (?P<unit>week)",
        "<on>?<next> <weekday>",
        "(?P<on>(?:on |by )?(?:this |(?:this )?coming ))<weekday>",
        "<on>?(?:<any_weekday>,? )?<iso>",
        (
            "<on>?<month> [0-9]{1,2}(?:st|nd|rd|th)?(?:(?:, and |, ?| and | & )"
            "(?P<trailing>(?P<monthdays>[0-9]{1,2}(?:st|nd|rd|th)?))){1,9}"
        ),
        "<on>?(?:<any_weekday>,? )?(?:the )?<day><suffix>? (?:of )?<month>(?:,? <year>)?",
        "<on>?(?:<any_weekday>,? )?<month> <day><suffix>?(?:,? <year>)?",
        "<on>?<weekday>,? the <monthdays>",
        "<on>?<weekday>,? (?P<trailing><monthdays>)",
        "<on>?<weekday>",
    ),
    times=(
        "<at>?(?P<hour>1[0-2]|0?[1-9])(?:[:.]<minute>)? ?(?:<am>|<pm>)",
        "<at>?<hour>:<minute>",
        "at <noon>",
    ),
    durations=(
        "for <hours> ?(?:h|hr|hrs|hour|hours),? ?(?:and )?<minutes> ?(?:m|min|mins|minute|minutes)",
        "for <hours>h<minutes>",
        "for <hours> ?(?:h|hr|hrs|hour|hours)",
        "for <minutes> ?(?:m|min|mins|minute|minutes)",
    ),
    recurrences=(
        "<every><last_day><of_month>",
        "<every>(?:<interval> |<nth> |<other> )?(?P<unit>months?) (?:on )?(?:the )?<last_day>",
        "<every>(?:<interval> |<nth> |<other> )?(?P<unit>months?) on the <ordinals> <weekday>",
        (
            "<every>(?:<interval> |<nth> |<other> )?(?P<unit>months?) <on>(?:the )?"
            "(?P<trailing><monthdays>|<ordinals>)"
        ),
        "<every>(?:<interval> |<nth> |<other> )?(?P<unit>weeks?) <on>?<weekdays>",
        "<every>(?:<interval> )?(?P<unit>years?) on (?:the )?<day><suffix>? (?:of )?<month>",
        "<every>(?:<interval> )?(?P<unit>years?) on <month> <day><suffix>?",
        r"(?:on )?(?=\w{3,6}days\b)<weekdays> <every>(?:<interval> |<nth> |<other> )?(?P<unit>weeks?)",
        "<every>(?:<interval> |<nth> |<other> )?<unit>",
        "<every><ordinals> <weekday><of_month>",
        "<every>(?P<ordinals>first|last|[1-5](?:st|nd|rd|th)) <weekday>",
        f"<on>?(?:the )?<ordinals> <weekday>{_EACH_MONTH}",
        f"<on>?(?:the )?<last_day>{_EACH_MONTH}",
        f"<on>?(?:the )?<monthdays>{_EACH_MONTH}",
        f"<on>?(?:the )?<ordinals>{_OF_MONTHS}",
        "<every><workdays>",
        "(?P<trailing>(?:on )?(?P<workdays>weekdays))",
        "<every>(?P<weekend>weekend)",
        "(?P<trailing>(?:on )?(?P<weekend>weekends))",
        "(?P<trailing><cadence>)",
        (
            "(?P<each_day>every(?P<after>!)?)"
            r"(?= (?:morning|noon|afternoon|evening)\b(?! (?:and|or|&) ))"
        ),
        "<every><other> <weekdays>",
        "<every><weekdays>",
        r"on (?=\w{3,6}days\b)<weekdays>",
        "<every>(?:the )?<day><suffix>? (?:of )?<month>",
        "<every><month> <day><suffix>?",
        "<every><monthdays><of_month>?",
    ),
    until=("(?:until|till|ending(?: on)?)",),
    starting=("(?:starting(?: on| from)?|beginning(?: on)?|from)",),
    not_after=words(
        "a about after almost an another any ash before between biweekly black both cyber during each easter eighth "
        "eleventh every except following for fortnightly from good her his its last like my ninth nearly no not of other "
        "our palm past per previous prior quarterly seventh since sixth some tenth than that the never their these times thrice twice "
        "those till to twelfth until which whit without your 2x 3x 4x"
    ),
    not_before=(
        "of",
        "night",
        "week|fortnight",
        "after next",
        "(?:during|in) (?:<month>|spring|summer|autumn|fall|winter)",
        "hours|mins?|minutes",
        "and (?:a half|<n> <unit>)",
        "or (?:so|two|three)",
        "(?:and|or|&|to|through|thru|[-\u2013\u2014]) (?:the )?[0-9]{1,2}(?:st|nd|rd|th)(?! (?:of )?<month>)",
        "per <unit>",
    ),
    limits=(
        "but",
        "(?:and|or|&) (?:on |by |every )?(?:the )?(?:<nth>|<ordinal>|<weekday>s?|<n>)",
        "(?:and|or|&) (?:<unit>|holidays?|weekdays?|weekends?)",
        "(?:to|through|thru|[-\u2013\u2014]) (?:<weekday>|<month>)",
        (
            f"(?:{_PREPOSITIONS} )?(?:the )?(?:[0-9]{{1,2}}(?:st|nd|rd|th)(?:[-\u2013][0-9]{{1,2}}(?:st|nd|rd|th))?|<ordinal> <weekday>)"
            "(?! (?:of )?<month>)"
        ),
        f"(?:{_PREPOSITIONS} )?the <ordinal>(?! (?:of )?<month>)",
        "(?:beginning|from|starting|till|until) <month>(?! [0-9]{1,2}(?:st|nd|rd|th)?\\b)",
        "(?:this|next) (?:week|month|year)",
    ),
    exceptions=(
        "except|excluding|unless|but not|apart from|other than",
        r"[(\[]not",
        "not (?:on |in )?(?:the |public )?(?:holidays?|weekends?|<weekday>s?|<month>|<nth>)",
        "in (?:even|odd|alternate|alternating) weeks",
    ),
    periods=("(?:for|over|during|within) (?:an? |the )?(?:next |first )?(?:<n> )?<unit>",),
    undated=(
        (
            "(?:(?:at|by|on|over) )?(?:(?:each|every|next|the|this) )?"
            "(?:christmas(?: day)?|easter|(?:christmas |new year's )?eve|halloween|thanksgiving|"
            "weekends?|weekdays|nights?|week|month|quarter|year)"
        ),
        "(?:by|on) the <nth>",
        f"(?:on )?{NUMERIC_DAY}",
        f"(?:on |every )?{JOINED_WEEKDAYS}",
        "<weekday>s",
    ),
    zones=(
        r"(?:utc|gmt|z)(?:[+-][0-9:]{1,5})?|bst|ist|ces?t|ee?t|ees?t|wes?t|msk|jst|sgt|a[ce]s?[dt]t",
        "[acemp]t|[acemp][ds]t|hkt|nzs?[dt]t",
        r"\w{2,20} time",
        "eastern|pacific",
        ZONE_NAME,
    ),
    bare_times=("at <hour>",),
    late=words("afternoon evening night tonight"),
    conjunctions=words("and or plus & + /"),
    ranges=words("- \u2013 \u2014 to until till through thru"),
    connecting=words(
        "about after and as at because before between but by during except for from if in into near of "
        "on or over per re since so than that then to under until till via when where while with without "
        "- \u2013 \u2014 & +"
    ),
)

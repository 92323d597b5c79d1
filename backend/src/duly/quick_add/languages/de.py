"""German."""

from datetime import time

from duly.quick_add.languages.language import (
    JOINED_WEEKDAYS,
    NUMERIC_DAY,
    ZONE_NAME,
    Language,
    words,
)

# "jedes zweiten Monats", "alle 3 Monate".
_EACH_MONTH = (
    "(?P<of_month> (?:eines )?jede[ns] (?:<nth> )?monat(?:s|es)?"
    "| im monat| alle <interval> monate)"
)

_PREPOSITIONS = "(?:ab|(?:beginnend )?am|bis|gegen|nach|um|vor|zum)"

GERMAN = Language(
    relative_days={"heute": 0, "morgen": 1, "übermorgen": 2},
    weekdays={
        "montag": 0,
        "dienstag": 1,
        "mittwoch": 2,
        "donnerstag": 3,
        "freitag": 4,
        "samstag": 5,
        "sonnabend": 5,
        "sonntag": 6,
    },
    short_weekdays={
        f"{name}{dot}": number
        for number, name in enumerate(("mo", "di", "mi", "do", "fr", "sa", "so"))
        for dot in ("", ".")
    },
    nouns=frozenset(),
    capitalized_nouns=frozenset({"morgen"}),
    months={
        "januar": 1,
        "jänner": 1,
        "jan": 1,
        "februar": 2,
        "feb": 2,
        "märz": 3,
        "mär": 3,
        "april": 4,
        "apr": 4,
        "mai": 5,
        "juni": 6,
        "jun": 6,
        "juli": 7,
        "jul": 7,
        "august": 8,
        "aug": 8,
        "september": 9,
        "sept": 9,
        "sep": 9,
        "oktober": 10,
        "okt": 10,
        "november": 11,
        "nov": 11,
        "dezember": 12,
        "dez": 12,
    },
    clear_months=frozenset({"feb", "apr", "jul", "aug", "sept", "sep", "okt", "nov", "dez"}),
    units={
        "tag": "DAILY",
        "tage": "DAILY",
        "tagen": "DAILY",
        "woche": "WEEKLY",
        "wochen": "WEEKLY",
        "monat": "MONTHLY",
        "monate": "MONTHLY",
        "monaten": "MONTHLY",
        "jahr": "YEARLY",
        "jahre": "YEARLY",
        "jahren": "YEARLY",
    },
    cadences={
        "täglich": "DAILY",
        "wöchentlich": "WEEKLY",
        "monatlich": "MONTHLY",
        "jährlich": "YEARLY",
    },
    numbers={
        "zwei": 2,
        "drei": 3,
        "vier": 4,
        "fünf": 5,
        "sechs": 6,
        "sieben": 7,
        "acht": 8,
        "neun": 9,
        "zehn": 10,
    },
    ordinals={
        "ersten": 1,
        "1.": 1,
        "zweiten": 2,
        "zweite": 2,
        "zweites": 2,
        "2.": 2,
        "dritten": 3,
        "dritte": 3,
        "drittes": 3,
        "3.": 3,
        "vierten": 4,
        "vierte": 4,
        "viertes": 4,
        "4.": 4,
        "fünften": 5,
        "fünfte": 5,
        "fünftes": 5,
        "5.": 5,
        "letzten": -1,
    },
    day_parts={
        "früh": time(9),
        "morgen": time(9),
        "vormittag": time(9),
        "mittag": time(12),
        "nachmittag": time(15),
        "abend": time(19),
        "morgens": time(9),
        "vormittags": time(9),
        "mittags": time(12),
        "nachmittags": time(15),
        "abends": time(19),
    },
    has_compounds=True,
    vocabulary={
        "on": "(?:am|bis(?: zum| spätestens)?|spätestens(?: am)?) ",
        "at": r"(?:um|gegen|bis|@|(?:um )?(?:ca\.?|circa|etwa)) ",
        "am": "morgens|vormittags|früh",
        "pm": "nachmittags|abends",
        "next": "(?:nächste[nr]?|kommende[nr]?)",
        "suffix": r"\.",
        "every": "(?:(?:an |in )?jede[mnrs]?|alle)(?P<after>!)? ",
        "each": "(?:an |in )?jede[mnrs]?(?P<after>!)? ",
        "nth": r"(?:[0-9]{1,3}\.|(?:zweite|dritte|vierte|fünfte)[ns]?)",
        "of_month": " (?:im|des|jeden) monat(?:s|es)?",
        "last_day": "letzten tag",
        "month_number": "0?[1-9]|1[0-2]",
        "short_year": "[0-9]{2}",
        "workdays": "werktag|arbeitstag|wochentag",
        "weekdays": "(?:WEEKDAY)s?(?:(?:, ?| und | & | )(?:jeden )?(?!so weiter)(?:WEEKDAY)s?){0,6}",
        "ordinals": "(?:ORDINAL)(?:(?:, ?| und | & )(?:ORDINAL)){0,4}",
        "monthdays": r"[1-3]?[0-9]\.(?:(?:, ?| und | & )[1-3]?[0-9]\.){0,9}",
    },
    dates=(
        "(?:bis )?<relative>",
        "<on>?<weekday> in (?:<n>|eine[rm]) <unit>",
        "(?:bis )?in (?:<n>|eine[rm]) <unit>,? (?:am )?<weekday>",
        "(?:bis )?in <n> <unit>",
        "in eine[rm] (?P<unit>woche|monat|jahr)",
        "(?:bis )?<next> woche (?:am )?<weekday>",
        "<on>?<weekday> <next> woche",
        "(?:bis )?<next> (?P<unit>woche)",
        "<on>?(?P<next>nächste[nr]?) <weekday>",
        "(?P<on>(?:am |bis )?(?:diese[nr]?|kommende[nr]?) )<weekday>",
        "<on>?(?:<any_weekday>,? (?:den |dem )?)?<iso>",
        r"<on>?(?:<any_weekday>,? (?:den |dem )?)?<day>\.<month_number>\.(?:<year>|<short_year>)?",
        r"<on>?(?:<any_weekday>,? (?:den |dem )?)?<day><suffix>? <month>\.?(?: <year>)?",
        "<on>?<weekday>,? de[mnr] <monthdays>",
        "<on>?<weekday>,? (?P<trailing><monthdays>)",
        "<on>?<weekday>",
    ),
    times=(
        "<at>?<hour>(?: uhr|(?:[:.]| uhr )<minute>(?: uhr)?) (?:<am>|<pm>)",
        "<at>?(?P<noon>12)(?:[:.]00)?(?: uhr)? mittags",
        "<at>?<hour>[:.]<minute> uhr",
        "<at>?<hour>:<minute>",
        r"<at>?<hour> uhr (?P<unclear><minute>)(?! ?(?:m|min|minuten?|h|std|stunden?)\b)",
        "<at>?<hour> uhr",
    ),
    durations=(
        "für <hours> ?(?:h|std|stunden?),? ?(?:und )?<minutes> ?(?:m|min|minuten?)",
        "für <hours>h<minutes>",
        r"für <hours> ?(?:h|std\.?|stunden?)",
        r"für <minutes> ?(?:m|min\.?|minuten?)",
    ),
    recurrences=(
        "<every><last_day><of_month>",
        "<every>(?:<interval> |<nth> )?(?P<unit>monate?) (?:am )?<last_day>",
        "<every>(?:<interval> |<nth> )?(?P<unit>monate?) am <ordinals> <weekday>",
        "<every>(?:<interval> |<nth> )?(?P<unit>monate?) am (?P<trailing><monthdays>|<ordinals>)",
        "<every>(?:<interval> |<nth> )?(?P<unit>wochen?) (?:am )?<weekdays>",
        (
            r"(?=(?:mittwoch|sonnabend|\w{3,7}tag)s\b)<weekdays> "
            "<every>(?:<interval> |<nth> )?(?P<unit>wochen?)"
        ),
        "<every>(?:<interval> )?(?P<unit>jahre?) am <day><suffix> <month>",
        r"<every>(?:<interval> )?(?P<unit>jahre?) am <day>\.<month_number>\.",
        "<every><interval> <unit>",
        "<each>(?:<nth> )?(?P<unit>tag|woche|monat|jahr)(?:es)?",
        "<every><ordinals> <weekday><of_month>",
        r"<every>(?P<ordinals>ersten|letzten|1\.) <weekday>",
        f"<on>?<ordinals> <weekday>{_EACH_MONTH}",
        f"<on>?<last_day>{_EACH_MONTH}",
        f"<on>?<monthdays>{_EACH_MONTH}",
        f"<on><ordinals>{_EACH_MONTH}",
        "<every><workdays>",
        "(?P<workdays>werktags|wochentags)",
        "<every>(?P<weekend>wochenende)",
        "(?P<trailing><cadence>)",
        (
            "(?P<each_day>jeden(?P<after>!)?)"
            r"(?= (?:morgen|vormittag|mittag|nachmittag|abend)\b(?! (?:und|oder|&) ))"
        ),
        "<every><weekdays>",
        r"(?=(?:mittwoch|sonnabend|\w{3,7}tag)s\b)<weekdays>",
        "<every><day><suffix> <month>",
        r"<every><day>\.<month_number>\.",
        "<every><monthdays><of_month>?",
    ),
    until=("bis(?: zum)?",),
    starting=("(?:ab(?: dem)?|vom|beginnend(?: am| mit| ab)?)",),
    not_after=words(
        "ab achten am an andere anderen anderer außer bei beide bis darauffolgenden das dem den der "
        "des die diese diesem dieser ein eine einem einen einer eines ende erste erster fast "
        "folgenden für gestern gute guten ihr ihre ihren jede jedem jeden jeder jedes kapitel kein "
        "keinen letzte letzten letzter mein meine meinen mitte nach neunten nicht nie niemals nr nr. punkt zweimal dreimal mal 2x 3x 4x "
        "sechsten seite sein seine seinen seit siebten statt unser unsere unseren vergangenen version vom "
        "von vor vorigen vorletzten wegen welchen welcher während zehnten zu zum zur zwischen über "
        "übernächste übernächsten übernächster"
    ),
    not_before=(
        "des",
        "nachts?",
        "pro",
        "(?:im|während) (?:<month>|monat|frühling|frühjahr|sommer|herbst|winter)",
        "min|minuten|stunden",
        "und <n> <unit>",
        "oder (?:so|zwei|drei)",
        r"(?:und|oder|&|bis|[-\u2013\u2014]) (?:am )?(?:de[mnr] )?[0-9]{1,2}\.(?! <month>)",
    ),
    limits=(
        "aber|und so",
        "(?:und|oder|&) (?:am |an |bis )?(?:jede[mnrs]? |den )?(?:<nth>|<ordinal>|<weekday>s?|<n>)",
        "(?:und|oder|&) (?:<unit>|feiertags?|werktags?|wochenende?)",
        rf"(?:{_PREPOSITIONS} )?(?:de[mnr] |zum )?(?:[0-9]{{1,2}}\.(?:[-\u2013][0-9]{{1,2}}\.)?|<ordinal> <weekday>)(?! <month>)",
        f"{_PREPOSITIONS} (?:de[mnr] |zum )?<ordinal>(?! <month>)",
        "[-\u2013\u2014] (?:<weekday>|<month>)",
        "(?:ab|bis|bis ende) (?:<month>|frühling|frühjahr|sommer|herbst|winter)",
        "(?:diese|nächste)[nrs]? (?:woche|monat|jahr)",
        "<month>",
    ),
    exceptions=(
        "ausser|ausgenommen|mit ausnahme|aber nicht|nur nicht|bis auf|es sei denn",
        r"[(\[]nicht",
        r"nicht (?:am |an |im )?(?:feiertag|wochenende|<weekday>s?|<day>\.(?:<month_number>\.)?|<month>)(?:en|s|n)?",
        "in (?:un)?geraden (?:kalenderwochen|wochen|kw)",
    ),
    periods=(
        "(?:für|über|während|innerhalb) (?:die |der |eine[nr]? |ein )?(?:nächsten |ersten )?(?:<n> )?<unit>",
        "(?:die |eine[nr]? |ein )?(?:nächsten |ersten )?(?:<n> )?<unit> lang",
    ),
    undated=(
        (
            "(?:(?:am|an|bis|in der|zu|zum|über|übers) )?(?:(?:diese|jede|nächste)[mnrs]? )?"
            "(?:heiligabend|neujahr|ostern|pfingsten|silvester|weihnachten|wochenenden?|nacht|"
            "woche|monat|monatsersten|monatsende|quartal|jahr)"
        ),
        "morgens|vormittags|mittags|nachmittags|abends",
        r"(?:am|jeden) [0-9]{1,2}\.",
        f"(?:am )?{NUMERIC_DAY}",
        f"(?:am |jeden )?{JOINED_WEEKDAYS}",
    ),
    zones=(
        "(?:utc|gmt|z)(?:[+-][0-9:]{1,5})?|mes?z|oes?z|wes?z|ces?t|[cemp][ds]t",
        "(?:deutscher|lokaler|mittel|ost|west)?europäischer zeit|(?:deutscher|lokaler|meiner|deiner) zeit",
        "ortszeit",
        ZONE_NAME,
    ),
    bare_times=("um <hour>",),
    late=words("mittag mittags nachmittag nachmittags abend abends nacht nachts"),
    conjunctions=words("und oder plus sowie & + /"),
    ranges=words("- \u2013 \u2014 bis"),
    connecting=words(
        "ab als am an auf aus bei beim bis da damit dann denn durch für gegen im in ins mit nach oder "
        "ohne per pro seit statt um und unter vom von vor wegen weil wenn wo während zu zum zur "
        "zwischen über - \u2013 \u2014 & +"
    ),
)

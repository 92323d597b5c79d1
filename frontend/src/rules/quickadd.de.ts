/** The German words and phrases of quick add. */
import {
  BOUNDARY,
  JOINED_WEEKDAYS,
  language,
  LETTER,
  NUMERIC_DAY,
  ZONE_NAME,
} from "./quickadd.language";

const PREPOSITIONS = "(?:ab|(?:beginnend )?am|bis|gegen|nach|um|vor|zum)";
const EACH_MONTH =
  "(?<of_month> (?:eines )?jede[ns] (?:<nth> )?monat(?:s|es)?| im monat| alle <interval> monate)";

export const german = language({
  relativeDays: "heute,morgen,übermorgen",
  weekdays: "montag,dienstag,mittwoch,donnerstag,freitag,samstag sonnabend,sonntag",
  shortWeekdays: "mo mo.,di di.,mi mi.,do do.,fr fr.,sa sa.,so so.",
  nouns: "",
  capitalizedNouns: "morgen",
  months:
    "januar jänner jan,februar feb,märz mär,april apr,mai,juni jun,juli jul,august " +
    "aug,september sept sep,oktober okt,november nov,dezember dez",
  clearMonths: "feb apr jul aug sept sep okt nov dez",
  units: "tag tage tagen,woche wochen,monat monate monaten,jahr jahre jahren",
  cadences: "täglich,wöchentlich,monatlich,jährlich",
  numbers: ",zwei,drei,vier,fünf,sechs,sieben,acht,neun,zehn",
  ordinals:
    "ersten 1.,zweiten zweite zweites 2.,dritten dritte drittes 3.,vierten vierte viertes " +
    "4.,fünften fünfte fünftes 5.,letzten",
  dayParts: [
    [9, "früh morgen vormittag morgens vormittags"],
    [12, "mittag mittags"],
    [15, "nachmittag nachmittags"],
    [19, "abend abends"],
  ],
  hasCompounds: true,
  vocabulary: {
    on: "(?:am|bis(?: zum| spätestens)?|spätestens(?: am)?) ",
    at: "(?:um|gegen|bis|@|(?:um )?(?:ca\\.?|circa|etwa)) ",
    am: "morgens|vormittags|früh",
    pm: "nachmittags|abends",
    next: "(?:nächste[nr]?|kommende[nr]?)",
    suffix: "\\.",
    every: "(?:(?:an |in )?jede[mnrs]?|alle)(?<after>!)? ",
    each: "(?:an |in )?jede[mnrs]?(?<after>!)? ",
    nth: "(?:[0-9]{1,3}\\.|(?:zweite|dritte|vierte|fünfte)[ns]?)",
    of_month: " (?:im|des|jeden) monat(?:s|es)?",
    last_day: "letzten tag",
    month_number: "0?[1-9]|1[0-2]",
    short_year: "[0-9]{2}",
    workdays: "werktag|arbeitstag|wochentag",
    weekdays: "(?:WEEKDAY)s?(?:(?:, ?| und | & | )(?:jeden )?(?!so weiter)(?:WEEKDAY)s?){0,6}",
    ordinals: "(?:ORDINAL)(?:(?:, ?| und | & )(?:ORDINAL)){0,4}",
    monthdays: "[1-3]?[0-9]\\.(?:(?:, ?| und | & )[1-3]?[0-9]\\.){0,9}",
  },
  dates: [
    "(?:bis )?<relative>",
    "<on>?<weekday> in (?:<n>|eine[rm]) <unit>",
    "(?:bis )?in (?:<n>|eine[rm]) <unit>,? (?:am )?<weekday>",
    "(?:bis )?in <n> <unit>",
    "in eine[rm] (?<unit>woche|monat|jahr)",
    "(?:bis )?<next> woche (?:am )?<weekday>",
    "<on>?<weekday> <next> woche",
    "(?:bis )?<next> (?<unit>woche)",
    "<on>?(?<next>nächste[nr]?) <weekday>",
    "(?<on>(?:am |bis )?(?:diese[nr]?|kommende[nr]?) )<weekday>",
    "<on>?(?:<any_weekday>,? (?:den |dem )?)?<iso>",
    "<on>?(?:<any_weekday>,? (?:den |dem )?)?<day>\\.<month_number>\\.(?:<year>|<short_year>)?",
    "<on>?(?:<any_weekday>,? (?:den |dem )?)?<day><suffix>? <month>\\.?(?: <year>)?",
    "<on>?<weekday>,? de[mnr] <monthdays>",
    "<on>?<weekday>,? (?<trailing><monthdays>)",
    "<on>?<weekday>",
  ],
  times: [
    "<at>?<hour>(?: uhr|(?:[:.]| uhr )<minute>(?: uhr)?) (?:<am>|<pm>)",
    "<at>?(?<noon>12)(?:[:.]00)?(?: uhr)? mittags",
    "<at>?<hour>[:.]<minute> uhr",
    "<at>?<hour>:<minute>",
    `<at>?<hour> uhr (?<unclear><minute>)(?! ?(?:m|min|minuten?|h|std|stunden?)${BOUNDARY})`,
    "<at>?<hour> uhr",
  ],
  durations: [
    "für <hours> ?(?:h|std|stunden?),? ?(?:und )?<minutes> ?(?:m|min|minuten?)",
    "für <hours>h<minutes>",
    "für <hours> ?(?:h|std\\.?|stunden?)",
    "für <minutes> ?(?:m|min\\.?|minuten?)",
  ],
  recurrences: [
    "<every><last_day><of_month>",
    "<every>(?:<interval> |<nth> )?(?<unit>monate?) (?:am )?<last_day>",
    "<every>(?:<interval> |<nth> )?(?<unit>monate?) am <ordinals> <weekday>",
    "<every>(?:<interval> |<nth> )?(?<unit>monate?) am (?<trailing><monthdays>|<ordinals>)",
    "<every>(?:<interval> |<nth> )?(?<unit>wochen?) (?:am )?<weekdays>",
    `(?=(?:mittwoch|sonnabend|${LETTER}{3,7}tag)s${BOUNDARY})<weekdays> <every>(?:<interval> |<nth> )?(?<unit>wochen?)`,
    "<every>(?:<interval> )?(?<unit>jahre?) am <day><suffix> <month>",
    "<every>(?:<interval> )?(?<unit>jahre?) am <day>\\.<month_number>\\.",
    "<every><interval> <unit>",
    "<each>(?:<nth> )?(?<unit>tag|woche|monat|jahr)(?:es)?",
    "<every><ordinals> <weekday><of_month>",
    "<every>(?<ordinals>ersten|letzten|1\\.) <weekday>",
    `<on>?<ordinals> <weekday>${EACH_MONTH}`,
    `<on>?<last_day>${EACH_MONTH}`,
    `<on>?<monthdays>${EACH_MONTH}`,
    `<on><ordinals>${EACH_MONTH}`,
    "<every><workdays>",
    "(?<workdays>werktags|wochentags)",
    "<every>(?<weekend>wochenende)",
    "(?<trailing><cadence>)",
    `(?<each_day>jeden(?<after>!)?)(?= (?:morgen|vormittag|mittag|nachmittag|abend)${BOUNDARY}(?! (?:und|oder|&) ))`,
    "<every><weekdays>",
    `(?=(?:mittwoch|sonnabend|${LETTER}{3,7}tag)s${BOUNDARY})<weekdays>`,
    "<every><day><suffix> <month>",
    "<every><day>\\.<month_number>\\.",
    "<every><monthdays><of_month>?",
  ],
  until: ["bis(?: zum)?"],
  starting: ["(?:ab(?: dem)?|vom|beginnend(?: am| mit| ab)?)"],
  notAfter:
    "ab achten am an andere anderen anderer außer bei beide bis darauffolgenden das dem den " +
    "der des die diese diesem dieser ein eine einem einen einer eines ende erste erster fast " +
    "folgenden für gestern gute guten ihr ihre ihren jede jedem jeden jeder jedes kapitel " +
    "kein keinen letzte letzten letzter mein meine meinen mitte nach neunten nicht nie " +
    "niemals nr nr. punkt zweimal dreimal mal 2x 3x 4x sechsten seite sein seine seinen seit " +
    "siebten statt unser unsere unseren vergangenen version vom von vor vorigen vorletzten " +
    "wegen welchen welcher während zehnten zu zum zur zwischen über übernächste übernächsten " +
    "übernächster",
  notBefore: [
    "des",
    "nachts?",
    "pro",
    "(?:im|während) (?:<month>|monat|frühling|frühjahr|sommer|herbst|winter)",
    "min|minuten|stunden",
    "und <n> <unit>",
    "oder (?:so|zwei|drei)",
    "(?:und|oder|&|bis|[-\\u2013\\u2014]) (?:am )?(?:de[mnr] )?[0-9]{1,2}\\.(?! <month>)",
  ],
  limits: [
    "aber|und so",
    "(?:und|oder|&) (?:am |an |bis )?(?:jede[mnrs]? |den )?(?:<nth>|<ordinal>|<weekday>s?|<n>)",
    "(?:und|oder|&) (?:<unit>|feiertags?|werktags?|wochenende?)",
    `(?:${PREPOSITIONS} )?(?:de[mnr] |zum )?(?:[0-9]{1,2}\\.(?:[-\\u2013][0-9]{1,2}\\.)?|<ordinal> <weekday>)(?! <month>)`,
    `${PREPOSITIONS} (?:de[mnr] |zum )?<ordinal>(?! <month>)`,
    "[-\u2013\u2014] (?:<weekday>|<month>)",
    "(?:ab|bis|bis ende) (?:<month>|frühling|frühjahr|sommer|herbst|winter)",
    "(?:diese|nächste)[nrs]? (?:woche|monat|jahr)",
    "<month>",
  ],
  exceptions: [
    "ausser|ausgenommen|mit ausnahme|aber nicht|nur nicht|bis auf|es sei denn",
    "[(\\[]nicht",
    "nicht (?:am |an |im )?(?:feiertag|wochenende|<weekday>s?|<day>\\.(?:<month_number>\\.)?|<month>)(?:en|s|n)?",
    "in (?:un)?geraden (?:kalenderwochen|wochen|kw)",
  ],
  periods: [
    "(?:für|über|während|innerhalb) (?:die |der |eine[nr]? |ein )?(?:nächsten |ersten )?(?:<n> )?<unit>",
    "(?:die |eine[nr]? |ein )?(?:nächsten |ersten )?(?:<n> )?<unit> lang",
  ],
  undated: [
    "(?:(?:am|an|bis|in der|zu|zum|über|übers) )?(?:(?:diese|jede|nächste)[mnrs]? )?(?:heiligabend|neujahr|ostern|pfingsten|silvester|weihnachten|wochenenden?|nacht|woche|monat|monatsersten|monatsende|quartal|jahr)",
    "morgens|vormittags|mittags|nachmittags|abends",
    "(?:am|jeden) [0-9]{1,2}\\.",
    `(?:am )?${NUMERIC_DAY}`,
    `(?:am |jeden )?${JOINED_WEEKDAYS}`,
  ],
  zones: [
    "(?:utc|gmt|z)(?:[+-][0-9:]{1,5})?|mes?z|oes?z|wes?z|ces?t|[cemp][ds]t",
    "(?:deutscher|lokaler|mittel|ost|west)?europäischer zeit|(?:deutscher|lokaler|meiner|deiner) zeit",
    "ortszeit",
    ZONE_NAME,
  ],
  bareTimes: ["um <hour>"],
  late: "mittag mittags nachmittag nachmittags abend abends nacht nachts",
  conjunctions: "und oder plus sowie & + /",
  ranges: "- \u2013 \u2014 bis",
  connecting:
    "ab als am an auf aus bei beim bis da damit dann denn durch für gegen im in ins mit nach " +
    "oder ohne per pro seit statt um und unter vom von vor wegen weil wenn wo während zu zum " +
    "zur zwischen über - \u2013 \u2014 & +",
});

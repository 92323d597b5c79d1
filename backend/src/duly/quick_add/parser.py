"""The parser of quick add."""

from collections.abc import Sequence
from uuid import UUID

from duly.quick_add import signs
from duly.quick_add.drafts import Context, Draft, LabelName, NothingLeft, Span
from duly.quick_add.escapes import escapes
from duly.quick_add.languages import LANGUAGES
from duly.quick_add.line import Line, Token
from duly.quick_add.phrases import Phrases
from duly.quick_add.schedules import schedule_of
from duly.quick_add.titles import title_of
from duly.utils.name_keys import name_key


def parse(text: str, context: Context) -> Draft:
    """Return the task that `text` describes. Raise `NothingLeft` if no title is left.

    Tokens are found one kind after the other. Of each kind except labels, the last one is used; the
    earlier ones stay text, in which no other kind is found. The cost is linear in the length of the
    text. docs/quick-add.md describes the grammar.
    """
    language = LANGUAGES[context.language]
    line = Line(text, language.first_parts)
    in_list = line.take_last(signs.lists(line, context))
    list_id = _id(in_list)
    section = line.take_last(signs.sections(line, context, list_id))
    if section is not None:
        section_id = _id(section)
        list_id = next(known.list_id for known in context.sections if known.id == section_id)
    labels = line.take_all(signs.labels(line, context))
    priority = line.take_last(signs.priorities(line))
    schedule = schedule_of(line, Phrases(language, line, context.now.date()), context.now)

    tokens = (in_list, section, *labels, priority, *schedule.tokens)
    spans = [
        *(Span(token.start, token.end, token.kind, token.value) for token in tokens if token),
        *escapes(text, language, line),
    ]
    spans.sort(key=lambda span: span.start)
    title = title_of(text, spans)
    if not title:
        raise NothingLeft("Must contain a title in addition to tokens such as dates and labels")
    return Draft(
        title=title,
        list_id=list_id,
        section_id=_id(section),
        labels=_labels(labels, context),
        priority=None if priority is None else int(priority.value),
        due=schedule.due,
        duration_minutes=schedule.duration_minutes,
        recurrence=schedule.recurrence,
        spans=tuple(spans),
    )


def _id(token: Token | None) -> UUID | None:
    return None if token is None else UUID(str(token.value))


def _labels(tokens: Sequence[Token], context: Context) -> tuple[LabelName, ...]:
    """Return each label once. Those without an id are new."""
    if not tokens:
        return ()
    known = {name_key(label.name): label for label in reversed(context.labels)}
    found = {name_key(name): name for name in (str(token.value) for token in tokens)}
    return tuple(known.get(key, LabelName(None, name)) for key, name in found.items())

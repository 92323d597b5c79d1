"""The languages that quick add understands. A new one is a module like `en` and a line here."""

from collections.abc import Mapping

from duly.quick_add.drafts import LanguageCode
from duly.quick_add.languages.de import GERMAN
from duly.quick_add.languages.en import ENGLISH
from duly.quick_add.languages.language import Language

LANGUAGES: Mapping[LanguageCode, Language] = {"en": ENGLISH, "de": GERMAN}

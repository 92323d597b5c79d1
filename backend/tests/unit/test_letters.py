"""Mails are complete in every language, and show what is in them as text."""

from email.headerregistry import Address
from string import Formatter
from uuid import UUID

import pytest

from duly.core.letters import _LETTERS, compose
from tests.support.postbox import html_of, link_in, text_of

SENDER = Address("Duly", addr_spec="duly@example.org")
SERVICE = "duly.example.org"
LINK = "https://duly.example.org/reset-password#token=AbC-_123"
MAIL_ID = UUID(int=7)


def names_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_language_has_the_same_mails_with_the_same_places() -> None:
    english = _LETTERS["en"]
    for letters in _LETTERS.values():
        assert letters.keys() == english.keys()
        for kind, letter in letters.items():
            assert names_in(letter.text) == names_in(english[kind].text)
            assert (letter.link_name is None) == (english[kind].link_name is None)
            assert letter.text.count("\n\n") == english[kind].text.count("\n\n")


@pytest.mark.parametrize("language", sorted(_LETTERS))
@pytest.mark.parametrize("kind", ["reset", "verify"])
def test_link_is_whole_in_text_and_html(kind: str, language: str) -> None:
    mail = compose(
        kind, language, mail_id=MAIL_ID, sender=SENDER, service=SERVICE, email="a@b.org", link=LINK
    )

    assert link_in(mail) == LINK
    assert f'href="{LINK}"' in html_of(mail)
    assert max(map(len, bytes(mail).splitlines())) < 998  # RFC 5322, 2.1.1


def test_address_is_never_taken_for_html() -> None:
    mail = compose(
        "address",
        "en",
        mail_id=MAIL_ID,
        sender=SENDER,
        service=SERVICE,
        email="a@b.org",
        new_email="<b>&amp;{email}</b>@b.org",
    )

    assert "&lt;b&gt;&amp;amp;{email}&lt;/b&gt;@b.org" in html_of(mail)
    assert "<b>&amp;{email}</b>@b.org" in text_of(mail)


def test_domain_of_the_recipient_is_in_ascii() -> None:
    mail = compose(
        "verify", "en", mail_id=MAIL_ID, sender=SENDER, service=SERVICE, email="ada@exämple.org"
    )

    assert mail["To"] == "ada@xn--exmple-cua.org"
    assert "ada@exämple.org" in text_of(mail)


def test_local_part_beyond_ascii_is_sent_as_it_is() -> None:
    mail = compose(
        "verify", "en", mail_id=MAIL_ID, sender=SENDER, service=SERVICE, email="jürgen@b.org"
    )

    assert mail["To"].addresses[0].addr_spec == "jürgen@b.org"


def test_mail_that_is_sent_again_has_the_same_message_id() -> None:
    one, other = [
        compose("verify", "de", mail_id=MAIL_ID, sender=SENDER, service=SERVICE, email="a@b.org")
        for _ in range(2)
    ]

    assert one["Message-ID"] == other["Message-ID"]


@pytest.mark.parametrize("language", sorted(_LETTERS))
@pytest.mark.parametrize("kind", sorted(_LETTERS["en"]))
def test_mail_names_the_service(kind: str, language: str) -> None:
    mail = compose(
        kind, language, mail_id=MAIL_ID, sender=SENDER, service=SERVICE, email="a@b.org"
    )

    assert SERVICE in text_of(mail)
    assert SERVICE in html_of(mail)

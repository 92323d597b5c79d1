"""The text of mails, in every language, as plain text and as HTML without remote content."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from html import escape
from uuid import UUID

from duly.utils.emails import mail_address


@dataclass(frozen=True, slots=True)
class _Letter:
    """A mail before it gets its headers. `{…}` in its text stands for addresses and the service."""

    subject: str
    text: str
    """Paragraphs between empty lines. A link follows the first one."""
    link_name: str | None = None

    def paragraphs(self, **values: str) -> list[str]:
        """Return the paragraphs, each in one line."""
        return [" ".join(part.split()).format(**values) for part in self.text.split("\n\n")]


_LETTERS = {
    "en": {
        "reset": _Letter(
            "Set a new password",
            """\
Someone, probably you, asked to set a new password for your account {email} at {service}.

The link works once, within 30 minutes. Setting a new password signs you out on all devices.

If you did not ask for this, ignore this mail: your password stays as it is.""",
            "Set a new password",
        ),
        "verify": _Letter(
            "Confirm your email address",
            """\
Please confirm that {email} is the email address of your account at {service}.

The link works once, within 3 days.

If you do not know why you got this mail, ignore it.""",
            "Confirm this address",
        ),
        "address": _Letter(
            "Your email address is about to change",
            """\
Someone, probably you, asked to change the email address of your account at {service} from
{email} to {new_email}. It changes once the new address is confirmed.

If that was not you, set a new password now: this cancels the change and signs out all devices.""",
        ),
    },
    "de": {
        "reset": _Letter(
            "Neues Passwort festlegen",
            """\
Jemand, wahrscheinlich Sie, möchte ein neues Passwort für Ihr Konto {email} bei {service}
festlegen.

Der Link funktioniert einmal, innerhalb von 30 Minuten. Mit dem neuen Passwort werden Sie auf allen
Geräten abgemeldet.

Wenn Sie das nicht waren, ignorieren Sie diese Mail: Ihr Passwort bleibt, wie es ist.""",
            "Neues Passwort festlegen",
        ),
        "verify": _Letter(
            "Bestätigen Sie Ihre E-Mail-Adresse",
            """\
Bitte bestätigen Sie, dass {email} die E-Mail-Adresse Ihres Kontos bei {service} ist.

Der Link funktioniert einmal, innerhalb von 3 Tagen.

Wenn Sie nicht wissen, warum Sie diese Mail bekommen, ignorieren Sie sie.""",
            "Adresse bestätigen",
        ),
        "address": _Letter(
            "Ihre E-Mail-Adresse soll geändert werden",
            """\
Jemand, wahrscheinlich Sie, möchte die E-Mail-Adresse Ihres Kontos bei {service} von {email} in
{new_email} ändern. Sie ändert sich, sobald die neue Adresse bestätigt ist.

Wenn Sie das nicht waren, legen Sie jetzt ein neues Passwort fest: Das bricht die Änderung ab und
meldet alle Geräte ab.""",
        ),
    },
}

_PAGE = """\
<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title></head>
<body style="font:16px/1.5 sans-serif;color:#222;max-width:34em">
{body}
</body></html>
"""


def compose(
    kind: str,
    language: str,
    *,
    mail_id: UUID,
    sender: Address,
    service: str,
    email: str,
    link: str | None = None,
    new_email: str = "",
) -> EmailMessage:
    """Write a mail to `email`, about an account at `service`, which is a host. The same `mail_id` has the same Message-ID, so that a mail that was
    sent twice can be shown once.
    """
    letter = _LETTERS[language][kind]
    message = EmailMessage()
    message["From"] = sender
    message["To"] = mail_address(email)
    message["Date"] = datetime.now(UTC)
    message["Subject"] = letter.subject
    message["Message-ID"] = f"<{mail_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic reply
    paragraphs = letter.paragraphs(service=service, email=email, new_email=new_email)
    message.set_content(_as_text(paragraphs, link))
    message.add_alternative(
        _PAGE.format(
            language=language,
            title=escape(letter.subject),
            body=_as_html(paragraphs, link, letter.link_name),
        ),
        subtype="html",
    )
    message["Content-Language"] = language
    return message


def _as_text(paragraphs: list[str], link: str | None) -> str:
    first, *others = paragraphs
    return "\n\n".join([first, *([link] if link else []), *others]) + "\n"


def _as_html(paragraphs: list[str], link: str | None, name: str | None) -> str:
    first, *others = [f"<p>{escape(text)}</p>" for text in paragraphs]
    if link is None or name is None:
        return "\n".join([first, *others])
    href = escape(link)
    anchor = (
        f'<p><a href="{href}">{escape(name)}</a></p><p style="word-break:break-all">{href}</p>'
    )
    return "\n".join([first, anchor, *others])

"""Email addresses: which are valid, and which are the same."""

import unicodedata
from contextlib import suppress
from email.headerregistry import Address

import email_validator

# Duly does not check deliverability: domains reserved for tests and intranets are accepted.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

MAX_EMAIL = 254
"""Characters of the longest address (RFC 5321)."""


def check_email(value: str) -> str:
    """Return a valid address, normalized. Raise `ValueError`."""
    # Normalization takes quadratic time, and never shortens a text to less than a quarter.
    if len(value) > 4 * MAX_EMAIL:
        raise ValueError(f"Must be at most {MAX_EMAIL} characters long")
    # In a header, this would be the beginning of an encoded word (RFC 2047), which may decode to
    # line breaks and further headers.
    if "=?" in value:
        raise ValueError("Must not contain =?")
    try:
        return email_validator.validate_email(
            value.strip(), check_deliverability=False, allow_display_name=False
        ).normalized
    except email_validator.EmailNotValidError:
        raise ValueError("Must be an email address, such as ada@example.com") from None


def mail_address(email: str, name: str = "") -> Address:
    """Return a valid address for the headers of a mail, with its domain in ASCII (RFC 5891)."""
    local, _, domain = email.rpartition("@")
    found = email_validator.validate_email(f"x@{domain}", check_deliverability=False)
    return Address(name, local, found.ascii_domain)


def is_same_mailbox(one: str, other: str) -> bool:
    """Whether two valid addresses differ in upper and lower case only.

    Addresses with the same key may be different mailboxes: `ß` and `ss` are two domains.
    """
    addresses = [mail_address(address).addr_spec.lower() for address in (one, other)]
    return addresses[0] == addresses[1]


def email_key(email: str) -> str:
    """Return the key that equal addresses share: domain in Unicode, NFKC, case folding."""
    with suppress(ValueError):  # an invalid address has no account
        email = check_email(email)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).casefold())

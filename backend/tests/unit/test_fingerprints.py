"""Names that stand in logs for what must not."""

import hmac
import re
import secrets

from duly.core.tokens import Keyring

SECRET, FORMER = secrets.token_hex(32), secrets.token_hex(32)
KEYRING = Keyring(SECRET, [FORMER])
ADDRESS = "ada@example.com"


def test_a_fingerprint_is_short_and_the_same_each_time() -> None:
    fingerprint = KEYRING.fingerprint(ADDRESS)

    assert re.fullmatch(r"[0-9a-f]{12}", fingerprint)
    assert KEYRING.fingerprint(ADDRESS) == fingerprint
    assert KEYRING.fingerprint("bob@example.com") != fingerprint


def test_a_fingerprint_is_made_with_a_key_of_its_own() -> None:
    key = hmac.digest(SECRET.encode(), b"duly fingerprint", "sha256")

    expected = hmac.digest(key, ADDRESS.encode(), "sha256")[:6].hex()

    assert KEYRING.fingerprint(ADDRESS) == expected
    assert Keyring(FORMER).fingerprint(ADDRESS) != expected

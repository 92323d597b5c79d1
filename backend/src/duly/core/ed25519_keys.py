"""The Ed25519 keys that sign access tokens if the operator sets one, and that others may read."""

from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

_BEGINNINGS = ("-----BEGIN PRIVATE KEY-----", "-----BEGIN PUBLIC KEY-----")
_MAX_BYTES = 10_000
_WHAT = "in PEM, or the path of a file with one"
_HOW_TO_CREATE = "create one with `openssl genpkey -algorithm ed25519 -out signing_key.pem`"


def read_private_key(text: str) -> OKPKey:
    """Return the key of a PEM (PKCS#8), or of the file at a path. Raise `ValueError`.

    The message never repeats the text, which may be a key.
    """
    key = _read(text)
    if key is None or not key.is_private:
        raise ValueError(f"must be an Ed25519 private key {_WHAT}; {_HOW_TO_CREATE}")
    return key


def read_previous_key(text: str) -> OKPKey:
    """As above, for a key that no longer signs: the public key is enough."""
    key = _read(text)
    if key is None:
        raise ValueError(f"must be comma-separated Ed25519 keys, private or public, each {_WHAT}")
    return key


def _read(text: str) -> OKPKey | None:
    if not text.startswith("-----"):
        try:
            with Path(text).open("rb") as file:
                text = file.read(_MAX_BYTES).decode()
        except (PermissionError, IsADirectoryError) as error:  # so it is a path, and not a key
            raise ValueError(f"{text} cannot be read: {error.strerror}") from None
        except OSError as error:
            raise ValueError(f"the file cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            return None
    pem = text.replace("\\n", "\n").strip()
    if not pem.startswith(_BEGINNINGS):
        return None
    try:
        key = OKPKey.import_key(pem)
        return key if key.curve_name == "Ed25519" else None
    except (JoseError, ValueError, TypeError):  # not a key, of another type, or encrypted
        return None

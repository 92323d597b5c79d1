"""The regular expressions of fields, and what a text must be that does not match one."""

LOCAL_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
COLOR = r"^#[0-9a-f]{6}$"
IDEMPOTENCY_KEY = r"^[\x21-\x7e]{1,255}$"
GRANT_TYPE = r"^password$"
SESSION_COOKIE = r"^cookie$"
S256 = r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$"
VERIFIER = r"^[A-Za-z0-9._~-]{43,128}$"

MESSAGES = {
    LOCAL_TIME: "Must be a time like 09:30",
    COLOR: "Must be a color like #1a2b3c, in lower case",
    IDEMPOTENCY_KEY: "Must be 1 to 255 visible ASCII characters, without spaces",
    GRANT_TYPE: "Must be password",
    SESSION_COOKIE: "Must be cookie",
    S256: "Must be a SHA-256 in base64url: 43 characters, without padding",
    VERIFIER: "Must be 43 to 128 letters, digits and characters of -._~",
}

"""The value of one cookie of a request."""


def cookie_value(header: str, name: str) -> str:
    """Return the value of a cookie in a `Cookie` header, or an empty text.

    Python's own parser takes quadratic time for quoted values (CVE-2024-7592), and Duly's cookies
    need no quotes.
    """
    for pair in header.split(";"):
        found, _, value = pair.strip().partition("=")
        if found == name:
            return value
    return ""

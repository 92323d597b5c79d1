"""Database URLs, read as libpq reads them."""

import re

HOW_TO_ENCODE = (
    "python3 -c 'import getpass, urllib.parse; "
    'print(urllib.parse.quote(getpass.getpass(), safe=""))\''
)

_SCHEME = re.compile(r"postgres(?:ql)?://")
_UNREADABLE = re.compile(r"%(?![0-9a-fA-F]{2})|%00|[\s\0]")
_HOST = re.compile(r"(\[[\w:.%]+\]|[\w.%-]*)(:[0-9]{0,5})?")


def is_readable(dsn: str) -> bool:
    """Whether libpq finds in a URL what its author meant.

    libpq takes a `/`, `@` or `%` in a password for the end of the password, or refuses it. It then
    quotes parts of the password as a host, a port or a database, so such a URL must not reach it.
    """
    dsn = dsn.strip()
    scheme = _SCHEME.match(dsn)
    if scheme is None or _UNREADABLE.search(dsn):
        return False
    # The user and the password end at the first @, unless a / comes before it.
    rest = dsn[scheme.end() :]
    before, sign, after = rest.partition("@")
    has_user = bool(sign) and "/" not in before
    place, _, query = (after if has_user else rest).partition("?")
    hosts, slash, database = place.partition("/")
    if "@" in database or not all(map(_HOST.fullmatch, hosts.split(","))):
        return False
    return not query or all(
        # An @ of the query's own is a user's, such as name@server.
        option.count("=") == 1
        and ("@" not in option or (bool(slash) and not has_user and option.startswith("user=")))
        for option in query.split("&")
    )

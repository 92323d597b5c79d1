"""How a database is called where people read it."""

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict


def name_of(dsn: str) -> str:
    """Return the host, the port and the database of a DSN, without its user and password."""
    try:
        parts = conninfo_to_dict(dsn)
    except ProgrammingError:
        return "the database"
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    port = f":{parts['port']}" if parts.get("port") else ""
    return f"{host}{port}/{parts.get('dbname') or parts.get('user') or ''}"

"""Which errors mean that the database can't be used right now: the one list of them."""

import psycopg
from psycopg import errors


class NoConnection(Exception):
    """No connection was available in time. The message says why."""


_UNAVAILABLE = (
    NoConnection,
    TimeoutError,
    # SQLSTATE 08 (the connection failed; PgBouncer's own messages), 40 (deadlock), 53 (too many
    # connections, disk full), 55P03 (lock not available), 57 (cancelled; the server stops, starts
    # or was killed), 58 (system error), and what libpq itself reports, such as "server closed the
    # connection unexpectedly".
    psycopg.OperationalError,
    errors.ReadOnlySqlTransaction,  # a failover is in progress
    errors.IdleInTransactionSessionTimeout,
    errors.TransactionTimeout,
)
# The server stops, has crashed, or is told to end the connection.
_GOODBYES = {"57P01", "57P02", "57P03", "57P05"}
_MISUSE = (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError)


def is_unavailable(error: BaseException) -> bool:
    """Whether an error means that the database can't be used, or that a result is in doubt.

    These errors are 503 for the client; all others are bugs.
    """
    if isinstance(error, _UNAVAILABLE):
        return True
    if not isinstance(error, psycopg.Error):
        return False
    if error.diag.severity_nonlocalized in {"FATAL", "PANIC"}:
        return True
    # Without a state, the error does not come from the server: the connection is closed, or psycopg
    # got no result, or one that makes no sense. Misuse is found before anything is sent.
    return error.sqlstate is None and not isinstance(error, _MISUSE)


def is_lost_connection(error: BaseException) -> bool:
    """Whether the connection ended during the use, so that its last statement is in doubt."""
    if not isinstance(error, psycopg.OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate[:2] == "08" or error.sqlstate in _GOODBYES


def summary(error: BaseException) -> str:
    """Return an error's first line, for the log."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

"""Which database URLs are passed on to libpq: those that it reads as they were meant."""

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from duly.utils.dsn import is_readable

SPECIAL = st.text(alphabet="aB1@:/?#%&=[],+ $!ü", min_size=1, max_size=12)


@given(user=SPECIAL, password=SPECIAL, database=SPECIAL)
@example("duly", "p@ss/w#rd", "duly")
@example("duly", "100%", "duly")
def test_encoded_url_is_readable(user: str, password: str, database: str) -> None:
    parts = (quote(part, safe="") for part in (user, password, database))
    dsn = "postgresql://{}:{}@db.example.org:5432/{}?sslmode=require".format(*parts)

    assert is_readable(dsn)
    read = conninfo_to_dict(dsn)
    assert (read["user"], read["password"], read["dbname"]) == (user, password, database)


@given(password=SPECIAL.filter(lambda text: "%" not in text))
@example("p@ss/w#rd")
@example("p/ss")
@example("12/x")
@example("p@ss:1/db")
@example("5?user=/b")
@example("1/x?user=b")
def test_url_with_raw_password_is_readable_only_if_libpq_reads_it_whole(password: str) -> None:
    dsn = f"postgresql://duly:{password}@db.example.org:5432/duly?sslmode=require"

    if is_readable(dsn):
        read = conninfo_to_dict(dsn)
        assert (read["host"], read["port"], read["dbname"], read["password"]) == (
            "db.example.org",
            "5432",
            "duly",
            password,
        )


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://",
        "postgres://localhost",
        "postgresql:///duly?user=duly&host=%2Ftmp%2Frun",
        "postgresql:///duly?user=duly@server",
        "postgresql://duly@%2Fvar%2Frun%2Fpostgresql/duly",
        "postgresql://duly:secret@one:5432,two,[2001:db8::1]:5433/duly?target_session_attrs=any",
        "postgresql://alex:AbC#12?dEf@ep-cool-pooler.aws.neon.tech/db?sslmode=require",
    ],
)
def test_usual_url_is_readable(dsn: str) -> None:
    assert is_readable(dsn)
    conninfo_to_dict(dsn)


@pytest.mark.parametrize(
    "dsn",
    [
        "mysql://localhost/duly",
        "postgresql://duly:p@ss/w#rd@db.example.org/duly",
        "postgresql://duly:50%@db.example.org/duly",
        "postgresql://duly:%zz@db.example.org/duly",
        "postgresql://duly:a%00b@db.example.org/duly",
        "postgresql://duly:p/ss@db.example.org/duly",
        "postgresql://duly:p@ss@db.example.org/duly",
        "postgresql://duly:secret@db.example.org:port/duly",
        "postgresql://duly:secret@db.example.org/duly?sslmode",
        "postgresql://duly:secret@db.example.org/duly?a=b=c",
        "postgresql://duly:secret@db example/duly",
    ],
)
def test_url_that_libpq_would_misread_is_not_readable(dsn: str) -> None:
    assert not is_readable(dsn)

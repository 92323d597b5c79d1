"""The file of issuers: what it may say, and the line for whatever it may not."""

from pathlib import Path
from typing import Any

import pytest

from duly.core.config import load_settings
from duly.core.errors import StartupError
from duly.core.issuers import ALGORITHMS, read_issuers
from tests.support.issuers import ABSENT, Issuer, table, write_issuers

ISSUER = Issuer("https://issuer.example")


def refusal(tmp_path: Path, text: str) -> str:
    """The line with which a file is refused."""
    path = tmp_path / "issuers.toml"
    path.write_text(text)
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the line is checked by the tests
        read_issuers(path)
    line = str(refused.value)
    assert "\n" not in line
    return line


def refusal_of(tmp_path: Path, **changes: Any) -> str:
    path = write_issuers(tmp_path / "issuers.toml", table(ISSUER, **changes))
    return refusal(tmp_path, path.read_text())


def test_every_field_is_read(tmp_path: Path) -> None:
    path = write_issuers(
        tmp_path / "issuers.toml",
        table(
            ISSUER,
            audience=["a", "b"],
            algorithms=list(ALGORITHMS),
            create_accounts=False,
            required={"azp": "https://app.example", "email_verified": True},
            refuse={"role": ["anon", "service_role"]},
        ),
    )

    [issuer] = read_issuers(path)

    assert issuer.name == "https://issuer.example"
    assert issuer.jwks_url == "https://issuer.example/jwks"
    assert issuer.audience == {"a", "b"}
    assert issuer.algorithms == {*ALGORITHMS}
    assert not issuer.create_accounts
    assert issuer.required == {"azp": {"https://app.example"}, "email_verified": {True}}
    assert issuer.refuse == {"role": {"anon", "service_role"}}


def test_most_fields_have_defaults(tmp_path: Path) -> None:
    fields = table(ISSUER, audience=ABSENT, required={"azp": "x"})
    [issuer] = read_issuers(write_issuers(tmp_path / "issuers.toml", fields))

    assert issuer.create_accounts
    assert issuer.audience == frozenset()
    assert issuer.refuse == {}


@pytest.mark.parametrize(
    "url",
    ["https://a.example/k", "http://127.0.0.1:3000/k", "http://[::1]/k", "http://localhost/k"],
)
def test_keys_come_by_https_or_from_the_loopback(tmp_path: Path, url: str) -> None:
    [issuer] = read_issuers(write_issuers(tmp_path / "i.toml", table(ISSUER, jwks_url=url)))

    assert issuer.jwks_url == url


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"jwks_url": "http://issuer.example/k"}, "jwks_url must be an https URL"),
        ({"jwks_url": "http://localhost.example/k"}, "jwks_url must be an https URL"),
        ({"jwks_url": "https://user@issuer.example/k"}, "jwks_url must be an https URL"),
        ({"jwks_url": "https://issuer.example/k#f"}, "jwks_url must be an https URL"),
        ({"jwks_url": "https://[::1/k"}, "jwks_url must be an https URL"),
        ({"jwks_url": "https://issuer.example:port/k"}, "jwks_url must be an https URL"),
        ({"jwks_url": "file:///etc/keys"}, "jwks_url must be an https URL"),
        ({"jwks_url": ABSENT}, "jwks_url must be an https URL"),
        ({"issuer": "duly"}, "another name than duly"),
        ({"issuer": ""}, "issuer must be a string"),
        ({"issuer": ABSENT}, "issuer must be a string"),
        ({"issuer": 7}, "issuer must be a string"),
        ({"algorithms": []}, "algorithms must be a list of one or more of ES256"),
        ({"algorithms": "ES256"}, "algorithms must be a list"),
        ({"algorithms": ["HS256"]}, "algorithms must be a list"),
        ({"algorithms": ["none"]}, "algorithms must be a list"),
        ({"algorithms": ["es256"]}, "algorithms must be a list"),
        ({"algorithms": ABSENT}, "algorithms must be a list"),
        ({"audience": ABSENT}, "audience must be set, or a claim in required"),
        ({"audience": ABSENT, "required": {}}, "audience must be set, or a claim in required"),
        ({"audience": []}, "audience must be a string"),
        ({"audience": [1]}, "audience must be a string"),
        ({"audience": ""}, "audience must be a string"),
        ({"create_accounts": "yes"}, "create_accounts must be true or false"),
        ({"required": {"azp": []}}, "required must be a table of claims"),
        ({"required": {"azp": 1}}, "required must be a table of claims"),
        ({"required": "azp"}, "required must be a table of claims"),
        ({"refuse": {"role": {"a": "b"}}}, "refuse must be a table of claims"),
        ({"audiance": "a"}, "audiance is not one of issuer, jwks_url"),
    ],
)
def test_wrong_field_is_named_with_what_it_may_be(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    line = refusal_of(tmp_path, **changes)

    assert line.startswith("issuer 1")
    assert reason in line


def test_line_names_the_issuer(tmp_path: Path) -> None:
    other = Issuer("https://other.example")
    path = write_issuers(
        tmp_path / "issuers.toml", table(ISSUER), table(other, algorithms=["RS1"])
    )

    assert refusal(tmp_path, path.read_text()).startswith("issuer 2 (https://other.example): ")


def test_issuer_of_two_tables_is_refused(tmp_path: Path) -> None:
    path = write_issuers(tmp_path / "issuers.toml", table(ISSUER), table(ISSUER))

    assert "issuer must be unique" in refusal(tmp_path, path.read_text())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "one or more [[issuer]] tables"),
        ("[issuer]\nissuer = 'a'", "one or more [[issuer]] tables"),
        ("issuer = 'a'", "one or more [[issuer]] tables"),
        ("[[issuers]]\nissuer = 'a'", "one or more [[issuer]] tables"),
        ("[[issuer]\n", "must be TOML"),
        ("a = 1\na = 2", "must be TOML"),
    ],
)
def test_other_file_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in refusal(tmp_path, text)


def test_wrong_file_stops_the_start_with_one_line(
    clean_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clean_environment.chdir(tmp_path)
    (tmp_path / "issuers.toml").write_bytes(b"\xff")

    for name, reason in (
        ("missing.toml", "missing.toml cannot be read: No such file"),
        ("issuers.toml", "the file must be text in UTF-8"),
    ):
        clean_environment.setenv("DULY_ISSUERS", name)
        with pytest.raises(StartupError) as refused:
            load_settings()
        assert str(refused.value).startswith(f"DULY_ISSUERS: {reason}")

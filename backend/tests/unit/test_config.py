"""Settings: their defaults, which values are rejected, and where the documents list them."""

import re
import secrets
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey, RSAKey
from pydantic import SecretStr

from duly.core.config import Settings, environment_name, load_settings
from duly.core.ed25519_keys import read_private_key
from duly.core.errors import StartupError
from duly.core.secret_check import check_secret
from duly.runtime.counters import open_storage
from tests.support.issuers import write_tables

GOOD = "6f1a9c0e7b2d4835a1f0c9e8d7b6a5943021fedcba98765f"
DSN = "postgresql://duly@localhost/duly"
NEON = (
    "postgresql://neondb_owner:npg_Xy12@ep-cool-cloud-a1b2c3-pooler.eu-central-1.aws.neon.tech/"
    "neondb?sslmode=require&channel_binding=require"
)
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def elsewhere(clean_environment: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Nothing of Duly is set, neither in the environment nor in a `.env`."""
    clean_environment.chdir(tmp_path)
    return clean_environment


def refusal(environment: pytest.MonkeyPatch, **variables: str) -> str:
    """The line with which settings are refused."""
    for name, value in variables.items():
        environment.setenv(name, value)
    with pytest.raises(StartupError) as refused:
        load_settings()
    line = str(refused.value)
    assert "\n" not in line
    return line


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = load_settings()

    assert settings.is_embedded
    assert settings.data_dir == Path("duly_data")
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.workers == 1
    assert settings.log_level == "info"
    assert settings.rate_limit == "600/minute"
    assert settings.login_account_limit == "10/minute"
    assert settings.login_address_limit == "100/hour"
    assert settings.login_total_limit == "1000/day"
    assert settings.max_sessions == 100
    assert settings.registration == "open"
    assert settings.register_limit == "30/minute"
    assert settings.refresh_limit == "60/minute"
    assert settings.access_token_minutes == 15
    assert settings.database_direct_url is None


def test_the_environment_sets_what_it_names(elsewhere: pytest.MonkeyPatch) -> None:
    elsewhere.setenv("DULY_HOST", "0.0.0.0")
    elsewhere.setenv("DULY_PORT", "9000")
    elsewhere.setenv("DULY_DATA_DIR", "/srv/duly")
    elsewhere.setenv("DULY_WORKERS", "4")

    settings = load_settings()

    assert (settings.host, settings.port, settings.workers) == ("0.0.0.0", 9000, 4)
    assert settings.data_dir == Path("/srv/duly")


def test_a_dot_env_file_sets_what_it_names(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DULY_PORT=9001\nOTHER=1\n")

    assert load_settings().port == 9001


def test_the_environment_wins_over_the_file(elsewhere: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DULY_PORT=9001\n")
    elsewhere.setenv("DULY_PORT", "9002")

    assert load_settings().port == 9002


def test_the_command_line_wins_over_the_environment(elsewhere: pytest.MonkeyPatch) -> None:
    elsewhere.setenv("DULY_PORT", "9002")

    assert load_settings(port=9003, host=None).port == 9003


def test_a_variable_set_to_nothing_is_not_set(elsewhere: pytest.MonkeyPatch) -> None:
    elsewhere.setenv("DATABASE_URL", "")
    elsewhere.setenv("DULY_PORT", "")

    settings = load_settings()

    assert settings.is_embedded
    assert settings.port == 8000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DULY_PORT", "0"),
        ("DULY_PORT", "65536"),
        ("DULY_PORT", "http"),
        ("DULY_WORKERS", "0"),
        ("DULY_WORKERS", "two"),
        ("DULY_LOG_LEVEL", "loud"),
        ("DULY_LOG_FORMAT", "xml"),
        ("DULY_MIGRATE_AT_START", "perhaps"),
        ("DULY_POOL_SIZE", "0"),
        ("DULY_REQUEST_TIMEOUT", "0"),
        ("DULY_REQUEST_TIMEOUT", "nan"),
        ("DULY_PREPARED_STATEMENTS", "2"),
        ("DULY_ACCESS_TOKEN_MINUTES", "0"),
        ("DULY_REFRESH_TOKEN_DAYS", "-1"),
        ("DULY_BCRYPT_COST", "3"),
        ("DULY_BCRYPT_COST", "31"),
        ("DULY_PASSWORD_THREADS", "0"),
        ("DULY_RATE_LIMIT", "600"),
        ("DULY_RATE_LIMIT", "0/minute"),
        ("DULY_RATE_LIMIT", "600/fortnight"),
        ("DULY_RATE_LIMIT", "none"),
        ("DULY_LOGIN_ACCOUNT_LIMIT", "off"),
        ("DULY_LOGIN_ADDRESS_LIMIT", "off"),
        ("DULY_REGISTER_LIMIT", "off"),
        ("DULY_REFRESH_LIMIT", "off"),
        ("DULY_RATE_LIMIT_STORAGE", "memcached://localhost"),
        ("DULY_RATE_LIMIT_STORAGE", "redis://"),
        ("DULY_RATE_LIMIT_STORAGE", "redis://localhost:port"),
        ("DULY_RATE_LIMIT_STORAGE", "redis://localhost:66666"),
        ("DULY_RATE_LIMIT_STORAGE", "redis://localhost/cache"),
        ("DULY_RATE_LIMIT_STORAGE", "redis://:hunter2/x@localhost"),
        ("DULY_RATE_LIMIT_STORAGE", "redis://:hunter2@x@localhost"),
        ("DULY_RATE_LIMIT_STORAGE", "redis://:hunter2#x@localhost"),
        ("DULY_RATE_LIMIT_STORAGE", "redis://localhost?colour=red"),
        ("DULY_MAIL_ACCOUNT_LIMIT", "off"),
        ("DULY_MAIL_ADDRESS_LIMIT", "often"),
        ("DULY_SMTP_URL", "mail.example.org"),
        ("DULY_SMTP_URL", "http://mail.example.org"),
        ("DULY_SMTP_URL", "smtp://"),
        ("DULY_SMTP_URL", "smtp://mail.example.org:0"),
        ("DULY_SMTP_URL", "smtp://mail.example.org:smtp"),
        ("DULY_SMTP_URL", "smtp://duly@mail.example.org"),
        ("DULY_SMTP_URL", "smtp://duly:hunter2@x@mail.example.org"),
        ("DULY_SMTP_URL", "smtp://duly:hunter2/x@mail.example.org"),
        ("DULY_SMTP_URL", "smtp://mail.example.org?starttls=never"),
        ("DULY_SMTP_URL", "smtp://mail.example.org?tls=no"),
        ("DULY_MAIL_FROM", "Duly"),
        ("DULY_MAIL_FROM", "Duly <duly>"),
        ("DULY_MAIL_FROM", "Duly <duly@example.org"),
        ("DULY_WEB_APP", "true"),
        ("DULY_WEB_APP", "/nowhere"),
        ("DULY_PUBLIC_URL", "duly.example.org"),
        ("DULY_PUBLIC_URL", "https://duly.example.org?a=b"),
        ("DULY_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("DULY_TRUSTED_PROXIES", "127.0.0.1, proxy"),
        ("DULY_CORS_ORIGINS", "*"),
        ("DULY_CORS_ORIGINS", "https://a.example.com/app"),
        ("DULY_CORS_ORIGINS", "https://*.example.com"),
        ("DULY_CORS_ORIGINS", "app.example.com"),
        ("DULY_CORS_ORIGINS", "https://a.example.com//"),
        ("DATABASE_URL", "mysql://localhost/duly"),
        ("DATABASE_URL", "localhost"),
        ("DATABASE_DIRECT_URL", "sqlite:///duly.db"),
        ("DULY_SECRET_KEY", "short"),
        ("DULY_PREVIOUS_SECRET_KEYS", f"{GOOD},short"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_the_setting(
    elsewhere: pytest.MonkeyPatch, name: str, value: str
) -> None:
    line = refusal(elsewhere, **{name: value})

    assert line.startswith(f"{name}: ")
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("DULY_PORT", "abc", "must be a whole number from 1 to 65535"),
        ("DULY_PORT", "65536", "must be a whole number from 1 to 65535"),
        ("DULY_WORKERS", "1.5", "must be a whole number from 1 to 64"),
        ("DULY_REQUEST_TIMEOUT", "nan", "must be a number greater than 0 and at most 60"),
        ("DULY_REQUEST_TIMEOUT", "soon", "must be a number greater than 0 and at most 60"),
        ("DULY_MIGRATE_AT_START", "perhaps", "must be true or false"),
        ("DULY_LOG_LEVEL", "loud", "must be debug, info, warning or error"),
        ("DULY_REGISTRATION", "ajar", "must be open or closed"),
        ("DULY_WEB_APP", "/etc", "must be on, off, or a directory with an index.html"),
        ("DULY_RATE_LIMIT", "x", "must be a number per second, minute, hour or day, such as 600/"),
        ("DULY_TRUSTED_PROXIES", "proxy", "must be comma-separated IP addresses or networks"),
        (
            "DULY_CORS_ORIGINS",
            "a.example",
            "must be comma-separated origins of the form scheme://",
        ),
        (
            "DULY_SECRET_KEY",
            "hunter2",
            "must not be shorter than 32 bytes; create one with `openssl",
        ),
        ("DULY_SECRET_KEY", "ab12" * 8, "must not be easy to guess, such as a repeated or "),
        ("DATABASE_URL", "mysql://hunter2@db", "must start with postgresql://"),
    ],
)
def test_wrong_value_is_reported_with_the_values_that_are_allowed(
    elsewhere: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    line = refusal(elsewhere, **{name: value})

    assert line.startswith(f"{name}: {reason}")
    assert value not in line.removeprefix(name)


@pytest.mark.parametrize("name", list(map(environment_name, Settings.model_fields)))
def test_rejection_never_repeats_the_value_or_quotes_pydantic(
    elsewhere: pytest.MonkeyPatch, name: str
) -> None:
    if name in {"DULY_DATA_DIR", "DULY_HOST", "DULY_METRICS_HOST"}:
        pytest.skip("any text is valid")

    line = refusal(elsewhere, **{name: "xyzzy plugh"})
    if name in {"DULY_ISSUERS", "DULY_SIGN_IN_PROVIDERS"}:  # the path of a file is not a secret
        line = line.replace("xyzzy plugh cannot be read", "")

    assert not re.search(r"xyzzy|plugh|[Ii]nput|validation", line)


@pytest.mark.parametrize(
    "url",
    [
        "memory",
        "redis://localhost",
        "redis://localhost:6379/0",
        "rediss://user:p%40ss@redis.example.org:6380/12?ssl_ca_certs=/etc/ca.pem",
        "redis://[::1]:6379",
        "redis+unix:///run/redis.sock?db=1",
    ],
)
def test_usual_storage_is_accepted(elsewhere: pytest.MonkeyPatch, url: str) -> None:
    elsewhere.setenv("DULY_RATE_LIMIT_STORAGE", url)

    assert load_settings().rate_limit_storage.get_secret_value() == url
    open_storage(url)


def test_origin_may_end_in_a_slash(elsewhere: pytest.MonkeyPatch) -> None:
    elsewhere.setenv("DULY_CORS_ORIGINS", "https://App.Example.com/,http://localhost:3000")

    assert load_settings().cors_origins == ("https://app.example.com", "http://localhost:3000")


def test_refusal_of_a_wildcard_says_that_none_is_supported(elsewhere: pytest.MonkeyPatch) -> None:
    assert "wildcards are not supported" in refusal(elsewhere, DULY_CORS_ORIGINS="*")


def test_invalid_value_on_the_command_line_names_the_setting() -> None:
    with pytest.raises(StartupError, match=r"^DULY_PORT: "):
        load_settings(port=0)


@pytest.mark.parametrize("name", ["DULY_SECRET_KEY", "DULY_PREVIOUS_SECRET_KEYS", "DATABASE_URL"])
def test_rejection_of_a_secret_does_not_reveal_it(
    elsewhere: pytest.MonkeyPatch, name: str
) -> None:
    assert "hunter2" not in refusal(elsewhere, **{name: "hunter2"})


def test_an_unknown_variable_is_left_alone(elsewhere: pytest.MonkeyPatch) -> None:
    elsewhere.setenv("DULY_COLOUR", "blue")

    load_settings()


@pytest.mark.parametrize("dsn", [DSN, NEON, "postgres://duly@localhost/duly"])
def test_a_database_needs_a_secret_key(elsewhere: pytest.MonkeyPatch, dsn: str) -> None:
    line = refusal(elsewhere, DATABASE_URL=dsn)

    assert line.startswith("DULY_SECRET_KEY: ")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"DULY_SMTP_URL": "smtp://mail"}, "DULY_MAIL_FROM"),
        ({"DULY_SMTP_URL": "smtp://mail", "DULY_MAIL_FROM": "a@b.org"}, "DULY_PUBLIC_URL"),
        ({"DULY_REQUIRE_VERIFIED_EMAIL": "true"}, "DULY_SMTP_URL"),
    ],
)
def test_mail_needs_a_sender_and_a_url(
    elsewhere: pytest.MonkeyPatch, given: dict[str, str], missing: str
) -> None:
    assert refusal(elsewhere, **given).startswith(f"{missing}: required with ")


@pytest.mark.parametrize("dsn", [DSN, NEON])
def test_a_database_is_taken_verbatim(elsewhere: pytest.MonkeyPatch, dsn: str) -> None:
    elsewhere.setenv("DATABASE_URL", dsn)
    elsewhere.setenv("DULY_SECRET_KEY", GOOD)

    settings = load_settings()

    assert settings.database_url == SecretStr(dsn)
    assert not settings.is_embedded


@pytest.mark.parametrize(
    "secret",
    [
        "x" * 31,
        "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d",  # 31 bytes
        "x" * 64,
        "0123" * 16,
        "changeme" * 8,
        "change-me-change-me-change-me-now",
        "please change this before you go live 1",
        "your-secret-key-with-many-characters-0",
        "example-key-0123456789-abcdefghijklmn",
        "a-placeholder-0123456789-abcdefghijkl",
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "09D25E094FAA6CA2556C818166B7A9563B93F7099F6F0F4CAA6CF63B88E8D3E7",
        "super-secret-jwt-token-with-at-least-32-characters-long",
        "a-string-secret-at-least-256-bits-long",
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef" * 4,
        "fedcba9876543210fedcba98765432100",
        "abcdefghijklmnopqrstuvwxyz012345",
        "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
        "correct-horse-battery-" * 2,
        "aaaaaaaabbbbbbbbccccccccddddddddeeeeffff",
    ],
)
@pytest.mark.parametrize("name", ["DULY_SECRET_KEY", "DULY_PREVIOUS_SECRET_KEYS"])
def test_a_short_or_well_known_secret_is_refused(
    elsewhere: pytest.MonkeyPatch, name: str, secret: str
) -> None:
    line = refusal(elsewhere, DATABASE_URL=DSN, **{name: secret})

    assert line.startswith(f"{name}: ")
    assert secret not in line


def test_random_secrets_are_accepted() -> None:
    for _ in range(2_000):
        check_secret(secrets.token_hex(16))
        check_secret(secrets.token_urlsafe(24))


def test_the_length_of_a_secret_is_counted_in_bytes(elsewhere: pytest.MonkeyPatch) -> None:
    elsewhere.setenv("DULY_SECRET_KEY", "äöüßéèêëñçåøîïðþ")

    assert load_settings().secret_key is not None


def test_a_secret_is_not_shown_with_the_settings(elsewhere: pytest.MonkeyPatch) -> None:
    elsewhere.setenv("DULY_SECRET_KEY", GOOD)
    elsewhere.setenv("DULY_PREVIOUS_SECRET_KEYS", GOOD)
    elsewhere.setenv("DATABASE_URL", "postgresql://duly:hunter2@localhost/duly")

    settings = load_settings()

    assert GOOD not in repr(settings)
    assert "hunter2" not in repr(settings)


def test_lists_are_separated_by_commas(elsewhere: pytest.MonkeyPatch) -> None:
    elsewhere.setenv("DULY_CORS_ORIGINS", "https://a.example.com, http://localhost:3000,")
    elsewhere.setenv("DULY_PREVIOUS_SECRET_KEYS", f"{GOOD},{GOOD[::-1]}")

    settings = load_settings()

    assert settings.cors_origins == ("https://a.example.com", "http://localhost:3000")
    assert len(settings.previous_secret_keys) == 2


def test_the_general_budget_can_be_lifted(elsewhere: pytest.MonkeyPatch) -> None:
    elsewhere.setenv("DULY_RATE_LIMIT", "off")

    assert load_settings().rate_limit == "off"


def test_settings_can_not_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 1  # type: ignore[misc]


# .env.example


def listed() -> dict[str, tuple[str, str]]:
    """What `.env.example` says of each setting: its comment and its value."""
    blocks = (ROOT / ".env.example").read_text().strip().split("\n\n")[1:]
    lines = [block.split("\n") for block in blocks]
    assert all(len(pair) == 2 for pair in lines), "a comment, a setting, an empty line"
    settings = (setting.removeprefix("#").split("=", 1) for _, setting in lines)
    return {
        name: (comment.removeprefix("# "), value)
        for (comment, _), (name, value) in zip(lines, settings, strict=True)
    }


def test_the_example_lists_every_setting_in_order_with_its_description() -> None:
    assert [(name, comment) for name, (comment, _) in listed().items()] == [
        (environment_name(name), field.description)
        for name, field in Settings.model_fields.items()
    ]


def test_values_of_the_example_are_the_defaults(
    elsewhere: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    defaults = load_settings()
    example = (ROOT / ".env.example").read_text().replace("\n#D", "\nD")
    (tmp_path / ".env").write_text(example)

    assert load_settings() == defaults
    for name, (_, value) in listed().items():
        elsewhere.setenv(name, value)
    assert load_settings() == defaults


def test_the_example_gives_every_default_that_there_is() -> None:
    without = {name for name, (_, value) in listed().items() if not value}

    assert without == {
        environment_name(name)
        for name, field in Settings.model_fields.items()
        if field.default in (None, ())
    }


def test_the_example_sets_nothing_until_a_line_is_uncommented() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()

    assert all(not line or line.startswith("#") for line in lines)


def test_documentation_lists_the_same_settings_descriptions_and_defaults() -> None:
    text = (ROOT.parent / "docs" / "deployment.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`(.*)`|\u2013) \| (.*) \|$", text, re.MULTILINE)

    assert rows == [(name, value, comment) for name, (comment, value) in listed().items()]


PEM = OKPKey.generate_key("Ed25519").as_pem(private=True).decode()


def test_signing_key_is_a_pem_with_line_breaks_of_either_kind_or_a_path(
    elsewhere: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "key.pem"
    path.write_text(PEM)

    for given in (PEM, PEM.replace("\n", "\\n"), str(path), "key.pem"):
        elsewhere.setenv("DULY_SIGNING_KEY", given)
        settings = load_settings()
        assert settings.signing_key is not None
        assert read_private_key(settings.signing_key.get_secret_value()).thumbprint()


@pytest.mark.parametrize(
    "given",
    [
        "MC4CAQAwBQYDK2VwBCIEIHqFYykyZsnb5FceKFEKGqgA1VREDOd6dsQp7eLHss8o",
        "no/such/file",
        "x" * 5_000,
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        OKPKey.generate_key("Ed448").as_pem(private=True).decode(),
        OKPKey.generate_key("Ed25519").as_pem(private=False).decode(),
        OKPKey.generate_key("Ed25519").as_pem(private=True, password="x").decode(),
        RSAKey.generate_key(2048).as_pem(private=True).decode(),
    ],
    ids=range(8),
)
def test_unusable_signing_key_is_rejected_and_not_repeated(
    elsewhere: pytest.MonkeyPatch, given: str
) -> None:
    line = refusal(elsewhere, DULY_SIGNING_KEY=given)

    assert line.startswith("DULY_SIGNING_KEY: ")
    assert "Ed25519" in line or "the file cannot be read" in line
    assert given.splitlines()[0][:40] not in line


def test_unusable_previous_signing_key_is_rejected(elsewhere: pytest.MonkeyPatch) -> None:
    line = refusal(elsewhere, DULY_PREVIOUS_SIGNING_KEYS=f"{PEM},no/such/file")

    assert line.startswith("DULY_PREVIOUS_SIGNING_KEYS: the file cannot be read")


def test_path_of_a_signing_key_that_cannot_be_read_is_named(
    elsewhere: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    line = refusal(elsewhere, DULY_SIGNING_KEY=str(tmp_path))

    assert line == f"DULY_SIGNING_KEY: {tmp_path} cannot be read: Is a directory"


@pytest.mark.parametrize("name", ["DULY_ISSUERS", "DULY_SIGN_IN_PROVIDERS"])
def test_path_of_a_missing_file_is_named(elsewhere: pytest.MonkeyPatch, name: str) -> None:
    line = refusal(elsewhere, **{name: "no/such/file.toml"})

    assert line == f"{name}: no/such/file.toml cannot be read: No such file or directory"


def test_service_in_which_nobody_could_sign_in_does_not_start(
    elsewhere: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    line = refusal(elsewhere, DULY_LOCAL_ACCOUNTS="false")

    assert line.startswith("DULY_LOCAL_ACCOUNTS: ")
    assert "DULY_ISSUERS or DULY_SIGN_IN_PROVIDERS" in line
    fields = {
        "issuer": "https://id.example.com",
        "jwks_url": "https://id.example.com/keys",
        "audience": "tasks",
        "algorithms": ["RS256"],
    }
    elsewhere.setenv("DULY_ISSUERS", str(write_tables(tmp_path / "x.toml", "issuer", fields)))
    assert load_settings().local_accounts is False

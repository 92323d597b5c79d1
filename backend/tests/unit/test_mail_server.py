"""The URL of a mail server, and the sender of mail."""

import pytest

from duly.core.mail_server import MailServer, read_mail_server, read_sender


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.org", ("mail.example.org", 587, None, None, "starttls")),
        ("smtps://mail.example.org/", ("mail.example.org", 465, None, None, "tls")),
        ("smtp://a:b@mail:25", ("mail", 25, "a", "b", "starttls")),
        ("smtp://a%40c.org:p%2F%40ss@mail", ("mail", 587, "a@c.org", "p/@ss", "starttls")),
        ("smtp://mail:25?starttls=if_offered", ("mail", 25, None, None, "if_offered")),
        ("smtp://localhost:1025", ("localhost", 1025, None, None, "if_offered")),
        ("smtp://127.0.0.1:1025", ("127.0.0.1", 1025, None, None, "if_offered")),
        ("smtp://[::1]:1025", ("::1", 1025, None, None, "if_offered")),
        ("smtp://localhost?starttls=required", ("localhost", 587, None, None, "starttls")),
        # Only the loopback itself: this name can be anywhere.
        ("smtp://localhost.example.org", ("localhost.example.org", 587, None, None, "starttls")),
    ],
)
def test_url_names_a_server(url: str, server: tuple[object, ...]) -> None:
    assert read_mail_server(url) == MailServer(*server)  # type: ignore[arg-type]  # by place


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("duly@example.org", "", "duly@example.org"),
        ("Duly <duly@example.org>", "Duly", "duly@example.org"),
        (' "Duly, at work" <duly@example.org> ', "Duly, at work", "duly@example.org"),
        ("<duly@example.org>", "", "duly@example.org"),
        ("Tâches <tâches@exämple.org>", "Tâches", "tâches@xn--exmple-cua.org"),
    ],
)
def test_sender_has_an_address_and_perhaps_a_name(text: str, name: str, address: str) -> None:
    sender = read_sender(text)

    assert (sender.display_name, sender.addr_spec) == (name, address)


@pytest.mark.parametrize("text", ["", "Duly", "a@b.org, c@d.org", "Duly <a@b.org", "a@b.org\n"])
def test_other_sender_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be an email address"):
        read_sender(text.replace("\n", "\nBcc: c@d.org"))

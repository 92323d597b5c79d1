"""Pages of the server, which keep their refresh token in a cookie."""

import httpx

PAGE = {"Duly-Session": "cookie", "Sec-Fetch-Site": "same-origin"}
"""The headers of their requests for a session."""


def cookie_of(response: httpx.Response) -> tuple[str, str, set[str]]:
    """The name, the value and the attributes of the only cookie of a response."""
    [line] = response.headers.get_list("set-cookie")
    [pair, *attributes] = line.split("; ")
    name, _, value = pair.partition("=")
    return name, value.strip('"'), set(attributes)

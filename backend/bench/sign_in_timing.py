"""Whether the time of a response tells who has an account: `make bench-sign-in-timing` for a refused
sign-in, `make bench-reset-timing` for a request of a new password.

Known and unknown addresses take turns, in an order drawn anew for each pair, through a real server.
The answers must be the same bytes, and the area under the ROC curve (the chance that a known
address took longer) must lie between 0.45 and 0.55. Mail is really sent, to a server on the loopback.
"""

import argparse
import asyncio
import random
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from contextlib import ExitStack

from bench.live import API, Answer, Wire, database, live, new_person, percentiles, wire
from tests.support.postbox import postbox
from tests.support.servers import Server

KNOWN = 20


def auc(first: Sequence[float], second: Sequence[float]) -> float:
    """The chance that one of `first` is larger than one of `second`; ties count half."""
    ordered = sorted(second)
    wins = sum(bisect_left(ordered, x) + bisect_right(ordered, x) for x in first) / 2
    return wins / (len(first) * len(second))


async def sign_in(connection: Wire, email: str, number: int) -> Answer:
    """A sign-in with a wrong password, from an address that has not failed yet."""
    source = {"X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}
    body = {"email": email, "password": "a wrong passphrase"}
    return await connection.ask("POST", f"{API}/auth/login", body, source)


async def forget(connection: Wire, email: str, _: int) -> Answer:
    """A request of a link to set a new password."""
    return await connection.ask("POST", f"{API}/auth/password/forgot", {"email": email})


def without_names(answer: Answer) -> tuple[int, bytes, list[bytes]]:
    """An answer, less what names the request and the moment."""
    lines = answer.head.split(b"\r\n")
    kept = [line for line in lines if not line.startswith((b"x-request-id:", b"date:"))]
    return answer.status, answer.body, kept


async def measure(server: Server, pairs: int, *, is_reset: bool) -> bool:
    """Tells whether nothing could be told."""
    for number in range(KNOWN):
        await new_person(server, f"known{number:03}@example.com")
    taken: dict[str, list[float]] = {"known": [], "unknown": []}
    answers = []
    attempt, status = (forget, 202) if is_reset else (sign_in, 401)
    async with wire(server) as connection:
        for pair in range(-10, pairs):  # the first few warm everything up
            kinds = ["known", "unknown"]
            random.shuffle(kinds)
            for turn, kind in enumerate(kinds):
                who = pair % KNOWN if kind == "known" else 100 + pair % 800
                name = f"{'known' if kind == 'known' else 'ghost'}{who:03}@example.com"
                answer = await attempt(connection, name, (pair + 10) * 2 + turn)
                if pair >= 0:
                    taken[kind].append(answer.seconds)
                    answers.append(without_names(answer))
    same = all(answer == answers[0] for answer in answers) and answers[0][0] == status
    area = auc(taken["known"], taken["unknown"])
    for kind, seconds in taken.items():
        print(f"  {kind:8} {percentiles(seconds)}")
    print(f"  AUC {area:.3f}; the same bytes: {same}")
    return same and 0.45 <= area <= 0.55


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument(
        "--cost", type=int, nargs="+", default=[12, 4], help="of a hash; a low one hides less"
    )
    parser.add_argument("--reset", action="store_true", help="request a new password instead")
    options = parser.parse_args()
    held = []
    for cost in [4] if options.reset else options.cost:
        with ExitStack() as stack:
            dsn = stack.enter_context(database())
            mail = _mail(stack.enter_context(postbox()).port) if options.reset else {}
            server = stack.enter_context(live(dsn, workers=1, DULY_BCRYPT_COST=str(cost), **mail))
            print(f"{options.pairs} interleaved pairs, bcrypt cost {cost}")
            held.append(asyncio.run(measure(server, options.pairs, is_reset=options.reset)))
    sys.exit(None if all(held) else "the time tells who has an account")


def _mail(port: int) -> dict[str, str]:
    return {
        "DULY_SMTP_URL": f"smtp://127.0.0.1:{port}",
        "DULY_MAIL_FROM": "duly@example.org",
        "DULY_PUBLIC_URL": "http://127.0.0.1",
        "DULY_MAIL_ACCOUNT_LIMIT": "99999/second",
        "DULY_MAIL_ADDRESS_LIMIT": "99999/second",
    }


if __name__ == "__main__":
    main()

"""Rules about lists of tasks."""

import json

from hypothesis import strategies as st

from tests.model.machine import PICKS, PREFIXES, USERS, Machine, rule
from tests.model.states import Body

QUERIES = st.fixed_dictionaries(
    {"limit": st.integers(1, 5)},
    optional={
        "is_completed": st.booleans(),
        "trashed": st.booleans(),
        "include_total": st.booleans(),
        "sort": st.sampled_from(["created_at", "updated_at", "title"]).flatmap(
            lambda name: st.sampled_from([name, f"-{name}"])
        ),
        "q": st.sampled_from(
            ["milk", "MILK bread", "milk -bread", "-zoo", "café", "CAFE", "mi", "", "nothing"]
        ),
    },
)


class ListRules(Machine):
    """Each rule asks the service, then the model, and compares."""

    @rule(user=USERS, pick=PICKS, query=QUERIES, prefix=PREFIXES)
    def list_all_pages(self, user: int, pick: int, query: Body, prefix: str) -> None:
        state = self.states[user]
        session, path = self.session_of(state, pick), self.path(state, prefix)
        expected = [task.id for task in state.listed(query)]
        found: list[str] = []
        cursor = None
        while True:
            page = self.expect(state, session, "GET", path, 200, query={**query, "cursor": cursor})
            assert page["total"] == (len(expected) if query.get("include_total") else None)
            for item in page["items"]:
                self.same(state, state.tasks[item["id"]], item)
            found += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            assert (cursor is None) == (len(found) >= len(expected))
            if cursor is None:
                break
        assert found == expected, (query, found, expected)

    @rule(user=USERS, pick=PICKS, query=QUERIES, offset=st.integers(0, 4))
    def list_one_page(self, user: int, pick: int, query: Body, offset: int) -> None:
        state = self.states[user]
        session = self.session_of(state, pick)
        asked = {**query, "offset": offset}
        answer = self.call(state, session, "GET", "/tasks", query=asked)
        expected = [task.id for task in state.listed(query)][offset : offset + query["limit"]]
        assert [item["id"] for item in json.loads(answer.body)["items"]] == expected
        headers = {"If-None-Match": answer.headers["etag"]}
        self.expect(state, session, "GET", "/tasks", 304, query=asked, headers=headers)

"""Rules about lists of resources."""

import json

from hypothesis import strategies as st

from duly.services.resource_types import OPERATIONS
from tests.model.drawing import QUERIES, Drawn
from tests.model.machine import PICKS, PREFIXES, USERS, Machine, rule
from tests.support.resources import query_of


class ListRules(Machine):
    """Each rule asks the service, then the model, and compares."""

    @rule(user=USERS, pick=PICKS, drawn=QUERIES, prefix=PREFIXES)
    def list_all_pages(self, user: int, pick: int, drawn: Drawn, prefix: str) -> None:
        type_name, query = drawn
        kind, state = OPERATIONS[type_name].kind, self.states[user]
        session, path = self.session_of(state, pick), self.path(state, kind, prefix)
        expected = [resource.id for resource in state.listed(kind, query)]
        found: list[str] = []
        cursor = None
        while True:
            page = self.expect(state, session, "GET", path, 200, query={**query, "cursor": cursor})
            assert page["total"] == (len(expected) if query.get("include_total") else None)
            for item in page["items"]:
                self.same(state, state.resources[type_name][item["id"]], item)
            found += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            assert (cursor is None) == (len(found) >= len(expected))
            if cursor is None:
                break
        assert found == expected, (query, found, expected)

    @rule(user=USERS, pick=PICKS, drawn=QUERIES, offset=st.integers(0, 4))
    def list_one_page(self, user: int, pick: int, drawn: Drawn, offset: int) -> None:
        type_name, query = drawn
        kind, state = OPERATIONS[type_name].kind, self.states[user]
        session, path = self.session_of(state, pick), self.path(state, kind, "")
        if "offset" not in query_of(kind).model_fields:
            offset = 0
        sent = {**query, "offset": offset or None}
        answer = self.call(state, session, "GET", path, query=sent)
        expected = [resource.id for resource in state.listed(kind, query)]
        expected = expected[offset : offset + query["limit"]]
        assert [item["id"] for item in json.loads(answer.body)["items"]] == expected
        headers = {"If-None-Match": answer.headers["etag"]}
        self.expect(state, session, "GET", path, 304, query=sent, headers=headers)

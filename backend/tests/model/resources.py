"""Rules about resources, the same for every type."""

import json
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st

from duly.records.types import ResourceType
from duly.services.resource_types import OPERATIONS
from tests.model.drawing import (
    ACTION_CALLS,
    CHANGES,
    REPLACEMENTS,
    TYPE_NAMES,
    WHOLE_BODIES,
    Drawn,
)
from tests.model.machine import KEYS, MATCHES, PICKS, PREFIXES, USERS, Machine, rule
from tests.model.playing import play
from tests.model.states import ANY, Body, Match, UserState, cleaned

BATCH_OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), WHOLE_BODIES, st.booleans() | st.none(), PICKS),
        st.tuples(st.just("update"), CHANGES, st.booleans(), PICKS),
        st.tuples(st.just("delete"), st.tuples(TYPE_NAMES, st.just({})), st.booleans(), PICKS),
        st.tuples(st.just("act"), ACTION_CALLS, st.booleans(), PICKS),
    ),
    min_size=1,
    max_size=6,
)


class ResourceRules(Machine):
    """Each rule asks the service, then the model, and compares."""

    @rule(
        user=USERS,
        pick=PICKS,
        drawn=WHOLE_BODIES,
        id_choice=st.sampled_from(["none", "new", "used", "repeated"]),
        key=KEYS,
        prefix=PREFIXES,
    )
    def create(
        self, user: int, pick: int, drawn: Drawn, id_choice: str, key: str | None, prefix: str
    ) -> None:
        state, (type_name, content) = self.states[user], drawn
        kind = OPERATIONS[type_name].kind
        body: Body = self._with_id(user, kind, pick, content, id_choice)
        path = self.path(state, kind, prefix)
        answer = self.call(
            state,
            self.session_of(state, pick),
            "POST",
            path,
            body=body,
            headers={"Idempotency-Key": key},
        )
        received = json.loads(answer.body)
        is_alias = path != f"/{kind.plural}"
        route = f"create {type_name}" + (" of a user" if is_alias else "")
        if self.replayed(state, route, key, cleaned(body), answer):
            return
        made = self.judge(answer, lambda: state.create(kind, body, received.get("id")))
        if made is not None:
            resource, is_new = made
            assert answer.status == (201 if is_new else 200)
            assert answer.headers["etag"] == f'"{resource.version}"'
            self.same(state, resource, received)
            self.ids.append(resource.id)

    def _with_id(
        self, user: int, kind: ResourceType, pick: int, content: Body, choice: str
    ) -> Body:
        """A body with a client's id, as `choice` says; "repeated" is an earlier body."""
        if choice == "none":
            return dict(content)
        if choice == "new":
            return {**content, "id": str(uuid4())}
        resource_id = self.an_id(user, kind, pick)
        found = self.states[user].resources[kind.name].get(resource_id)
        if choice == "repeated" and found and found.creation:
            content = found.creation
        return {**content, "id": resource_id}

    @rule(user=USERS, pick=PICKS, drawn=REPLACEMENTS, matches=MATCHES, prefix=PREFIXES)
    def replace(self, user: int, pick: int, drawn: Drawn, matches: Match, prefix: str) -> None:
        type_name, body = drawn

        def model(state: UserState, kind: ResourceType, resource_id: str) -> None:
            state.replace(state.find(kind, resource_id, matches), body)

        self._write(user, pick, type_name, "PUT", prefix, matches, model, body=body)

    @rule(user=USERS, pick=PICKS, drawn=CHANGES, matches=MATCHES, prefix=PREFIXES)
    def change(self, user: int, pick: int, drawn: Drawn, matches: Match, prefix: str) -> None:
        type_name, body = drawn

        def model(state: UserState, kind: ResourceType, resource_id: str) -> None:
            state.change(state.find(kind, resource_id, matches), body)

        self._write(user, pick, type_name, "PATCH", prefix, matches, model, body=body)

    @rule(user=USERS, pick=PICKS, drawn=ACTION_CALLS, matches=MATCHES, prefix=PREFIXES)
    def act(self, user: int, pick: int, drawn: Drawn, matches: Match, prefix: str) -> None:
        type_name, action = drawn[0], drawn[1]["action"]

        def model(state: UserState, kind: ResourceType, resource_id: str) -> None:
            state.act(kind, action, resource_id, matches)

        self._write(user, pick, type_name, "POST", prefix, matches, model, action=action)

    @rule(user=USERS, pick=PICKS, type_name=TYPE_NAMES, matches=MATCHES, prefix=PREFIXES)
    def delete(self, user: int, pick: int, type_name: str, matches: Match, prefix: str) -> None:
        def model(state: UserState, kind: ResourceType, resource_id: str) -> None:
            state.delete(kind, resource_id, matches)

        self._write(user, pick, type_name, "DELETE", prefix, matches, model)

    @rule(user=USERS, pick=PICKS, type_name=TYPE_NAMES, matches=MATCHES, prefix=PREFIXES)
    def erase(self, user: int, pick: int, type_name: str, matches: Match, prefix: str) -> None:
        def model(state: UserState, kind: ResourceType, resource_id: str) -> None:
            state.delete(kind, resource_id, matches, is_permanent=True)

        query = {"permanent": True} if OPERATIONS[type_name].kind.has_trash else None
        self._write(user, pick, type_name, "DELETE", prefix, matches, model, query=query)

    def _write(
        self,
        user: int,
        pick: int,
        type_name: str,
        method: str,
        prefix: str,
        matches: Match,
        model: Any,
        *,
        action: str = "",
        body: Body | None = None,
        query: Body | None = None,
    ) -> None:
        """A write of one resource."""
        state, kind = self.states[user], OPERATIONS[type_name].kind
        resource_id = self.an_id(user, kind, pick, from_trash=action == "restore")
        resource = state.resources[type_name].get(resource_id)
        answer = self.call(
            state,
            self.session_of(state, pick),
            method,
            self.path(state, kind, prefix, resource_id, action),
            body=body,
            query=query,
            headers={"If-Match": matches.header(resource.version if resource else 1)},
        )
        is_done = self.judge(answer, lambda: (model(state, kind, resource_id), "done"))
        if is_done and method != "DELETE":
            now = state.resources[type_name][resource_id]
            assert answer.headers["etag"] == f'"{now.version}"'
            self.same(state, now, json.loads(answer.body))

    @rule(user=USERS, pick=PICKS, type_name=TYPE_NAMES, prefix=PREFIXES)
    def read(self, user: int, pick: int, type_name: str, prefix: str) -> None:
        state, kind = self.states[user], OPERATIONS[type_name].kind
        resource_id = self.an_id(user, kind, pick)
        session = self.session_of(state, pick)
        path = self.path(state, kind, prefix, resource_id)
        answer = self.call(state, session, "GET", path)
        resource = self.judge(answer, lambda: state.find(kind, resource_id, ANY))
        if resource is not None:
            self.same(state, resource, json.loads(answer.body))
            headers = {"If-None-Match": answer.headers["etag"]}
            self.expect(state, session, "GET", path, 304, headers=headers)

    @rule(user=USERS, pick=PICKS, drawn=BATCH_OPERATIONS, atomic=st.booleans(), key=KEYS)
    def batch(self, user: int, pick: int, drawn: list[Any], atomic: bool, key: str | None) -> None:
        state = self.states[user]
        body = {"operations": self._operations(user, drawn), "atomic": atomic}
        answer = self.call(
            state,
            self.session_of(state, pick),
            "POST",
            "/batch",
            body=body,
            headers={"Idempotency-Key": key},
        )
        if self.replayed(state, "batch", key, cleaned(body), answer):
            return
        assert answer.status == 200, (body, answer)
        received = json.loads(answer.body)
        draft, expected = play(state, body, received["results"])
        assert received["applied"] == (draft is not None)
        for result, item in zip(expected, received["results"], strict=True):
            code = item["error"] and item["error"]["code"]
            assert (item["status"], code) == (result.status, result.code), (body, received)
            assert (item["data"] is None) == (result.resource is None)
            if result.resource is not None:
                shown = result.resource
                assert {name: item["data"].get(name) for name in shown} == shown
                assert result.hidden.isdisjoint(item["data"])
        if draft is not None:
            state.resources, state.revision = draft.resources, draft.revision
            self.ids += state.ids

    def _operations(self, user: int, drawn: list[Any]) -> list[Body]:
        """Operations of a batch; some name a resource that an earlier one creates."""
        made: dict[str, str] = {}
        operations: list[Body] = []
        for op, (type_name, content), choice, pick in drawn:
            kind = OPERATIONS[type_name].kind
            operation: Body = {"op": content["action"] if op == "act" else op, "type": type_name}
            if op == "create":
                id_choice = {None: "none", True: "new", False: "repeated"}[choice]
                body = self._with_id(user, kind, pick, content, id_choice)
                operation["data"] = body
                if "id" in body:
                    made[type_name] = body["id"]
            else:
                is_of_batch = type_name in made and choice
                operation["id"] = made[type_name] if is_of_batch else self.an_id(user, kind, pick)
                if op == "update":
                    operation["data"] = dict(content)
                if op == "delete" and pick % 2 and kind.has_trash:
                    operation["data"] = {"permanent": True}
                resource = self.states[user].resources[type_name].get(operation["id"])
                if resource and pick % 3 == 0:
                    operation["if_match"] = resource.version - pick % 2
            operations.append(operation)
        return operations

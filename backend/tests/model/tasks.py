"""Rules about tasks."""

import json
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st

from tests.model.machine import (
    DESCRIPTIONS,
    KEYS,
    MATCHES,
    PICKS,
    PREFIXES,
    TITLES,
    USERS,
    WORDS,
    Machine,
    rule,
)
from tests.model.playing import play
from tests.model.states import Body, Match, cleaned

PLAIN = st.sampled_from(WORDS)
CHANGES = st.fixed_dictionaries(
    {}, optional={"title": PLAIN, "description": st.none() | PLAIN, "is_completed": st.booleans()}
)
NEW = st.fixed_dictionaries(
    {"title": PLAIN, "description": st.none() | PLAIN, "is_completed": st.booleans()}
)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), NEW, st.booleans() | st.none(), PICKS),
        st.tuples(st.just("update"), CHANGES, st.booleans(), PICKS),
        st.tuples(
            st.sampled_from(["delete", "complete", "reopen"]), st.none(), st.booleans(), PICKS
        ),
    ),
    min_size=1,
    max_size=6,
)


class TaskRules(Machine):
    """Each rule asks the service, then the model, and compares."""

    @rule(
        user=USERS,
        pick=PICKS,
        title=TITLES,
        description=DESCRIPTIONS,
        is_completed=st.booleans(),
        own_id=st.sampled_from(["none", "new", "used"]),
        key=KEYS,
        prefix=PREFIXES,
    )
    def create(
        self,
        user: int,
        pick: int,
        title: str,
        description: str | None,
        is_completed: bool,
        own_id: str,
        key: str | None,
        prefix: str,
    ) -> None:
        state = self.states[user]
        body: Body = {"title": title, "description": description, "is_completed": is_completed}
        if own_id != "none":
            body["id"] = str(uuid4()) if own_id == "new" else self.an_id(user, pick)
        answer = self.call(
            state,
            self.session_of(state, pick),
            "POST",
            self.path(state, prefix),
            body=body,
            headers={"Idempotency-Key": key},
        )
        told = json.loads(answer.body)
        content = [
            cleaned(title),
            description and cleaned(description),
            is_completed,
            body.get("id"),
        ]
        route = "create" if prefix == "/tasks" else "create under user"
        if self.replayed(state, route, key, content, answer):
            return
        made = self.judge(answer, lambda: state.create(body, told.get("id")))
        if made is not None:
            task, is_new = made
            assert answer.status == (201 if is_new else 200)
            assert answer.headers["etag"] == f'"{task.version}"'
            self.same(state, task, told)
            self.ids.append(task.id)

    @rule(
        user=USERS,
        pick=PICKS,
        method=st.sampled_from(["PUT", "PATCH"]),
        changes=CHANGES,
        title=TITLES,
        matches=MATCHES,
        prefix=PREFIXES,
    )
    def change(
        self,
        user: int,
        pick: int,
        method: str,
        changes: Body,
        title: str,
        matches: Match,
        prefix: str,
    ) -> None:
        whole = {"description": None, "is_completed": False, **changes, "title": title}
        body = whole if method == "PUT" else changes
        self._act(
            user,
            pick,
            method,
            prefix,
            "",
            matches,
            body,
            lambda state, task_id: state.change(state.find(task_id, matches), body),
        )

    @rule(
        user=USERS,
        pick=PICKS,
        action=st.sampled_from(["complete", "reopen"]),
        matches=MATCHES,
        prefix=PREFIXES,
    )
    def turn(self, user: int, pick: int, action: str, matches: Match, prefix: str) -> None:
        self._act(
            user,
            pick,
            "POST",
            prefix,
            action,
            matches,
            None,
            lambda state, task_id: state.turn(
                state.find(task_id, matches), is_completed=action == "complete"
            ),
        )

    @rule(user=USERS, pick=PICKS, matches=MATCHES, prefix=PREFIXES)
    def trash(self, user: int, pick: int, matches: Match, prefix: str) -> None:
        self._act(
            user,
            pick,
            "DELETE",
            prefix,
            "",
            matches,
            None,
            lambda state, task_id: state.trash(state.find(task_id, matches)),
        )

    @rule(user=USERS, pick=PICKS, matches=MATCHES, prefix=PREFIXES)
    def restore(self, user: int, pick: int, matches: Match, prefix: str) -> None:
        self._act(
            user,
            pick,
            "POST",
            prefix,
            "restore",
            matches,
            None,
            lambda state, task_id: state.restore(task_id, matches),
        )

    @rule(user=USERS, pick=PICKS, matches=MATCHES, prefix=PREFIXES)
    def erase(self, user: int, pick: int, matches: Match, prefix: str) -> None:
        self._act(
            user,
            pick,
            "DELETE",
            prefix,
            "",
            matches,
            None,
            lambda state, task_id: state.erase(task_id, matches),
            {"permanent": True},
        )

    def _act(
        self,
        user: int,
        pick: int,
        method: str,
        prefix: str,
        action: str,
        matches: Match,
        body: Any,
        model: Any,
        query: Body | None = None,
    ) -> None:
        """A request about one task."""
        state = self.states[user]
        task_id = self.an_id(user, pick, from_trash=action == "restore")
        task = state.tasks.get(task_id)
        answer = self.call(
            state,
            self.session_of(state, pick),
            method,
            self.path(state, prefix, task_id, action),
            body=body,
            query=query,
            headers={"If-Match": matches.header(task.version if task else 1)},
        )

        if self.judge(answer, lambda: (model(state, task_id), "done")) and method != "DELETE":
            assert answer.headers["etag"] == f'"{state.tasks[task_id].version}"'
            self.same(state, state.tasks[task_id], json.loads(answer.body))

    @rule(user=USERS, pick=PICKS, prefix=PREFIXES)
    def read(self, user: int, pick: int, prefix: str) -> None:
        state, task_id = self.states[user], self.an_id(user, pick)
        session, path = self.session_of(state, pick), self.path(state, prefix, task_id)
        answer = self.call(state, session, "GET", path)
        task = self.judge(answer, lambda: state.find(task_id, Match(None)))
        if task is not None:
            self.same(state, task, json.loads(answer.body))
            headers = {"If-None-Match": answer.headers["etag"]}
            self.expect(state, session, "GET", path, 304, headers=headers)

    @rule(
        user=USERS,
        pick=PICKS,
        operations=OPERATIONS,
        atomic=st.booleans(),
        key=KEYS,
    )
    def batch(
        self,
        user: int,
        pick: int,
        operations: list[Any],
        atomic: bool,
        key: str | None,
    ) -> None:
        state = self.states[user]
        body = {"operations": self._operations(user, operations), "atomic": atomic}
        answer = self.call(
            state,
            self.session_of(state, pick),
            "POST",
            "/batch",
            body=body,
            headers={"Idempotency-Key": key},
        )
        if self.replayed(state, "batch", key, body, answer):
            return
        assert answer.status == 200, (body, answer)
        told = json.loads(answer.body)
        draft, expected = play(state, body, told["results"])
        assert told["applied"] == (draft is not None)
        for result, item in zip(expected, told["results"], strict=True):
            code = item["error"] and item["error"]["code"]
            assert (item["status"], code) == (result.status, result.code), (body, told)
            shown = result.task or {}
            assert {name: (item["data"] or {}).get(name) for name in shown} == shown
            assert ("title" in (item["data"] or {})) == ("title" in shown)
            assert ("description" in (item["data"] or {})) == ("description" in shown)
            assert (item["data"] is None) == (result.task is None)
        if draft is not None:
            state.tasks, state.revision = draft.tasks, draft.revision
            self.ids += state.tasks

    def _operations(self, user: int, drawn: list[Any]) -> list[Body]:
        """Operations of a batch; some act on what earlier ones create."""
        made: list[str] = []
        operations: list[Body] = []
        for op, content, how, pick in drawn:
            operation: Body = {"op": op, "type": "task"}
            if op == "create":
                operation["data"] = dict(content)
                if how is not None:
                    task_id = str(uuid4()) if how else self.an_id(user, pick)
                    operation["data"]["id"] = task_id
                    made.append(task_id)
            else:
                operation["id"] = made[-1] if made and how else self.an_id(user, pick)
                if op == "update":
                    operation["data"] = dict(content)
                task = self.states[user].tasks.get(operation["id"])
                if task and pick % 3 == 0:
                    operation["if_match"] = task.version - pick % 2
            operations.append(operation)
        return operations

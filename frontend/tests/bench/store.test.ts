/** Ten thousand tasks. The limits are those of web.md. */
import "fake-indexeddb/auto";
import { effect, signal } from "../../node_modules/@preact/signals-core/dist/signals-core.mjs";
import { expect, test } from "vitest";

import type { Connection, Task, User } from "../../src/store";
import type { Row } from "../../src/store/database";
import { DulyStore } from "../../src/store/store";
import { NoDatabase } from "../../src/store/database";

/** For a machine that other programs use, too. */
const SLACK = 4;

function rows(count: number): Row[] {
  return Array.from({ length: count }, (_, i) => {
    const id = `01a21e4f-0000-7000-8000-${String(i).padStart(12, "0")}`;
    const data = {
      id,
      user_id: "u",
      title: `Task number ${i} with some words`,
      description: i % 5 ? null : "notes ".repeat(20),
      is_completed: false,
      completed_at: null,
      trashed_at: null,
      list_id: i % 3 ? `l${i % 20}` : null,
      section_id: null,
      parent_id: null,
      position: `g${String(i).padStart(7, "0")}`,
      priority: (i % 5) || null,
      start: null,
      due: i % 4 ? null : { date: `2026-1${i % 2 ? 1 : 2}-${10 + (i % 18)}`, time: null, timezone: null },
      duration_minutes: null,
      recurrence: null,
      occurrence_of: null,
      occurrence: null,
      label_ids: i % 7 ? [] : ["label"],
      metadata: {},
      created_at: "2026-11-01T00:00:00Z",
      updated_at: "2026-11-01T00:00:00Z",
      version: i + 1,
    };
    return { type: "task", id, data: data as unknown as Task };
  });
}

const user = { id: "u", timezone: "Europe/Berlin", week_start: 1, updated_at: "" } as User;
const connection = { ended: signal(true) } as unknown as Connection;

function open(json: string): DulyStore {
  const loaded = { rows: JSON.parse(json), nextRows: [], loose: 0, outbox: [], conflicts: [], meta: {} };
  const database = new NoDatabase();
  const sync = () => import("../../src/store/syncing");
  return new DulyStore({ user, connection, database, now: () => new Date(), sync }, loaded);
}

function timed<T>(act: () => T): [number, T] {
  // Of the processor, so that it does not matter what else the machine does.
  const start = process.cpuUsage();
  const result = act();
  const { user, system } = process.cpuUsage(start);
  return [(user + system) / 1000, result];
}

test("loads 10,000 tasks, opens a view, completes, moves and searches", async () => {
  const json = JSON.stringify(rows(10_000));
  open(json); // warm, as in a browser that has the code cached
  const [loading, store] = timed(() => open(json));
  const [opening, view] = timed(() => store.view({ show: "inbox" }, "position"));
  let painted = 0;
  const stop = effect(() => void (painted = view.lines.value.length));
  const first = view.lines.value.find((line) => line.type === "task")!.type === "task" ? view.lines.value[50] : null;
  const id = (first as { id: string }).id;
  const [completing] = timed(() => store.run({ do: "complete", id }));
  const other = (view.lines.value[100] as { id: string }).id;
  const [moving] = timed(() =>
    store.run({ do: "move", type: "task", id: other, to: { after_id: null } }),
  );
  const [adding] = timed(() => store.run({ do: "create", type: "task", data: { title: "New" } }));
  store.view({ show: "search", text: "x", includeCompleted: false });
  await import("../../src/rules/search");
  await new Promise((done) => setTimeout(done, 10));
  const [folding] = timed(() => store.view({ show: "search", text: "number 77", includeCompleted: false }));
  const [searching, found] = timed(() =>
    store.view({ show: "search", text: "number 78", includeCompleted: false }),
  );
  expect(found.lines.value.length).toBeGreaterThan(100);
  stop();
  console.log({ loading, opening, completing, moving, adding, folding, searching, painted });
  expect(loading).toBeLessThan(100 * SLACK);
  expect(opening).toBeLessThan(25 * SLACK);
  for (const each of [completing, moving, adding, searching]) expect(each).toBeLessThan(12 * SLACK);
  await store.close();
});


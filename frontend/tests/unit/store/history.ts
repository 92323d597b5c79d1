/** Random histories of two devices: offline phases, lost answers, killed tabs, undo. */
import { same, type Fields } from "../../../src/store/entries";
import type { DulyStore } from "../../../src/store/store";
import type { Command, Done, Task } from "../../../src/store";
import { call, isSynced, openDevice, register, tasks, until, type Device } from "./device";

/** A small generator of random numbers, so that a seed repeats a history. */
export class Random {
  constructor(private state: number) {}

  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  one<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }

  chance(part: number): boolean {
    return this.next() < part;
  }
}

interface Made {
  ids: Set<string>;
  undone: Set<string>;
}

const RULES = ["FREQ=DAILY", "FREQ=WEEKLY", "FREQ=DAILY;COUNT=3"];

/** Something that a person may do on a device, or null if there is nothing to do it to. */
function command({ store }: Device, random: Random, number: number): Command | null {
  const all = tasks(store);
  const task = random.one(all);
  const other = random.one(all);
  const list = random.one(store.lists.value);
  const section = list && random.one(store.sectionsOf(list.id));
  const label = random.one(store.labels.value);
  const date = `2026-12-${String(1 + random.below(28)).padStart(2, "0")}`;
  const kind = random.below(20);
  if (kind < 4 || !task || !other) {
    const where = random.below(4);
    const data: Partial<Task> & { title: string } = { title: `task ${number}` };
    if (where === 1 && list) data.list_id = list.id;
    if (where === 2 && section) data.section_id = section.id;
    if (where === 3 && other && depth(all, other) < 3) data.parent_id = other.id;
    if (random.chance(0.3)) data.due = { date, time: null, timezone: null };
    if (data.due && random.chance(0.5)) {
      data.recurrence = { rule: random.one(RULES)!, anchor: "due" } as Task["recurrence"];
    }
    if (label && random.chance(0.3)) data.label_ids = [label.id];
    return { do: "create", type: "task", data };
  }
  const { id } = task;
  switch (kind) {
    case 4:
      return { do: "update", type: "task", id, data: { title: `title ${number}` } };
    case 5:
      return { do: "update", type: "task", id, data: { description: `notes ${number}` } };
    case 6:
      return { do: "update", type: "task", id, data: { priority: 1 + random.below(4) } };
    case 7:
      if (task.recurrence) return null;
      return { do: "update", type: "task", id, data: { due: { date, time: "17:00" } } };
    case 8:
      return label ? { do: "update", type: "task", id, data: { add_label_ids: [label.id] } } : null;
    case 9:
      return { do: "update", type: "task", id, data: { metadata: { [`k${random.below(3)}`]: number } } };
    case 10:
    case 11:
      return { do: "complete", id };
    case 12:
      return { do: "reopen", id };
    case 13:
      return { do: "delete", type: "task", id };
    case 14: {
      const to: Record<string, unknown> = {};
      const where = random.below(4);
      if (where === 0) to.list_id = list?.id ?? null;
      if (where === 1 && section) to.section_id = section.id;
      if (where === 2 && depth(all, other) + height(all, task) < 4) to.parent_id = other.id;
      if (random.chance(0.5)) to.after_id = random.chance(0.3) ? null : other.id;
      return { do: "move", type: "task", id, to };
    }
    case 15:
      return { do: "skip", id };
    case 16:
      if (random.chance(0.5) || !list) return { do: "create", type: "list", data: { name: `list ${number}` } };
      return { do: "create", type: "section", data: { list_id: list.id, name: `section ${number}` } };
    case 17:
      return { do: "create", type: "label", data: { name: `label ${random.below(4)}` } };
    case 18:
      if (section && random.chance(0.5)) return { do: "delete", type: "section", id: section.id };
      if (label && random.chance(0.5)) return { do: "delete", type: "label", id: label.id };
      return list && random.chance(0.5) ? { do: "delete", type: "list", id: list.id } : null;
    default:
      return list ? { do: "move", type: "list", id: list.id, to: { after_id: null } } : null;
  }
}

function depth(all: readonly Task[], task: Task): number {
  const parent = all.find(({ id }) => id === task.parent_id);
  return parent ? depth(all, parent) + 1 : 0;
}

function height(all: readonly Task[], task: Task): number {
  const below = all.filter(({ parent_id }) => parent_id === task.id);
  return below.length ? 1 + Math.max(...below.map((one) => height(all, one))) : 0;
}

/** What a device still has to send, and what it has sent last. */
function stuck({ store, trouble }: Device): string {
  const { outbox } = (store as DulyStore).core;
  const entries = outbox.entries.map(({ effects: _, base: __, ...entry }) => entry);
  const log = trouble.log!.slice(-6).map(({ method, path, body }) => [method, path.slice(0, 20), body]);
  const { state, lastSync } = store.status.value;
  const { engine, tabs } = (store as DulyStore).syncing ?? {};
  const loop = { leads: tabs?.isLeader, isOver: engine?.isOver };
  const lines = [{ loop, state, lastSync, frozen: outbox.frozen }, ...entries, ...log];
  return lines.map((line) => JSON.stringify(line)).join("\n");
}

function refused(device: Device): string[] {
  return device.store.conflicts.value
    .filter(({ kind }) => kind === "refused")
    .map(({ name, message, mine }) => `${name}: ${message} ${JSON.stringify(mine)}`);
}

/** The server's resources by id, as a full sync returns them. */
export async function everything(url: string, device: Device): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>();
  for (let token = "", more = true; more; ) {
    const after = token && `&token=${encodeURIComponent(token)}`;
    const { data } = await call(url, device.account, "GET", `/sync?limit=500${after}`);
    for (const { type, id, op, data: resource } of data.changes) {
      if (type !== "user" && op === "upsert") found.set(id, resource);
    }
    token = data.token;
    more = data.has_more;
  }
  return found;
}

/** What a device shows, as the server would say it. */
export function shown(device: Device): Map<string, unknown> {
  const { model } = (device.store as DulyStore).core;
  const found = new Map<string, unknown>();
  for (const resources of Object.values(model.shown)) {
    for (const [id, one] of resources) {
      const { unsent, ...resource } = one as unknown as Fields;
      found.set(id, unsent ? { unsent, ...resource } : resource);
    }
  }
  return found;
}

export interface Result {
  server: Map<string, unknown>;
  devices: Map<string, unknown>[];
  /** Tasks that were made, are in no copy and not in the trash either. */
  lost: string[];
  /** Occurrences that were completed more than once. */
  doubled: string[];
  refused: string[];
}

export async function play(url: string, seed: number, steps: number): Promise<Result> {
  const random = new Random(seed);
  const account = await register(url);
  // Of the first device there are two tabs: they share a database, and one of them leads.
  const devices = [
    await openDevice(url, account, `a${seed}`, { silence: 500 }),
    await openDevice(url, account, `b${seed}`, { silence: 500 }),
    await openDevice(url, account, `a${seed}`, { silence: 500 }),
  ];
  const made: Made = { ids: new Set(), undone: new Set() };
  const logs = devices.map(({ trouble }) => [trouble.log!]);
  const acts: { done: Done; command: Command }[] = [];
  for (let number = 0; number < steps; number++) {
    const device = random.one(devices)!;
    const what = random.below(30);
    if (what === 0) device.trouble.offline = true;
    else if (what === 1) device.trouble.offline = false;
    else if (what === 2) {
      let left = 1 + random.below(2);
      device.trouble.loses = (method) => method === "POST" && left-- > 0;
    } else if (what === 3) {
      await device.reopen();
      logs[devices.indexOf(device)]!.push(device.trouble.log!);
    }
    else if (what === 4) await new Promise((done) => setTimeout(done, random.below(150)));
    else if (what === 5) device.store.syncNow();
    else if (what < 8) {
      const act = random.one(acts.slice(-5));
      if (act && !made.undone.has(act.done.ids[0] ?? "")) {
        act.done.undo();
        for (const id of act.done.ids) made.undone.add(id);
      }
    } else {
      const given = command(device, random, number);
      if (!given) continue;
      const done = device.store.run(given);
      acts.push({ done, command: given });
      if (given.do === "create" && given.type === "task") for (const id of done.ids) made.ids.add(id);
      // A tab that is killed before a change is stored may lose it.
      await done.stored;
    }
  }
  for (const device of devices) {
    device.trouble.offline = false;
    device.trouble.loses = undefined;
  }
  for (let round = 0; round < 3; round++) {
    for (const device of devices) await device.store.flush(3000);
  }
  if (!devices.every(({ store }) => isSynced(store))) throw new Error(devices.map(stuck).join("\n"));
  const { data: trash } = await call(url, account, "GET", "/tasks?is_trashed=true&limit=100&include_archived=true");
  const server = await everything(url, devices[0]!);
  const same = () => devices.every((device) => equal(shown(device), server));
  await until("the copies are the server's", same, 3000).catch(() => {});
  const known = new Set([...server.keys(), ...trash.items.map(({ id }: Task) => id)]);
  for (const id of [...made.ids].filter((id) => !known.has(id) && !made.undone.has(id))) {
    console.log("LOST", id, JSON.stringify(acts.filter(({ command }) => JSON.stringify(command).includes(id)).map(({ command }) => command)));
    console.log("made by", JSON.stringify(acts.find(({ done }) => done.ids.includes(id))?.command));
    devices.forEach((device, i) => {
      for (const { method, path, body } of logs[i]!.flat()) {
        if (JSON.stringify(body ?? "").includes(id)) console.log(i, method, path, JSON.stringify(body).slice(0, 1500));
      }
      console.log(i, JSON.stringify(device.store.conflicts.value.filter((one) => one.id === id)));
    });
  }
  const occurrences = [...server.values(), ...trash.items]
    .filter((one) => (one as Task).occurrence_of)
    .map((one) => `${(one as Task).occurrence_of} ${(one as Task).occurrence}`);
  return {
    server,
    devices: devices.map(shown),
    lost: [...made.ids].filter((id) => !known.has(id) && !made.undone.has(id)),
    doubled: occurrences.filter((one, i) => occurrences.indexOf(one) !== i),
    refused: devices.flatMap(refused),
  };
}

export function equal(a: Map<string, unknown>, b: Map<string, unknown>): boolean {
  return a.size === b.size && [...a].every(([id, one]) => same(one, b.get(id)));
}

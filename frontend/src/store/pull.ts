/** Brings what the server says into the copy: full syncs in packs, later changes in rows. */
import type { Change, ChangePage } from "../api/things";
import type { Database, Row, Write } from "./database";
import type { Entry, Fields, Resource } from "./entries";
import type { Model } from "./model";
import type { Outbox } from "./outbox";
import { ask, Refused } from "./requests";
import type { Connection, Kind, User } from "./types";

const PAGE = 500;
/** So many rows may be outside packs. */
const LOOSE = 1000;
/** What is named comes before what names it. */
const ORDER: readonly Kind[] = ["list", "section", "label", "filter", "task"];
const KINDS: ReadonlySet<string> = new Set(ORDER);

/** A full sync under way. The old copy stays in use until its last page. */
interface Full {
  generation: number;
  token: string | null;
  done: number;
  total: number;
  rows: Map<string, Row>;
  /** Nothing has been here before, so each page is shown as it comes. */
  isFirst: boolean;
}

/** What the pull tells the rest of the store. */
export interface PullHost {
  /** Writes as the leader. */
  write(write: Write): Promise<boolean>;
  onUser(user: User): void;
  onFirstSync(progress: { done: number; total: number } | null): void;
  onVanished(rows: readonly Row[]): void;
  vanished(): readonly Row[];
  onStored(rows: readonly Row[]): void;
  /** The whole copy is another one. */
  onReplaced(): void;
  now(): number;
}

export class Pull {
  token: string | null = null;
  private generation = 0;
  private full: Full | null = null;
  /** Rows that are not in packs, or that were written since they last were. */
  private loose = 0;

  constructor(
    private readonly model: Model,
    private readonly outbox: Outbox,
    private readonly database: Database,
    private readonly connection: Connection,
    private readonly host: PullHost,
  ) {}

  /** Goes on with a full sync that the last tab did not finish. */
  resume(next: { generation: number; token: string | null; done: number; total: number }, rows: Row[]): void {
    const isFirst = this.token === null;
    this.full = { ...next, rows: new Map(rows.map((row) => [row.id, row])), isFirst };
    if (isFirst) this.show(rows);
  }

  /** Goes on where another tab has stopped. */
  follow(token: string | null, generation: number, loose: number): void {
    this.loose = loose;
    this.token = token;
    this.generation = generation;
    this.full = null;
  }

  /** Reads everything there is since the token. Without one, everything. */
  async run(signal: AbortSignal): Promise<void> {
    if (!this.token && !this.full) await this.begin(signal, true);
    try {
      await (this.full ? this.readFull(this.full, signal) : this.readChanges(signal));
    } catch (error) {
      if (!(error instanceof Refused) || !this.isOutdated(error)) throw error;
      await this.startOver(signal);
    }
  }

  /** The token no longer counts: everything is read again, and replaces the copy at the end. */
  async startOver(signal: AbortSignal): Promise<void> {
    await this.begin(signal, this.token === null && this.generation === 0);
    await this.readFull(this.full!, signal);
  }

  /** Tidies up when there is nothing else to do. */
  async tidy(): Promise<void> {
    if (this.loose < LOOSE) return;
    this.loose = 0;
    await this.database.repack();
  }

  private isOutdated(error: Refused): boolean {
    const token = this.full ? this.full.token : this.token;
    return token !== null && (error.status === 410 || error.status === 400);
  }

  private async begin(signal: AbortSignal, isFirst: boolean): Promise<void> {
    const generation = Math.max(this.generation, this.full?.generation ?? 0) + 1;
    this.full = { generation, token: null, done: 0, total: 0, rows: new Map(), isFirst };
    if (!isFirst) return;
    const path = "/tasks?limit=1&include_total=true&include_archived=true";
    const page = await ask<{ total: number | null }>(this.connection, "GET", path, { signal });
    this.full.total = page.total ?? 0;
    this.host.onFirstSync({ done: 0, total: this.full.total });
  }

  private fetch(token: string | null, signal: AbortSignal): Promise<ChangePage> {
    const after = token ? `&token=${encodeURIComponent(token)}` : "";
    return ask<ChangePage>(this.connection, "GET", `/sync?limit=${PAGE}${after}`, { signal });
  }

  private async readFull(full: Full, signal: AbortSignal): Promise<void> {
    let page = await this.fetch(full.token, signal);
    for (;;) {
      const rows = this.rowsOf(page.changes);
      for (const row of rows) full.rows.set(row.id, row);
      full.token = page.token;
      full.done += rows.length;
      if (!page.has_more) return this.finish(full, rows);
      const { generation, token, done, total } = full;
      const packs = [{ generation, rows }];
      // The next page is on its way while this one is stored.
      const next = this.fetch(token, signal);
      next.catch(() => {}); // it is awaited below, unless storing fails first
      await this.host.write({ packs, meta: { next: { generation, token, done, total } } });
      if (full.isFirst) {
        this.show(rows);
        this.host.onFirstSync({ done, total });
      }
      page = await next;
    }
  }

  private async finish(full: Full, rows: Row[]): Promise<void> {
    const { generation, token } = full;
    const acked = this.outbox.entries.filter((entry) => entry.state === "acked");
    const missing = full.isFirst ? [] : this.missingFrom(full.rows);
    // An older question stays open.
    const vanished = missing.length ? [...this.host.vanished(), ...missing] : [];
    const update = this.keepLast(this.outbox.entries.filter(({ id }) => !full.rows.has(id)));
    await this.host.write({
      packs: [{ generation, rows }],
      become: generation,
      update,
      drop: acked.map((entry) => entry.seq),
      meta: {
        generation,
        token,
        next: null,
        lastSync: this.host.now(),
        ...(vanished.length ? { vanished } : {}),
      },
    });
    this.token = token;
    this.generation = generation;
    this.full = null;
    this.model.change(() => {
      const { copy } = this.model;
      for (const kind of KINDS as ReadonlySet<Kind>) {
        for (const id of copy[kind].keys()) if (!full.rows.has(id)) this.model.put(kind, id, null);
      }
      const all = full.isFirst ? rows : full.rows.values();
      for (const { type, id, data } of all) this.model.put(type, id, data, true);
      this.outbox.drop(acked);
    });
    this.outbox.publish();
    if (full.isFirst) this.host.onFirstSync(null);
    if (vanished.length) this.host.onVanished(vanished);
    this.host.onReplaced();
    this.host.onStored([]);
  }

  /** Returns the resources of the copy that the server no longer has. */
  private missingFrom(rows: ReadonlyMap<string, Row>): Row[] {
    return ORDER.flatMap((type) =>
      [...this.model.copy[type].values()]
        .filter(({ id }) => !rows.has(id))
        .map((data) => ({ type, id: data.id, data })),
    );
  }

  private async readChanges(signal: AbortSignal): Promise<void> {
    for (let more = true; more; ) {
      const page = await this.fetch(this.token, signal);
      more = page.has_more;
      await this.apply(page.changes, page.token, !more);
    }
  }

  /** Stores changes with the token that follows them, and shows them. */
  async apply(changes: readonly Change[], token: string, isComplete: boolean): Promise<void> {
    // Of a resource that changed twice, only the last state counts.
    const latest = new Map(this.rowsOf(changes).map((row) => [row.id, row]));
    const rows = [...latest.values()].filter((row) => this.isNews(row));
    const done = isComplete ? this.outbox.entries.filter((entry) => entry.state === "acked") : [];
    const update = this.keepLast(rows.filter((row) => !row.data));
    const write: Write = { rows, update, drop: done.map((entry) => entry.seq), meta: { token } };
    write.meta!.lastSync = this.host.now();
    await this.host.write(write);
    this.loose += rows.length;
    this.token = token;
    this.model.change(() => {
      for (const { type, id, data } of rows) this.model.put(type, id, data);
      this.outbox.drop(done);
    });
    if (done.length) this.outbox.publish();
    if (rows.length || done.length) this.host.onStored(rows);
  }

  /** Keeps what disappears although it was edited here: the person may want it again. */
  private keepLast(rows: readonly { type: Kind; id: string }[]): Entry[] {
    return rows.flatMap(({ type, id }) => {
      const edit = this.outbox.of(id).find(({ op }) => op === "update");
      const last = this.model.copy[type].get(id);
      if (!edit || !last) return [];
      edit.was = last as unknown as Fields;
      return [edit];
    });
  }

  private isNews({ type, id, data }: Row): boolean {
    return data ? this.model.isNews(type, data) : this.model.copy[type].has(id);
  }

  private show(rows: readonly Row[]): void {
    this.model.change(() => {
      for (const { type, id, data } of rows) this.model.put(type, id, data);
    });
  }

  private rowsOf(changes: readonly Change[]): Row[] {
    const rows: Row[] = [];
    for (const { type, id, op, data } of changes) {
      if (type === "user") this.host.onUser(data as User);
      else if (KINDS.has(type)) {
        rows.push({ type, id, data: op === "upsert" ? (data as Resource) : null });
      }
    }
    return rows;
  }
}

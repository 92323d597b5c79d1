/** Everything that talks to the server, and to other tabs. It is loaded after the first paint. */
import { effect } from "@preact/signals-core";

import { newId } from "../rules/ids";
import type { Loaded, Write } from "./database";
import { Engine } from "./engine";
import { keysOf, type Core, type Keeping } from "./keeping";
import { PatientDatabase } from "./patience";
import { Pull } from "./pull";
import { Push } from "./push";
import { Tabs } from "./tabs";

export { settle, settleVanished } from "./settling";
export { inverse } from "./undo";
export { handOver, takeOver } from "./handing";

export interface Settings {
  /** The name of the lock and the channel. */
  name: string;
  /** The first wait after a failed request, in milliseconds. */
  patience: number;
  /** How long a leader may be silent, in milliseconds. */
  silence: number | undefined;
  locks: LockManager | undefined;
}

export class Syncing {
  readonly engine: Engine;
  readonly pull: Pull;
  /** By which the database knows that this tab leads. */
  private leader: string | null = null;
  /** How often leaders had written when this tab read the whole copy. */
  private known = 0;
  /** Null where this tab is on its own. */
  tabs: Tabs | null = null;

  constructor(
    private readonly core: Core,
    private readonly keeping: Keeping,
    loaded: Loaded,
    private readonly settings: Settings,
    /** Another tab has signed out. */
    private readonly onWiped: () => void,
  ) {
    if (core.database.kept) core.database = new PatientDatabase(core.database, keeping.unkept, keeping.owes);
    const { model, outbox, conflicts, database, connection } = core;
    const now = () => core.now().getTime();
    const write = (given: Write) => database.write({ ...given, leader: this.leader });
    this.pull = new Pull(model, outbox, database, connection, {
      now,
      write,
      onUser: (user) => keeping.changeUser(user),
      onFirstSync: (progress) => (core.firstSync.value = progress),
      onVanished: (rows) => (core.vanished.value = rows),
      vanished: () => core.vanished.peek(),
      onReplaced: () => keeping.teller.replaced(),
      onStored: (rows) => {
        core.lastSync.value = core.now();
        keeping.teller.wrote(keysOf(rows));
      },
    });
    this.follow(loaded);
    const push = new Push(model, outbox, conflicts, connection, {
      now,
      write,
      onStored: (outcome) => keeping.teller.wrote(keysOf(outcome?.write.rows ?? [])),
      reread: () => keeping.reread([]),
    });
    this.engine = new Engine(push, this.pull, connection, core.obstacle, now, settings.patience);
    keeping.onNews = () => this.engine.wake();
    if (database.kept && settings.locks) this.join(settings.locks);
    else this.engine.start();
  }

  private follow({ meta, nextRows, loose }: Loaded): void {
    this.known = meta.writes ?? 0;
    this.pull.follow(meta.token ?? null, meta.generation ?? 0, loose);
    if (meta.next) this.pull.resume(meta.next, nextRows);
  }

  /** Reads what other tabs have written, and goes on from there. */
  private async reload(): Promise<void> {
    this.follow(await this.keeping.reload());
  }

  /** The same, unless nothing was written since: to read ten thousand tasks again holds up the screen. */
  private async catchUp(): Promise<void> {
    await this.keeping.reread([]);
    const isOpen = !this.tabs?.isClosed;
    if (isOpen && this.keeping.leaderWrites !== this.known) await this.reload();
  }

  /** Leads from now on. What the last leader may still be about to write is refused. */
  private async lead(tabs: Tabs): Promise<void> {
    this.leader = newId();
    const { leader } = this;
    await this.core.database.write({ leader, meta: { leader } });
    if (!tabs.isLeader) return; // it is closed
    await this.catchUp(); // it may have written more than this tab has heard
    if (tabs.isLeader) this.engine.start();
  }

  private async stepDown(): Promise<void> {
    await this.engine.stop();
    await this.reload();
  }

  private join(locks: LockManager): void {
    const { keeping, engine } = this;
    const { name, silence } = this.settings;
    const tabs = new Tabs(
      name,
      locks,
      {
        lead: () => void this.lead(tabs).catch(console.error),
        stepDown: () => void this.stepDown().catch(console.error),
        obstacle: () => this.core.obstacle.peek(),
        heard: (obstacle) => (this.core.obstacle.value = obstacle),
        wrote: (keys) => void keeping.reread(keys),
        replaced: () => void this.reload(),
        wiped: () => this.onWiped(),
        sync: () => engine.syncNow(),
        hurry: (isUrgent) => engine.hurry(isUrgent),
      },
      silence,
    );
    this.tabs = tabs;
    // What the leader wrote between the loading of this tab and now, this tab has not been told. A
    // tab that leads looks for it anyway.
    const catchUp = () => {
      if (!tabs.isLeader && !tabs.isClosed) this.catchUp().catch(console.error);
    };
    setTimeout(catchUp, 100);
    const unwatch = effect(() => {
      void this.core.obstacle.value;
      if (tabs.isLeader) tabs.beat();
    });
    keeping.teller = {
      wrote: (keys) => tabs.post({ say: "wrote", keys: [...keys] }),
      replaced: () => tabs.post({ say: "replaced" }),
      sync: () => tabs.post({ say: "sync" }),
      hurry: (isUrgent) => tabs.post({ say: "hurry", isUrgent }),
      close(isWiped) {
        if (isWiped) tabs.post({ say: "wiped" });
        unwatch();
        tabs.close();
      },
    };
    // The person may have changed something before this tab could tell it.
    keeping.teller.wrote([]);
  }
}

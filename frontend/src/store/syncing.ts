/** Everything that talks to the server, and to other tabs. It is loaded after the first paint. */
import type { Loaded } from "./database";
import { Engine } from "./engine";
import { keysOf, type Core, type Keeping } from "./keeping";
import { Pull } from "./pull";
import { Push } from "./push";
import { Tabs } from "./tabs";

export { settle, keptAgain } from "./settling";
export { inverse } from "./undo";

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
  /** Null where this tab is on its own. */
  tabs: Tabs | null = null;

  constructor(
    core: Core,
    private readonly keeping: Keeping,
    loaded: Loaded,
    private readonly settings: Settings,
    /** Another tab has signed out. */
    private readonly onWiped: () => void,
  ) {
    const { model, outbox, conflicts, database, connection } = core;
    const now = () => core.now().getTime();
    this.pull = new Pull(model, outbox, database, connection, {
      now,
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
    const push = new Push(model, outbox, conflicts, database, connection, {
      now,
      onStored: (outcome) => keeping.teller.wrote(keysOf(outcome?.write.rows ?? [])),
      reread: () => keeping.reread([]),
    });
    this.engine = new Engine(push, this.pull, connection, core.offline, now, settings.patience);
    keeping.onNews = () => this.engine.wake();
    if (database.kept && settings.locks) this.join(settings.locks);
    else this.engine.start();
  }

  private follow({ meta, nextRows, loose }: Loaded): void {
    this.pull.follow(meta.token ?? null, meta.generation ?? 0, loose);
    if (meta.next) this.pull.resume(meta.next, nextRows);
  }

  /** Reads what other tabs have written, and goes on from there. */
  private async reload(): Promise<void> {
    this.follow(await this.keeping.reload());
  }

  private join(locks: LockManager): void {
    const { keeping, engine } = this;
    const { name, silence } = this.settings;
    const tabs = new Tabs(
      name,
      locks,
      {
        // The last leader may have written more than this tab has heard.
        lead: () => void this.reload().then(() => tabs.isLeader && engine.start()),
        stepDown: () => void engine.stop(),
        wrote: (keys) => void keeping.reread(keys),
        replaced: () => void this.reload(),
        wiped: () => this.onWiped(),
        sync: () => engine.syncNow(),
      },
      silence,
    );
    this.tabs = tabs;
    keeping.teller = {
      wrote: (keys) => tabs.post({ say: "wrote", keys: [...keys] }),
      replaced: () => tabs.post({ say: "replaced" }),
      sync: () => tabs.post({ say: "sync" }),
      close(isWiped) {
        if (isWiped) tabs.post({ say: "wiped" });
        tabs.close();
      },
    };
  }
}

/** The tabs of one device: one of them leads and talks to the server; all tell each other. */
import type { Key } from "./keeping";
import type { Obstacle } from "./types";

type Message =
  /** Rows of the copy, and possibly the outbox, have changed. */
  | { say: "wrote"; keys: Key[] }
  /** The whole copy has been replaced. */
  | { say: "replaced" }
  /** The leader is alive. Only it knows why nothing is synced. */
  | { say: "beat"; obstacle: Obstacle | null }
  /** The user has signed out: what this device holds is being deleted. */
  | { say: "wiped" }
  | { say: "sync" }
  | { say: "hurry"; isUrgent: boolean };

export interface TabHost {
  lead(): void;
  /** Another tab has taken over. */
  stepDown(): void;
  obstacle(): Obstacle | null;
  /** What the leader has said of its last attempt to sync. */
  heard(obstacle: Obstacle | null): void;
  wrote(keys: Key[]): void;
  replaced(): void;
  wiped(): void;
  sync(): void;
  hurry(isUrgent: boolean): void;
}

const BEAT = 3_000;
/** A visible tab that hears no leader for so long takes over. */
const SILENCE = 10_000;

export class Tabs {
  isLeader = false;
  private readonly channel: BroadcastChannel;
  private readonly timer: ReturnType<typeof setInterval>;
  private heard = Date.now();
  private release: (() => void) | null = null;
  private readonly closing = new AbortController();

  constructor(
    private readonly name: string,
    private readonly locks: LockManager,
    private readonly host: TabHost,
    private readonly silence = SILENCE,
  ) {
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = ({ data }: MessageEvent<Message>) => this.receive(data);
    (this.channel as { unref?: () => void }).unref?.();
    this.timer = setInterval(() => this.beat(), Math.min(BEAT, silence / 3));
    (this.timer as { unref?: () => void }).unref?.();
    this.queue();
  }

  /** Waits to become the leader. */
  private queue(): void {
    const { signal } = this.closing;
    this.locks.request(this.name, { signal }, () => this.lead()).catch(() => this.lost());
  }

  private lead(): Promise<void> {
    if (this.closing.signal.aborted) return Promise.resolve();
    this.isLeader = true;
    this.host.lead();
    this.beat();
    return new Promise((resolve) => (this.release = resolve));
  }

  /** The lock was stolen, or this tab is closing. */
  private lost(): void {
    if (this.closing.signal.aborted) return;
    if (this.isLeader) {
      this.isLeader = false;
      this.host.stepDown();
    }
    this.heard = Date.now();
    this.queue();
  }

  /** The leader says that it is alive; another tab takes over if it has not heard that for long. */
  beat(): void {
    if (this.isLeader) {
      this.post({ say: "beat", obstacle: this.host.obstacle() });
      return;
    }
    const isVisible = typeof document === "undefined" || document.visibilityState === "visible";
    if (!isVisible || Date.now() - this.heard < this.silence) return;
    this.heard = Date.now();
    // The old leader sees that its lock is gone. Two leaders for a moment do no harm.
    this.locks.request(this.name, { steal: true }, () => this.lead()).catch(() => this.lost());
  }

  private receive(message: Message): void {
    const { host } = this;
    if (message.say === "beat") {
      this.heard = Date.now();
      if (!this.isLeader) host.heard(message.obstacle);
    }
    else if (message.say === "wrote") host.wrote(message.keys);
    else if (message.say === "replaced") host.replaced();
    else if (message.say === "wiped") host.wiped();
    else if (!this.isLeader) return;
    else if (message.say === "hurry") host.hurry(message.isUrgent);
    else host.sync();
  }

  post(message: Message): void {
    if (!this.closing.signal.aborted) this.channel.postMessage(message);
  }

  get isClosed(): boolean {
    return this.closing.signal.aborted;
  }

  close(): void {
    this.closing.abort();
    this.isLeader = false;
    clearInterval(this.timer);
    this.channel.close();
    this.release?.();
  }
}

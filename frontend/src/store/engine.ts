/** Keeps the copy and the server equal: pushes, pulls and follows events, one at a time. */
import { effect, type Signal } from "@preact/signals-core";

import type { Change } from "../api/things";
import { Deposed } from "./database";
import type { Pull } from "./pull";
import type { Push } from "./push";
import { refusedBy, UNVERIFIED, Unreachable } from "./requests";
import type { Connection, Obstacle } from "./types";

const TIMEOUT = 30_000;
const LONGEST = 60_000;

interface StreamedEvent {
  id: string;
  type: string;
  data: unknown;
}

export class Engine {
  private stopped: AbortController | null = null;
  private running: Promise<void> | null = null;
  private stream: AbortController | null = null;
  private events: StreamedEvent[] = [];
  private mustPull = true;
  /** The copy is known to be behind, so that what is sent now would be refused. */
  private isBehind = true;
  private mustStartOver = false;
  private isUrgent = false;
  private failures = 0;
  private streamAt = 0;
  private wakeUp: (() => void) | null = null;
  private isAwake = false;
  /** The loop has ended. */
  isOver = false;

  constructor(
    private readonly push: Push,
    private readonly pull: Pull,
    private readonly connection: Connection,
    /** Why the last attempt failed. */
    private readonly obstacle: Signal<Obstacle | null>,
    private readonly now: () => number,
    /** The first wait after a failure, in milliseconds. */
    private readonly patience: number,
  ) {}

  start(): void {
    if (this.stopped) return;
    this.stopped = new AbortController();
    this.isBehind = true;
    this.isOver = false;
    const before = this.running;
    const { signal } = this.stopped;
    this.running = (async () => {
      await before;
      await this.run(signal);
    })();
  }

  async stop(): Promise<void> {
    this.stopped?.abort();
    this.stopped = null;
    this.closeStream();
    this.wake(true); // after a failure it may be waiting for a minute
    await this.running;
  }

  /** Looks for something to do. With `again`, also after a failure, without waiting any longer. */
  wake(again = false): void {
    this.isAwake = true;
    if (again) this.failures = 0;
    if (again || this.failures === 0) this.wakeUp?.();
  }

  syncNow(): void {
    this.isBehind = true;
    this.wake(true);
  }

  /** Sends what would wait for its time, too. */
  hurry(isUrgent: boolean): void {
    this.isUrgent = isUrgent;
    this.wake(true);
  }

  private async run(stopped: AbortSignal): Promise<void> {
    const unwatch = effect(() => {
      if (!this.connection.ended.value) this.wake(true);
    });
    while (!stopped.aborted) {
      this.isAwake = false;
      try {
        if (this.connection.ended.peek()) {
          this.closeStream();
          await this.wait(LONGEST);
        } else if (!(await this.step(stopped))) {
          await this.wait(Math.min(this.push.next - this.now(), this.untilStream()));
        }
      } catch (error) {
        if (stopped.aborted || error instanceof Deposed) break;
        await this.failed(error);
      }
    }
    unwatch();
    this.isOver = true;
  }

  /** Performs one step. Returns false if there is nothing to do. */
  private async step(stopped: AbortSignal): Promise<boolean> {
    const signal = AbortSignal.any([stopped, AbortSignal.timeout(TIMEOUT)]);
    // A request whose answer is missing comes first: nothing may be read before it is known.
    if (this.push.isPending || (this.pull.token && !this.isBehind)) {
      const pushed = await this.push.run(signal, this.isUrgent);
      if (pushed) {
        this.reached();
        this.mustPull ||= pushed.mustPull;
        this.isBehind ||= pushed.isBehind;
        return true;
      }
    }
    if (this.isBehind || this.mustPull || this.mustStartOver) {
      this.closeStream();
      const isOver = this.mustStartOver;
      await (isOver ? this.pull.startOver(stopped) : this.pull.run(stopped));
      this.mustPull = this.isBehind = this.mustStartOver = false;
      this.reached();
      return true;
    }
    if (this.events.length) {
      await this.follow();
      return true;
    }
    if (!this.stream && this.untilStream() <= 0) this.open();
    await this.pull.tidy();
    return false;
  }

  private async follow(): Promise<void> {
    const events = this.events.splice(0);
    const { id } = events.at(-1)!;
    await this.pull.apply(
      events.map(({ data }) => data as Change),
      id,
      false,
    );
  }

  private open(): void {
    const stream = new AbortController();
    this.stream = stream;
    this.events = [];
    const take = (event: StreamedEvent) => {
      if (this.stream !== stream) return;
      this.reached();
      if (event.type === "reset") this.mustStartOver = true;
      else if (event.type === "change") this.events.push(event);
      else return;
      this.wake();
    };
    this.connection.stream(this.pull.token!, take, stream.signal).then(
      () => this.closed(stream, null),
      (error: unknown) => this.closed(stream, error ?? new Error("The stream failed.")),
    );
  }

  private closed(stream: AbortController, error: unknown): void {
    if (this.stream !== stream) return; // we closed it
    this.stream = null;
    const refused = refusedBy(error);
    if (refused && (refused.status === 410 || refused.status === 400)) this.mustStartOver = true;
    else if (error) this.isBehind = true; // reading shows whether the server can be reached
    this.streamAt = this.now() + (refused?.retryAfter ?? 0) * 1000 + this.patience * (0.5 + Math.random());
    this.wake();
  }

  private closeStream(): void {
    this.stream?.abort();
    this.stream = null;
    this.events = [];
  }

  private untilStream(): number {
    return this.stream ? Infinity : this.streamAt - this.now();
  }

  private reached(): void {
    this.failures = 0;
    this.obstacle.value = null;
  }

  private async failed(error: unknown): Promise<void> {
    this.failures += 1;
    this.isBehind = true;
    const refused = refusedBy(error);
    if (error instanceof Unreachable || (refused && refused.status >= 500)) this.obstacle.value = "offline";
    else if (refused?.code === UNVERIFIED) {
      this.closeStream(); // what it still brings would pass for success
      this.obstacle.value = "unverified";
    }
    // Anything else is a defect, of this code or of the storage: it must not stay unseen.
    else if (!refused) console.error(error);
    const growing = Math.min(LONGEST, this.patience * 2 ** Math.min(this.failures - 1, 10));
    // The session renews its token with each of these attempts, so they must be few.
    const told = refused?.code === UNVERIFIED ? LONGEST / 1000 : refused?.retryAfter;
    await this.wait(told ? told * 1000 : growing * (0.75 + Math.random() / 2));
  }

  private async wait(milliseconds: number): Promise<void> {
    if (this.isAwake && this.failures === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, Math.min(milliseconds, LONGEST)));
      this.wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wakeUp = null;
  }
}

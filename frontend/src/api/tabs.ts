/** How the tabs of one browser share an access token, and learn that the user signed out. */
import type { User } from "./things";

/** So long another tab may take to answer. */
const PATIENCE = 100;

export interface Tokens {
  readonly access: string;
  /** In milliseconds, by this device's clock. */
  readonly expiresAt: number;
  readonly user: User;
}

export type TabMessage =
  /** `rejected` is a token that the server no longer accepts, so no tab should offer it. */
  | { type: "ask"; rejected: string | null }
  | { type: "tokens"; tokens: Tokens }
  | { type: "signed_out"; userId: string };

export interface Channel {
  post(message: TabMessage): void;
  /** Calls back for each message until the returned function is called. */
  listen(on: (message: TabMessage) => void): () => void;
  close(): void;
}

/** Opens the channel. What `answer` returns is sent to the other tabs. */
export function openChannel(answer: (message: TabMessage) => TabMessage | null): Channel {
  const listeners = new Set<(message: TabMessage) => void>();
  const channel = globalThis.BroadcastChannel ? new BroadcastChannel("duly-session") : null;
  if (channel) {
    channel.onmessage = ({ data }: MessageEvent<TabMessage>) => {
      for (const listener of listeners) listener(data);
      let reply: TabMessage | null = null;
      try {
        reply = answer(data);
      } catch {
        // What another tab sends is no error of this one.
      }
      if (reply) channel.postMessage(reply);
    };
  }
  return {
    post: (message) => channel?.postMessage(message),
    listen(on) {
      listeners.add(on);
      return () => listeners.delete(on);
    },
    close: () => channel?.close(),
  };
}

/** Asks the other tabs for their tokens. Null if none answers in time. */
export function ask(channel: Channel, rejected: string | null): Promise<Tokens | null> {
  return new Promise((resolve) => {
    const finish = (tokens: Tokens | null) => {
      clearTimeout(timer);
      stop();
      resolve(tokens);
    };
    const timer = setTimeout(finish, PATIENCE, null);
    const stop = channel.listen((message) => {
      if (message.type === "tokens") finish(message.tokens);
    });
    channel.post({ type: "ask", rejected });
  });
}

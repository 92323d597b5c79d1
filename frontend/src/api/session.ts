/**
 * The session of this browser. A cookie that no script can read has the refresh token; the access
 * token is in memory only. Tabs share access tokens, so that they do not all refresh at once.
 */
import { type ReadonlySignal, signal } from "@preact/signals-core";

import { ApiError, send, type SendOptions } from "./client";
import type { StreamedEvent } from "./events";
import { keep, recall } from "./storage";
import { ask, openChannel, type TabMessage, type Tokens } from "./tabs";
import type { SignedIn, User } from "./things";

const COOKIE = { "Duly-Session": "cookie" };
const LOCK = "duly-refresh";
/** An access token is replaced so long before it expires. */
const AHEAD = 60_000;
const OWED = "duly-logout-owed";

export interface Session {
  /** The user who is signed in, or was until the session ended; null before that. */
  readonly user: ReadonlySignal<User | null>;
  /** The session is over, or the cookie is another user's. Signing in begins another one. */
  readonly ended: ReadonlySignal<boolean>;
  /** The user has signed out, here or in another tab: the copy on this device must go. */
  readonly signedOut: ReadonlySignal<boolean>;
  /** The user has signed out without a connection: `resume` and sign-ins send the logout first. */
  readonly owesLogout: boolean;

  register(email: string, password: string, profile?: Partial<Pick<User, "name" | "timezone" | "week_start" | "language">>): Promise<User>;
  /** Throws `ApiError` with SECOND_FACTOR_REQUIRED, whose details `secondFactor` needs. */
  login(email: string, password: string): Promise<User>;
  secondFactor(challenge: string, factor: { code: string } | { assertion: unknown }): Promise<User>;
  /**
   * Goes on with the session of this browser. Null if it has none; throws what `fetch` throws
   * without a connection. With `expected`, only the session of that user is accepted, also by the
   * requests that follow. Requests wait until this or a sign-in has begun.
   */
  resume(expected?: string): Promise<User | null>;
  /**
   * Signs out. Without a connection, the logout is owed, and sent before the next request of a
   * session; it never throws.
   */
  logout(): Promise<void>;

  request(method: string, path: string, options?: SendOptions): Promise<Response>;
  stream(token: string, on: (event: StreamedEvent) => void, signal: AbortSignal): Promise<void>;
  /** Takes over a changed profile, as the store receives it. */
  setUser(user: User): void;
  close(): void;
}

export function openSession(now: () => number = Date.now): Session {
  const user = signal<User | null>(null);
  const ended = signal(false);
  const signedOut = signal(false);
  let tokens: Tokens | null = null;
  /** The access token that the server rejected last. */
  let rejected: string | null = null;
  let refreshing: Promise<void> | null = null;
  /** Whose session this tab goes on with. Requests wait until that is known. */
  let owner: string | null = null;
  let begin = () => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const channel = openChannel(receive);

  const isFresh = (given: Tokens | null) =>
    given !== null && given.access !== rejected && given.expiresAt - AHEAD > now();

  function receive(message: TabMessage): TabMessage | null {
    if (message.type === "ask") {
      rejected = message.rejected ?? rejected;
      const shared = !ended.value && isFresh(tokens) ? tokens : null;
      return shared && { type: "tokens", tokens: shared };
    }
    if (message.type === "tokens" && message.tokens.user.id === owner) {
      if (isFresh(message.tokens) && !signedOut.peek()) take(message.tokens);
    } else if (message.type === "signed_out" && message.userId === owner) {
      leave();
    }
    return null;
  }

  /** Takes tokens, unless the browser has been signed in as somebody else since. */
  function take(given: Tokens): void {
    owner ??= given.user.id;
    if (owner !== given.user.id) throw over("This browser is signed in as another user.");
    tokens = given;
    ended.value = false;
    signedOut.value = false;
    user.value ??= given.user;
  }

  function over(message: string): ApiError {
    ended.value = true;
    return new ApiError(401, "UNAUTHENTICATED", message);
  }

  async function tokensOf(response: Response): Promise<Tokens> {
    const answer = (await response.json()) as SignedIn;
    const expiresAt = now() + answer.expires_in * 1000;
    return { access: answer.access_token, expiresAt, user: answer.user };
  }

  /** Sends a sign-in. Another user's session replaces the one before. */
  async function signIn(path: string, body: unknown): Promise<User> {
    await refreshing?.catch(() => {}); // or else its end would end the session that begins now
    await payLogout();
    const given = await tokensOf(await send("POST", path, { body, headers: COOKIE }));
    owner = given.user.id;
    user.value = given.user;
    take(given);
    begin();
    channel.post({ type: "tokens", tokens: given });
    return given.user;
  }

  /** Sends the logout that is owed since the device was offline. */
  async function payLogout(): Promise<void> {
    if (!recall(OWED)) return;
    await sendLogout();
    keep(OWED, null);
  }

  async function sendLogout(): Promise<void> {
    try {
      await send("POST", "/auth/logout", { body: {}, headers: COOKIE });
    } catch (error) {
      // The session is over already: that is all a logout wants.
      if (!(error instanceof ApiError) || error.isPassing) throw error;
    }
  }

  /** Replaces the access token, by that of another tab if one has it. All callers share one run. */
  function refresh(): Promise<void> {
    refreshing ??= locked(async () => {
      if (isFresh(tokens)) return; // received while waiting for the lock
      if (recall(OWED)) {
        await payLogout();
        throw over("Signed out.");
      }
      let given = await ask(channel, rejected);
      const isShared = isFresh(given);
      if (!isShared) {
        const response = await send("POST", "/auth/refresh", { body: {}, headers: COOKIE });
        given = await tokensOf(response);
      }
      // The user may have signed out while the response was on its way.
      if (signedOut.peek()) throw over("Signed out.");
      take(given!);
      if (!isShared) channel.post({ type: "tokens", tokens: given! });
    })
      .catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 401) ended.value = true;
        throw error;
      })
      .finally(() => {
        refreshing = null;
      });
    return refreshing;
  }

  async function authorized<T>(act: (headers: Record<string, string>) => Promise<T>): Promise<T> {
    await begun;
    if (ended.peek()) throw over("The session has ended. Sign in again.");
    if (!isFresh(tokens)) await refresh();
    const used = tokens!.access;
    try {
      return await act({ Authorization: `Bearer ${used}` });
    } catch (error) {
      // The session ended, or the server's key changed; or the address has been confirmed since the
      // token was issued. Another tab may have replaced it.
      if (!(error instanceof ApiError && ["UNAUTHENTICATED", "EMAIL_NOT_VERIFIED"].includes(error.code))) throw error;
      rejected = used;
      if (!isFresh(tokens)) await refresh();
      return act({ Authorization: `Bearer ${tokens!.access}` });
    }
  }

  /** Forgets the user: what other tabs do as well. */
  function leave(): void {
    tokens = null;
    ended.value = true;
    signedOut.value = true;
  }

  return {
    user,
    ended,
    signedOut,
    get owesLogout() {
      return recall(OWED) !== null;
    },
    register: (email, password, profile) => signIn("/auth/register", { email, password, ...profile }),
    login: (email, password) => signIn("/auth/login", { email, password }),
    secondFactor: (challenge, factor) => signIn("/auth/factor", { challenge, ...factor }),
    async resume(expected) {
      owner = expected ?? owner;
      ended.value = false;
      signedOut.value = false;
      begin();
      try {
        if (!isFresh(tokens)) await refresh();
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }
      return user.peek();
    },
    async logout() {
      leave();
      if (owner) channel.post({ type: "signed_out", userId: owner });
      keep(OWED, "1");
      await payLogout().catch(() => {});
    },
    request: (method, path, options) =>
      authorized((headers) =>
        send(method, path, { ...options, headers: { ...options?.headers, ...headers } }),
      ),
    async stream(token, on, signal) {
      const response = await authorized((headers) =>
        send("GET", "/events", {
          headers: { Accept: "text/event-stream", "Last-Event-ID": token, ...headers },
          signal,
          timeout: 0,
        }),
      );
      const { readEvents } = await import("./events");
      await readEvents(response, on, signal);
    },
    setUser(changed) {
      if (changed.id !== user.peek()?.id) return;
      user.value = changed;
      if (tokens) tokens = { ...tokens, user: changed };
    },
    close: () => channel.close(),
  };
}

/** Runs while no other tab does. Without Web Locks (plain http), tabs refresh at once, which works. */
function locked<T>(act: () => Promise<T>): Promise<T> {
  return navigator.locks ? (navigator.locks.request(LOCK, act) as Promise<T>) : act();
}

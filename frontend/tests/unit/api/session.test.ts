import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { ApiError } from "../../../src/api/client";
import { openSession, type Session } from "../../../src/api/session";
import type { Connection } from "../../../src/store/types";

/** A server that knows one browser's cookie, and any number of access tokens. */
class Server {
  cookie: string | null = null;
  valid = new Set<string>();
  /** Tokens that were issued before the address was confirmed. */
  limited = new Set<string>();
  isConfirmed = true;
  lifetime = 900;
  calls: string[] = [];
  isReachable = true;
  /** Responses that are lost after the server has sent them. */
  lost = 0;
  refreshes = 0;
  /** Refreshes are answered after this. */
  held = Promise.resolve();
  private count = 0;

  fetch = async (path: string, init: RequestInit): Promise<Response> => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (!this.isReachable) throw new TypeError("Failed to fetch");
    const headers = new Headers(init.headers);
    const route = path.replace("/api/v1", "");
    this.calls.push(`${init.method} ${route}`);
    const response = this.respond(route, headers, init);
    if (route === "/auth/refresh") {
      this.refreshes += 1;
      await this.held;
    }
    if (this.lost > 0) {
      this.lost -= 1;
      throw new TypeError("Failed to fetch");
    }
    return response;
  };

  private respond(route: string, headers: Headers, init: RequestInit): Response {
    if (route.startsWith("/auth/")) {
      if (headers.get("Duly-Session") !== "cookie") return failure(400, "VALIDATION_ERROR");
      if (route === "/auth/logout") {
        if (!this.cookie) return failure(401, "UNAUTHENTICATED");
        this.cookie = null;
        this.valid.clear();
        return new Response(null, { status: 204 });
      }
      if (route === "/auth/refresh") {
        return this.cookie ? this.session(this.cookie) : failure(401, "UNAUTHENTICATED");
      }
      const { email } = JSON.parse(init.body as string) as { email: string };
      if (email === "max") return failure(401, "SECOND_FACTOR_REQUIRED", { challenge: "c" });
      this.cookie = email ?? "max";
      return this.session(this.cookie);
    }
    const token = headers.get("Authorization")?.replace("Bearer ", "");
    if (this.limited.has(token ?? "")) return failure(403, "EMAIL_NOT_VERIFIED");
    return this.valid.has(token ?? "") ? Response.json({ token }) : failure(401, "UNAUTHENTICATED");
  }

  private session(id: string): Response {
    const access_token = `${id}-${++this.count}`;
    this.valid.add(access_token);
    if (!this.isConfirmed) this.limited.add(access_token);
    return Response.json({ access_token, expires_in: this.lifetime, user: { id, email: id } });
  }

  count_of(call: string): number {
    return this.calls.filter((one) => one === call).length;
  }
}

function failure(status: number, code: string, details = {}): Response {
  return Response.json({ error: { code, message: code, details } }, { status });
}

let server: Server;
let open: Session[];

function tab(): Session {
  const session = openSession();
  open.push(session);
  return session;
}

beforeEach(() => {
  server = new Server();
  open = [];
  vi.stubGlobal("fetch", server.fetch);
});
afterEach(() => {
  for (const session of open) session.close();
  vi.unstubAllGlobals();
});

describe("session", () => {
  it("is a connection of the store", () => {
    const connection: Connection = tab();
    expect(connection.ended.value).toBe(false);
  });

  it("signs in, and sends the access token", async () => {
    const session = tab();
    expect(await session.login("ada", "pw")).toMatchObject({ id: "ada" });
    expect(await (await session.request("GET", "/tasks")).json()).toEqual({ token: "ada-1" });
    expect(server.count_of("POST /auth/refresh")).toBe(0);
  });

  it("says that a second factor is needed, and takes it", async () => {
    const session = tab();
    const error = await session.login("max", "pw").catch((thrown: ApiError) => thrown);
    expect(error).toMatchObject({ code: "SECOND_FACTOR_REQUIRED", details: { challenge: "c" } });
    expect(session.user.value).toBeNull();
    expect(await session.secondFactor("c", { code: "123456" })).toMatchObject({ id: "max" });
  });

  it("goes on after a reload, by the cookie", async () => {
    server.cookie = "ada";
    expect(await tab().resume()).toMatchObject({ id: "ada" });
    server.cookie = null;
  });

  it("finds no session without a cookie", async () => {
    const session = tab();
    expect(await session.resume()).toBeNull();
    expect(session.ended.value).toBe(true);
  });

  it("signs in after a refresh that is under way, whose end is not that of the new session", async () => {
    let release = () => {};
    server.held = new Promise((resolve) => (release = resolve));
    const session = tab();
    const resumed = session.resume();
    await vi.waitUntil(() => server.refreshes === 1);
    const login = session.login("ada", "pw");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.count_of("POST /auth/login")).toBe(0);
    release();
    expect(await resumed).toBeNull();
    expect(await login).toMatchObject({ id: "ada" });
    expect(session.ended.value).toBe(false);
  });

  it("keeps requests waiting until it knows whose session it is", async () => {
    server.cookie = "bob";
    const session = tab();
    const early = session.request("GET", "/tasks").catch((error: ApiError) => error.status);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(server.calls).toEqual([]);
    expect(await session.resume("ada")).toBeNull();
    expect(await early).toBe(401);
    expect(server.calls).toEqual(["POST /auth/refresh"]);
    expect([session.user.value, session.ended.value]).toEqual([null, true]);
  });

  it("goes on when the server can be reached again", async () => {
    server.cookie = "ada";
    server.isReachable = false;
    const session = tab();
    await expect(session.resume("ada")).rejects.toThrow(TypeError);
    await expect(session.request("GET", "/tasks")).rejects.toThrow(TypeError);
    server.isReachable = true;
    expect((await session.request("GET", "/tasks")).ok).toBe(true);
    expect(session.user.value?.id).toBe("ada");
  });

  it("cannot say without a connection", async () => {
    server.isReachable = false;
    const session = tab();
    await expect(session.resume()).rejects.toThrow(TypeError);
    expect(session.ended.value).toBe(false);
  });

  it("repeats a refresh whose response was lost", async () => {
    server.cookie = "ada";
    server.lost = 1;
    const session = tab();
    await expect(session.resume()).rejects.toThrow(TypeError);
    expect(await session.resume()).toMatchObject({ id: "ada" });
  });

  it("refreshes once for many requests, before the token expires", async () => {
    const session = tab();
    server.lifetime = 59;
    await session.login("ada", "pw");
    server.lifetime = 900;
    await Promise.all(Array.from({ length: 10 }, () => session.request("GET", "/tasks")));
    expect(server.count_of("POST /auth/refresh")).toBe(1);
  });

  it("refreshes once on 401 and repeats the request", async () => {
    const session = tab();
    await session.login("ada", "pw");
    server.valid.clear();
    expect((await session.request("GET", "/tasks")).ok).toBe(true);
    expect(server.count_of("POST /auth/refresh")).toBe(1);
  });

  it("renews a token from before the address was confirmed, and repeats the request", async () => {
    const session = tab();
    server.isConfirmed = false;
    await session.login("ada", "pw");
    await expect(session.request("GET", "/tasks")).rejects.toMatchObject({ code: "EMAIL_NOT_VERIFIED" });
    expect(session.ended.value).toBe(false);
    server.isConfirmed = true;
    expect((await session.request("GET", "/tasks")).ok).toBe(true);
  });

  it("ends with the session, and begins again with a sign-in", async () => {
    const session = tab();
    await session.login("ada", "pw");
    server.valid.clear();
    server.cookie = null;
    await expect(session.request("GET", "/tasks")).rejects.toMatchObject({ status: 401 });
    expect(session.ended.value).toBe(true);
    const calls = server.calls.length;
    await expect(session.request("GET", "/tasks")).rejects.toMatchObject({ status: 401 });
    expect(server.calls.length).toBe(calls);
    await session.login("ada", "pw");
    expect(session.ended.value).toBe(false);
    expect((await session.request("GET", "/tasks")).ok).toBe(true);
  });
});

describe("tabs", () => {
  it("refresh once for five of them", async () => {
    server.cookie = "ada";
    const users = await Promise.all(Array.from({ length: 5 }, () => tab().resume()));
    expect(users.map((user) => user?.id)).toEqual(Array(5).fill("ada"));
    expect(server.count_of("POST /auth/refresh")).toBe(1);
  });

  it("take a token from a tab that has one", async () => {
    await tab().login("ada", "pw");
    const second = tab();
    expect(await second.resume()).toMatchObject({ id: "ada" });
    expect(await (await second.request("GET", "/tasks")).json()).toEqual({ token: "ada-1" });
    expect(server.count_of("POST /auth/refresh")).toBe(0);
  });

  it("refresh without Web Locks and channels", async () => {
    vi.stubGlobal("navigator", {});
    vi.stubGlobal("BroadcastChannel", undefined);
    server.cookie = "ada";
    const users = await Promise.all([tab().resume(), tab().resume()]);
    expect(users.map((user) => user?.id)).toEqual(["ada", "ada"]);
    expect(server.count_of("POST /auth/refresh")).toBe(2);
  });

  it("learn that the user signed out", async () => {
    const [first, second] = [tab(), tab()];
    await first.login("ada", "pw");
    await second.resume();
    await first.logout();
    await vi.waitFor(() => expect(second.signedOut.value).toBe(true));
    expect(server.cookie).toBeNull();
    await expect(second.request("GET", "/tasks")).rejects.toMatchObject({ status: 401 });
  });

  it("stay signed out, though a refresh was on its way", async () => {
    const [first, second] = [tab(), tab()];
    server.lifetime = 30;
    await first.login("ada", "pw");
    await second.resume();
    let release = () => {};
    server.held = new Promise((resolve) => (release = resolve));
    const before = server.refreshes;
    const request = first.request("GET", "/tasks").catch((error: ApiError) => error.status);
    await vi.waitFor(() => expect(server.refreshes).toBe(before + 1));
    const logout = second.logout();
    await vi.waitFor(() => expect(first.signedOut.value).toBe(true));
    release();
    await logout;
    expect(await request).toBe(401);
    expect([first.signedOut.value, first.ended.value]).toEqual([true, true]);
  });

  it("stay signed out, though another tab still offers a token", async () => {
    const session = tab();
    await session.login("ada", "pw");
    await session.logout();
    const tokens = { access: "ada-9", expiresAt: Date.now() + 900_000, user: { id: "ada" } };
    const other = new BroadcastChannel("duly-session");
    other.postMessage({ type: "tokens", tokens });
    await new Promise((resolve) => setTimeout(resolve, 50));
    other.close();
    expect(session.signedOut.value).toBe(true);
  });

  it("do not take another user's session", async () => {
    const [first, second] = [tab(), tab()];
    await first.login("ada", "pw");
    await second.resume();
    await second.login("bob", "pw");
    server.valid.delete("ada-1");
    await expect(first.request("GET", "/tasks")).rejects.toMatchObject({ status: 401 });
    expect([first.user.value?.id, first.ended.value]).toEqual(["ada", true]);
    expect(await tab().resume("ada")).toBeNull();
  });

  it("continue when another one signs in again", async () => {
    const [first, second] = [tab(), tab()];
    await first.login("ada", "pw");
    await second.resume();
    server.valid.clear();
    server.cookie = null;
    await first.request("GET", "/tasks").catch(() => {});
    await second.request("GET", "/tasks").catch(() => {});
    expect([first.ended.value, second.ended.value]).toEqual([true, true]);
    await first.login("ada", "pw");
    await vi.waitFor(() => expect(second.ended.value).toBe(false));
    expect((await second.request("GET", "/tasks")).ok).toBe(true);
  });
});

describe("signing out offline", () => {
  it("owes the logout, and sends it before anything else", async () => {
    const session = tab();
    await session.login("ada", "pw");
    server.isReachable = false;
    await session.logout();
    expect([session.signedOut.value, server.cookie]).toEqual([true, "ada"]);
    server.isReachable = true;
    server.calls = [];
    expect(await tab().resume()).toBeNull();
    expect(server.calls).toEqual(["POST /auth/logout"]);
    expect(server.cookie).toBeNull();
    expect(await tab().resume()).toBeNull();
    expect(server.count_of("POST /auth/logout")).toBe(1);
  });

  it("sends what is owed before the next sign-in", async () => {
    const session = tab();
    await session.login("ada", "pw");
    server.isReachable = false;
    await session.logout();
    server.isReachable = true;
    server.calls = [];
    await session.login("bob", "pw");
    expect(server.calls).toEqual(["POST /auth/logout", "POST /auth/login"]);
    expect([session.user.value?.id, session.signedOut.value]).toEqual(["bob", false]);
  });
});

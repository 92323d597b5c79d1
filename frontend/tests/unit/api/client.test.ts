import { afterEach, expect, test, vi } from "vitest";

import { ApiError, send } from "../../../src/api/client";

afterEach(() => vi.unstubAllGlobals());

function respond(body: string, status: number, headers: Record<string, string> = {}): void {
  vi.stubGlobal("fetch", async () => new Response(body, { status, headers }));
}

test("an error has what the server says", async () => {
  const error = { code: "RATE_LIMITED", message: "Too many requests.", details: { limit: 600 } };
  respond(JSON.stringify({ error }), 429, { "Retry-After": "7", "X-Request-ID": "abc" });
  const failure = await send("GET", "/tasks").catch((thrown: unknown) => thrown);
  expect(failure).toBeInstanceOf(ApiError);
  expect(failure).toMatchObject({
    status: 429,
    code: "RATE_LIMITED",
    message: "Too many requests.",
    details: { limit: 600 },
    retryAfter: 7,
    requestId: "abc",
    isPassing: true,
  });
});

test("an error of a proxy has its status", async () => {
  const soon = new Date(Date.now() + 30_000).toUTCString();
  respond("<html>Bad gateway</html>", 502, { "Retry-After": soon });
  const failure = (await send("GET", "/tasks").catch((thrown: unknown) => thrown)) as ApiError;
  expect([failure.status, failure.code, failure.isPassing]).toEqual([502, "", true]);
  expect(failure.retryAfter).toBeGreaterThan(27);
});

test("a request without a response in time fails", async () => {
  vi.stubGlobal(
    "fetch",
    (_: string, { signal }: RequestInit) =>
      new Promise((_resolve, reject) => {
        signal!.addEventListener("abort", () => reject(signal!.reason));
      }),
  );
  await expect(send("GET", "/tasks", { timeout: 10 })).rejects.toMatchObject({
    name: "TimeoutError",
  });
});

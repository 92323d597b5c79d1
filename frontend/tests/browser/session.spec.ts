import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";

import { add, Device, expect, newEmail, PASSWORD, register, row, signIn, synced, test } from "./helpers";

test("registers and signs in", async ({ page, browser, baseURL }) => {
  const email = await register(page);
  await add(page, "Pay rent");
  await synced(page);
  const other = await (await browser.newContext({ baseURL })).newPage();
  await signIn(other, email);
  await expect(row(other, "Pay rent")).toBeVisible();
  // A reload goes on with the session of the browser.
  await page.reload();
  await expect(row(page, "Pay rent")).toBeVisible();
  await add(page, "Call May");
  await synced(page);
  await expect(row(other, "Call May")).toBeVisible();
});

test("a new account has the language and the time zone of the browser", async ({ browser, baseURL }) => {
  const context = await browser.newContext({ baseURL, locale: "de-AT", timezoneId: "Europe/Vienna" });
  const page = await context.newPage();
  const answers: unknown[] = [];
  page.on("response", async (response) => {
    if (response.url().endsWith("/auth/register")) answers.push(((await response.json()) as { user: unknown }).user);
  });
  await page.goto("/");
  await page.getByRole("button", { name: "Neu hier? Konto anlegen" }).click();
  await page.getByLabel("E-Mail").fill(newEmail());
  await page.getByLabel("Passwort", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Konto anlegen", exact: true }).click();
  await page.waitForURL("**/inbox");
  expect(answers).toMatchObject([{ language: "de", timezone: "Europe/Vienna" }]);
  await context.close();
});

test("a message of the server is in the language of the person", async ({ browser, baseURL }) => {
  const context = await browser.newContext({ baseURL, locale: "de-DE" });
  const page = await context.newPage();
  await page.goto("/");
  await page.getByLabel("E-Mail").fill(newEmail());
  await page.getByLabel("Passwort", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Anmelden", exact: true }).click();
  await expect(page.locator(".mistake")).toHaveText("E-Mail-Adresse oder Passwort ist falsch.", { timeout: 15_000 });
  await context.close();
});

test("a zone that the server does not know keeps nobody from registering", async ({ page }) => {
  await page.addInitScript(() => {
    const resolved = Intl.DateTimeFormat.prototype.resolvedOptions;
    Intl.DateTimeFormat.prototype.resolvedOptions = function () {
      return { ...resolved.call(this), timeZone: "Etc/Unknown" };
    };
  });
  await register(page);
});

test("a first visit asks for no session", async ({ page }) => {
  const asked: string[] = [];
  page.on("request", (request) => request.url().includes("/api/") && asked.push(request.url()));
  await page.goto("/");
  await expect(page.getByLabel("Email")).toBeVisible();
  await page.waitForLoadState("networkidle");
  expect(asked).toEqual([]);
});

test("the page asks for the script of the screen that is next", async ({ page }) => {
  const asked = () => page.locator("link[rel=modulepreload]").first().getAttribute("href");
  await page.goto("/");
  expect(await asked()).toMatch(/^\/assets\/sign-in-/);
  await register(page);
  await page.reload();
  expect(await asked()).toMatch(/^\/assets\/list-/);
});

test("a session that outlived the storage goes on once the page is touched", async ({ page }) => {
  await register(page);
  await add(page, "Still here");
  await synced(page);
  await page.goto("/health/ready"); // no script of the app runs there
  await page.evaluate(async () => {
    localStorage.clear();
    for (const { name } of await indexedDB.databases()) indexedDB.deleteDatabase(name!);
  });
  await page.goto("/");
  await page.getByLabel("Email").click();
  await expect(row(page, "Still here")).toBeVisible();
});

test("shows the server's error", async ({ page }) => {
  await page.goto("/");
  await page.getByLabel("Email").fill(newEmail());
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page.locator(".mistake")).toHaveText("Incorrect email or password.");
});

test("signing out wipes the device", async ({ page }) => {
  const email = await register(page);
  await add(page, "A secret");
  await synced(page);
  await page.goto("/settings/account");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByLabel("Password", { exact: true })).toBeVisible();
  await page.reload();
  await expect(page.getByLabel("Password", { exact: true })).toBeVisible();
  const left = await page.evaluate(async () => ({
    databases: (await indexedDB.databases()).map(({ name }) => name),
    local: JSON.stringify(localStorage),
  }));
  expect(left.databases.filter((name) => name?.startsWith("duly-"))).toEqual([]);
  expect(left.local).not.toContain(email);
});

test("second account sees nothing of the first", async ({ page }) => {
  await register(page);
  await add(page, "Of the first");
  await synced(page);
  await page.goto("/settings/account");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL((url) => url.pathname === "/");
  await register(page);
  await expect(page.getByText("Nothing waiting.")).toBeVisible();
  await expect(page.getByText("Of the first")).toHaveCount(0);
});

test("session ended elsewhere keeps unsent work", async ({ page, request }) => {
  const email = await register(page);
  const device = await Device.of(request, email);
  await device.call("DELETE", "/auth/sessions");
  await add(page, "Written after the end");
  await expect(page.getByRole("link", { name: "Sign in to sync" }).first()).toBeVisible({ timeout: 20_000 });
  await page.goto("/sync");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("dialog").getByRole("button", { name: "Sign in", exact: true }).click();
  await synced(page);
  const again = await Device.of(request, email);
  await expect.poll(async () => (await again.tasks()).map(({ title }) => title)).toEqual(["Written after the end"]);
});

test("opens without a connection and sends later", async ({ page, context, request }) => {
  const email = await register(page);
  await add(page, "Before");
  await synced(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload();
  await context.setOffline(true);
  await page.reload();
  await expect(row(page, "Before")).toBeVisible();
  await add(page, "Written offline");
  await expect(page.locator(".status").filter({ hasText: "1 change kept here" }).first()).toBeAttached();
  await context.setOffline(false);
  await synced(page);
  const device = await Device.of(request, email);
  await expect.poll(async () => (await device.tasks()).map(({ title }) => title).sort()).toEqual(["Before", "Written offline"]);
});

/** The code of an authenticator app (RFC 6238) for a secret in base 32. */
function totp(secret: string, now = Date.now()): string {
  const bits = [...secret].map((char) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(char).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g)!.map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(now / 30_000)));
  const digest = createHmac("sha1", key).update(counter).digest();
  const offset = digest[19]! & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

test("a second factor is asked for at sign-in", async ({ page }) => {
  const email = await register(page);
  await page.goto("/settings/factors");
  await page.getByRole("button", { name: "Add an authenticator app" }).click();
  const secret = (await page.locator("code.token").textContent())!.replaceAll(" ", "");
  await page.getByLabel("Code from the app").fill("000000");
  await page.getByRole("button", { name: "Confirm" }).click();
  await expect(page.locator(".mistake")).toBeVisible();
  await page.getByLabel("Code from the app").fill(totp(secret));
  await page.getByRole("button", { name: "Confirm" }).click();
  const codes = page.locator(".recovery-codes code");
  await expect(codes.first()).toBeVisible();
  const recovery = (await codes.first().textContent())!;
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByLabel("Enter the code from your authenticator app").fill(recovery);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL("**/inbox");
  await synced(page);
});

test("one refresh for five tabs", async ({ page, context }) => {
  await register(page);
  await page.close();
  let refreshes = 0;
  context.on("request", (request) => {
    if (request.url().endsWith("/auth/refresh")) refreshes++;
  });
  const tabs = await Promise.all(Array.from({ length: 5 }, () => context.newPage()));
  await Promise.all(tabs.map((tab) => tab.goto("/inbox")));
  for (const tab of tabs) await synced(tab);
  expect(refreshes).toBe(1);
});

test("cross-site refresh is refused", async ({ page, context, baseURL }) => {
  await register(page);
  const [cookie] = (await context.cookies()).filter(({ name }) => name.includes("duly_refresh"));
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });
  const request = (headers: Record<string, string>) =>
    context.request.post(`${baseURL}/api/v1/auth/refresh`, { data: {}, headers: { "Duly-Session": "cookie", ...headers } });
  expect((await request({ "Sec-Fetch-Site": "cross-site" })).status()).toBe(403);
  expect((await request({ Origin: "https://evil.example" })).status()).toBe(403);
  expect((await request({ Origin: baseURL! })).status()).toBe(200);
});

/** The server behind a proxy, which can hand out another worker: a new version of the app. */
async function behindProxy(target: string): Promise<{ url: string; next: () => void; close: () => void }> {
  const { port } = new URL(target);
  let suffix = "";
  const server = createServer((request, response) => {
    const isWorker = request.url === "/worker.js";
    const headers = { ...request.headers, ...(isWorker ? { "accept-encoding": "identity" } : {}) };
    if (isWorker) delete headers["if-none-match"];
    const upstream = send({ host: "127.0.0.1", port, path: request.url, method: request.method, headers }, (answer) => {
      if (isWorker) {
        delete answer.headers["content-length"];
        delete answer.headers.etag;
      }
      response.writeHead(answer.statusCode!, answer.headers);
      if (!isWorker) return void answer.pipe(response);
      answer.on("data", (chunk) => response.write(chunk));
      answer.on("end", () => response.end(suffix));
    });
    request.pipe(upstream);
    response.on("close", () => upstream.destroy());
    upstream.on("error", () => response.destroy());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    next: () => (suffix = "\n// next"),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

test("update waits for consent", async ({ browser, baseURL }) => {
  const proxy = await behindProxy(baseURL!);
  const page = await (await browser.newContext({ baseURL: proxy.url })).newPage();
  await register(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload();
  await synced(page);
  proxy.next();
  await page.evaluate(async () => void (await (await navigator.serviceWorker.ready).update()));
  const reload = page.getByRole("button", { name: "Reload" });
  await expect(reload).toBeVisible();
  expect(await page.evaluate(async () => (await navigator.serviceWorker.ready).waiting !== null)).toBe(true);
  await Promise.all([page.waitForEvent("load"), reload.click()]);
  await synced(page);
  expect(await page.evaluate(async () => (await navigator.serviceWorker.ready).waiting)).toBeNull();
  await page.context().close();
  proxy.close();
});

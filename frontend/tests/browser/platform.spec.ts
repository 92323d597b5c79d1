/** What the browser refuses: a secure context, storage. And a server that was restored from a backup. */

import type { Page } from "@playwright/test";

import { startServer } from "../unit/store/server";
import { accessible, add, Device, expect, register, row, synced, test, titles } from "./helpers";

test("plain http works from memory", async ({ browser, baseURL, request }) => {
  const context = await browser.newContext({ baseURL: baseURL!.replace("127.0.0.1", "duly.test") });
  const page = await context.newPage();
  const email = await register(page);
  expect(await page.evaluate(() => [isSecureContext, "serviceWorker" in navigator, "locks" in navigator])).toEqual([false, false, false]);
  await add(page, "Pay rent tomorrow p1");
  await synced(page);
  const device = await Device.of(request, email);
  const there = async () => (await device.tasks()).map(({ title }) => title).sort();
  expect(await there()).toEqual(["Pay rent"]);
  await page.getByRole("link", { name: "Synced" }).first().click();
  await expect(page.getByText("This browser does not store anything for Duly")).toBeVisible();
  // The session is in a cookie, and the tasks come from the server again.
  await page.goto("/inbox");
  await expect(row(page, "Pay rent")).toBeVisible();
  await synced(page);
  await context.setOffline(true);
  await add(page, "Only in memory");
  await expect(page.locator(".status").filter({ hasText: "1 change kept here" }).first()).toBeAttached();
  // Leaving would lose it, so the browser asks.
  const asked = page.waitForEvent("dialog");
  await page.close({ runBeforeUnload: true });
  const dialog = await asked;
  expect(dialog.type()).toBe("beforeunload");
  await dialog.dismiss();
  await context.setOffline(false);
  await synced(page);
  expect(await there()).toEqual(["Only in memory", "Pay rent"]);
  await context.close();
});

/** Whether IndexedDB still takes a small value. */
function isFull(page: Page): Promise<boolean> {
  return page.evaluate(async () => {
    const request = indexedDB.open("probe", 1);
    const database = await new Promise<IDBDatabase>((done) => {
      request.onupgradeneeded = () => request.result.createObjectStore("values");
      request.onsuccess = () => done(request.result);
    });
    const transaction = database.transaction("values", "readwrite");
    transaction.objectStore("values").put("a value", 1);
    const isRefused = await new Promise<boolean>((done) => {
      transaction.oncomplete = () => done(false);
      transaction.onabort = () => done(transaction.error!.name === "QuotaExceededError");
    });
    database.close();
    return isRefused;
  });
}

/** Leaves the origin of a page no room, and returns what gives it back. */
async function fill(page: Page, origin: string): Promise<() => Promise<unknown>> {
  const chromium = await page.context().newCDPSession(page);
  await chromium.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 });
  // Chromium looks at the quota again within half a minute.
  await expect.poll(() => isFull(page), { timeout: 60_000 }).toBe(true);
  return () => chromium.send("Storage.overrideQuotaForOrigin", { origin });
}

test("a full device sends its changes and gets those of others", async ({ page, baseURL, request }) => {
  test.setTimeout(180_000);
  const email = await register(page);
  await add(page, "Before");
  await synced(page);
  const free = await fill(page, baseURL!);
  await add(page, "No room");
  await row(page, "Before").getByRole("checkbox").check();
  await synced(page);
  const device = await Device.of(request, email);
  const there = async () => (await device.tasks()).map(({ title, is_completed }) => `${title} ${is_completed}`).sort();
  await expect.poll(there).toEqual(["Before true", "No room false"]);
  await device.call("POST", "/tasks", { title: "From elsewhere" });
  await expect(row(page, "From elsewhere")).toBeVisible();
  await page.locator(".sidebar .status").click();
  await expect(page.getByText("This browser does not store anything for Duly")).toBeVisible();
  await free();
  await expect(page.getByText("This browser does not store anything for Duly")).toHaveCount(0, { timeout: 60_000 });
  await page.context().setOffline(true);
  await page.getByRole("link", { name: "Inbox" }).first().click();
  await add(page, "Room again");
  await page.context().setOffline(false);
  await synced(page);
  await page.goto("/inbox");
  await expect.poll(async () => (await titles(page)).sort()).toEqual(["From elsewhere", "No room", "Room again"]);
});

test("a tab whose database a newer version has taken says so, and a reload loses nothing", async ({ page, context, request }) => {
  const email = await register(page);
  await add(page, "Before");
  await synced(page);
  const other = await context.newPage();
  await other.goto("/health/live"); // not the app, which the service worker serves elsewhere
  await other.evaluate(async () => {
    const { name } = (await indexedDB.databases()).find((each) => /^duly-/.test(each.name!))!;
    const request = indexedDB.open(name!, 2);
    const database = await new Promise<IDBDatabase>((done) => (request.onsuccess = () => done(request.result)));
    // The version that is built here can open it again.
    database.close();
    await new Promise((done) => (indexedDB.deleteDatabase(name!).onsuccess = done));
  });
  const notice = page.getByRole("status").filter({ hasText: "A newer version is open in another tab." });
  await expect(notice).toBeVisible();
  await add(page, "Written after that");
  await accessible(page, "newer version elsewhere");
  await Promise.all([page.waitForEvent("load"), notice.getByRole("button", { name: "Reload" }).click()]);
  await synced(page);
  await expect.poll(async () => (await titles(page)).sort()).toEqual(["Before", "Written after that"]);
  const device = await Device.of(request, email);
  expect((await device.tasks()).map(({ title }) => title).sort()).toEqual(["Before", "Written after that"]);
});

test("quota full keeps the edit", async ({ page, context, baseURL, request }) => {
  test.setTimeout(120_000);
  const email = await register(page);
  await add(page, "Before");
  await synced(page);
  await context.setOffline(true);
  const free = await fill(page, baseURL!);
  await add(page, "No room");
  await expect(page.locator(".toast")).toContainText("This device has no space left");
  await expect(page.getByRole("alert")).toContainText("This device has no space left");
  await expect(row(page, "No room")).toBeVisible();
  const asked = page.waitForEvent("dialog");
  await page.close({ runBeforeUnload: true });
  const dialog = await asked;
  expect(dialog.type()).toBe("beforeunload");
  await dialog.dismiss();
  await page.locator(".sidebar .status").click();
  await expect(page.getByText("This browser does not store anything for Duly")).toBeVisible();
  // With room again, the change is stored without anybody's doing, and sent.
  await free();
  await expect(page.getByText("This browser does not store anything for Duly")).toHaveCount(0, { timeout: 60_000 });
  await context.setOffline(false);
  await synced(page);
  await page.goto("/inbox");
  await expect.poll(async () => (await titles(page)).sort()).toEqual(["Before", "No room"]);
  const device = await Device.of(request, email);
  expect((await device.tasks()).map(({ title }) => title).sort()).toEqual(["Before", "No room"]);
});

for (const [choice, titlesAfter] of [
  ["Keep them", ["After", "Before, renamed", "Unsent"]],
  ["Let them go", ["Before, renamed", "Unsent"]],
] as const) {
  test(`restored server: nothing vanishes unasked: ${choice}`, async ({ browser, playwright }) => {
    test.setTimeout(180_000);
    const server = await startServer();
    try {
      const context = await browser.newContext({ baseURL: server.url });
      const page = await context.newPage();
      const email = await register(page);
      await add(page, "Before");
      await synced(page);
      const backup = `${email}.backup`;
      await server.duly("backup", backup);
      await add(page, "After");
      await synced(page);
      await context.setOffline(true);
      await add(page, "Unsent");
      await row(page, "Before").focus();
      await page.keyboard.press("F2");
      await page.keyboard.type("Before, renamed");
      await page.keyboard.press("Enter");
      await server.duly("restore", backup, "--replace");
      await context.setOffline(false);
      const banner = page.getByRole("alert").filter({ hasText: "restored from a backup" });
      await expect(banner).toContainText("1 task on this device is not on the server", { timeout: 20_000 });
      const request = await playwright.request.newContext({ baseURL: server.url });
      const device = await Device.of(request, email);
      const there = async () => (await device.tasks()).map(({ title }) => title).sort();
      // The outbox is sent, whatever is decided; the copy is the server's.
      await expect.poll(there).toEqual(["Before, renamed", "Unsent"]);
      await banner.getByRole("button", { name: choice }).click();
      await expect(banner).toHaveCount(0);
      await synced(page);
      await expect.poll(there).toEqual(titlesAfter);
      await expect.poll(async () => (await titles(page)).sort()).toEqual(titlesAfter);
      await request.dispose();
      await context.close();
    } finally {
      await server.stop();
    }
  });
}

/** Unsent changes of an account that this device no longer knows. */
import type { BrowserContext, Page } from "@playwright/test";

import { accessible, add, Device, expect, PASSWORD, register, synced, test } from "./helpers";

const BATCH = "**/api/v1/batch";

/** An account with unsent changes, of which only the database is left. Returns its address. */
async function leaveUnsent(page: Page, context: BrowserContext, ...titles: string[]): Promise<string> {
  const email = await register(page);
  await page.route(BATCH, (route) => route.abort());
  await add(page, ...titles);
  await expect(page.locator(".status").first()).toContainText("kept here");
  await context.clearCookies();
  await page.evaluate(() => localStorage.removeItem("duly-account"));
  await page.goto("/");
  return email;
}

test("the sign-in screen says whose unsent changes are kept, and signing in sends them", async ({ page, context, request }) => {
  const email = await leaveUnsent(page, context, "One", "Two", "Three");
  await expect(page.getByText(`3 unsent changes of ${email} are kept on this device; sign in to send them.`)).toBeVisible();
  await accessible(page, "kept changes");
  await page.unroute(BATCH);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await synced(page);
  const device = await Device.of(request, email);
  await expect.poll(async () => (await device.tasks()).map(({ title }) => title).sort()).toEqual(["One", "Three", "Two"]);
});

test("unsent changes are removed from the sign-in screen only after a question", async ({ page, context }) => {
  await leaveUnsent(page, context, "Only here");
  const remove = page.getByRole("button", { name: "Remove", exact: true });
  await remove.click();
  await expect(page.getByText("1 change will be lost. Remove it from this device?")).toBeVisible();
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByText("1 unsent change of")).toBeVisible();
  await remove.click();
  await remove.click();
  await expect(page.locator("form").getByText("Removed from this device.")).toBeVisible();
  expect(await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))).toEqual([]);
});

test("a first visit says nothing of kept changes, and creates no database", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByLabel("Email")).toBeVisible();
  await page.waitForLoadState("networkidle");
  expect(await page.locator(".kept-changes").count()).toBe(0);
  expect(await page.evaluate(async () => (await indexedDB.databases()).length)).toBe(0);
});

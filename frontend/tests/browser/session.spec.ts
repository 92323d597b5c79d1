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

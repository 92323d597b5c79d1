/** A server that lets users sync only after they have confirmed their address. */
import type { Locator, Page } from "@playwright/test";

import { accessible, add, Device, expect, newEmail, PASSWORD, row, synced } from "./helpers";
import { withMail } from "./mail-server";

const test = withMail({ DULY_REQUIRE_VERIFIED_EMAIL: "true" });

/** A new account, which has not confirmed its address. */
async function registerUnverified(page: Page): Promise<string> {
  const email = newEmail();
  await page.goto("/");
  await page.getByRole("button", { name: "New here? Create an account" }).click();
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create account", exact: true }).click();
  await page.waitForURL("**/inbox");
  return email;
}

const notice = (page: Page): Locator => page.getByRole("region", { name: "Confirm your email address" });

/** Confirms an address as another device does. */
async function confirm(page: Page, link: string): Promise<void> {
  const response = await page.request.post("/api/v1/auth/email/verify", { data: { token: link.split("=")[1] } });
  expect(response.status()).toBe(204);
}

test("an address that must be confirmed has a screen, which goes away by itself once it is", async ({ page, mail }) => {
  const email = await registerUnverified(page);
  await expect(notice(page)).toContainText(email);
  await expect(page.locator(".status").first()).toHaveText("Confirm your email address");
  await expect(page.getByRole("treegrid")).toHaveCount(0);
  await confirm(page, await mail.postbox.linkTo(email, "/verify-email"));
  await synced(page);
  await expect(notice(page)).toHaveCount(0);
  await add(page, "First");
  await expect(row(page, "First")).toBeVisible();
  await synced(page);
});

test("the link can be sent again, up to a limit", async ({ page, mail }) => {
  const email = await registerUnverified(page);
  const first = await mail.postbox.linkTo(email, "/verify-email");
  const again = notice(page).getByRole("button", { name: "Send a new link" });
  await again.click();
  await expect(notice(page)).toContainText(`Another link is on its way to ${email}.`);
  await expect.poll(() => mail.postbox.linkTo(email, "/verify-email")).not.toBe(first);
  await expect(async () => {
    await again.click();
    await expect(notice(page).locator(".mistake")).toHaveText(/^Too many links were sent to this address. Try again in \d+ minutes.$/, { timeout: 500 });
  }).toPass();
});

test("the button says whether the address is confirmed, and goes on", async ({ page, mail }) => {
  // The page asks by itself, too: here, only the button does.
  await page.clock.install();
  const email = await registerUnverified(page);
  const button = notice(page).getByRole("button", { name: "I have confirmed it" });
  await button.click();
  await expect(notice(page)).toContainText("The address is not confirmed yet.");
  await confirm(page, await mail.postbox.linkTo(email, "/verify-email"));
  await button.click();
  await synced(page);
});

test("another address is confirmed in place of the first", async ({ page, mail }) => {
  await registerUnverified(page);
  await notice(page).getByRole("link", { name: "Use another address" }).click();
  const other = newEmail();
  await page.getByRole("textbox", { name: "Email" }).fill(other);
  await page.locator("form").first().getByLabel("Current password").fill(PASSWORD);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(notice(page)).toContainText(other);
  await confirm(page, await mail.postbox.linkTo(other, "/verify-email"));
  await synced(page);
});

test("what was changed while the address is not confirmed is kept, and sent once it is", async ({ page, mail }) => {
  const email = await registerUnverified(page);
  await confirm(page, await mail.postbox.linkTo(email, "/verify-email"));
  await synced(page);
  // The server rejects everything as it does for an unconfirmed address.
  let isConfirmed = false;
  const message = "Verify the email address of the account first.";
  await page.route(/\/api\/v1\/(batch|sync|events|tasks)/, (route) =>
    isConfirmed ? route.continue() : route.fulfill({ status: 403, json: { error: { code: "EMAIL_NOT_VERIFIED", message, details: {} } } }),
  );
  await add(page, "Kept");
  await expect(notice(page)).toContainText("What you change is kept on this device");
  await expect(row(page, "Kept")).toBeVisible();
  isConfirmed = true;
  await notice(page).getByRole("button", { name: "I have confirmed it" }).click();
  await synced(page);
  expect((await (await Device.of(page.request, email)).tasks()).map(({ title }) => title)).toEqual(["Kept"]);
});

test("the person can sign out instead", async ({ page }) => {
  await registerUnverified(page);
  await notice(page).getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByLabel("Password", { exact: true })).toBeVisible();
});

test("a link confirmed in another tab lets this one go on", async ({ page, context, mail }) => {
  const email = await registerUnverified(page);
  await expect(notice(page)).toBeVisible();
  const other = await context.newPage();
  await other.goto(await mail.postbox.linkTo(email, "/verify-email"));
  await other.getByRole("button", { name: "Confirm" }).click();
  await expect(other.getByText("Your email address is confirmed.")).toBeVisible();
  await page.bringToFront();
  await synced(page);
  await other.getByRole("link", { name: "Go to Duly" }).click();
  await synced(other);
});

for (const theme of ["light", "dark"] as const) {
  for (const [language, title] of [["en", "Confirm your email address"], ["de", "E-Mail-Adresse bestätigen"]] as const) {
    test(`axe finds nothing on the screen of an unconfirmed address, ${theme}, ${language}`, async ({ browser, mail }) => {
      const context = await browser.newContext({ baseURL: mail.server.url, colorScheme: theme, viewport: { width: 320, height: 640 } });
      const page = await context.newPage();
      const email = newEmail();
      await page.request.post("/api/v1/auth/register", { data: { email, password: PASSWORD } });
      await (await Device.of(page.request, email)).call("PATCH", "/users/me", { language });
      await page.goto("/");
      await page.getByLabel("Email").fill(email);
      await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await expect(page.getByRole("heading", { name: title })).toBeVisible();
      await accessible(page, "unverified");
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
      await context.close();
    });
  }
}

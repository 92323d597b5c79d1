/** Passkeys, with an authenticator of Chromium's own. They are bound to a name: `localhost`. */
import type { CDPSession, Page } from "@playwright/test";

import { expect, PASSWORD, register, synced, test } from "./helpers";

async function authenticator(page: Page): Promise<CDPSession> {
  const chromium = await page.context().newCDPSession(page);
  await chromium.send("WebAuthn.enable");
  await chromium.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  return chromium;
}

/** A new account with a passkey, signed out. */
async function withPasskey(page: Page): Promise<string> {
  await authenticator(page);
  const email = await register(page);
  await page.goto("/settings/factors");
  await page.getByLabel("Name").fill("This laptop");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await expect(page.getByRole("listitem").filter({ hasText: "This laptop" })).toContainText("Passkey");
  await expect(page.locator(".recovery-codes code").first()).toBeVisible();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByLabel("Email")).toBeVisible();
  return email;
}

test.use({ baseURL: async ({}, use) => use(process.env["DULY_WEB_URL"]!.replace("127.0.0.1", "localhost")) });

test("a passkey signs in alone", async ({ page }) => {
  await withPasskey(page);
  await page.getByRole("button", { name: "Use a passkey" }).click();
  await page.waitForURL("**/inbox");
  await synced(page);
  await page.goto("/settings/factors");
  await expect(page.getByRole("listitem").filter({ hasText: "This laptop" })).toContainText("last used");
});

test("a passkey is the second factor after a password", async ({ page }) => {
  const email = await withPasskey(page);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(page.getByLabel(/recovery code/)).toBeVisible();
  await page.getByRole("button", { name: "Use a passkey" }).click();
  await page.waitForURL("**/inbox");
  await synced(page);
});

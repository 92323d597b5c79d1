/** The screens that links in mails lead to. */
import type { Page } from "@playwright/test";

import { accessible, expect, newEmail, PASSWORD, register, synced } from "./helpers";
import { withMail } from "./mail-server";
import type { Postbox } from "./postbox";

const NEW = "a brand-new passphrase";

const test = withMail();

/** A link to set a new password, requested on the sign-in page of another browser. */
async function resetLink(page: Page, email: string, { postbox }: { postbox: Postbox }): Promise<string> {
  await page.request.post("/api/v1/auth/password/forgot", { data: { email } });
  return postbox.linkTo(email, "/reset-password");
}

/** The requests that a page sends, with their bodies. */
function requestsOf(page: Page): string[] {
  const seen: string[] = [];
  page.on("request", (request) => seen.push(`${request.method()} ${request.url()} ${request.postData() ?? ""}`));
  return seen;
}

async function signOut(page: Page): Promise<void> {
  await page.goto("/settings/account");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByLabel("Password", { exact: true })).toBeVisible();
}

test("a forgotten password is replaced by the link of a mail", async ({ page, mail }) => {
  const email = await register(page);
  await signOut(page);
  await page.getByRole("button", { name: "Forgot password?" }).click();
  await page.getByLabel("Email").fill(email);
  await page.getByRole("button", { name: "Send a link to reset it" }).click();
  await expect(page.getByText("a message with a link is on its way")).toBeVisible();
  await page.goto(await mail.postbox.linkTo(email, "/reset-password"));
  await expect(page.getByRole("heading", { name: "Set a new password" })).toBeVisible();
  const field = page.getByLabel("New password", { exact: true });
  await field.fill("password");
  await page.keyboard.press("Enter");
  await expect(page.locator(".mistake")).toHaveText("New password: Must not be a common password");
  await expect(page.getByRole("alert")).toContainText("Must not be a common password");
  await field.fill(NEW);
  await page.keyboard.press("Enter");
  await expect(page.locator("form").getByText("Sign in with the new password.")).toBeVisible();
  expect(new URL(page.url()).pathname).toBe("/");
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(NEW);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL("**/inbox");
  await synced(page);
});

test("the secret of a link leaves the address at once, and is sent only when the person says so", async ({ page, mail }) => {
  const email = await register(page);
  const link = await resetLink(page, email, mail);
  const secret = link.split("=")[1]!;
  const requests = requestsOf(page);
  await page.goto(link);
  await expect(page.getByLabel("New password", { exact: true })).toBeVisible();
  expect(page.url()).not.toContain(secret);
  await page.goto("/today");
  await page.goBack();
  await expect(page.getByRole("heading", { name: "Set a new password" })).toBeVisible();
  expect(page.url()).not.toContain(secret);
  expect(requests.filter((request) => request.includes(secret))).toEqual([]);
});

test("a link that was used says so, and offers a new one", async ({ page, mail }) => {
  const email = newEmail();
  await page.request.post("/api/v1/auth/register", { data: { email, password: PASSWORD } });
  const link = await resetLink(page, email, mail);
  await page.goto(link);
  await page.getByLabel("New password", { exact: true }).fill(NEW);
  await page.keyboard.press("Enter");
  await expect(page.locator("form").getByText("Sign in with the new password.")).toBeVisible();
  await page.goto(link);
  await page.getByLabel("New password", { exact: true }).fill(NEW);
  await page.keyboard.press("Enter");
  await expect(page.getByText("This link is invalid, expired or already used.")).toBeVisible();
  await page.getByRole("button", { name: "Send a new link" }).click();
  await page.getByLabel("Email").fill(email);
  await page.keyboard.press("Enter");
  await expect(page.getByText("a message with a link is on its way")).toBeVisible();
  expect(await mail.postbox.linkTo(email, "/reset-password")).toBeTruthy();
});

test("a new password while the same user is signed in here asks for it, and work goes on", async ({ page, mail }) => {
  const email = await register(page);
  await page.goto(await resetLink(page, email, mail));
  await page.getByLabel("New password", { exact: true }).fill(NEW);
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Sign in to sync" });
  await expect(dialog).toContainText("Sign in with the new password.");
  await dialog.getByLabel("Password", { exact: true }).fill(NEW);
  await dialog.getByRole("button", { name: "Sign in", exact: true }).click();
  await expect(dialog).toHaveCount(0);
  await synced(page);
});

test("an address is confirmed when the button is pressed, not when the link is opened", async ({ page, mail }) => {
  const email = await register(page);
  await page.goto("/settings/account");
  await expect(page.getByText("not verified")).toBeVisible();
  const link = await mail.postbox.linkTo(email, "/verify-email");
  const requests = requestsOf(page);
  await page.goto(link);
  const confirm = page.getByRole("button", { name: "Confirm" });
  await expect(confirm).toBeVisible();
  expect(page.url()).not.toContain("token");
  expect(requests.filter((request) => request.includes("/email/verify"))).toEqual([]);
  await confirm.press("Enter");
  await expect(page.getByText("Your email address is confirmed.")).toBeVisible();
  await page.getByRole("link", { name: "Go to Duly" }).click();
  await page.waitForURL("**/inbox");
  await page.goto("/settings/account");
  await expect(page.getByText("verified", { exact: true })).toBeVisible();
});

test("another link to confirm an address is sent from the settings", async ({ page, mail }) => {
  const email = await register(page);
  const first = await mail.postbox.linkTo(email, "/verify-email");
  await page.goto("/settings/account");
  await page.getByRole("button", { name: "Send a new link" }).click();
  await expect(page.locator(".toast")).toContainText("Another link is on its way.");
  await expect.poll(() => mail.postbox.linkTo(email, "/verify-email")).not.toBe(first);
});

test("a link without its secret says what to do", async ({ page }) => {
  for (const path of ["/reset-password", "/verify-email#token="]) {
    await page.goto(path);
    await expect(page.getByText("This link is incomplete.")).toBeVisible();
    await expect(page.getByRole("textbox")).toHaveCount(0);
  }
});

test("another link opened in the same tab takes the place of the first", async ({ page }) => {
  await page.goto("/verify-email#token=first");
  await page.getByRole("button", { name: "Confirm" }).click();
  await expect(page.getByText("This link is invalid, expired or already used.")).toBeVisible();
  await page.goto("/verify-email#token=second");
  await expect(page.getByRole("button", { name: "Confirm" })).toBeVisible();
  expect(page.url()).not.toContain("token");
});

for (const theme of ["light", "dark"] as const) {
  for (const [locale, title] of [["en-GB", "Set a new password"], ["de-DE", "Neues Passwort festlegen"]] as const) {
    test(`axe finds nothing on the screens of links, ${theme}, ${locale}`, async ({ browser, mail }) => {
      const context = await browser.newContext({ baseURL: mail.server.url, locale, colorScheme: theme, viewport: { width: 320, height: 640 } });
      const page = await context.newPage();
      await page.goto("/reset-password#token=wrong");
      await expect(page.getByRole("heading", { name: title })).toBeVisible();
      await accessible(page, "reset");
      await page.locator("input").fill(NEW);
      await page.keyboard.press("Enter");
      await expect(page.locator("input")).toHaveCount(0);
      await accessible(page, "useless link");
      await page.goto("/verify-email#token=wrong");
      await page.locator("button.primary").waitFor();
      await accessible(page, "verify");
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
      await context.close();
    });
  }
}

/** Nothing that was typed is lost, and nothing is done that was not meant. */
import type { Page } from "@playwright/test";

import { add, Device, expect, register, row, synced, test, titles } from "./helpers";

const notes = (page: Page) => page.getByRole("textbox", { name: "Notes" });

async function open(page: Page, title: string): Promise<void> {
  await row(page, title).click();
  await expect(notes(page)).toBeVisible();
}
async function patch(device: Device, title: string, data: object): Promise<void> {
  const { id, version } = (await device.tasks()).find((task) => task.title === title)!;
  await device.call("PATCH", `/tasks/${id}`, data, { "If-Match": `"${version}"` });
}
async function trash(device: Device, title: string): Promise<void> {
  await device.call("DELETE", `/tasks/${(await device.tasks()).find((task) => task.title === title)!.id}`);
}

test("notes changed elsewhere while they are typed here: both are kept", async ({ page, request }) => {
  const email = await register(page);
  const device = await Device.of(request, email);
  await add(page, "Call May");
  await synced(page);
  await open(page, "Call May");
  await notes(page).click();
  await page.keyboard.type("mine");
  await patch(device, "Call May", { description: "theirs" });
  for (let n = 0; n < 12; n++) {
    await page.keyboard.type(".");
    await page.waitForTimeout(150);
  }
  await page.keyboard.press("Escape");
  await expect(page.locator(".conflict")).toContainText("theirs");
  await page.getByRole("button", { name: "Keep both" }).click();
  await synced(page);
  expect((await device.tasks())[0]!.description).toBe("mine............\n\n---\n\ntheirs");
});

test("a title changed elsewhere while it is typed in its row: both are kept", async ({ page, request }) => {
  const email = await register(page);
  const device = await Device.of(request, email);
  await add(page, "Call May");
  await synced(page);
  await row(page, "Call May").focus();
  await page.keyboard.press("F2");
  await page.keyboard.type("Call June ");
  await patch(device, "Call May", { title: "Call April" });
  await page.waitForTimeout(700);
  await page.keyboard.type("at six");
  await page.keyboard.press("Enter");
  await expect(page.locator(".status").filter({ hasText: "Needs you" }).first()).toBeAttached();
  await expect(row(page, "Call June at six")).toBeFocused();
  expect((await device.tasks())[0]!.title).toBe("Call June at six");
});

test("slow typing is no conflict with itself", async ({ page, request }) => {
  const email = await register(page);
  const device = await Device.of(request, email);
  await add(page, "Call May");
  await open(page, "Call May");
  await notes(page).click();
  for (const word of ["Bring ", "the ", "keys "]) {
    await page.keyboard.type(word);
    await page.waitForTimeout(1100);
  }
  await expect(notes(page)).toHaveValue("Bring the keys ");
  await page.keyboard.press("Escape");
  await synced(page);
  expect((await device.tasks())[0]!.description).toBe("Bring the keys");
  await expect(page.locator(".conflict")).toHaveCount(0);
});

for (const field of ["Notes", "Title"]) {
  test(`what was typed last survives Back and a reload: ${field}`, async ({ page }) => {
    await register(page);
    await add(page, "Call May");
    await synced(page);
    await open(page, "Call May");
    const input = page.getByRole("complementary", { name: "Task" }).getByRole("textbox", { name: field, exact: true });
    await input.fill("before Back");
    await page.goBack();
    await expect(input).toHaveCount(0);
    await page.goForward();
    await expect(input).toHaveValue("before Back");
    await input.fill("before reload");
    await page.reload();
    await expect(input).toHaveValue("before reload");
    await synced(page);
  });
}

test("a title that is typed in its row survives a reload", async ({ page }) => {
  await register(page);
  await add(page, "Call May");
  await synced(page);
  await row(page, "Call May").focus();
  await page.keyboard.press("F2");
  await page.keyboard.type("Call June");
  await page.reload();
  await expect(row(page, "Call June")).toBeVisible();
});

test("a row stays while its title is typed, whatever other devices do", async ({ page, request }) => {
  const email = await register(page);
  const device = await Device.of(request, email);
  await add(page, "victim", "next");
  await synced(page);
  await row(page, "victim").focus();
  await page.keyboard.press("F2");
  await page.keyboard.type("Call ");
  await trash(device, "victim");
  await patch(device, "next", { title: "after" });
  await page.waitForTimeout(1000);
  await page.keyboard.type("1 more axel");
  await page.keyboard.press("Enter");
  await expect.poll(() => titles(page)).toEqual(["Call 1 more axel", "after"]);
  await expect(page.locator(".status").filter({ hasText: "Needs you" }).first()).toBeAttached();
  expect((await device.tasks()).map(({ title, priority, is_completed }) => [title, priority, is_completed]).sort()).toEqual([["Call 1 more axel", null, false], ["after", null, false]]);
});

test("notes typed in a task that is trashed elsewhere bring it back", async ({ page, request }) => {
  const email = await register(page);
  const device = await Device.of(request, email);
  await add(page, "victim", "next");
  await synced(page);
  await open(page, "victim");
  await notes(page).click();
  await page.keyboard.type("Much ");
  await trash(device, "victim");
  await expect(row(page, "victim")).toHaveCount(0);
  await page.keyboard.type("work");
  await expect(row(page, "victim")).toBeVisible();
  await expect(notes(page)).toHaveValue("Much work");
  await expect(page.locator(".conflict")).toBeVisible();
  expect((await device.tasks()).find(({ title }) => title === "victim")!.description).toBe("Much work");
});

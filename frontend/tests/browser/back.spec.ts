/** "Back", as phones have it: it closes what lies over the screen, before it leaves the place. */
import type { Page } from "@playwright/test";

import { add, expect, register, row, synced, test } from "./helpers";

const back = (page: Page) => page.evaluate(() => history.back());
const pathOf = (page: Page) => new URL(page.url()).pathname + new URL(page.url()).search;

/** Today, with a task, reached from the inbox. */
async function today(page: Page): Promise<void> {
  await register(page);
  await add(page, "Pay rent today");
  await synced(page);
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.waitForURL("**/today");
  await row(page, "Pay rent").focus();
}

for (const [name, key] of [["quick add", "q"], ["palette", "Control+k"], ["help", "?"], ["date picker", "t"], ["labels", "l"]] as const) {
  test(`back closes the ${name}, then leaves the place`, async ({ page }) => {
    await today(page);
    await page.keyboard.press(key);
    await expect(page.getByRole("dialog")).toBeVisible();
    await back(page);
    await expect(page.getByRole("dialog")).toHaveCount(0);
    expect(pathOf(page)).toBe("/today");
    await expect(row(page, "Pay rent")).toBeVisible();
    await back(page);
    await expect.poll(() => pathOf(page)).toBe("/inbox");
  });
}

test("back closes a menu, then leaves the place", async ({ page }) => {
  await today(page);
  await page.keyboard.press("Shift+F10");
  await expect(page.getByRole("menu")).toBeVisible();
  await back(page);
  await expect(page.getByRole("menu")).toHaveCount(0);
  expect(pathOf(page)).toBe("/today");
  await expect(row(page, "Pay rent")).toBeFocused();
  await back(page);
  await expect.poll(() => pathOf(page)).toBe("/inbox");
});

test("back closes the menu of a phone, then leaves the place", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 800 });
  await register(page);
  await page.getByRole("link", { name: "Today" }).filter({ visible: true }).click();
  await page.waitForURL("**/today");
  await page.getByRole("button", { name: "Menu" }).filter({ visible: true }).click();
  await expect(page.locator(".side.is-open")).toBeVisible();
  await back(page);
  await expect(page.locator(".side.is-open")).toHaveCount(0);
  expect(pathOf(page)).toBe("/today");
  await back(page);
  await expect.poll(() => pathOf(page)).toBe("/inbox");
});

test("back closes a dialog over the details, then the details, then leaves the place", async ({ page }) => {
  await today(page);
  const detail = page.getByRole("complementary", { name: "Task" });
  await page.keyboard.press("Enter");
  await detail.getByRole("button", { name: "Labels" }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await back(page);
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(detail).toBeVisible();
  await back(page);
  await expect(detail).toHaveCount(0);
  expect(pathOf(page)).toBe("/today");
  await back(page);
  await expect.poll(() => pathOf(page)).toBe("/inbox");
});

test("what was closed in another way takes no step back", async ({ page }) => {
  await today(page);
  await page.keyboard.press("q");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await row(page, "Pay rent").focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("complementary", { name: "Task" })).toBeVisible();
  await page.getByRole("complementary", { name: "Task" }).getByRole("button", { name: "Close" }).click();
  await expect(page.getByRole("complementary", { name: "Task" })).toHaveCount(0);
  await back(page);
  await expect.poll(() => pathOf(page)).toBe("/inbox");
});

test("a place that is chosen in the palette is one step from where it was opened", async ({ page }) => {
  await today(page);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Commands" }).fill("Go to Upcoming");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/upcoming");
  await back(page);
  await expect.poll(() => pathOf(page)).toBe("/today");
  await back(page);
  await expect.poll(() => pathOf(page)).toBe("/inbox");
});

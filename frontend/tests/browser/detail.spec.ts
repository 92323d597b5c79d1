import type { Page } from "@playwright/test";

import { accessible, add, expect, register, row, test } from "./helpers";

const detail = (page: Page) => page.getByRole("complementary", { name: "Task" });
const title = (page: Page) => detail(page).getByRole("textbox", { name: "Title" });
const next = (page: Page) => detail(page).getByRole("button", { name: "Next task" });
const previous = (page: Page) => detail(page).getByRole("button", { name: "Previous task" });

test("the buttons of the detail go through its list, and end where it ends", async ({ page }) => {
  await register(page);
  await add(page, "One", "Two", "Three");
  await row(page, "Two").click();
  await next(page).click();
  await expect(title(page)).toHaveValue("Three");
  await expect(next(page)).toBeFocused();
  await expect(next(page)).toHaveAttribute("aria-disabled", "true");
  await expect(page.getByRole("status").filter({ hasText: "Three" })).toBeAttached();
  await previous(page).click();
  await previous(page).click();
  await expect(title(page)).toHaveValue("One");
  await expect(previous(page)).toHaveAttribute("aria-disabled", "true");
  await accessible(page, "first task of a list");
  await page.keyboard.press("Escape");
  await expect(row(page, "One")).toBeFocused();
});

test("J and K do the same from anywhere in the detail but its fields", async ({ page }) => {
  await register(page);
  await add(page, "One", "Two", "Three");
  await row(page, "One").click();
  await detail(page).getByRole("button", { name: "Due" }).focus();
  await page.keyboard.press("j");
  await expect(title(page)).toHaveValue("Two");
  await expect(detail(page)).toBeFocused();
  await page.keyboard.press("j");
  await expect(title(page)).toHaveValue("Three");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await expect(title(page)).toHaveValue("Two");
  await title(page).press("End");
  await page.keyboard.type("jk");
  await expect(title(page)).toHaveValue("Twojk");
});

test("after a task that has left the list comes the one in its place", async ({ page }) => {
  await register(page);
  await add(page, "One today", "Two today", "Three today");
  await expect(row(page, "Three")).toBeVisible();
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await row(page, "Two").click();
  await detail(page).getByRole("button", { name: "Due" }).click();
  await page.getByRole("button", { name: "Tomorrow" }).click();
  await expect(row(page, "Two")).toHaveCount(0);
  await next(page).click();
  await expect(title(page)).toHaveValue("Three");
});

test("on a phone, the detail covers the list and still goes through it", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 800 });
  await register(page);
  await add(page, "One", "Two");
  await row(page, "One").click();
  await next(page).click();
  await expect(title(page)).toHaveValue("Two");
  await expect(next(page)).toBeFocused();
  await page.keyboard.press("k");
  await expect(title(page)).toHaveValue("One");
  await accessible(page, "detail on a phone");
});

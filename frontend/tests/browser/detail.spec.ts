import type { Page } from "@playwright/test";

import { accessible, add, Device, expect, register, row, synced, test } from "./helpers";

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

test("a due time of another zone is chosen in the picker, and the row says both times", async ({ page, request }) => {
  const email = await register(page);
  await add(page, "Call Ada", "Call Bob tomorrow 9:00");
  await row(page, "Call Ada").focus();
  await page.keyboard.press("t");
  const picker = page.getByRole("dialog", { name: "Due" });
  const zone = picker.getByLabel("Time zone");
  await expect(zone).toBeDisabled();
  await picker.getByRole("textbox", { name: "Type a date" }).fill("tomorrow 17:00");
  await expect(picker.getByText("17:00 wherever you are")).toBeVisible();
  await zone.selectOption("Asia/Tokyo");
  await expect(picker.getByText("17:00 in Tokyo, 08:00 here")).toBeVisible();
  await picker.getByRole("button", { name: "Save" }).click();
  await expect(row(page, "Call Ada")).toHaveAccessibleName(/due Tomorrow 08:00, 17:00 Tokyo/);
  await expect(row(page, "Call Ada").getByText("17:00 Tokyo")).toBeVisible();
  await row(page, "Call Ada").click();
  await expect(detail(page).getByRole("button", { name: "Due" })).toHaveAccessibleName("Due Tomorrow 08:00 17:00 Tokyo");
  await synced(page);
  const [task] = (await (await Device.of(request, email)).tasks()).filter(({ title }) => title === "Call Ada");
  expect(task!.due).toMatchObject({ time: "17:00", timezone: "Asia/Tokyo" });
});

test("several tasks keep their own times and zones when only a day is chosen", async ({ page, request }) => {
  const email = await register(page);
  await synced(page);
  const device = await Device.of(request, email);
  await device.call("POST", "/tasks", { title: "Tokyo", due: { date: "2026-12-01", time: "17:00", timezone: "Asia/Tokyo" } });
  await device.call("POST", "/tasks", { title: "Here", due: { date: "2026-12-02", time: "09:00" } });
  await row(page, "Tokyo").focus();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("t");
  await page.getByRole("dialog", { name: "Due" }).getByRole("button", { name: "Tomorrow" }).click();
  await expect.poll(async () => new Set((await device.tasks()).map(({ due }) => due!.date)).size).toBe(1);
  const times = (await device.tasks()).map(({ title, due }) => `${title} ${due!.time!.slice(0, 5)} ${due!.timezone}`);
  expect(times.sort()).toEqual(["Here 09:00 null", "Tokyo 17:00 Asia/Tokyo"]);
});

test("a task that is overdue says so in words, in its row and in its details", async ({ page, request }) => {
  const email = await register(page);
  const day = new Date(Date.now() - 3 * 86_400_000).toISOString().slice(0, 10);
  await (await Device.of(request, email)).call("POST", "/tasks", { title: "Pay rent", due: { date: day } });
  await expect(row(page, "Pay rent")).toContainText("−3 d");
  await row(page, "Pay rent").click();
  await expect(detail(page).getByRole("button", { name: "Due" })).toContainText("−3 d");
});

test("copying the link of a task says whether it was copied", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await register(page);
  await add(page, "Pay rent");
  await row(page, "Pay rent").click();
  const copy = async () => {
    await detail(page).getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: "Copy link" }).click();
  };
  await copy();
  await expect(page.getByText("Copied the link.").last()).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(page.url());
  // As on plain http, where pages have no clipboard.
  await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
  await copy();
  await expect(page.getByText("The browser did not let the app copy.").last()).toBeVisible();
});

import type { Locator, Page } from "@playwright/test";

import { add, Device, expect, register, row, synced, test, titles } from "./helpers";

const DAY = 86_400_000;
/** The tests' browsers are in UTC. */
const dayIn = (days: number) => new Date(Date.now() + days * DAY).toISOString().slice(0, 10);
const heading = (page: Page, days: number) => page.locator(`[data-key="day:${dayIn(days)}"]`);
const strip = (page: Page, days: number) => page.locator(`[data-day="${dayIn(days)}"]`);
const place = (page: Page, name: string) => page.getByRole("navigation", { name: "Navigation" }).getByRole("link", { name: new RegExp(`^${name}`) });

async function drag(page: Page, task: Locator, to: Locator, { release = true } = {}): Promise<void> {
  const from = (await task.locator(".title").boundingBox())!;
  const end = (await to.boundingBox())!;
  await page.mouse.move(from.x + 4, from.y + 8);
  await page.mouse.down();
  await page.mouse.move(from.x + 4, from.y + 16, { steps: 3 });
  await page.mouse.move(end.x + 20, end.y + end.height / 2, { steps: 8 });
  if (!release) return;
  await page.mouse.up();
}
async function go(page: Page, ...keys: string[]): Promise<void> {
  for (const key of ["g", ...keys]) await page.keyboard.press(key);
}
async function newList(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "New list" }).click();
  await page.getByLabel("Name of the list").fill(name);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/list/**");
  await place(page, "Inbox").click();
}

test("the strip of seven days leads to a day of Upcoming, by mouse and key", async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 420 });
  await register(page);
  await add(page, "Soon today", "Later in 6 days", "Much later in 40 days");
  await expect(row(page, "Much later")).toBeVisible();
  await go(page, "u");
  const days = page.getByRole("navigation", { name: "The next seven days" });
  await expect(days.getByRole("button")).toHaveCount(7);
  await expect(strip(page, 0)).toHaveAttribute("aria-current", "date");
  await expect(strip(page, 6)).toHaveAccessibleName(/, 1 task$/);
  await strip(page, 6).click();
  await expect(heading(page, 6)).toBeFocused();
  await expect(heading(page, 6)).toBeInViewport();
  // Not below the strip, which stays at the top.
  const [top, bottom] = [(await heading(page, 6).boundingBox())!.y, (await days.boundingBox())!];
  expect(top).toBeGreaterThanOrEqual(bottom.y + bottom.height);
  await page.keyboard.press("ArrowDown");
  await expect(row(page, "Later")).toBeFocused();
  await strip(page, 1).press("Enter");
  await expect(heading(page, 1)).toBeFocused();
});

test("a task dropped on a day is due then, and keeps its time", async ({ page, request }) => {
  const email = await register(page);
  await add(page, "Call May today 17:00", "Pay rent in 3 days");
  await expect(row(page, "Pay rent")).toBeVisible();
  await go(page, "u");
  await drag(page, row(page, "Call May"), heading(page, 2), { release: false });
  await expect(heading(page, 2)).toHaveAttribute("data-over");
  await expect(page.locator(".drag-ghost")).toHaveText("Call May");
  await page.mouse.up();
  await expect(page.locator(".drag-ghost")).toHaveCount(0);
  await expect(heading(page, 2)).toHaveAccessibleName(/, 1 task$/);
  // Also on the rows below a heading, and on the strip.
  await drag(page, row(page, "Call May"), row(page, "Pay rent"));
  await expect(heading(page, 3)).toHaveAccessibleName(/, 2 tasks$/);
  await drag(page, row(page, "Pay rent"), strip(page, 1));
  await expect(heading(page, 1)).toHaveAccessibleName(/, 1 task$/);
  await synced(page);
  const device = await Device.of(request, email);
  const dues = async () => Object.fromEntries((await device.tasks()).map(({ title, due }) => [title, `${due?.date} ${due?.time?.slice(0, 5) ?? ""}`.trim()]));
  await expect.poll(dues).toEqual({ "Call May": `${dayIn(3)} 17:00`, "Pay rent": dayIn(1) });
  await page.keyboard.press("ControlOrMeta+z");
  await expect.poll(dues).toMatchObject({ "Pay rent": dayIn(3) });
});

test("Escape ends a drag, and nothing has changed", async ({ page }) => {
  await register(page);
  await add(page, "Call May today");
  await expect(row(page, "Call May")).toBeVisible();
  await go(page, "u");
  await drag(page, row(page, "Call May"), heading(page, 2), { release: false });
  await page.keyboard.press("Escape");
  await page.mouse.up();
  await expect(page.locator("[data-over], .drag-ghost")).toHaveCount(0);
  await expect(heading(page, 0)).toHaveAccessibleName(/, 1 task$/);
});

test("places of the sidebar take a task: list, Today, label, trash", async ({ page, request }) => {
  const email = await register(page);
  await newList(page, "Work");
  await add(page, "Write", "Call @phone", "Read", "Burn");
  await expect(row(page, "Burn")).toBeVisible();
  await drag(page, row(page, "Write"), place(page, "Work"), { release: false });
  await expect(place(page, "Work")).toHaveAttribute("data-over");
  await page.mouse.up();
  await expect(page.getByRole("status").filter({ hasText: "Moved 1 task to Work." })).toBeAttached();
  expect(await titles(page)).toEqual(["Call", "Read", "Burn"]);
  await drag(page, row(page, "Call"), place(page, "Today"));
  await expect(row(page, "Call")).toHaveAccessibleName(/due Today/);
  await drag(page, row(page, "Read"), place(page, "phone"));
  await expect(row(page, "Read")).toHaveAccessibleName(/@phone/);
  await drag(page, row(page, "Burn"), place(page, "Trash"));
  await expect(row(page, "Burn")).toHaveCount(0);
  // It is still the inbox: no link was followed.
  await expect(page).toHaveURL(/\/inbox$/);
  await synced(page);
  const device = await Device.of(request, email);
  const [list] = (await device.call<{ items: { id: string }[] }>("GET", "/lists")).items;
  const tasks = await device.tasks();
  expect(tasks.map(({ title }) => title).sort()).toEqual(["Call", "Read", "Write"]);
  expect(tasks.find(({ title }) => title === "Write")!.list_id).toBe(list!.id);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(row(page, "Burn")).toBeVisible();
});

test("the sidebar takes all that are selected, in their order, in one step", async ({ page }) => {
  await register(page);
  await newList(page, "Work");
  await add(page, "A", "B", "C");
  await row(page, "A").focus();
  for (const key of ["x", "ArrowDown", "ArrowDown", "x"]) await page.keyboard.press(key);
  await drag(page, row(page, "C"), place(page, "Work"), { release: false });
  await expect(page.locator(".drag-ghost")).toHaveText("2 tasks");
  await page.mouse.up();
  await expect.poll(() => titles(page)).toEqual(["B"]);
  await expect(page.getByText("2 selected")).toHaveCount(0);
  await place(page, "Work").click();
  await expect.poll(() => titles(page)).toEqual(["A", "C"]);
  await page.keyboard.press("ControlOrMeta+z");
  await go(page, "i");
  await expect.poll(() => titles(page)).toEqual(["A", "B", "C"]);
});

test("where a drop would change nothing, nothing offers to take it", async ({ page }) => {
  await register(page);
  await add(page, "Call today @phone");
  await expect(row(page, "Call")).toBeVisible();
  for (const name of ["Inbox", "Today", "phone", "Upcoming", "Settings"]) {
    await drag(page, row(page, "Call"), place(page, name), { release: false });
    await expect(page.locator(".drag-ghost")).toBeVisible();
    await expect(page.locator("[data-over], .drop-line")).toHaveCount(0);
    await page.mouse.up();
  }
  await expect(page).toHaveURL(/\/inbox$/);
  await drag(page, row(page, "Call"), place(page, "Trash"), { release: false });
  await expect(place(page, "Trash")).toHaveAttribute("data-over");
  await page.mouse.up();
  await expect(row(page, "Call")).toHaveCount(0);
});

test("a time of another zone moves by whole days", async ({ page, request }) => {
  const email = await register(page);
  const device = await Device.of(request, email);
  // 20:00 today for this user.
  await device.call("POST", "/tasks", { title: "Call Ada", due: { date: dayIn(1), time: "05:00", timezone: "Asia/Tokyo" } });
  await go(page, "u");
  await expect(heading(page, 0)).toHaveAccessibleName(/, 1 task$/);
  await drag(page, row(page, "Call Ada"), heading(page, 2));
  await expect(heading(page, 2)).toHaveAccessibleName(/, 1 task$/);
  await synced(page);
  await expect.poll(async () => (await device.tasks())[0]!.due).toMatchObject({ date: dayIn(3), time: "05:00", timezone: "Asia/Tokyo" });
});

test.describe("with a finger", () => {
  test.use({ hasTouch: true, viewport: { width: 390, height: 800 } });

  test("a long press opens the menu, and then takes a task to a place of the bar", async ({ page }) => {
    await register(page);
    await add(page, "Call May");
    await expect(row(page, "Call May")).toBeVisible();
    const client = await page.context().newCDPSession(page);
    const touch = (type: "touchStart" | "touchMove" | "touchEnd", ...points: { x: number; y: number }[]) =>
      client.send("Input.dispatchTouchEvent", { type, touchPoints: points });
    const at = async (target: Locator) => {
      const box = (await target.boundingBox())!;
      return { x: Math.round(box.x + box.width / 2), y: Math.round(box.y + box.height / 2) };
    };
    const from = await at(row(page, "Call May").locator(".title"));
    await touch("touchStart", from);
    await expect(page.locator(".drag-ghost")).toBeVisible();
    await touch("touchEnd");
    await expect(page.getByRole("menu")).toBeVisible();
    await page.keyboard.press("Escape");
    const today = page.getByRole("navigation", { name: "Places" }).getByRole("link", { name: "Today" });
    const to = await at(today);
    await touch("touchStart", from);
    await expect(page.locator(".drag-ghost")).toBeVisible();
    await touch("touchMove", { x: from.x, y: from.y + 30 });
    await touch("touchMove", to);
    await expect(today).toHaveAttribute("data-over");
    await touch("touchEnd");
    await expect(row(page, "Call May")).toHaveAccessibleName(/due Today/);
    await expect(page).toHaveURL(/\/inbox$/);
  });
});

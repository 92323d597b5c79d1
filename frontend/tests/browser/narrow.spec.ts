/** Zoom and forced colours: nothing is cut off, and no state shows by a background alone. */
import type { Locator, Page } from "@playwright/test";

import { accessible, add, expect, register, row, synced, test } from "./helpers";

/** What reaches out of the window to the side, unless it scrolls by itself. */
async function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const scrolls = (element: Element | null): boolean =>
      element !== null && (["auto", "scroll"].includes(getComputedStyle(element).overflowX) && element.scrollWidth > element.clientWidth || scrolls(element.parentElement));
    const found = [...document.querySelectorAll("body *")].filter((element) => {
      if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || getComputedStyle(element).clipPath !== "none" || element.closest("svg, .hidden, .skip, .side:not(.is-open)")) return false;
      const { left, right, width, height } = element.getBoundingClientRect();
      return width > 1 && height > 1 && (right > innerWidth + 1 || left < -1) && !scrolls(element.parentElement);
    });
    const wide = document.documentElement.scrollWidth > innerWidth ? [`the page is ${document.documentElement.scrollWidth} px wide`] : [];
    return [...wide, ...found.map((element) => `${element.tagName} ${element.className}`)];
  });
}

const LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverleihung";

async function fill(page: Page): Promise<void> {
  await page.getByRole("button", { name: "New list" }).click();
  await page.getByLabel("Name of the list").fill(`List ${LONG}`);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/list/**");
  await add(page, `${LONG} tomorrow 17:00 p1 @${LONG} @second every month`, "Trashed", "Completed");
  await row(page, "Completed").getByRole("checkbox").check();
  await row(page, "Trashed").focus();
  await page.keyboard.press("Delete");
  await synced(page);
}

// A window of 1280 × 1024 at 200 % and at 400 %.
for (const [zoom, width, height] of [[200, 640, 512], [400, 320, 256]] as const) {
  test(`no screen is cut off at ${zoom} %`, async ({ page }) => {
    test.setTimeout(240_000);
    await page.emulateMedia({ reducedMotion: "reduce" }); // nothing is on its way in from the side
    await page.goto("/");
    await page.getByLabel("Email").waitFor();
    await page.setViewportSize({ width, height });
    expect(await cutOff(page), "sign-in").toEqual([]);
    await page.setViewportSize({ width: 1280, height: 1024 });
    await register(page);
    await fill(page);
    const list = new URL(page.url()).pathname;
    const label = await page.getByRole("navigation", { name: "Navigation" }).getByRole("link", { name: "second" }).getAttribute("href");
    await page.setViewportSize({ width, height });
    const paths = ["/inbox", "/today", "/upcoming", "/overdue", list, label!, "/filter/new", "/search?q=donau", "/trash", "/statistics", "/sync", "/nowhere"];
    for (const path of [...paths, ...["account", "preferences", "sessions", "factors", "tokens", "data"].map((name) => `/settings/${name}`)]) {
      await page.goto(path);
      await page.locator("main h1").first().waitFor({ state: "attached" });
      if (path === "/trash") await page.getByRole("button", { name: "Restore" }).waitFor();
      expect(await cutOff(page), path).toEqual([]);
    }
    await page.goto(list);
    const task = row(page, LONG);
    for (const key of ["t", "r", "l", "v", "q", "Control+k", "?"]) {
      await task.focus();
      await page.keyboard.press(key);
      await page.getByRole("dialog").waitFor();
      expect(await cutOff(page), `the dialog of ${key}`).toEqual([]);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    await task.focus();
    await page.keyboard.press("x");
    expect(await cutOff(page), "selection").toEqual([]);
    await page.keyboard.press("Escape");
    await task.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("complementary", { name: "Task" }).waitFor();
    expect(await cutOff(page), "detail").toEqual([]);
  });
}

test("forced colours leave every sign", async ({ page }) => {
  test.setTimeout(240_000);
  await page.emulateMedia({ forcedColors: "active", reducedMotion: "reduce" });
  await register(page);
  await add(page, "One p1", "Two p4", "Three");
  await synced(page);
  /** The element looks different after an act than before it. */
  const shows = async (what: string, element: Pick<Locator, "screenshot">, act: () => Promise<unknown>) => {
    await page.mouse.move(0, 0);
    const before = await element.screenshot();
    await act();
    await page.mouse.move(0, 0);
    expect((await element.screenshot()).equals(before), `${what} cannot be seen`).toBe(false);
  };
  await row(page, "Two").focus();
  await shows("the focus of a row", row(page, "One"), () => row(page, "One").focus());
  await shows("a selected row", row(page, "One"), () => page.keyboard.press("x"));
  await page.keyboard.press("Escape");
  await shows("a priority", row(page, "Three"), async () => {
    await row(page, "Three").focus();
    await page.keyboard.press("2");
    await expect(row(page, "Three").locator(".bars")).toBeVisible();
    await row(page, "Two").focus();
  });
  await shows("a completed task", row(page, "Two").getByRole("checkbox"), () => row(page, "Two").getByRole("checkbox").check());
  const places = page.getByRole("navigation", { name: "Navigation" });
  await shows("the present place", places.getByRole("link", { name: "Today" }), () => places.getByRole("link", { name: "Today" }).click());
  await places.getByRole("link", { name: "Inbox" }).click();
  await row(page, "One").focus();
  await page.keyboard.press("r");
  const monday = page.getByRole("button", { name: "Mo", exact: true });
  await shows("a weekday that is on", monday, () => monday.click());
  await page.keyboard.press("Escape");
  await page.keyboard.press("q");
  const field = page.getByRole("combobox", { name: "Quick add" });
  await field.fill("Call May tomorrow");
  await expect(page.locator("dialog mark")).toHaveText("tomorrow");
  expect(await page.locator("dialog mark").evaluate((mark) => getComputedStyle(mark).borderBottomStyle)).toBe("solid");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  const option = page.getByRole("option").nth(1);
  await shows("the option that is chosen", option, () => page.keyboard.press("ArrowDown"));
  await page.keyboard.press("Escape");
  await row(page, "One").focus();
  await page.keyboard.press("t");
  const dialog = page.getByRole("dialog");
  const today = dialog.getByRole("gridcell", { selected: true });
  await accessible(page, "date picker in forced colours");
  await dialog.getByRole("button", { name: "Tomorrow" }).click();
  await row(page, "One").focus();
  await page.keyboard.press("t");
  await expect(today).toHaveCount(1);
  const cell = (await today.elementHandle())!;
  await shows("the chosen day", cell, () => cell.evaluate((element) => element.setAttribute("aria-selected", "false")));
  await page.keyboard.press("Escape");
  for (const path of ["/inbox", "/statistics", "/settings/account", "/settings/preferences", "/trash", "/sync"]) {
    await page.goto(path);
    await page.locator("main h1").first().waitFor({ state: "attached" });
    await accessible(page, `${path} in forced colours`);
  }
});

test("a selection moves no row, on a phone either", async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 700 });
  await register(page);
  await add(page, "One", "Two");
  const before = (await row(page, "Two").boundingBox())!.y;
  await row(page, "One").focus();
  await page.keyboard.press("x");
  await page.keyboard.press("Shift+ArrowDown");
  await expect(page.getByRole("heading", { name: "2 selected" })).toBeVisible();
  expect((await row(page, "Two").boundingBox())!.y).toBe(before);
  const bar = page.getByRole("toolbar", { name: "2 selected" });
  expect(await bar.evaluate((element) => element.scrollWidth - element.clientWidth)).toBeLessThanOrEqual(0);
});

for (const width of [1280, 320]) {
  test(`the date picker shows all of its controls, ${width} px`, async ({ page }) => {
    await page.setViewportSize({ width, height: 820 });
    await register(page);
    await add(page, "One tomorrow 9:00");
    await row(page, "One").focus();
    await page.keyboard.press("t");
    const picker = page.getByRole("dialog", { name: "Due" });
    await picker.waitFor();
    expect(await picker.evaluate((element) => element.scrollWidth - element.clientWidth)).toBeLessThanOrEqual(0);
  });
}

test.describe("with a finger", () => {
  test.use({ hasTouch: true, viewport: { width: 390, height: 800 } });

  test("the empty inbox points to the button, not to a key", async ({ page }) => {
    await register(page);
    await expect(page.getByText("Nothing waiting. Press + to add something.")).toBeVisible();
    await expect(page.getByRole("button", { name: "Quick add" })).toBeVisible();
  });
});

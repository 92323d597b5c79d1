import type { Page } from "@playwright/test";

import { accessible, Device, expect, register, synced, test } from "./helpers";

interface Colored {
  color: string | null;
}
const picker = (page: Page) => page.getByRole("dialog", { name: "Colour" });
const hex = (page: Page) => picker(page).getByLabel("Custom colour (hex)");

async function newList(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "New list" }).click();
  await page.getByLabel("Name of the list").fill(name);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: `More for ${name}` }).click();
  await page.getByRole("menuitem", { name: "Colour…" }).click();
}

test("a list has one of ten colours, or any other that is typed", async ({ page, request }) => {
  const email = await register(page);
  await newList(page, "Work");
  await picker(page).getByRole("button", { name: "Teal" }).click();
  await synced(page);
  const device = await Device.of(request, email);
  const color = async () => (await device.call<{ items: Colored[] }>("GET", "/lists")).items[0]!.color;
  await expect.poll(color).toBe("#2e8b7a");
  await page.getByRole("button", { name: "More for Work" }).click();
  await page.getByRole("menuitem", { name: "Colour…" }).click();
  await expect(picker(page).getByRole("button", { name: "Teal" })).toHaveAttribute("aria-pressed", "true");
  await hex(page).fill("ABC");
  await hex(page).press("Enter");
  await expect(picker(page)).toHaveCount(0);
  await expect.poll(color).toBe("#aabbcc");
  await page.keyboard.press("ControlOrMeta+z");
  await expect.poll(color).toBe("#2e8b7a");
});

test("a text that is not a colour shows an error, and is not saved", async ({ page }) => {
  await register(page);
  await newList(page, "Work");
  await hex(page).fill("#12345g");
  await expect(picker(page).getByText("Six digits from 0 to 9 and A to F")).toBeVisible();
  await hex(page).press("Enter");
  await expect(hex(page)).toBeFocused();
  await accessible(page, "colour picker with a mistake");
  await page.keyboard.press("Escape");
  await expect(picker(page)).toHaveCount(0);
});

test("a filter has a colour, which the sidebar shows", async ({ page, request }) => {
  const email = await register(page);
  const device = await Device.of(request, email);
  const { id } = await device.call<{ id: string }>("POST", "/filters", { name: "First things", query: "p1" });
  const link = page.getByRole("navigation", { name: "Navigation" }).getByRole("link", { name: "First things" });
  await link.click();
  await expect(link.locator(".dot")).toHaveCount(0);
  await page.getByRole("button", { name: "Colour…" }).click();
  await picker(page).getByRole("button", { name: "Purple" }).click();
  await expect(link.locator(".dot")).toHaveCSS("background-color", "rgb(142, 91, 181)");
  await expect.poll(async () => (await device.call<Colored>("GET", `/filters/${id}`)).color).toBe("#8e5bb5");
});

for (const width of [1280, 320]) {
  test(`everything in the dialog is within it at ${width} px`, async ({ page }) => {
    const email = await register(page);
    await page.setViewportSize({ width, height: 700 });
    const device = await Device.of(page.request, email);
    const { id } = await device.call<{ id: string }>("POST", "/filters", { name: "First things", query: "p1" });
    await page.goto(`/filter/${id}`);
    await page.getByRole("button", { name: "Colour…" }).click();
    await expect(picker(page).getByRole("button", { name: "Save" })).toBeVisible();
    const tooWide = await picker(page).evaluate((dialog) => {
      const { right } = dialog.getBoundingClientRect();
      const beyond = [...dialog.querySelectorAll("*")].filter((part) => part.getBoundingClientRect().right > right);
      return [...(dialog.scrollWidth > dialog.clientWidth ? [dialog] : []), ...beyond].map((part) => part.outerHTML.slice(0, 60));
    });
    expect(tooWide).toEqual([]);
  });
}

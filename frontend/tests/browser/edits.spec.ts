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
  await expect.poll(async () => (await device.tasks())[0]!.title).toBe("Call June at six");
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
  // The task is restored first, and the message appears; then its new title is sent.
  const there = async () => (await device.tasks()).map(({ title, priority, is_completed }) => [title, priority, is_completed]).sort();
  await expect.poll(there).toEqual([["Call 1 more axel", null, false], ["after", null, false]]);
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
  await expect.poll(async () => (await device.tasks()).find(({ title }) => title === "victim")!.description).toBe("Much work");
});

test("words that are no repetition are not saved as one", async ({ page }) => {
  await register(page);
  await add(page, "Pay rent");
  await row(page, "Pay rent").focus();
  await page.keyboard.press("r");
  await page.getByRole("textbox", { name: "Type how it repeats" }).fill("every blah");
  await expect(page.getByText("Not a repetition yet.")).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  const friday = page.getByRole("button", { name: "Fr", exact: true });
  await expect(friday).toHaveAccessibleDescription("Friday");
  await friday.click();
  await page.getByRole("button", { name: "Save" }).click();
  await expect(row(page, "Pay rent")).toHaveAccessibleName(/repeats/);
});

test("a label that is typed in full needs no second Enter", async ({ page, request }) => {
  const device = await Device.of(request, await register(page));
  for (const name of ["errands", "errand"]) await device.call("POST", "/labels", { name });
  await expect(page.getByRole("navigation", { name: "Navigation" }).getByRole("link", { name: "errand", exact: true })).toBeVisible();
  const field = page.getByRole("combobox", { name: /^Add a task to/ });
  await field.click();
  for (const line of ["Return books monday @errand", "Buy stamps @errands"]) {
    await page.keyboard.type(line);
    await page.keyboard.press("Enter");
    await expect(field).toHaveValue("");
  }
  await expect(row(page, "Return books")).toBeVisible();
  await expect(row(page, "Buy stamps")).toBeVisible();
});

test("F6 leaves a text field for the next pane", async ({ page }) => {
  await register(page);
  await add(page, "One");
  await row(page, "One").click();
  await notes(page).click();
  await page.keyboard.type("kept");
  await page.keyboard.press("F6");
  await expect(page.getByRole("navigation", { name: "Navigation" }).locator(":focus")).toHaveCount(1);
  await page.keyboard.press("F6");
  await expect(row(page, "One")).toBeFocused();
});

test("the focus never falls out of the page", async ({ page }) => {
  await register(page);
  const addTo = (name: string) => page.getByRole("combobox", { name: `Add a task to ${name}` });
  await page.keyboard.press("q");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.type("One today");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await expect(row(page, "One")).toBeFocused();
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.waitForURL("**/today");
  await expect(page.locator("[role=treegrid] [role=row]:focus")).toHaveCount(1);
  await page.keyboard.press("g");
  await page.keyboard.press("x");
  await page.waitForURL("**/trash");
  await expect(page.locator("#list")).toBeFocused();
  await page.keyboard.press("g");
  await page.keyboard.press("i");
  await row(page, "One").click();
  await notes(page).click();
  await page.keyboard.press("Escape");
  await expect(row(page, "One")).toBeFocused();
  await page.keyboard.press("Delete");
  await expect(addTo("Inbox")).toBeFocused();
  await page.getByRole("button", { name: "New list" }).click();
  await page.keyboard.type("Work");
  await page.keyboard.press("Enter");
  await expect(addTo("Work")).toBeFocused();
  await page.getByRole("button", { name: "More for Work" }).click();
  await page.getByRole("menuitem", { name: "New section" }).click();
  await page.keyboard.type("Doing");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("row", { name: /Doing/ })).toBeFocused();
});

test("paging leaves the focus on a row, however long the list", async ({ page, request }) => {
  const device = await Device.of(request, await register(page));
  await synced(page);
  for (let from = 0; from < 300; from += 100) {
    const operations = Array.from({ length: 100 }, (_none, i) => ({ op: "create", type: "task", data: { title: `Task ${from + i}` } }));
    await device.call("POST", "/batch", { operations });
  }
  await expect(page.locator("[role=treegrid]")).toHaveAttribute("aria-rowcount", "300");
  await page.locator("[role=row][data-task]").first().focus();
  // The focus is on the next row before another key can arrive.
  const press = (key: string) => page.evaluate(async (name) => {
    document.activeElement!.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
    for (let n = 0; n < 20; n++) await Promise.resolve();
    return document.activeElement!.getAttribute("role");
  }, key);
  for (const key of ["PageDown", "PageDown", "PageDown", "End", "PageUp", "Home", "PageDown"]) expect(await press(key), key).toBe("row");
  await expect(row(page, "Task 10")).toBeFocused();
  for (let n = 0; n < 8; n++) await page.keyboard.press("PageDown");
  await expect(row(page, "Task 90")).toBeFocused();
});

test.describe("before the parser is there", () => {
  test.use({ serviceWorkers: "block" });

  test("a line that was entered survives a reload", async ({ page }) => {
    await register(page);
    await page.route("**/assets/quickadd*.js", () => {}); // it never arrives
    await page.reload();
    const field = page.getByRole("combobox", { name: "Add a task to Inbox" });
    await field.fill("Half a line");
    await field.press("Enter");
    await expect(field).toHaveValue("");
    await page.reload();
    await expect(field).toHaveValue("Half a line");
  });
});

test("a line that is not added yet survives Escape and a reload", async ({ page }) => {
  await register(page);
  await page.keyboard.press("q");
  const quick = page.getByRole("combobox", { name: "Quick add" });
  await quick.fill("Return the books");
  await quick.press("Escape");
  await expect(quick).toHaveCount(0);
  await page.keyboard.press("q");
  await expect(quick).toHaveValue("Return the books");
  await page.keyboard.press("Enter");
  await expect(quick).toHaveValue("");
  await page.keyboard.press("Escape");
  const field = page.getByRole("combobox", { name: "Add a task to Inbox" });
  await field.fill("Half a li");
  await page.reload();
  await expect(field).toHaveValue("Half a li");
  await field.press("Enter");
  await expect(row(page, "Half a li")).toBeVisible();
  await page.reload();
  await expect.poll(async () => (await titles(page)).sort()).toEqual(["Half a li", "Return the books"]);
  await expect(field).toHaveValue("");
});

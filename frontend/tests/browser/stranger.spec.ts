/** What a stranger found in a day with the app. */
import { add, Device, expect, newEmail, PASSWORD, register, row, synced, test } from "./helpers";

test("an error says what is wrong, and in which field", async ({ page }) => {
  await page.goto("/");
  await page.getByRole("button", { name: "New here? Create an account" }).click();
  await page.getByLabel("Email").fill("a@b");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create account", exact: true }).click();
  await expect(page.locator(".mistake")).toHaveText(/^Email: Must be an email address/);
  await register(page, newEmail());
  await page.goto("/settings/account");
  await page.getByLabel("Current password").fill("wrong battery horse");
  await page.getByLabel("New password").fill("another battery horse");
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.locator(".mistake")).toHaveText(/^Current password: \S/);
});

test("the tab that signs out is not told of another", async ({ page }) => {
  await register(page);
  await page.goto("/settings/account");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByLabel("Password", { exact: true })).toBeVisible();
  await page.waitForTimeout(300);
  await expect(page.getByText("Signed out in another tab.")).toHaveCount(0);
});

test("signing out with unsent changes offers to export them", async ({ page, context }) => {
  await register(page);
  await page.goto("/settings/account");
  await synced(page);
  await context.setOffline(true);
  await page.keyboard.press("q");
  await page.getByRole("combobox", { name: "Quick add" }).fill("Unsent");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Sign out" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("button", { name: "Sign out and lose it" })).toBeVisible({ timeout: 10_000 });
  const download = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "Download what is on this device" }).click();
  expect((await download).suggestedFilename()).toBe("duly-device.json");
});

test("a person's action ends the wait for the server", async ({ page, context }) => {
  await register(page);
  let down = true;
  await context.route("**/api/v1/**", (route) => (down ? route.abort() : route.continue()));
  await add(page, "Kept");
  await expect(page.locator(".status").filter({ hasText: "1 change kept here" }).first()).toBeAttached();
  await page.waitForTimeout(20_000); // it tries more and more rarely
  down = false;
  await page.locator("h1").first().click();
  await expect(page.locator(".status").filter({ hasText: "Synced" }).first()).toBeAttached({ timeout: 1500 });
});

test("a filter says which list or label there is not", async ({ page }) => {
  await register(page);
  await page.goto("/filter/new");
  const note = page.locator("#filter-note");
  await page.getByLabel("Query").fill("#Ghost | @nolabel");
  await expect(note).toHaveText("0 tasks match. There is no list “Ghost”. There is no label “nolabel”");
  await page.getByLabel("Query").fill("p1");
  await expect(note).toHaveText("0 tasks match");
});

test("a long press opens the menu in a manual list", async ({ browser, baseURL }) => {
  const context = await browser.newContext({ baseURL, hasTouch: true, viewport: { width: 390, height: 800 } });
  const page = await context.newPage();
  await register(page);
  await add(page, "Press me");
  const box = (await row(page, "Press me").boundingBox())!;
  const touch = await context.newCDPSession(page);
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  await page.waitForTimeout(800); // dragging has been loaded
  await touch.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [at] });
  await page.waitForTimeout(450);
  await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await expect(page.getByRole("menuitem", { name: "Select" })).toBeVisible();
  await context.close();
});

test("pasted lists lose their marks", async ({ page }) => {
  await register(page);
  const field = page.getByRole("combobox", { name: /^Add a task to/ });
  const paste = async (text: string) => {
    await field.focus();
    await field.evaluate((element, lines) => {
      const data = new DataTransfer();
      data.setData("text/plain", lines);
      element.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    }, text);
  };
  await paste("- [ ] milk\n* [x] eggs\n- rye");
  await paste("1. first\n2. second\n3) third");
  await paste("3. Dezember\nbread");
  await expect.poll(() => page.locator("[role=treegrid] .title").allTextContents().then((all) => all.sort())).toEqual(
    ["3. Dezember", "bread", "eggs", "first", "milk", "rye", "second", "third"],
  );
});

test("the first date of a repetition is the next one", async ({ page, request }) => {
  const email = await register(page);
  const device = await Device.of(request, email);
  await device.call("POST", "/tasks", { title: "Bins", due: { date: "2026-12-04" } });
  await expect(row(page, "Bins")).toBeVisible();
  await row(page, "Bins").focus();
  await page.keyboard.press("r");
  await page.getByLabel("Type how it repeats").fill("every second tuesday");
  await expect(page.locator(".next-dates")).toContainText("8 Dec, 22 Dec");
  await page.keyboard.press("Enter");
  await expect.poll(async () => (await device.tasks())[0]!.due?.date).toBe("2026-12-08");
});

test("a deletion that was sent is not said to be undone", async ({ page, request }) => {
  const email = await register(page);
  const device = await Device.of(request, email);
  const list = await device.call<{ id: string }>("POST", "/lists", { name: "Work" });
  await device.call("POST", "/sections", { list_id: list.id, name: "S1" });
  await page.goto(`/list/${list.id}`);
  await page.getByRole("button", { name: "More for S1" }).click();
  await page.getByRole("menuitem", { name: "Delete section" }).click();
  await expect.poll(async () => (await device.call<{ items: unknown[] }>("GET", `/sections?list_id=${list.id}`)).items.length, { timeout: 20_000 }).toBe(0);
  await page.keyboard.press("Control+z");
  await expect(page.locator(".toast")).toContainText("This can no longer be undone: S1.");
});

test("the menu gives the focus back to the row", async ({ page }) => {
  await register(page);
  await add(page, "Here");
  await row(page, "Here").focus();
  await page.keyboard.press("Shift+F10");
  await expect(page.getByRole("menu")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(row(page, "Here")).toBeFocused();
});

test("the trash without a connection shows what was trashed here", async ({ page, context }) => {
  await register(page);
  await add(page, "Old bread");
  await synced(page);
  await context.setOffline(true);
  await row(page, "Old bread").focus();
  await page.keyboard.press("Delete");
  await expect(page.locator(".status").filter({ hasText: "1 change kept here" }).first()).toBeAttached();
  await page.getByRole("navigation").getByRole("link", { name: "Trash" }).click();
  await expect(page.getByText("Old bread – not sent yet")).toBeVisible({ timeout: 1500 });
  await context.setOffline(false);
});

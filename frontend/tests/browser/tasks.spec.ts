import { add, Device, expect, register, row, synced, test, titles } from "./helpers";

test("adds with every token highlighted", async ({ page, request }) => {
  const email = await register(page);
  await page.keyboard.press("q");
  const field = page.getByRole("combobox", { name: "Quick add" });
  await field.fill("Pay rent tomorrow 5pm @bills p1 every month");
  await expect(page.locator("dialog mark")).toHaveText(["tomorrow", "5pm", "@bills", "p1", "every month"]);
  await field.press("Enter");
  await expect(field).toHaveValue("");
  await page.keyboard.press("Escape");
  await synced(page);
  const [task] = await (await Device.of(request, email)).tasks();
  expect(task).toMatchObject({ title: "Pay rent", priority: 1, recurrence: { rule: "FREQ=MONTHLY" } });
  expect(task!.due!.time).toContain("17:00");
});

test("escapes a token by its chip", async ({ page }) => {
  await register(page);
  await page.keyboard.press("q");
  const field = page.getByRole("combobox", { name: "Quick add" });
  await field.fill("Read chapter p1");
  await page.getByRole("button", { name: "Priority 1: keep it as text" }).click();
  await expect(field).toHaveValue("Read chapter \\p1");
  await field.press("Enter");
  await page.keyboard.press("Escape");
  await expect(row(page, "Read chapter p1")).toBeVisible();
});

test("keeps a text that is too long for a title in the notes, whole", async ({ page, request }) => {
  const email = await register(page);
  const text = "word ".repeat(60).trim();
  await page.keyboard.press("q");
  await page.getByRole("combobox", { name: "Quick add" }).fill(text);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await synced(page);
  const [task] = await (await Device.of(request, email)).tasks();
  expect(task).toMatchObject({ title: text.slice(0, 254), description: text });
});

test("pastes ten lines as ten tasks", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await register(page);
  const lines = Array.from({ length: 10 }, (_none, i) => `Line ${i + 1}`);
  await page.evaluate((text) => navigator.clipboard.writeText(text), lines.join("\n"));
  await page.getByRole("combobox", { name: "Add a task to Inbox" }).click();
  await page.keyboard.press("ControlOrMeta+v");
  await expect.poll(() => titles(page)).toEqual(lines);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(page.getByText("Nothing waiting.")).toBeVisible();
});

test("completes and undoes", async ({ page, request }) => {
  const email = await register(page);
  await add(page, "One", "Two", "Three");
  await row(page, "Two").getByRole("checkbox").check();
  // The row keeps its place, struck through.
  expect(await titles(page)).toEqual(["One", "Two", "Three"]);
  await synced(page);
  const device = await Device.of(request, email);
  await expect.poll(async () => (await device.tasks("&is_completed=true")).map(({ title }) => title)).toEqual(["Two"]);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(row(page, "Two").getByRole("checkbox")).not.toBeChecked();
  await expect.poll(async () => (await device.tasks("&is_completed=true")).length).toBe(0);
});

test("completes a recurring task on two devices once", async ({ page, request, context }) => {
  const email = await register(page);
  await add(page, "Water plants tomorrow every day");
  await synced(page);
  const device = await Device.of(request, email);
  const [task] = await device.tasks();
  await context.setOffline(true);
  await row(page, "Water plants").getByRole("checkbox").click();
  await device.call("POST", `/tasks/${task!.id}/complete`, { occurrence: task!.due!.date });
  await context.setOffline(false);
  await synced(page);
  await expect.poll(async () => (await device.tasks("&is_completed=true")).length).toBe(1);
  const [after] = await device.tasks("&is_completed=false");
  const next = new Date(Date.parse(task!.due!.date) + 86_400_000).toISOString().slice(0, 10);
  expect(after!.due!.date).toBe(next);
});

test("previews every second Tuesday", async ({ page }) => {
  await register(page);
  await add(page, "Trash out");
  await row(page, "Trash out").focus();
  await page.keyboard.press("r");
  await page.getByRole("textbox", { name: "Type how it repeats" }).fill("every second tuesday");
  await expect(page.locator(".rule-text")).toHaveText("every 2 weeks on Tuesday");
  const text = await page.locator(".next-dates").textContent();
  expect(text!.replace("Next: ", "").split(", ")).toHaveLength(5);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(row(page, "Trash out")).toHaveAccessibleName(/repeats/);
});

test("trashes, restores, deletes for good", async ({ page, request }) => {
  const email = await register(page);
  await add(page, "Keep", "Gone");
  await row(page, "Gone").focus();
  await page.keyboard.press("Delete");
  await expect(row(page, "Gone")).toHaveCount(0);
  await expect(row(page, "Keep")).toBeFocused();
  await page.goto("/trash");
  await page.getByRole("button", { name: "Restore" }).click();
  await page.goto("/inbox");
  await expect(row(page, "Gone")).toBeVisible();
  await synced(page);
  await row(page, "Gone").focus();
  await page.keyboard.press("Delete");
  await expect(row(page, "Gone")).toHaveCount(0);
  await page.goto("/trash");
  await page.getByRole("button", { name: "Delete for good" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete for good" }).click();
  await expect(page.getByText("Empty. Deleted tasks stay here for 30 days.")).toBeVisible();
  const device = await Device.of(request, email);
  expect((await device.tasks()).map(({ title }) => title)).toEqual(["Keep"]);
  // It waits for ten seconds, in which it can be undone.
  await expect.poll(() => device.tasks("&is_trashed=true"), { timeout: 25_000 }).toEqual([]);
  await expect(page.getByText("Empty. Deleted tasks stay here for 30 days.")).toBeVisible();
});

test("emptying the trash can be undone, and needs no connection", async ({ page, context, request }) => {
  test.setTimeout(90_000);
  const email = await register(page);
  await add(page, "One", "Two");
  await row(page, "One").focus();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  await expect(row(page, "One")).toHaveCount(0);
  await synced(page);
  await page.goto("/trash");
  const items = page.getByRole("listitem").filter({ has: page.getByRole("button", { name: "Restore" }) });
  await expect(items).toHaveCount(2);
  const empty = async () => {
    await page.getByRole("button", { name: "Empty the trash" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Empty the trash" }).click();
    await expect(page.getByText("Empty. Deleted tasks stay here for 30 days.")).toBeVisible();
  };
  await empty();
  await page.locator(".toast").getByRole("button", { name: "Undo" }).click();
  await expect(items).toHaveCount(2);
  await context.setOffline(true);
  await empty();
  await context.setOffline(false);
  const device = await Device.of(request, email);
  await expect.poll(() => device.tasks("&is_trashed=true"), { timeout: 30_000 }).toEqual([]);
  await expect(page.getByText("Empty. Deleted tasks stay here for 30 days.")).toBeVisible();
});

test("finds as you type, accents ignored", async ({ page }) => {
  await register(page);
  await add(page, "Visit the café", "Buy milk", "Café receipts");
  await page.keyboard.press("/");
  const field = page.getByRole("searchbox", { name: "Search" });
  await field.fill("cafe");
  await expect.poll(async () => (await titles(page)).sort()).toEqual(["Café receipts", "Visit the café"]);
  await field.fill("nothing such");
  await expect(page.getByText("No task matches “nothing such”.")).toBeVisible();
  await field.fill("receipts caf");
  await expect.poll(() => titles(page)).toEqual(["Café receipts"]);
});

test("saves a filter, shows where it is wrong", async ({ page }) => {
  await register(page);
  await add(page, "Urgent p1", "Later p3");
  await page.getByRole("button", { name: "New filter" }).click();
  const query = page.getByLabel("Query");
  await query.fill("p1 & nonsense");
  await expect(page.locator(".filter-editor .mistake")).toContainText("At character 6");
  await expect(page.locator(".query-layer u")).toHaveText("nonsense");
  await query.fill("p1");
  await expect.poll(() => titles(page)).toEqual(["Urgent"]);
  await page.getByLabel("Name of the filter").fill("First things");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("navigation", { name: "Navigation" }).getByRole("link", { name: "First things" })).toBeVisible();
  await page.reload();
  await expect.poll(() => titles(page)).toEqual(["Urgent"]);
});

test("hostile titles stay text", async ({ page }) => {
  await register(page);
  const hostile = ["<img src=x onerror=alert(1)>", "\u202Etxet desrever", "a".repeat(255), "{{constructor}}"];
  await add(page, ...hostile);
  await expect(page.locator("[role=treegrid] [role=row][data-task]")).toHaveCount(4);
  await expect(page.locator("[role=treegrid] img")).toHaveCount(0);
  expect((await titles(page))[0]).toBe(hostile[0]);
  await page.locator("[role=row][data-task]").nth(2).click();
  await expect(page.getByRole("complementary", { name: "Task" })).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
});

import { add, Device, expect, register, row, synced, test, titles } from "./helpers";

test("reorders by drag, key and menu alike", async ({ page, request }) => {
  const email = await register(page);
  await add(page, "A", "B", "C", "D");
  await row(page, "A").focus();
  await page.keyboard.press("Alt+ArrowDown");
  await expect.poll(() => titles(page)).toEqual(["B", "A", "C", "D"]);
  await expect(row(page, "A")).toBeFocused();
  await row(page, "D").hover();
  await page.getByRole("button", { name: "More for D" }).click();
  await page.getByRole("menuitem", { name: "Move up" }).click();
  await expect.poll(() => titles(page)).toEqual(["B", "A", "D", "C"]);
  const from = (await row(page, "C").locator(".title").boundingBox())!;
  const to = (await row(page, "B").boundingBox())!;
  await page.mouse.move(from.x + 4, from.y + 8);
  await page.mouse.down();
  await page.mouse.move(from.x + 4, from.y - 20, { steps: 4 });
  await page.mouse.move(from.x + 4, to.y + 2, { steps: 6 });
  await expect(page.locator(".drop-line")).toBeVisible();
  await page.mouse.up();
  await expect.poll(() => titles(page)).toEqual(["C", "B", "A", "D"]);
  await synced(page);
  const device = await Device.of(request, email);
  const sorted = async () => (await device.tasks("&sort=position")).map(({ title }) => title);
  await expect.poll(sorted).toEqual(["C", "B", "A", "D"]);
});

test("indents to level five and no further", async ({ page }) => {
  await register(page);
  await add(page, "1", "2", "3", "4", "5", "6");
  for (const [index, title] of ["2", "3", "4", "5"].entries()) {
    await row(page, title).focus();
    for (let n = 0; n <= index; n++) await page.keyboard.press(">");
    await expect(row(page, title)).toHaveAttribute("aria-level", String(index + 2));
  }
  await row(page, "6").focus();
  for (let n = 0; n < 6; n++) await page.keyboard.press(">");
  await expect(row(page, "6")).toHaveAttribute("aria-level", "5");
  await page.keyboard.press("<");
  await expect(row(page, "6")).toHaveAttribute("aria-level", "4");
});

test("moves forty selected tasks, one undo", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await register(page);
  await page.getByRole("button", { name: "New list" }).click();
  await page.getByLabel("Name of the list").fill("Elsewhere");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/list/**");
  await page.goto("/inbox");
  const lines = Array.from({ length: 40 }, (_none, i) => `Task ${i + 1}`);
  await page.evaluate((text) => navigator.clipboard.writeText(text), lines.join("\n"));
  await page.getByRole("combobox", { name: "Add a task to Inbox" }).click();
  await page.keyboard.press("ControlOrMeta+v");
  await row(page, "Task 1").focus();
  await page.keyboard.press("ControlOrMeta+a");
  await expect(page.getByText("40 selected").first()).toBeVisible();
  await page.keyboard.press("v");
  await page.getByRole("combobox", { name: "Move to…" }).fill("else");
  await expect(page.getByRole("option")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect(page.getByText("Nothing waiting.")).toBeVisible();
  await page.keyboard.press("ControlOrMeta+z");
  await expect.poll(() => titles(page)).toEqual(lines);
  await synced(page);
});

test("whole day by keyboard alone", async ({ page, request }) => {
  const email = await register(page);
  await page.keyboard.press("q");
  await page.keyboard.type("Write the brief today p2");
  await page.keyboard.press("Enter");
  await page.keyboard.type("Call May");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.waitForURL("**/today");
  // Past the sidebar to the list, whose first row is the day's heading.
  await page.keyboard.press("F6");
  await page.keyboard.press("F6");
  await page.keyboard.press("ArrowDown");
  await expect(row(page, "Write the brief")).toBeFocused();
  await page.keyboard.press("Enter");
  const notes = page.getByRole("textbox", { name: "Notes" });
  await expect(notes).toBeVisible();
  await page.keyboard.press("F6");
  for (let n = 0; n < 6 && !(await notes.evaluate((field) => field === document.activeElement)); n++) await page.keyboard.press("Tab");
  await page.keyboard.type("Two pages at most");
  await page.keyboard.press("Control+Enter");
  await page.keyboard.press("Escape");
  await expect(row(page, "Write the brief")).toBeFocused();
  await page.keyboard.press(" ");
  await expect(row(page, "Write the brief").getByRole("checkbox")).toBeChecked();
  await page.keyboard.press("g");
  await page.keyboard.press("i");
  await page.waitForURL("**/inbox");
  await page.keyboard.press("F6");
  await page.keyboard.press("F6");
  await expect(row(page, "Call May")).toBeFocused();
  await page.keyboard.press("F2");
  await page.keyboard.type("Call May back");
  await page.keyboard.press("Enter");
  await expect(row(page, "Call May back")).toBeFocused();
  await synced(page);
  const tasks = await (await Device.of(request, email)).tasks();
  expect(tasks.find(({ title }) => title === "Write the brief")).toMatchObject({ is_completed: true, description: "Two pages at most", priority: 2 });
  expect(tasks.map(({ title }) => title)).toContain("Call May back");
});

test("a row that gets the focus before the first paint of its place keeps its commands", async ({ page }) => {
  await register(page);
  await add(page, "Pay rent today");
  await row(page, "Pay rent").focus();
  // It must look before the keys are pressed, so its promise is waited for in two steps.
  const reached = await page.evaluateHandle(() => ({
    promise: new Promise<void>((done) => {
      const look = new MutationObserver(() => {
        // Only Today has a heading.
        if (!document.querySelector("[role=treegrid] [role=row]:not([data-task])")) return;
        look.disconnect();
        document.querySelector<HTMLElement>("[role=row][data-task]")!.focus();
        requestAnimationFrame(() => setTimeout(done, 100));
      });
      look.observe(document, { childList: true, subtree: true });
    }),
  }));
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await reached.evaluate(({ promise }) => promise);
  await expect(row(page, "Pay rent")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("textbox", { name: "Notes" })).toBeVisible();
});

test("a key that is pressed as soon as the app is shown is not lost", async ({ page }) => {
  await register(page);
  await synced(page);
  await page.addInitScript(() => {
    const look = new MutationObserver(() => {
      if (!document.querySelector("main h1")) return;
      look.disconnect();
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "q", bubbles: true, cancelable: true }));
    });
    look.observe(document, { childList: true, subtree: true });
  });
  await page.goto("/inbox");
  await expect(page.getByRole("combobox", { name: "Quick add" })).toBeFocused();
});

test.describe(() => {
  // Without the service worker, which would have the dialog at once.
  test.use({ serviceWorkers: "block" });

  test("Escape closes a quick add that is not there yet, and what was entered is added", async ({ page }) => {
    let arrive = () => {};
    const held = new Promise<void>((done) => (arrive = done));
    await page.route(/\/assets\/dialog-[^/]+\.js$/, async (route) => {
      await held;
      await route.continue();
    });
    await register(page);
    await page.keyboard.press("q");
    await page.keyboard.type("Call May");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    await page.keyboard.press("g");
    await page.keyboard.press("t");
    await page.waitForURL("**/today");
    arrive();
    await expect(page.locator(".toast")).toContainText("Added “Call May”.");
    await expect(page.getByRole("dialog")).toHaveCount(0);
  });
});

test("Escape right after Enter closes quick add, whatever was suggested", async ({ page }) => {
  await register(page);
  await add(page, "First @errand");
  await page.keyboard.press("q");
  const field = page.getByRole("combobox", { name: "Quick add" });
  await field.pressSequentially("Buy milk @errand");
  await expect(page.getByRole("option")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(row(page, "Buy milk")).toBeVisible();
});

test("single keys off means off", async ({ page }) => {
  await register(page);
  await page.goto("/settings/preferences");
  await page.getByRole("checkbox", { name: /Single-key shortcuts/ }).uncheck();
  await page.goto("/inbox");
  await page.locator("body").press("q");
  await page.locator("body").press("g");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(page.locator(".pending")).toHaveCount(0);
  await page.keyboard.press("ControlOrMeta+k");
  await expect(page.getByRole("combobox", { name: "Commands" })).toBeVisible();
});

test("palette has every command", async ({ page }) => {
  await register(page);
  await add(page, "Something");
  await row(page, "Something").focus();
  await page.keyboard.press("ControlOrMeta+k");
  const field = page.getByRole("combobox", { name: "Commands" });
  for (const name of ["Quick add", "Search", "Keyboard shortcuts", "Undo", "Go to Today", "Go to Trash", "Set the due date", "Move to the trash", "Indent", "Rename", "Priority 1"]) {
    await field.fill(name);
    await expect(page.getByRole("option", { name }).first()).toBeVisible();
  }
  await field.fill("Priority 1");
  await page.keyboard.press("Enter");
  await expect(row(page, "Something")).toHaveAccessibleName(/priority 1/i);
});

test("a key that is held down completes one occurrence, and deletes one task", async ({ page, request }) => {
  const email = await register(page);
  await add(page, "Water plants tomorrow every day", "One", "Two");
  await row(page, "Water plants").focus();
  for (let n = 0; n < 4; n++) await page.keyboard.down(" ");
  await page.keyboard.up(" ");
  await row(page, "One").focus();
  for (let n = 0; n < 4; n++) await page.keyboard.down("Delete");
  await page.keyboard.up("Delete");
  await expect(row(page, "One")).toHaveCount(0);
  await synced(page);
  const device = await Device.of(request, email);
  expect((await device.tasks("&is_completed=true")).map(({ title }) => title)).toEqual(["Water plants"]);
  expect((await device.tasks("&is_completed=false")).map(({ title }) => title).sort()).toEqual(["Two", "Water plants"]);
});

test("a completed parent says that all of its subtasks are", async ({ page }) => {
  await register(page);
  await add(page, "Parent", "Child");
  await row(page, "Child").focus();
  await page.keyboard.press(">");
  await expect(row(page, "Parent")).toHaveAccessibleName(/0 of 1/);
  await row(page, "Parent").focus();
  await page.keyboard.press(" ");
  await expect(row(page, "Parent")).toHaveAccessibleName(/1 of 1/);
});

test("focus survives completion, deletion and remote changes", async ({ page, request }) => {
  const email = await register(page);
  await add(page, "One", "Two", "Three", "Four");
  await synced(page);
  await row(page, "Two").focus();
  await page.keyboard.press(" ");
  await expect(row(page, "Two")).toBeFocused();
  await page.keyboard.press(" ");
  await expect(row(page, "Two").getByRole("checkbox")).not.toBeChecked();
  await page.keyboard.press("Delete");
  await expect(row(page, "Three")).toBeFocused();
  await synced(page);
  const device = await Device.of(request, email);
  const three = (await device.tasks()).find(({ title }) => title === "Three")!;
  await device.call("DELETE", `/tasks/${three.id}`);
  await expect(row(page, "Three")).toHaveCount(0);
  await expect(row(page, "Four")).toBeFocused();
  const one = (await device.tasks()).find(({ title }) => title === "One")!;
  await device.call("PATCH", `/tasks/${one.id}`, { title: "Uno" }, { "If-Match": `"${one.version}"` });
  await expect(row(page, "Uno")).toBeVisible();
  await expect(row(page, "Four")).toBeFocused();
});

test("the menu of a row does what its keys do", async ({ page }) => {
  await register(page);
  await add(page, "Water plants tomorrow every day");
  const open = async (item: string) => {
    await row(page, "Water plants").focus();
    await page.keyboard.press("Shift+F10");
    await page.getByRole("menuitem", { name: item }).click();
  };
  await open("Set the start date");
  await expect(page.getByRole("dialog", { name: "Start" })).toBeVisible();
  await page.keyboard.press("Escape");
  await open("Add a subtask");
  await page.getByRole("combobox", { name: "Quick add" }).fill("Fill the can");
  await page.keyboard.press("Enter");
  await expect(row(page, "Fill the can")).toHaveAttribute("aria-level", "2");
  await page.keyboard.press("Escape");
  await open("Skip this time");
  await expect(row(page, "Water plants")).not.toHaveAccessibleName(/due Tomorrow/);
  await page.keyboard.press("ControlOrMeta+z");
  await expect(row(page, "Water plants")).toHaveAccessibleName(/due Tomorrow/);
  await page.keyboard.press("ControlOrMeta+k");
  await page.getByRole("combobox", { name: "Commands" }).fill("skip this");
  await page.keyboard.press("Enter");
  await expect(row(page, "Water plants")).not.toHaveAccessibleName(/due Tomorrow/);
  await expect(page.getByRole("row", { name: /^Show \d completed/ })).toHaveCount(0);
});

test("after adding below, the focus is on what was added last", async ({ page }) => {
  await register(page);
  await add(page, "A", "D");
  await row(page, "A").focus();
  await page.keyboard.press("a");
  await page.getByRole("dialog").getByRole("combobox").fill("B");
  await page.keyboard.press("Enter");
  await page.keyboard.type("C");
  await page.keyboard.press("Enter");
  await expect.poll(() => titles(page)).toEqual(["A", "B", "C", "D"]);
  await page.keyboard.press("Escape");
  await expect(row(page, "C")).toBeFocused();
  await page.keyboard.press("a");
  await expect(page.getByRole("dialog").getByRole("combobox")).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(row(page, "C")).toBeFocused();
});

test("the help names the keys of the details by themselves", async ({ page }) => {
  await register(page);
  await add(page, "A", "B");
  await row(page, "A").focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Next task" })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  const part = (name: string) => page.getByRole("dialog").locator("section", { has: page.getByRole("heading", { name }) });
  await expect(part("In the details of a task").getByText("Next task")).toBeVisible();
  await expect(part("Anywhere").getByText("Search", { exact: true })).toBeVisible();
  await expect(part("Anywhere").getByText("Next task")).toHaveCount(0);
});

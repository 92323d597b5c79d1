import { accessible, add, expect, register, row, synced, test } from "./helpers";

for (const theme of ["light", "dark"] as const) {
  for (const width of [1280, 320] as const) {
    test(`axe finds nothing, ${theme}, ${width} px`, async ({ page }) => {
      test.setTimeout(300_000);
      await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 800 });
      await page.goto("/");
      await page.getByLabel("Email").waitFor();
      await accessible(page, "sign-in");
      await register(page);
      await accessible(page, "empty inbox");
      await add(page, "Pay rent tomorrow 5pm @bills p1 every month", "Overdue thing p2", "Call May @phone p4", "Read the paper today p3");
      await synced(page);
      await row(page, "Pay rent").focus();
      await accessible(page, "list");
      await page.keyboard.press("x");
      await page.keyboard.press("Shift+ArrowDown");
      await accessible(page, "selection");
      await page.keyboard.press("Escape");
      await row(page, "Pay rent").getByRole("button", { name: "More for Pay rent" }).click();
      await accessible(page, "row menu");
      await page.keyboard.press("Escape");
      await row(page, "Pay rent").focus();
      for (const [key, name] of [["t", "date picker"], ["r", "repeat picker"], ["l", "labels"], ["v", "move"], ["q", "quick add"], ["Control+k", "palette"], ["?", "help"]] as const) {
        await row(page, "Pay rent").focus();
        await page.keyboard.press(key);
        await page.getByRole("dialog").waitFor();
        if (name === "quick add") await page.keyboard.type("Buy milk tomorrow p1");
        await accessible(page, name);
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
      }
      await row(page, "Pay rent").focus();
      await page.keyboard.press("Enter");
      await page.getByRole("complementary", { name: "Task" }).waitFor();
      await accessible(page, "detail");
      for (const path of ["/today", "/upcoming", "/statistics", "/search?q=pay", "/filter/new", "/trash", "/sync", "/settings/account", "/settings/preferences", "/settings/sessions", "/settings/factors", "/settings/tokens", "/settings/data", "/nowhere"]) {
        await page.goto(path);
        await page.locator("main h1").first().waitFor({ state: "attached" });
        await accessible(page, path);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), `${path} scrolls sideways`).toBeLessThanOrEqual(0);
      }
    });
  }
}

import { expect, register, test } from "./helpers";

test("the settings show the version of the server, also when a service worker keeps the app", async ({ page, context }) => {
  const { version } = (await (await page.request.get("/", { headers: { Accept: "application/json" } })).json()) as { version: string };
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
  await register(page);
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  await page.goto("/settings/account");
  expect(await page.evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true);
  await expect(page.getByText(`Duly ${version}`, { exact: true })).toBeVisible();
  await context.setOffline(true);
  await page.reload();
  await expect(page.getByText("The version of Duly is known only with a connection.")).toBeVisible();
  await context.setOffline(false);
});

/** The dialog in which a task repeats. */
import { add, Device, expect, register, row, synced, test } from "./helpers";

test("a repetition ends after a number of times, and the preview counts those that are left", async ({ page, request }) => {
  const email = await register(page);
  const device = await Device.of(request, email);
  await add(page, "Take the pills");
  const dialog = page.getByRole("dialog", { name: "Repeat" });
  const preview = dialog.locator(".next-dates");
  const dates = async () => (await preview.textContent())!.replace("Next: ", "").split(", ");
  const repetition = async () => (await device.tasks("&is_completed=false"))[0]!.recurrence;
  await row(page, "Take the pills").focus();
  await page.keyboard.press("r");
  await dialog.getByLabel("Type how it repeats").fill("every day");
  await expect(dialog.locator(".rule-text")).toHaveText("every day");
  await expect.poll(dates).toHaveLength(5);
  await dialog.getByLabel("Ends").selectOption("after a number of times");
  await dialog.getByLabel("How many times").fill("3");
  await expect(dialog.locator(".rule-text")).toHaveText("every day 3 times");
  await expect.poll(dates).toHaveLength(3);
  // Another unit keeps the end.
  await dialog.getByLabel("Unit").selectOption("weeks");
  await expect.poll(dates).toHaveLength(3);
  await dialog.getByLabel("Unit").selectOption("days");
  await dialog.getByRole("button", { name: "Save" }).click();
  await synced(page);
  await expect.poll(repetition).toMatchObject({ rule: "FREQ=DAILY;COUNT=3", remaining: 3 });
  await row(page, "Take the pills").focus();
  await page.keyboard.press("Space");
  await expect.poll(repetition).toMatchObject({ remaining: 2 });
  await row(page, "Take the pills").focus();
  await page.keyboard.press("r");
  await expect.poll(dates).toHaveLength(2);
  // A day in place of the number, and neither.
  await dialog.getByLabel("Ends").selectOption("on a day");
  await dialog.getByLabel("Last day").fill("2099-12-31");
  await expect(dialog.locator(".rule-text")).toHaveText("every day until 31 December 2099");
  await expect.poll(dates).toHaveLength(5);
  await dialog.getByLabel("Ends").selectOption("never");
  await expect(dialog.locator(".rule-text")).toHaveText("every day");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect.poll(repetition).toMatchObject({ rule: "FREQ=DAILY", remaining: null });
});

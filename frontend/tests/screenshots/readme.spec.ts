/** Takes the screenshots of the README: `make screenshots`. */
import { add, register, synced, test } from "../browser/helpers";

const IMAGES = new URL("../../../docs/images/", import.meta.url).pathname;
const TASKS = [
  "Pay rent tomorrow 5pm @home p1 every month",
  "Call May about the garden @phone",
  "Buy oat milk and coffee today @errand",
  "Write the brief for the new site today 14:00 p2",
  "Water the plants every 3 days",
  "Book the movers friday p3",
  "Return the library books monday @errand",
  "Renew the passport",
];

test("light, dark and phone", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "light" });
  await register(page);
  await add(page, ...TASKS);
  await synced(page);
  await page.getByText("Pay rent", { exact: true }).click();
  await page.getByRole("button", { name: "Close" }).last().waitFor();
  await page.waitForTimeout(6000); // the message has gone
  await page.screenshot({ path: `${IMAGES}web-light.png` });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto("/today");
  await synced(page);
  await page.screenshot({ path: `${IMAGES}web-dark.png` });
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 390, height: 780 });
  await page.goto("/inbox");
  await synced(page);
  await page.screenshot({ path: `${IMAGES}web-phone.png` });
});

/** The budgets of the web app, measured in Chromium against a real server: `make web-bench`. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

import { test as base, type APIRequestContext, type Page } from "@playwright/test";

import { Device, newEmail, PASSWORD } from "../browser/helpers";
import { interactive, kept, longestFrame, observe, report, slowDown, slowestKey } from "./figures";

const TASKS = 10_000;
/** A phone of the middle class, beside the machine that measures. */
const SLOWER = 4;
const ROW = "[role=treegrid] [role=row][data-task]";
const FIELD = ".sign-in input";
const LIGHTHOUSE = resolve(import.meta.dirname, "../../tools/lighthouse/node_modules/lighthouse/cli/index.js");

const test = base.extend({ baseURL: async ({}, use) => use(process.env["DULY_WEB_URL"]!) });
test.describe.configure({ mode: "serial" });

let email = "";
test.beforeAll(async ({ playwright }) => {
  const request = await playwright.request.newContext({ baseURL: process.env["DULY_WEB_URL"]! });
  email = newEmail();
  await request.post("/api/v1/auth/register", { data: { email, password: PASSWORD } });
  const device = await Device.of(request, email);
  for (let made = 0; made < TASKS; made += 100) {
    const operations = Array.from({ length: 100 }, (_, n) => ({ op: "create", type: "task", data: task(made + n) }));
    await device.call("POST", "/batch", { operations });
  }
  await request.dispose();
});

function task(n: number): Record<string, unknown> {
  const date = `2027-${String(1 + (n % 12)).padStart(2, "0")}-${String(1 + (n % 28)).padStart(2, "0")}`;
  return {
    title: `Task ${n}: ${["call", "write to", "meet", "pay", "visit"][n % 5]} number ${n * 7919}`,
    ...(n % 3 ? {} : { due: { date } }),
    ...(n % 4 ? {} : { priority: 1 + (n % 3) }),
    ...(n % 5 ? {} : { description: "Two lines of notes, as people write them, with a number and a name." }),
  };
}

async function signIn(page: Page): Promise<void> {
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** Scripts and styles that were asked for before the page had what is painted first, in kB compressed by gzip. */
async function loaded(page: Page, request: APIRequestContext): Promise<number> {
  const { found } = await kept(page);
  const urls = await page.evaluate((until) => {
    const all = performance.getEntriesByType("resource").filter(({ startTime }) => startTime < until);
    return [...new Set(all.map(({ name }) => name).filter((name) => /\.(js|css)$/.test(name)))];
  }, found);
  const sizes = await Promise.all(
    urls.map(async (url) => Number((await request.get(url, { headers: { "Accept-Encoding": "gzip" } })).headers()["content-length"])),
  );
  return sizes.reduce((sum, size) => sum + size, 0) / 1000;
}

test("first visit", async ({ page, request }, info) => {
  await observe(page, FIELD);
  await page.goto("/");
  await interactive(page);
  await report(info, "First load, scripts and styles (gzip)", await loaded(page, request), 45, "kB");
});

test("first visit, slower", async ({ page }, info) => {
  await observe(page, FIELD);
  await slowDown(page, SLOWER);
  await page.goto("/");
  const { painted, lastLongTask, largestPaint } = await interactive(page);
  await report(info, `Sign-in screen interactive, ${SLOWER} x slower`, Math.max(painted, lastLongTask), 1000, "ms");
  await report(info, `Sign-in screen, largest paint, ${SLOWER} x slower`, largestPaint, 900, "ms");
});

test("10,000 tasks", async ({ page, request }, info) => {
  await page.goto("/");
  await page.locator(FIELD).first().waitFor();
  await page.waitForTimeout(1000); // the rest of the app arrives
  const begun = Date.now();
  await signIn(page);
  await page.locator(".status").filter({ hasText: "Synced" }).first().waitFor({ state: "attached", timeout: 60_000 });
  await report(info, "First sync of 10,000 tasks", Date.now() - begun, 2000, "ms");

  await observe(page, ROW);
  await page.reload();
  await interactive(page);
  await report(info, "List on a device that is signed in (gzip)", await loaded(page, request), 45, "kB");

  const session = await slowDown(page, SLOWER);
  await page.reload();
  const { painted, lastLongTask, largestPaint } = await interactive(page);
  await report(info, `List of 10,000 painted, ${SLOWER} x slower`, largestPaint || painted, 900, "ms");
  await report(info, `List of 10,000 interactive, ${SLOWER} x slower`, Math.max(painted, lastLongTask), 1000, "ms");

  await page.locator(ROW).nth(5).focus();
  const completed = await slowestKey(page, () => page.keyboard.press(" "));
  await report(info, `Complete one of 10,000, ${SLOWER} x slower`, completed, 50, "ms");
  await page.locator(ROW).nth(8).focus();
  const moved = await slowestKey(page, () => page.keyboard.press("Alt+ArrowDown"));
  await report(info, `Move one of 10,000, ${SLOWER} x slower`, moved, 50, "ms");

  const scroll = () => session.send("Input.synthesizeScrollGesture", { x: 600, y: 500, yDistance: -30_000, speed: 8000 });
  await report(info, `Scroll 10,000, longest frame, ${SLOWER} x slower`, await longestFrame(page, scroll), 50, "ms");
  await report(info, "Layout shift of all that", (await kept(page)).shift, 0, "");
  await session.send("HeapProfiler.collectGarbage");
  await session.send("Performance.enable");
  const { metrics } = await session.send("Performance.getMetrics");
  const metric = (wanted: string) => metrics.find(({ name }) => name === wanted)!.value;
  await report(info, "Heap with 10,000 tasks", metric("JSHeapUsedSize") / 2 ** 20, 60, "MB");
  await report(info, "Elements in the document", await page.locator("*").count(), 1500, "");

  const adding = page.getByRole("combobox", { name: /^Add a task to/ });
  await adding.click();
  await page.keyboard.type("Pay rent tomorro");
  const typed = await slowestKey(page, () => page.keyboard.press("w"));
  await report(info, `Type a word of quick add, ${SLOWER} x slower`, typed, 50, "ms");
  await page.keyboard.press("Escape");
  await page.goto("/search");
  await page.getByRole("searchbox").waitFor();
  await page.keyboard.type("numbe", { delay: 100 });
  const searched = await slowestKey(page, () => page.keyboard.press("r"));
  await report(info, `Search 10,000, ${SLOWER} x slower`, searched, 50, "ms");
});

test("Lighthouse", async ({}, info) => {
  test.skip(!existsSync(LIGHTHOUSE), "Lighthouse is not installed");
  const directory = await mkdtemp(join(tmpdir(), "duly-lighthouse-"));
  const file = join(directory, "report.json");
  const categories = ["performance", "accessibility", "best-practices"];
  try {
    await promisify(execFile)(
      process.execPath,
      [
        LIGHTHOUSE,
        process.env["DULY_WEB_URL"]!,
        "--chrome-flags=--headless=new --no-sandbox --disable-dev-shm-usage",
        `--only-categories=${categories.join()}`,
        "--no-enable-error-reporting",
        "--output=json",
        `--output-path=${file}`,
        "--quiet",
      ],
      { env: { ...process.env, CHROME_PATH: process.env["DULY_CHROMIUM"] ?? "/usr/bin/chromium" }, timeout: 60_000 },
    );
    const { categories: scores } = JSON.parse(await readFile(file, "utf8")) as { categories: Record<string, { title: string; score: number }> };
    for (const category of categories) {
      const { title, score } = scores[category]!;
      await report(info, `Lighthouse: ${title.toLowerCase()}`, score * 100, 100, "", true);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

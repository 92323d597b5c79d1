/** What the tests of the app share: accounts, other devices, and the parts of the screen. */
import AxeBuilder from "@axe-core/playwright";
import { expect, test as base, type APIRequestContext, type Locator, type Page } from "@playwright/test";

export const PASSWORD = "correct horse battery";
let accounts = 0;

export function newEmail(): string {
  return `p${process.pid}-${Date.now()}-${accounts++}@example.org`;
}

export const test = base.extend<{ problems: string[] }>({
  baseURL: async ({}, use) => use(process.env["DULY_WEB_URL"]!),
  /** An error in the console that a test does not expect is a failure. */
  problems: [
    async ({ page }, use) => {
      const problems: string[] = [];
      page.on("pageerror", (error) => problems.push(error.stack ?? error.message));
      page.on("console", (message) => {
        // A refused request is a part of many tests; a violated policy of none.
        if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) problems.push(message.text());
      });
      await use(problems);
      expect(problems).toEqual([]);
    },
    { auto: true },
  ],
});
export { expect };

/** A new account, signed in and in its inbox. */
export async function register(page: Page, email = newEmail()): Promise<string> {
  await page.goto("/");
  await page.getByRole("button", { name: "New here? Create an account" }).click();
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  // Several tests at once can be more sign-ins than the server takes; it says to try again.
  await expect(async () => {
    if (!page.url().endsWith("/inbox")) await page.getByRole("button", { name: "Create account", exact: true }).click({ timeout: 1000 });
    await page.waitForURL("**/inbox", { timeout: 6000 });
  }).toPass({ timeout: 30_000 });
  await synced(page);
  return email;
}

export async function signIn(page: Page, email: string): Promise<void> {
  await page.goto("/");
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.waitForURL("**/inbox");
  await synced(page);
}

export async function synced(page: Page): Promise<void> {
  await expect(page.locator(".status").filter({ hasText: "Synced" }).first()).toBeAttached({ timeout: 15_000 });
}

export async function add(page: Page, ...lines: string[]): Promise<void> {
  const field = page.getByRole("combobox", { name: /^Add a task to/ });
  await field.click();
  for (const line of lines) {
    await field.fill(line);
    await field.press("Enter");
  }
  await field.blur();
}

export function row(page: Page, title: string): Locator {
  return page.locator("[role=treegrid] [role=row][data-task]").filter({ has: page.locator(".title", { hasText: new RegExp(`^${title}$`) }) });
}
export async function titles(page: Page): Promise<string[]> {
  return page.locator("[role=treegrid] [role=row][data-task] .title").allTextContents();
}

/** Another device of the same account, which speaks to the API by itself. */
export class Device {
  private constructor(
    private readonly request: APIRequestContext,
    private readonly token: string,
  ) {}

  static async of(request: APIRequestContext, email: string): Promise<Device> {
    const response = await request.post("/api/v1/auth/login", { data: { email, password: PASSWORD } });
    expect(response.ok()).toBe(true);
    return new Device(request, ((await response.json()) as { access_token: string }).access_token);
  }

  async call<T = Record<string, unknown>>(method: string, path: string, data?: unknown, headers: Record<string, string> = {}): Promise<T> {
    const response = await this.request.fetch(`/api/v1${path}`, { method, data, headers: { Authorization: `Bearer ${this.token}`, ...headers } });
    expect(response.ok(), `${method} ${path}: ${await response.text()}`).toBe(true);
    return (response.status() === 204 ? {} : await response.json()) as T;
  }

  async tasks(query = ""): Promise<ServerTask[]> {
    return (await this.call<{ items: ServerTask[] }>("GET", `/tasks?limit=100${query}`)).items;
  }
}
export interface ServerTask {
  id: string;
  title: string;
  version: number;
  is_completed: boolean;
  list_id: string | null;
  parent_id: string | null;
  priority: number | null;
  due: { date: string; time: string | null; timezone: string | null } | null;
  recurrence: { rule: string } | null;
  description: string | null;
  duration_minutes: number | null;
}

/** No violation of any rule of axe, in the theme that the page has. */
export async function accessible(page: Page, name: string): Promise<void> {
  // Fades change colours for a moment, which a check of contrast would see.
  await page.waitForTimeout(350);
  const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
  const found = violations.map(({ id, nodes }) => `${name}: ${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
  expect(found).toEqual([]);
}

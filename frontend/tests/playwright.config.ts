import { defineConfig } from "@playwright/test";

// The browser is the system's: Playwright's own is not downloaded, since a test needs no second one.
export default defineConfig({
  testDir: "browser",
  outputDir: "results",
  globalSetup: "./browser/global-setup.ts",
  timeout: 40_000,
  workers: process.env["CI"] ? 1 : 2,
  fullyParallel: true,
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    launchOptions: {
      executablePath: process.env["DULY_CHROMIUM"] ?? "/usr/bin/chromium",
      // Root may not use Chromium's sandbox, and containers often lack /dev/shm.
      // `duly.test` is this machine under a name that browsers do not trust without https.
      args: ["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP duly.test 127.0.0.1"],
    },
    locale: "en-GB",
    timezoneId: "UTC",
    viewport: { width: 1280, height: 820 },
    actionTimeout: 8_000,
    trace: "off",
  },
});

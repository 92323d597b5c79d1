import { defineConfig } from "@playwright/test";

import config from "./playwright.config";

// Times, which depend on the machine: `make web-bench` runs them, and no test does.
export default defineConfig(config, {
  testDir: "bench",
  testMatch: "*.spec.ts",
  globalSetup: "./bench/global-setup.ts",
  globalTimeout: 150_000,
  timeout: 150_000,
  workers: 1,
  reporter: [["./bench/reporter.ts"]],
});

import { defineConfig } from "vitest/config";

// Times, which depend on the machine: `make web-bench` runs them, and no test does.
export default defineConfig({
  root: new URL("..", import.meta.url).pathname,
  test: { include: ["tests/bench/**/*.test.ts"], environment: "node", fileParallelism: false },
});

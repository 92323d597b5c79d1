import { defineConfig } from "vitest/config";

// Vitest and its packages are in this folder, the app and its packages one above.
export default defineConfig({
  root: new URL("..", import.meta.url).pathname,
  test: { include: ["tests/unit/**/*.test.ts"], environment: "node", globals: false },
});

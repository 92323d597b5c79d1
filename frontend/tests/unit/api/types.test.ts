import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

// The generator has its own packages: `npm ci` in tools/types.
const GENERATOR = fileURLToPath(new URL("../../../tools/types/write.mjs", import.meta.url));

test("types are those of docs/openapi.yaml", { timeout: 60_000 }, () => {
  expect(() =>
    execFileSync(process.execPath, [GENERATOR, "--check"], { stdio: "pipe" }),
  ).not.toThrow();
});

/** The first load of the built app: what the page names itself. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";

import { expect, test } from "vitest";

const DIST = resolve(import.meta.dirname, "../../../dist");
const LIMIT = 60_000;

// The goal of the design is 45 kB; this keeps it from growing.
test("the first load is at most 60 kB, compressed", () => {
  const page = readFileSync(resolve(DIST, "index.html"), "utf8");
  const files = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+\.(?:js|css))"/g)].map(([, path]) => path!);
  expect(files.length).toBeGreaterThan(2);

  const sizes = files.map((file) => gzipSync(readFileSync(DIST + file), { level: 9 }).length);

  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(LIMIT);
});

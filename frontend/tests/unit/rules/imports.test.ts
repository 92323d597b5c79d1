import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const SOURCE = new URL("../../../src/", import.meta.url);

/** What the modules of a folder import, with the name of the module. */
function imports(folder: string): [string, string][] {
  const files = readdirSync(new URL(folder, SOURCE), { recursive: true, encoding: "utf8" });
  return files
    .filter((name) => /\.tsx?$/.test(name))
    .flatMap((name) => {
      const text = readFileSync(new URL(`${folder}/${name}`, SOURCE), "utf8");
      const found = text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g);
      return Array.from(found, ([, path]) => [`${folder}/${name}`, path!] as [string, string]);
    });
}

test.each([
  ["rules", /^(\.\/.*|fractional-indexing)$/],
  ["api", /^(\.\/.*|@preact\/signals-core)$/],
  ["store", /^(\.\/.*|\.\.\/(rules|api)\/.*|@preact\/signals-core|idb)$/],
])("%s imports nothing of the screens, nor Preact", (folder, allowed) => {
  const found = imports(folder);
  expect(found.length).toBeGreaterThan(0);
  expect(found.filter(([, path]) => !allowed.test(path))).toEqual([]);
});

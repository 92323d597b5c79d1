import { readdirSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

const src = new URL("../../../src/", import.meta.url);

function imports(folder: string): [string, string][] {
  const files = readdirSync(new URL(folder, src), { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file));
  return files.flatMap((file) => {
    const text = readFileSync(new URL(`${folder}/${file}`, src), "utf8");
    return [...text.matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map(([, name]): [string, string] => [`${folder}/${file}`, name!]);
  });
}

test("store, rules and api know nothing of the screen", () => {
  const found = ["store", "rules", "api"].flatMap(imports);
  expect(found.length).toBeGreaterThan(20);
  const wrong = found.filter(([, name]) => /^preact|^@preact\/signals$|\/(screens|parts|commands|texts)\//.test(name));
  expect(wrong).toEqual([]);
});

test("parts and commands do not import screens", () => {
  const wrong = ["parts", "commands"].flatMap(imports).filter(([, name]) => name.includes("/screens"));
  expect(wrong).toEqual([]);
});

test("no style and no script is written inline", () => {
  for (const folder of ["screens", "parts"]) {
    for (const file of readdirSync(new URL(folder, src), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".tsx"))) {
      const text = readFileSync(new URL(`${folder}/${file}`, src), "utf8");
      expect(text, file).not.toMatch(/dangerouslySetInnerHTML|innerHTML|style="/);
    }
  }
});

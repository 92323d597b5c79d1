/** What the built app loads before a screen can be used. */
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";

import { expect, test } from "vitest";

const ASSETS = resolve(import.meta.dirname, "../../../dist/assets");
const read = (file: string) => readFileSync(resolve(ASSETS, file), "utf8");
const page = readFileSync(resolve(ASSETS, "../index.html"), "utf8");
const named = [...page.matchAll(/(?:src|href)="\/assets\/([^"]+\.(?:js|css))"/g)].map(([, file]) => file!);

/** What a screen loads beyond the page's own files: its files of these kinds, and what they import. */
function filesOf(name: string, ...kinds: string[]): string[] {
  const found = readdirSync(ASSETS).filter((file) => new RegExp(`^${name}-[\\w-]{8}\\.(js|css)$`).test(file));
  expect(found.map((file) => file.split(".").at(-1)).sort()).toEqual(kinds);
  for (const file of found) {
    if (!file.endsWith(".js")) continue;
    for (const [, imported] of read(file).matchAll(/(?:from|import)\s*["'`]\.\/([^"'`]+)/g)) {
      if (!found.includes(imported!)) found.push(imported!);
    }
  }
  return found;
}

/** In bytes, each file compressed by itself, as the server sends it. */
function size(files: readonly string[]): number {
  return [...new Set(files)].map((file) => gzipSync(read(file), { level: 9 }).length).reduce((sum, bytes) => sum + bytes, 0);
}

test("the page names its scripts and styles, and the screens that are next", () => {
  const next = [...page.matchAll(/data-([\w-]+)="\/assets\/([\w-]+)-[\w-]{8}\.js"/g)].map(([, name, file]) => [name, file]);
  expect(named.map((file) => file.replace(/-[\w-]{8}\./, ".")).sort()).toEqual(["head.js", "index.css", "index.js"]);
  expect(next).toEqual([["sign-in", "sign-in"], ["list", "list"]]);
});

// The budget of a first load is 45 kB; these keep what is reached.
test("the first load is at most 22.6 kB, compressed: the page with the sign-in screen", () => {
  expect(size([...named, ...filesOf("sign-in", "js")])).toBeLessThanOrEqual(22_600);
});

test("a list on a device that is signed in is at most 59.8 kB, compressed", () => {
  expect(size([...named, ...filesOf("list", "css", "js")])).toBeLessThanOrEqual(59_800);
});

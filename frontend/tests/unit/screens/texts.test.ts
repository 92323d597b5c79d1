import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

import { expect, test } from "vitest";

import { de, deMore } from "../../../src/texts/de";
import { en } from "../../../src/texts/en";
import { enMore } from "../../../src/texts/en-more";

type Node = string | readonly unknown[] | Record<string, unknown> | ((...values: never[]) => unknown);

/** All texts with their paths; those with values are tried with a one and a two. */
function flat(node: Node, path: string): [string, string][] {
  if (typeof node === "string") return [[path, node]];
  if (typeof node === "function") {
    return [1, 2].map((value) => {
      const values = Array.from({ length: node.length }, () => value);
      // Most take numbers or texts; a number that is a text as well satisfies both.
      const given = values.map((n) => Object.assign(new String(String(n)), { valueOf: () => n }));
      try {
        return [`${path}(${value})`, String((node as (...all: unknown[]) => unknown)(...values))];
      } catch {
        return [`${path}(${value})`, String((node as (...all: unknown[]) => unknown)(...given))];
      }
    });
  }
  return Object.entries(node).flatMap(([key, value]) => flat(value as Node, `${path}.${key}`));
}

test("both languages have the same texts, and none is empty", () => {
  const english = flat({ ...en, ...enMore, serverWords: {} }, "");
  const german = flat({ ...de, ...deMore, serverWords: {} }, "");
  expect(german.map(([path]) => path).sort()).toEqual(english.map(([path]) => path).sort());
  for (const [path, text] of [...english, ...german]) {
    expect(text.trim(), path).not.toBe("");
    expect(text, path).not.toMatch(/undefined|NaN|\[object/);
  }
});

test("German is not English left over", () => {
  const english = new Map(flat({ ...en, ...enMore }, ""));
  // Names, formats and words that both languages share.
  const shared = /^\.(appName|inbox|code|name|languages\..*|status|filter|filters|navigation|filterExpected\.operator|undone.*|dateAt.*|passkey|orange|indigo|colors\..*|fieldNames\.name|minutes.*|version\(.*|importProblem\(.*|firstSync\(.*|queryHint|keyNames\.(Alt|Enter|Escape))/;
  const same = flat({ ...de, ...deMore }, "").filter(([path, text]) => english.get(path) === text && /\p{L}{3}/u.test(text) && !shared.test(path));
  expect(same.map(([path]) => path)).toEqual([]);
});

test("each translated message of the server is one that it sends", () => {
  const backend = resolve(import.meta.dirname, "../../../../backend/src/duly");
  const sources = globSync("{core,schemas,services,utils}/*.py", { cwd: backend });
  const code = sources.map((file) => readFileSync(resolve(backend, file), "utf8")).join();
  for (const message of Object.keys(de.serverWords)) {
    expect(code).toContain(`"${message.replace("least 8", "least {min_length}")}"`);
  }
});

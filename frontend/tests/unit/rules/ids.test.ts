import { expect, test } from "vitest";

import { newId } from "../../../src/rules/ids";
import { namedId } from "../../../src/rules/namedids";

test("new ids are UUIDs of version 7, and ascend whatever the clock does", () => {
  const ids = Array.from({ length: 10_000 }, (_, index) => newId(1_790_000_000_000 - index));
  expect(ids).toEqual([...new Set(ids)].sort());
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});

test("new ids have the time", () => {
  const now = 1_900_000_000_000;
  expect(parseInt(newId(now).replace("-", "").slice(0, 12), 16)).toBe(now);
});

test("named ids are those of RFC 9562", () => {
  const dns = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
  expect(namedId(dns, "www.example.com")).toBe("2ed6657d-e927-568b-95e1-2665a8aea6a2");
  expect(namedId(dns, "x".repeat(1000))).toBe("f6d12730-a238-51ed-bf69-3689855f9bbf");
  expect(namedId(dns, "ä".repeat(28))).not.toBe(namedId(dns, "ä".repeat(27)));
});

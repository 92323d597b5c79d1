/** The test vectors of the repository, which the server's tests run as well. */
import { readFileSync } from "node:fs";

export function vectors<T>(name: "quick_add" | "filters" | "recurrence" | "order_keys"): T {
  const path = new URL(`../../../../vectors/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, "utf8")) as T;
}

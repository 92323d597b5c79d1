/** The texts of what arrives after the first paint; only such parts may import this. */
import { translated } from ".";
import { enMore, type More } from "./en-more";

export function m(): More {
  return translated.value ?? enMore;
}

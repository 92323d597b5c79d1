/**
 * Provisional keys of the manual order, shown until the server sends its own. They are those of
 * vectors/order_keys.json: `fractional-indexing` accepts and produces the same keys as the server.
 */
import { generateKeyBetween, generateNKeysBetween } from "fractional-indexing";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

interface Placed {
  readonly position: string;
  readonly id: string;
}

/** Compares siblings as the server sorts them: by position, then by id, both by code point. */
export function byPosition(a: Placed, b: Placed): number {
  if (a.position !== b.position) return a.position < b.position ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/**
 * A key between two keys; null is before all keys, or after all. Two resources may have the same
 * key for a moment, if two devices moved them: then the result is after both.
 */
export function keyBetween(after: string | null, before: string | null): string {
  if (after !== null && before !== null && after >= before) return generateKeyBetween(after, null);
  return generateKeyBetween(after, before);
}

/** `count` ascending keys between two keys. */
export function keysBetween(after: string | null, before: string | null, count: number): string[] {
  const isClosed = after !== null && before !== null && after >= before;
  return generateNKeysBetween(after, isClosed ? null : before, count);
}

/** The key of a resource that comes last, created or moved there at a revision. */
export function appendedKey(revision: number): string {
  return `g${inDigits(revision, 7)}`;
}

let newest = 0;

/**
 * A provisional key of what comes last, after `last`. It is after all keys that the server appends,
 * so that a sibling that the server has just placed does not overtake what is not sent yet.
 */
export function lastKey(last: string | null): string {
  newest = Math.max(newest + 1, Date.now() * 100);
  const key = `h${inDigits(newest, 8)}`;
  return last === null || last < key ? key : generateKeyBetween(last, null);
}

function inDigits(value: number, length: number): string {
  let digits = "";
  for (let rest = value; digits.length < length; rest = Math.floor(rest / 62)) {
    digits = DIGITS[rest % 62] + digits;
  }
  return digits;
}

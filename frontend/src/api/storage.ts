/** Small values that this device keeps. A browser can forbid that: they then last until the page is closed. */
const remembered = new Map<string, string>();
/** Whether the browser forbids it, once something has been read. */
export let isForbidden = false;

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    isForbidden = true;
    return remembered.get(key) ?? null;
  }
}

/** Stores a value, or removes it with null. */
export function keep(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    if (value === null) remembered.delete(key);
    else remembered.set(key, value);
  }
}

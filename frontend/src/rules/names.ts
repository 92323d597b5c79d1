/** How names are compared: without regard to case, in Unicode NFC. Accents count. */

/**
 * Case folding, which JavaScript lacks: small letters of capitals are nearly always the same.
 * The dotless i keeps its own capital, and a sigma at the end of a word is like any other.
 */
export function caseFolded(text: string): string {
  const folded = text.toLowerCase();
  if (/^[\0-\x7f]*$/.test(folded)) return folded;
  return folded
    .split("ı")
    .map((part) => part.toUpperCase().toLowerCase())
    .join("ı")
    .replaceAll("ς", "σ");
}

/** What two names that count as the same have in common. */
export function nameKey(name: string): string {
  return caseFolded(name.normalize("NFC")).normalize("NFC");
}

/** The colours that are offered, named in the same order by the texts. */
export const COLORS = ["#c0392b", "#d9822b", "#c9a227", "#5b8c3e", "#2e8b7a", "#2f79b5", "#5661c4", "#8e5bb5", "#b5487f", "#7a756b"];

/** A colour as it is stored, from six or three digits with or without a `#`; null if it is not one. */
export function hexColor(text: string): string | null {
  const digits = text.trim().replace(/^#/, "").toLowerCase();
  if (/^[0-9a-f]{6}$/.test(digits)) return `#${digits}`;
  if (/^[0-9a-f]{3}$/.test(digits)) return `#${[...digits].map((digit) => digit + digit).join("")}`;
  return null;
}

/** Numbers with their noun, in the forms of a language. */
export function counting(locale: string) {
  const rules = new Intl.PluralRules(locale);
  let format: Intl.NumberFormat | undefined;
  // The first format of a page takes some 35 ms to make, and most numbers have no groups of digits.
  const count = (n: number) => (n < 1000 ? String(n) : (format ??= new Intl.NumberFormat(locale)).format(n));
  return {
    count,
    /** "1 task", "2 tasks": plural forms are chosen by the language, not by hand. */
    many: (n: number, one: string, other: string) => `${count(n)} ${rules.select(n) === "one" ? one : other}`,
  };
}

/** Numbers with their noun, in the forms of a language. */
export function counting(locale: string) {
  const rules = new Intl.PluralRules(locale);
  const count = new Intl.NumberFormat(locale);
  return {
    count,
    /** "1 task", "2 tasks": plural forms are chosen by the language, not by hand. */
    many: (n: number, one: string, other: string) => `${count.format(n)} ${rules.select(n) === "one" ? one : other}`,
  };
}

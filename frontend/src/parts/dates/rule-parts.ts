/** Sets or removes one part of a rule; the others stay as they were typed. */
export function withPart(rule: string, part: string, value: string | null): string {
  const rest = rule.split(";").filter((piece) => !piece.startsWith(`${part}=`));
  return [...rest, ...(value ? [`${part}=${value}`] : [])].join(";");
}

/** A rule without its end: two that differ only in that have the same dates. */
export function endless(rule: string): string {
  return withPart(withPart(rule, "COUNT", null), "UNTIL", null);
}

import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

const css = readFileSync(new URL("../../../src/styles/tokens.css", import.meta.url), "utf8");

function tokens(theme: 0 | 1): Map<string, string> {
  const found = css.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g);
  return new Map([...found].map(([, name, light, dark]) => [name!, [light!, dark!][theme]!]));
}

function luminance(color: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p) as [number, number];
  return (x + 0.05) / (y + 0.05);
}

const BACKGROUNDS = ["bg", "side", "surface", "hover", "selected", "token"];
const TEXTS = ["text", "muted", "faint", "accent", "danger", "p1", "p2", "p3", "p4", "warn"];

for (const [index, theme] of ["light", "dark"].entries()) {
  const colors = tokens(index as 0 | 1);
  const of = (name: string) => {
    const color = colors.get(name);
    if (!color) throw new Error(`No token ${name}`);
    return color;
  };
  test(`text is legible on every background, ${theme}`, () => {
    for (const text of TEXTS) {
      for (const background of BACKGROUNDS) {
        expect(contrast(of(text), of(background)), `${text} on ${background}`).toBeGreaterThanOrEqual(4.5);
      }
    }
    expect(contrast(of("on-accent"), of("accent"))).toBeGreaterThanOrEqual(4.5);
    expect(contrast(of("on-danger"), of("danger"))).toBeGreaterThanOrEqual(4.5);
  });
  test(`controls stand out from every background, ${theme}`, () => {
    for (const background of BACKGROUNDS) {
      expect(contrast(of("control"), of(background)), `control on ${background}`).toBeGreaterThanOrEqual(3);
    }
  });
}

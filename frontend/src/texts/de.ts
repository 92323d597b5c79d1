import type { Texts } from "./en";
export const de = {} as Texts;

/** Keys as they are written on the keyboard, in the language of the app. */
import { m } from "../texts/more";
import { command, onMac } from "./registry";

const onMacs: Record<string, string> = { Control: "⌘", Shift: "⇧", Alt: "⌥" };
const arrows: Record<string, string> = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→" };

function nameOf(key: string): string {
  const names: Record<string, string> = m().keyNames;
  return (onMac && onMacs[key]) || arrows[key] || names[key === " " ? "Space" : key] || (key.length === 1 ? key.toUpperCase() : key);
}

/** "Control+k" as people read it: "Ctrl K", or "⌘ K" on a Mac. */
export function keyText(key: string): string {
  return key.split(/(?<=.)[+ ](?=.)/).map(nameOf).join(" ");
}
export function keyOf(id: string): string | undefined {
  const first = command(id)?.keys?.[0];
  return first ? keyText(first) : undefined;
}

/** One registry defines each command's key, its text in the palette and where it is available. */
import type { IconName } from "../parts/icons";
import type { Texts } from "../texts";

export interface CommandDef {
  id: string;
  text: (t: Texts) => string;
  /** "q", "Control+k", "Shift+A"; two keys in a row as "g i". `Control` is ⌘ on a Mac. */
  keys?: readonly string[];
  /** "row" commands act on the focused row or the selected ones, and are quiet elsewhere. */
  where: "anywhere" | "row";
  icon?: IconName;
  available?: (ids: readonly string[]) => boolean;
  run: (ids: readonly string[]) => void;
  /** Not in the palette: the way there is another (arrow keys, digits). */
  keyOnly?: boolean;
}

const all = new Map<string, CommandDef>();

export function define(...commands: CommandDef[]): void {
  for (const command of commands) all.set(command.id, command);
}
export function commands(): CommandDef[] {
  return [...all.values()];
}
export function command(id: string): CommandDef | undefined {
  return all.get(id);
}

export const onMac = /Mac|iPhone|iPad/.test(navigator.platform);

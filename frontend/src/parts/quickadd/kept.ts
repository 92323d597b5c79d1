/** A line that is not added yet: kept in the tab, so that neither Escape nor a reload drops it. */
import { opened } from "../../commands/app";

const nameOf = (place: string) => `duly-line ${opened.peek()?.user.peek().id} ${place}`;

export function keptLine(place: string): string {
  try {
    return sessionStorage.getItem(nameOf(place)) ?? "";
  } catch {
    return "";
  }
}

export function keepLine(place: string, text: string): void {
  try {
    if (text) sessionStorage.setItem(nameOf(place), text);
    else sessionStorage.removeItem(nameOf(place));
  } catch {
    // It then lasts as long as its field.
  }
}

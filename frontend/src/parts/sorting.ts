import type { Sorting } from "../store/types";

/** How a list is sorted is remembered for each list, on this device. */
export function storedSorting(place: string): Sorting {
  try {
    return (localStorage.getItem(`duly-sort-${place}`) as Sorting | null) ?? "position";
  } catch {
    return "position";
  }
}
export function storeSorting(place: string, sorting: Sorting): void {
  try {
    if (sorting === "position") localStorage.removeItem(`duly-sort-${place}`);
    else localStorage.setItem(`duly-sort-${place}`, sorting);
  } catch {
    // Holds until the page is closed.
  }
}

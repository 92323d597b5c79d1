import { keep, recall } from "../api/storage";
import type { Sorting } from "../store/types";

/** How a list is sorted is remembered for each list, on this device. */
export function storedSorting(place: string): Sorting {
  return (recall(`duly-sort-${place}`) as Sorting | null) ?? "position";
}
export function storeSorting(place: string, sorting: Sorting): void {
  keep(`duly-sort-${place}`, sorting === "position" ? null : sorting);
}

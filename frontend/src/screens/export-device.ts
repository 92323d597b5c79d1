import { store } from "../commands/app";

/** Saves a file. */
export function save(name: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Everything that this device holds, with what has not been sent yet. */
export function exportDevice(): void {
  const open = store();
  const lists = open.lists.peek();
  const content = {
    exported_at: new Date().toISOString(),
    user: open.user.peek(),
    lists,
    sections: lists.flatMap((list) => [...open.sectionsOf(list.id)]),
    labels: open.labels.peek(),
    filters: open.filters.peek(),
    tasks: [...open.allTasks()],
    unsent: open.waiting.peek(),
  };
  save("duly-device.json", JSON.stringify(content, null, 2));
}

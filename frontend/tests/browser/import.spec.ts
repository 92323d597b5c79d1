import { Buffer } from "node:buffer";
import { crc32, deflateRawSync } from "node:zlib";

import { Device, expect, register, synced, test } from "./helpers";

const CSV = `TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE
section,Garden,,,,,,,,
task,"Buy seeds, ""the good ones"" @shop","Two
lines",1,1,Ada (1),,2031-03-01,en,UTC
task,Tomatoes,,4,2,Ada (1),,,en,UTC
note,Not the small ones,,,,Ada (1),,,,
task,Water,,2,1,Ada (1),,every day,en,UTC
task,Someday,,4,1,Ada (1),,when it rains,en,UTC
task,"Call
May",,4,1,Ada (1),,,en,UTC
`;

/** A zip of one file, as Vikunja writes it. */
function zip(name: string, text: string): Buffer {
  const [data, path] = [Buffer.from(text), Buffer.from(name)];
  const packed = deflateRawSync(data);
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0);
  common.writeUInt16LE(8, 4);
  common.writeUInt32LE(crc32(data), 10);
  common.writeUInt32LE(packed.length, 14);
  common.writeUInt32LE(data.length, 18);
  common.writeUInt16LE(path.length, 22);
  const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, path, packed]);
  const entry = Buffer.concat([Buffer.from("PK\x01\x02"), Buffer.from([20, 0]), common, Buffer.alloc(14), path]);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(entry.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, entry, end]);
}

test("imports Todoist twice without doubles", async ({ page, request }) => {
  const email = await register(page);
  await page.goto("/settings/data");
  const device = await Device.of(request, email);
  for (const time of [1, 2]) {
    await page.getByLabel("Choose a file").setInputFiles({ name: "Garden.csv", mimeType: "text/csv", buffer: Buffer.from(CSV) });
    await expect(page.getByText("5 tasks (0 completed), 1 list, 1 section")).toBeVisible();
    await expect(page.getByText("8: the date is not understood, so the task has none – when it rains")).toBeVisible();
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await expect(page.locator("main").getByText(time === 1 ? "Imported 5 tasks." : "Imported 0 tasks.")).toBeVisible();
    await synced(page);
    await expect.poll(async () => (await device.tasks()).length).toBe(5);
  }
  const tasks = await device.tasks();
  const seeds = tasks.find(({ title }) => title === 'Buy seeds, "the good ones"')!;
  expect(seeds).toMatchObject({ description: "Two\nlines", priority: 1, due: { date: "2031-03-01", time: null } });
  expect(tasks.find(({ title }) => title === "Tomatoes")).toMatchObject({ parent_id: seeds.id, description: "Not the small ones", priority: null });
  expect(tasks.map(({ title }) => title)).toContain("Call May");
  expect(tasks.find(({ title }) => title === "Water")).toMatchObject({ recurrence: { rule: "FREQ=DAILY" } });
});

test("imports Vikunja", async ({ page, request }) => {
  const email = await register(page);
  const projects = [
    {
      title: "House",
      tasks: [
        { id: 1, title: "Paint", description: "<p>White &amp; grey</p>", priority: 5, due_date: "2031-04-01T00:00:00Z", labels: [{ title: "craft" }] },
        { id: 2, title: "Buy paint", related_tasks: { parenttask: [{ id: 1 }] }, due_date: "0001-01-01T00:00:00Z" },
        { id: 3, title: "Old", done: true, done_at: "2026-01-02T10:00:00Z" },
      ],
    },
  ];
  await page.goto("/settings/data");
  await page.getByLabel("Choose a file").setInputFiles({ name: "export.zip", mimeType: "application/zip", buffer: zip("data.json", JSON.stringify(projects)) });
  await expect(page.getByText("3 tasks (1 completed), 1 list")).toBeVisible();
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await expect(page.locator("main").getByText("Imported 3 tasks.")).toBeVisible();
  await synced(page);
  const device = await Device.of(request, email);
  await expect.poll(async () => (await device.tasks()).length).toBe(3);
  const tasks = await device.tasks();
  const paint = tasks.find(({ title }) => title === "Paint")!;
  expect(paint).toMatchObject({ description: "White & grey", priority: 1, due: { date: "2031-04-01", time: null } });
  expect(tasks.find(({ title }) => title === "Buy paint")).toMatchObject({ parent_id: paint.id, due: null });
  expect(tasks.find(({ title }) => title === "Old")).toMatchObject({ is_completed: true, completed_at: "2026-01-02T10:00:00Z" });
});

test("export offline holds unsent changes", async ({ page, context }) => {
  await register(page);
  await page.goto("/settings/data");
  await page.getByRole("button", { name: "Download what is on this device" }).waitFor();
  await context.setOffline(true);
  await page.keyboard.press("q");
  await page.keyboard.type("Written offline");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download what is on this device" }).click();
  const stream = await (await downloading).createReadStream();
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  const content = JSON.parse(text) as { tasks: { title: string }[]; unsent: unknown[] };
  expect(content.tasks.map(({ title }) => title)).toEqual(["Written offline"]);
  expect(content.unsent).toHaveLength(1);
});

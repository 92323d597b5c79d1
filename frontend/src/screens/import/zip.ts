/** Reads a zip file: its central directory, and each file through the browser's own inflate. */
const END = 0x06054b50;
const ENTRY = 0x02014b50;
const MOST = 200 * 1024 * 1024;

export async function readZip(content: Uint8Array<ArrayBuffer>): Promise<Map<string, () => Promise<Uint8Array>>> {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  let end = content.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== END) end--;
  if (end < 0) throw new Error("not_zip");
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  const files = new Map<string, () => Promise<Uint8Array>>();
  for (let i = 0; i < count; i++) {
    if (view.getUint32(at, true) !== ENTRY) throw new Error("not_zip");
    const method = view.getUint16(at + 10, true);
    const packed = view.getUint32(at + 20, true);
    const size = view.getUint32(at + 24, true);
    const [name, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true)) as [number, number, number];
    const local = view.getUint32(at + 42, true);
    const path = new TextDecoder().decode(content.subarray(at + 46, at + 46 + name));
    files.set(path, async () => {
      if (size > MOST) throw new Error("too_large");
      const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      const data = content.slice(start, start + packed);
      if (method === 0) return data;
      if (method !== 8) throw new Error("not_zip");
      const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
      return new Uint8Array(await new Response(stream).arrayBuffer());
    });
    at += 46 + name + extra + comment;
  }
  return files;
}

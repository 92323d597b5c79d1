// Copies a build of the web app, with compressed versions of its files: node pack-web.mjs FROM TO.
// The server chooses one by what a browser accepts, and compresses nothing itself.
import { cpSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const COMPRESSIBLE = new Set([".css", ".html", ".js", ".json", ".svg", ".txt", ".webmanifest"]);

const [from, to] = process.argv.slice(2);
statSync(join(from, "index.html"));
const next = `${to}.next`;
rmSync(next, { recursive: true, force: true });
cpSync(from, next, { recursive: true });
for (const name of readdirSync(next, { recursive: true })) {
  const path = join(next, name);
  if (!COMPRESSIBLE.has(extname(name)) || !statSync(path).isFile()) continue;
  const data = readFileSync(path);
  const brotli = brotliCompressSync(data, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length },
  });
  for (const [suffix, packed] of [[".br", brotli], [".gz", gzipSync(data, { level: 9 })]]) {
    if (packed.length < data.length) writeFileSync(path + suffix, packed);
  }
}
rmSync(to, { recursive: true, force: true });
renameSync(next, to);

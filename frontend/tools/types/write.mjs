// Writes src/api/types.ts from docs/openapi.yaml. With --check, it only compares.
// It has its own packages, since openapi-typescript does not run on TypeScript 7.
import { readFileSync, writeFileSync } from "node:fs";
import { parseYaml } from "@redocly/openapi-core";
import openapiTS, { astToString } from "openapi-typescript";

const source = new URL("../../../docs/openapi.yaml", import.meta.url);
const target = new URL("../../src/api/types.ts", import.meta.url);

// What types do not need: with descriptions, examples and paths, the file would be ten times as long.
// The constants of `type` and `op` distinguish the members of a union, so discriminators add nothing.
const UNUSED = new Set(["description", "title", "examples", "format", "default", "discriminator"]);

/** A copy of a schema without these. Below `properties`, the keys are names of fields and stay. */
function bare(value, keysAreNames = false) {
  if (Array.isArray(value)) return value.map((item) => bare(item));
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(([key]) => keysAreNames || !UNUSED.has(key));
  return Object.fromEntries(
    kept.map(([key, inner]) => [key, bare(inner, !keysAreNames && key === "properties")]),
  );
}

const { openapi, info, components } = parseYaml(readFileSync(source, "utf8"));
const nodes = await openapiTS({
  openapi,
  info: { title: info.title, version: info.version },
  paths: {},
  components: { schemas: bare(components.schemas, true) },
});
const schemas = nodes.filter((node) => node.name?.escapedText === "components");
const types = astToString(schemas).replace(/^ *\/\*\* @\w+.*\*\/\n/gm, "");
const text = `// Generated from docs/openapi.yaml by tools/types. Do not edit it: run \`npm run types\`.\n${types}`;

if (!process.argv.includes("--check")) {
  writeFileSync(target, text);
} else if (readFileSync(target, "utf8") !== text) {
  console.error("src/api/types.ts does not match docs/openapi.yaml: run `npm run types`.");
  process.exit(1);
}

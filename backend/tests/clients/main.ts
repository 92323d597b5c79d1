// Runs both clients against a server, and prints what each of them ends with.
import { useIt as withOpenapiTypescript } from "./with_openapi_typescript";
import { useIt as withHeyApi } from "./with_hey_api";

declare const process: { argv: string[] };

async function main([url = "", first = "", second = "", password = ""]: string[]): Promise<void> {
  const found = [
    await withOpenapiTypescript(url, first, password),
    await withHeyApi(url, second, password),
  ];
  console.log(JSON.stringify(found));
}

void main(process.argv.slice(2));

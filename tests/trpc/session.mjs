// A session of the official @trpc/client: one call a line on stdin, its answer a line on stdout.
//
// {"link": "http" | "batch" | "stream", "kind": "query" | "mutation", "path", "input"?} → {"data"} | {"error"}
// Lines that come before an answer are batched by the links that do so.
import { createInterface } from "node:readline";
import { createTRPCUntypedClient, httpBatchLink, httpBatchStreamLink, httpLink } from "@trpc/client";

const [url, token] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}` };
const links = { http: httpLink, batch: httpBatchLink, stream: httpBatchStreamLink };
const clients = Object.fromEntries(
  Object.entries(links).map(([name, link]) => [name, createTRPCUntypedClient({ links: [link({ url, headers })] })]),
);

createInterface({ input: process.stdin }).on("line", async (line) => {
  const { id, link, kind, path, input } = JSON.parse(line);
  let answer;
  try {
    answer = { data: await clients[link][kind](path, input) };
  } catch (error) {
    answer = { error: { message: error.message, shape: error.shape ?? null } };
  }
  process.stdout.write(JSON.stringify({ id, ...answer }) + "\n");
});

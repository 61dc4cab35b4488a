// The official MCP client. Arguments: the folder of its node_modules, then `http URL TOKEN` or `stdio COMMAND ARGS…`.
// Prints the list of tools; then carries out one call, `{name, arguments}`, for each line that it reads.
import { createRequire } from "node:module"
import { createInterface } from "node:readline"

const [folder, kind, first, ...rest] = process.argv.slice(2)
const load = createRequire(`${folder}/package.json`)
const { Client } = load("@modelcontextprotocol/sdk/client/index.js")
const { StreamableHTTPClientTransport } = load("@modelcontextprotocol/sdk/client/streamableHttp.js")
const { StdioClientTransport } = load("@modelcontextprotocol/sdk/client/stdio.js")

const transport =
  kind === "http"
    ? new StreamableHTTPClientTransport(new URL(first), {
        requestInit: { headers: { authorization: `Bearer ${rest[0]}` } },
      })
    : new StdioClientTransport({ command: first, args: rest, env: process.env })
const client = new Client({ name: "test", version: "1" })
const print = (value) => console.log(JSON.stringify(value))
try {
  await client.connect(transport)
  print((await client.listTools()).tools)
  for await (const line of createInterface({ input: process.stdin })) {
    const { content, isError } = await client.callTool(JSON.parse(line), undefined, { timeout: 120_000 })
    print({ text: content.map((part) => part.text).join("\n"), failed: isError ?? false })
  }
  await client.close()
} catch (error) {
  print({ error: String(error) })
}

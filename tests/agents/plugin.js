// An agent-side plugin for Kilo and OpenCode that speaks the town's HTTP API, as a third party would write one: it has
// the model call done by itself, with no MCP.
const { GASTOWN_API_URL, GASTOWN_SESSION_TOKEN, GASTOWN_TOWN_ID, GASTOWN_RIG_ID, GASTOWN_AGENT_ID } = process.env
const base = `${GASTOWN_API_URL}/api/towns/${GASTOWN_TOWN_ID}/rigs/${GASTOWN_RIG_ID}`

async function ask(method, path, body) {
  const answer = await fetch(base + path, {
    method,
    headers: { authorization: `Bearer ${GASTOWN_SESSION_TOKEN}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  })
  const envelope = await answer.json()
  if (!envelope.success) throw new Error(`${envelope.code}: ${envelope.error}`)
  return envelope.data
}

export const Town = async () => ({
  tool: {
    plug_prime: {
      description: "What to do",
      args: {},
      execute: async () => JSON.stringify((await ask("GET", `/agents/${GASTOWN_AGENT_ID}/prime`)).hooked_bead),
    },
    plug_done: {
      description: "Hand the branch on",
      args: {},
      execute: async () => {
        const { agent } = await ask("GET", `/agents/${GASTOWN_AGENT_ID}/prime`)
        await ask("POST", `/agents/${GASTOWN_AGENT_ID}/done`, { branch: agent.branch, summary: "By the plugin" })
        return "handed on"
      },
    },
  },
})

// A plugin for Kilo and OpenCode: they wait in silence, for hours if a provider says so. This tells us.
export const Retries = async ({ directory }) => ({
  event: async ({ event }) => {
    const status = event.type === "session.status" ? event.properties?.status : undefined
    if (status?.type === "retry") {
      const { attempt, message, next } = status
      process.stderr.write(`boomtown-retry: ${JSON.stringify({ attempt, message, next, directory })}\n`)
    }
  },
})

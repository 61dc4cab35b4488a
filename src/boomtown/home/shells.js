// A plugin for Kilo and OpenCode where one process serves many worktrees: a shell gets what is its polecat's own.
import { readFileSync } from "node:fs"
import { basename, join } from "node:path"

export const Shells = async ({ directory }) => ({
  "shell.env": async (_, output) => {
    const places = process.env.BOOMTOWN_SHELLS
    if (places === undefined) return
    // without that file no tool may run: it would have nobody's name and be nobody's process
    Object.assign(output.env, JSON.parse(readFileSync(join(places, basename(directory)), "utf-8")))
  },
})

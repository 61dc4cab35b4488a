import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import type { Plugin } from "vite";

const LEAST_BYTES = 1024;

/** Puts a gzipped twin beside each text of the build; the server gives it to whoever takes it. */
const gzipped: Plugin = {
  name: "gzipped",
  apply: "build",
  async writeBundle({ dir }, bundle) {
    for (const [name, made] of Object.entries(bundle)) {
      const text = made.type === "chunk" ? made.code : made.source;
      if (!dir || !/\.(js|css|html|svg)$/.test(name) || text.length < LEAST_BYTES) continue;
      await writeFile(join(dir, `${name}.gz`), gzipSync(text, { level: 9 }));
    }
  },
};

const server = process.env["BOOMTOWN_URL"] ?? "http://127.0.0.1:8030";

export default defineConfig({
  plugins: [react(), gzipped],
  build: {
    outDir: "../src/boomtown/api/static",
    emptyOutDir: true,
    target: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/trpc": server, "/session": server, "/health": server },
  },
});

import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const server = process.env["BOOMTOWN_URL"] ?? "http://127.0.0.1:8030";

export default defineConfig({
  plugins: [react()],
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

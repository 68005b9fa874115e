// Two pages from one project: `studio` is served by the Python server, `browser` needs no server at all.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { resolve } from "node:path";
import { defineConfig } from "vite";

const BUILT = resolve(import.meta.dirname, "../src/aufait/studio/pages");

export default defineConfig(({ mode }) => {
  const page = mode === "browser" ? "browser" : "studio";
  return {
    root: resolve(import.meta.dirname, page),
    base: "./",
    plugins: [svelte({ configFile: resolve(import.meta.dirname, "svelte.config.js") })],
    build: {
      outDir: resolve(BUILT, page),
      emptyOutDir: true,
      target: "es2022",
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
    },
    test: { root: import.meta.dirname, include: ["tests/**/*.test.ts"], testTimeout: 60_000 },
  };
});

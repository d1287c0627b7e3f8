import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const COMPRESSIBLE = /^assets\/.*\.(js|css|svg|ttf)$/;

/** Emits a gzip twin beside every asset, so that the gateway compresses nothing while it serves. */
function gzipTwins(): Plugin {
  return {
    name: "gzip-twins",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        for (const file of Object.values(bundle).filter(({ fileName }) => COMPRESSIBLE.test(fileName))) {
          const content = file.type === "chunk" ? file.code : file.source;
          this.emitFile({ type: "asset", fileName: `${file.fileName}.gz`, source: gzipSync(content, { level: 9 }) });
        }
      },
    },
  };
}

export default defineConfig({
  // Where gateway/http/graphiql.py serves the assets.
  base: "/graphql/static/",
  plugins: [gzipTwins()],
  build: {
    outDir: "../gateway/static/graphiql",
    emptyOutDir: true,
    // The page's Content-Security-Policy allows files of its own origin, no data: fonts.
    assetsInlineLimit: 0,
    license: { fileName: "licenses.md" },
    reportCompressedSize: false,
    // Monaco's editor is one chunk, loaded after the page shows.
    chunkSizeWarningLimit: 4000,
    rolldownOptions: {
      // "use client" in libraries speaks to server components, which this page has none of.
      onLog: (level, log, handle) => log.code === "MODULE_LEVEL_DIRECTIVE" || handle(level, log),
    },
  },
  worker: { format: "es" },
});

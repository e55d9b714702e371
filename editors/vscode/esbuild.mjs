// Bundles the extension: node esbuild.mjs [--production] [--watch]
//     dist/extension.js   what activation needs
//     dist/client.js      the language client, ten times as large: read when a server starts
import { context } from "esbuild";

const production = process.argv.includes("--production");

const bundle = await context({
  entryPoints: ["src/extension.ts", "src/client.ts"],
  outdir: "dist",
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  external: ["vscode", "./client"],
  supported: { "dynamic-import": false }, // import() becomes require(), which finds ./client.js
  mainFields: ["module", "main"],
  minify: production,
  sourcemap: production ? false : "linked",
  logLevel: "warning",
});
if (process.argv.includes("--watch")) {
  await bundle.watch();
} else {
  await bundle.rebuild();
  await bundle.dispose();
}

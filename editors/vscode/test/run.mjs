// Bundles each test/*.test.ts with the fake `vscode` beside it and runs Node's own test runner.
//     node test/run.mjs [NAME…]      only the tests of these files
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ACTIVATION = "activation.test.ts"; // makes everything, so its `vscode` is another one
const here = fileURLToPath(new URL(".", import.meta.url));
const wanted = process.argv.slice(2);
const files = readdirSync(here).filter(
  (file) =>
    file.endsWith(".test.ts") &&
    (wanted.length === 0 || wanted.some((name) => file === `${name}.test.ts`)),
);
const outdir = mkdtempSync(join(here, "..", "dist-test-"));
try {
  for (const [fake, its] of [
    ["vscode.ts", files.filter((file) => file !== ACTIVATION)],
    ["anything.cjs", files.filter((file) => file === ACTIVATION)],
  ]) {
    await build({
      entryPoints: its.map((file) => join(here, file)),
      outdir,
      bundle: true,
      platform: "node",
      format: "cjs",
      target: "node20",
      alias: { vscode: join(here, fake) },
      outExtension: { ".js": ".cjs" },
      sourcemap: "inline",
      logLevel: "warning",
    });
  }
  const tests = readdirSync(outdir).map((file) => join(outdir, file));
  const { status } = spawnSync(
    process.execPath,
    ["--enable-source-maps", "--test", "--test-reporter=spec", ...tests],
    { stdio: "inherit" },
  );
  process.exitCode = status ?? 1;
} finally {
  rmSync(outdir, { recursive: true, force: true });
}

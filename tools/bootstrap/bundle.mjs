// `npm run build`: sources -> dist/kernelwright.mjs, one file that needs no node_modules, with its data beside it.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

/**
 * Bundles `entry` into `folder`/kernelwright.mjs and copies the package data there.
 * The folder is swapped in whole: a failed or interrupted build leaves the old one.
 */
export async function bundle({ entry = "server/main.ts", folder = path.join(root, "dist") } = {}) {
  const { build } = await import("esbuild");
  const fresh = `${folder}.${process.pid}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  try {
    const result = await build({
      entryPoints: [path.join(root, entry)],
      outfile: path.join(fresh, "kernelwright.mjs"),
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node20.19",
      // Names stay: a stack in a bug report must be readable.
      minifyWhitespace: true,
      minifySyntax: true,
      legalComments: "none",
      metafile: true,
      logLevel: "silent",
      plugins: [withoutElicitation],
      define: { KERNELWRIGHT_VERSION: JSON.stringify(packageVersion()) },
      // Dependencies in CommonJS ask for Node's own modules with require.
      banner: {
        js: 'import{createRequire as nodeRequire}from"node:module";const require=nodeRequire(import.meta.url);',
      },
    });
    writeFileSync(path.join(fresh, "THIRD-PARTY-LICENSES.txt"), licenses(result.metafile));
    copyData(fresh);
    swapIn(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return path.join(folder, "kernelwright.mjs");
}

/** server/mcp.ts gives the SDK its own validator: ajv is never used, and would be a fifth of the file. */
const withoutElicitation = {
  name: "without-elicitation",
  setup(build) {
    build.onLoad({ filter: /ajv-provider\.js$/ }, () => ({
      contents: "export class AjvJsonSchemaValidator {}",
    }));
  },
};

/** True when a source or data file is newer than the bundle. */
export function bundleIsStale() {
  const file = path.join(root, "dist", "kernelwright.mjs");
  if (!existsSync(file)) return true;
  const built = statSync(file).mtimeMs;
  const sources = ["server", "tools", "cuda-templates", "skills"].flatMap((name) =>
    filesBelow(path.join(root, name)),
  );
  const files = [...sources, path.join(root, "package.json"), path.join(root, "package-lock.json")];
  return files.some((source) => statSync(source).mtimeMs > built);
}

/** Templates, skill, and whatever under tools/ is no TypeScript: C sources, Python, tables. */
function copyData(folder) {
  for (const name of ["cuda-templates", "skills"]) {
    mkdirSync(path.join(folder, name), { recursive: true });
    for (const file of filesBelow(path.join(root, name))) copyFile(file, folder);
  }
  const bootstrap = path.join(root, "tools", "bootstrap") + path.sep;
  for (const file of filesBelow(path.join(root, "tools"))) {
    if (!file.endsWith(".ts") && !file.startsWith(bootstrap)) copyFile(file, folder);
  }
}

function copyFile(file, folder) {
  const target = path.join(folder, path.relative(root, file));
  mkdirSync(path.dirname(target), { recursive: true });
  cpSync(file, target);
}

const notData = new Set([".kernelwright", "__pycache__", ".pytest_cache", "node_modules"]);

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (notData.has(entry.name)) return [];
    return entry.isDirectory() ? filesBelow(file) : [file];
  });
}

function swapIn(fresh, folder) {
  const old = `${folder}.${process.pid}.old`;
  if (existsSync(folder)) renameSync(folder, old);
  renameSync(fresh, folder);
  rmSync(old, { recursive: true, force: true });
}

/** The licences of every package that went into the bundle. */
function licenses(metafile) {
  const inputs = Object.keys(metafile.inputs).join("\n");
  const names = [
    ...new Set(
      [...inputs.matchAll(/node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\//gu)].map((match) => match[1]),
    ),
  ];
  return names
    .sort()
    .map((name) => {
      const folder = path.join(root, "node_modules", name);
      const { version, license } = JSON.parse(
        readFileSync(path.join(folder, "package.json"), "utf8"),
      );
      const file = readdirSync(folder).find((entry) => /^licen[cs]e/iu.test(entry));
      const text = file ? readFileSync(path.join(folder, file), "utf8").trim() : "";
      return `${name} ${version} (${license})\n\n${text}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}

function packageVersion() {
  return JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")).version;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    const file = await bundle();
    console.log(
      `${path.relative(process.cwd(), file)}  ${Math.round(statSync(file).size / 1024)} kB`,
    );
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}

// The steps that `npm start` and `npm test` share. Plain JavaScript: it runs before anything is installed.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const program = path.join(root, "dist", "kernelwright.mjs");

/** A step that failed: what happened, and the command that helps. */
export class SetupError extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

/** Runs `main`; a SetupError is told in two lines and ends with exit code 2. */
export async function runSteps(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`\n${error.message}\nNext: ${error.hint}`);
    process.exitCode = 2;
  }
}

export function requireNode() {
  const wanted = readJson("package.json").engines.node.replace(/^>=/u, "");
  const [major, minor] = wanted.split(".").map(Number);
  const [haveMajor, haveMinor] = process.versions.node.split(".").map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  throw new SetupError(
    `Node ${process.versions.node} is too old: Kernelwright needs ${wanted} or newer.`,
    'Install a current Node, for example with "nvm install --lts", then run the same command again.',
  );
}

/** `npm ci` when node_modules is not what package-lock.json says. */
export async function installDependencies() {
  if (!dependenciesAreStale()) return say("npm dependencies", "up to date");
  const started = Date.now();
  tell("npm dependencies", "installing");
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];
  const { code, output } = await runQuietly([
    ...npm,
    "ci",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ]);
  if (code !== 0) {
    throw new SetupError(
      `"npm ci" ended with ${code}:\n${output.trim().split("\n").slice(0, 15).join("\n")}`,
      'Run "npm ci" by hand; without network, install once where there is one.',
    );
  }
  say("npm dependencies", `installed in ${seconds(started)}`);
}

/** Holds npm's own record of what it installed against package-lock.json. */
export function dependenciesAreStale(folder = root) {
  const record = path.join(folder, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return true;
  const installed = JSON.parse(readFileSync(record, "utf8")).packages;
  const wanted = JSON.parse(readFileSync(path.join(folder, "package-lock.json"), "utf8")).packages;
  return Object.entries(wanted).some(([name, entry]) => {
    if (name === "" || entry.link) return false;
    const found = installed[name];
    if (!found) return !entry.optional; // Built for another platform.
    return found.version !== entry.version || found.integrity !== entry.integrity;
  });
}

/** dist/kernelwright.mjs and its data, made again when a source is newer. */
export async function buildProgram() {
  const { bundle, bundleIsStale } = await import("./bundle.mjs");
  if (!bundleIsStale()) return say("dist/kernelwright.mjs", "up to date");
  const started = Date.now();
  try {
    await bundle();
  } catch (error) {
    throw new SetupError(
      `dist/kernelwright.mjs cannot be built: ${error.message}`,
      "Correct the source named above.",
    );
  }
  say("dist/kernelwright.mjs", `built in ${seconds(started)}`);
}

/** ruff, pytest and clang-format in .venv, for whoever works on Kernelwright itself. */
export async function installPythonTools() {
  const list = path.join(root, "tools", "bootstrap", "python-tools.txt");
  const python = path.join(
    root,
    ".venv",
    process.platform === "win32" ? "Scripts/python.exe" : "bin/python",
  );
  const wanted = readFileSync(list, "utf8")
    .split("\n")
    .filter((line) => /^\w/u.test(line));
  if (existsSync(python)) {
    const { code, output } = await runQuietly([python, "-m", "pip", "freeze"]);
    const installed = new Set(output.split(/\r?\n/u));
    if (code === 0 && wanted.every((line) => installed.has(line)))
      return say("Python tools in .venv", "up to date");
  }
  const started = Date.now();
  tell("Python tools in .venv", "installing");
  await requireSuccess(
    [process.platform === "win32" ? "py" : "python3", "-m", "venv", path.join(root, ".venv")],
    'Install Python 3 with venv, for example with "apt-get install -y python3 python3-venv".',
  );
  await requireSuccess(
    [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", list],
    `See that PyPI can be reached, then run ".venv/bin/pip install -r ${path.relative(root, list)}".`,
  );
  say("Python tools in .venv", `installed in ${seconds(started)}`);
}

/** Runs kernelwright with our own terminal; returns its exit code. */
export function kernelwright(args, options = {}) {
  return run([process.execPath, program, ...args], { stdio: "inherit", ...options });
}

export function run(argv, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(argv[0], argv.slice(1), { cwd: root, ...options });
    child.on("error", () => resolve(127));
    child.on("close", (code) => resolve(code ?? 130));
  });
}

export function runQuietly(argv, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(argv[0], argv.slice(1), {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      ...options,
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ code: 127, output: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 130, output }));
  });
}

export function say(what, state) {
  console.log(`  ${what.padEnd(width)}  ${state}`);
}

export function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`;
}

const width = 26;

/** Only a terminal is told what is under way; the line is written over by `say`. */
function tell(what, state) {
  if (process.stdout.isTTY) process.stdout.write(`  ${what.padEnd(width)}  ${state} …\r`);
}

async function requireSuccess(argv, hint) {
  const { code, output } = await runQuietly(argv);
  if (code === 0) return;
  throw new SetupError(`"${argv.join(" ")}" ended with ${code}:\n${lastLines(output, 10)}`, hint);
}

function lastLines(text, count) {
  return text.trim().split("\n").slice(-count).join("\n");
}

function readJson(name) {
  return JSON.parse(readFileSync(path.join(root, name), "utf8"));
}

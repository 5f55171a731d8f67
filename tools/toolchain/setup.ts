import path from "node:path";
import { ToolError } from "../errors.ts";
import { listed, renderDuration } from "../text.ts";
import type { ToolContext } from "../tool.ts";
import { findCompiler, type RefusedCompiler, renderRefusal, searchCompiler } from "./compiler.ts";
import { findDriver } from "./driver.ts";
import type { CudaCompiler } from "./examine.ts";
import { findHostCompiler } from "./host-compiler.ts";
import { installCompiler } from "./install.ts";
import { installCommand } from "./prerequisites.ts";
import { findProgram } from "./programs.ts";
import { findPython } from "./python.ts";

export interface SetupOptions {
  /** Only look: install nothing. */
  check?: boolean | undefined;
  cuda_home?: string | undefined;
}

export type SetupResult = {
  /** True where build_kernel can compile now. */
  ready: boolean;
  installed: boolean;
  took_ms: number;
  compiler?: { version: string; root: string; found_by: string };
  refused_compilers: RefusedCompiler[];
  host_compiler?: { cxx: string; kind: string; version: string };
  python?: { python: string; version: string };
  driver_version?: string;
  missing: { what: string; command: string }[];
};

/**
 * Makes this machine able to compile: says what is there, installs the CUDA compiler where there is
 * none, and names what else is missing with the command that installs it. Doing it again changes
 * nothing. Throws the ToolErrors of findCompiler and installCompiler.
 */
export async function setup(
  context: Pick<ToolContext, "workspace" | "signal" | "progress">,
  options: SetupOptions = {},
): Promise<SetupResult> {
  const start = Date.now();
  const { signal, workspace } = context;
  const cuda_home = options.cuda_home && path.resolve(workspace, options.cuda_home);
  const found = await findCompiler({ cuda_home, signal });
  const [{ refused }, host, python, driver] = await Promise.all([
    searchCompiler({ cuda_home, signal }),
    findHostCompiler(found?.version),
    findPython(workspace),
    findDriver(),
  ]);
  const missing = missingOf(
    host !== undefined,
    found !== undefined || python !== undefined || hasUv(),
  );
  const installed = !found && !options.check && missing.length === 0;
  const compiler = installed ? await installCompiler(context) : found;
  if (!compiler) missing.push({ what: "NVIDIA's CUDA compiler", command: "kernelwright setup" });
  return {
    ready: missing.length === 0,
    installed,
    took_ms: Date.now() - start,
    ...(compiler && { compiler: shownCompiler(compiler) }),
    refused_compilers: refused,
    ...(host && { host_compiler: { cxx: host.cxx, kind: host.kind, version: host.version } }),
    ...(python && { python: { python: python.python, version: python.version } }),
    ...(driver && { driver_version: driver }),
    missing,
  };
}

/**
 * `kernelwright setup`: what was found as text and data. A machine that cannot compile afterwards is
 * ToolError `prerequisite_missing` (or `compiler_missing`), whose hint is the commands to run.
 */
export async function setUp(
  context: Pick<ToolContext, "workspace" | "signal" | "progress">,
  options: SetupOptions = {},
): Promise<{ text: string; result: SetupResult }> {
  const result = await setup(context, options);
  if (!result.ready) throw notReady(result);
  return { text: renderSetup(result), result };
}

/** What is there, line by line; the last line says whether kernels can be compiled. */
export function renderSetup(result: SetupResult): string {
  const { compiler, host_compiler: host, python } = result;
  const found = (what: string) => (result.installed ? `${what}, installed now` : what);
  const rows = [
    ["CUDA compiler", compiler && found(`${compiler.version} in ${compiler.root}`)],
    ["C++ compiler", host && `${host.kind} ${host.version}, ${host.cxx}`],
    ["Python", python && `${python.version}, ${python.python}`],
    ["NVIDIA driver", result.driver_version ?? "none: kernels are executed without a GPU"],
  ];
  const lines = rows.map(([name = "", value]) => `${name.padEnd(15)}${value ?? "missing"}`);
  const refused = result.refused_compilers.map(renderRefusal);
  return [...lines, ...refused, lastLine(result)].join("\n");
}

function missingOf(hasHost: boolean, canGetCompiler: boolean): SetupResult["missing"] {
  const missing: SetupResult["missing"] = [];
  if (!hasHost) missing.push({ what: "a C++ compiler for nvcc", command: installCommand("cxx") });
  if (!canGetCompiler) missing.push({ what: "Python 3", command: installCommand("python") });
  return missing;
}

function hasUv(): boolean {
  return findProgram("uv") !== undefined;
}

function lastLine(result: SetupResult): string {
  if (result.ready) return `Ready to compile kernels (${renderDuration(result.took_ms)}).`;
  return `Not ready: ${listed(result.missing.map(({ what }) => what))} missing.`;
}

function notReady(result: SetupResult): ToolError {
  const commands = result.missing.map(({ command }) => command);
  const onlyCompiler = result.missing.length === 1 && !result.compiler && result.host_compiler;
  const again = result.compiler ? [] : ["kernelwright setup"];
  return new ToolError(
    onlyCompiler ? "compiler_missing" : "prerequisite_missing",
    `Kernels cannot be compiled on this machine yet.\n${renderSetup(result)}`,
    `Run: ${[...new Set([...commands, ...again])].join(" && ")}`,
  );
}

function shownCompiler(compiler: CudaCompiler) {
  return { version: compiler.version, root: compiler.root, found_by: compiler.found_by };
}

import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll } from "vitest";
import type { ToolContext } from "../../tools/tool.ts";
import { type CudaCompiler, findCompiler } from "../../tools/toolchain/compiler.ts";
import { findHostCompiler } from "../../tools/toolchain/host-compiler.ts";

/** The compiler of this machine; without one the tests that need it are skipped, aloud. */
export async function compilerOrReason(): Promise<CudaCompiler | string> {
  if (!(await findHostCompiler())) return said("no C++ compiler on this machine");
  return (await findCompiler()) ?? said("no CUDA compiler on this machine (kernelwright setup)");
}

function said(reason: string): string {
  console.warn(`SKIPPED: ${reason}`);
  return reason;
}

/** A folder of the test file's own, with the user's cache in it. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "kernelwright-build-")));
  const before = process.env.XDG_CACHE_HOME;
  beforeAll(() => {
    process.env.XDG_CACHE_HOME = path.join(folder, "cache");
  });
  afterAll(() => {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

export function toolContext(workspace: string, signal = new AbortController().signal) {
  const said: string[] = [];
  const context: ToolContext = {
    workspace,
    signal,
    progress: ({ message }) => said.push(message),
    mayInstallCompiler: false,
  };
  return { ...context, said };
}

export const fixtures = path.join(import.meta.dirname, "..", "fixtures", "build");

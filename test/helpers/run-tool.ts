import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type * as z from "zod";
import { createContext } from "../../tools/context.ts";
import type { Tool } from "../../tools/tool.ts";
import { type CudaCompiler, findCompiler } from "../../tools/toolchain/compiler.ts";

/** Calls a tool as every door does: arguments through its schema, result through its schema. */
export async function runTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  tool: Tool<Input, Output>,
  workspace: string,
  args: z.input<Input>,
): Promise<z.output<Output>> {
  const context = createContext({
    sources: { argument: workspace, env: {}, cwd: workspace },
    signal: new AbortController().signal,
  });
  const result = await tool.run(tool.input.parse(args), context);
  return tool.output.parse(result);
}

/** An empty folder to work in, and its removal. */
export function makeWorkspace(name: string): { workspace: string; remove: () => void } {
  const workspace = realpathSync(mkdtempSync(path.join(tmpdir(), `kernelwright-${name}-`)));
  return { workspace, remove: () => rmSync(workspace, { recursive: true, force: true }) };
}

/** The CUDA compiler; without one the reason for skipping, which is said aloud. */
export async function compilerOrSkip(what: string): Promise<CudaCompiler | undefined> {
  const compiler = await findCompiler();
  if (!compiler) {
    console.warn(`SKIPPED ${what}: no CUDA compiler was found; run "kernelwright setup" first`);
  }
  return compiler;
}

import * as z from "zod";
import type { WorkspaceSources } from "../tools/context.ts";
import { plural, renderBytes } from "../tools/text.ts";
import type { Tool, ToolContext } from "../tools/tool.ts";

/** A verb that is no tool: no agent calls it over MCP. */
export interface Command extends Pick<Tool, "verb" | "title" | "description" | "positional"> {
  readonly input: z.ZodObject;
  /** What to print: text for people, `result` for `--json`. */
  run(
    args: Record<string, unknown>,
    context: ToolContext,
    sources: WorkspaceSources,
  ): Promise<{ text: string; result: Record<string, unknown> }>;
}

const setup: Command = {
  verb: "setup",
  title: "Find or install the CUDA compiler",
  description:
    "Looks for a usable CUDA compiler (--cuda-home, config, CUDA_HOME, PATH, /usr/local/cuda, the user's " +
    "cache) and installs NVIDIA's own from PyPI wheels into the user's cache when there is none. No root.",
  positional: [],
  input: z.object({
    check: z.boolean().default(false).describe("Only look: install nothing"),
    cuda_home: z.string().max(4096).optional().describe("Folder of a CUDA toolkit to use"),
    sanitizer: z
      .boolean()
      .default(false)
      .describe("compute-sanitizer too, for validate --effort full on a GPU (18 MB)"),
  }),
  async run(args, context) {
    const { setUp } = await import("../tools/toolchain/setup.ts");
    const done = await setUp(context, args as { check?: boolean; cuda_home?: string });
    if (!args.sanitizer) return done;
    const { requireSanitizer } = await import("../tools/toolchain/sanitizer.ts");
    const { version, program } = await requireSanitizer(context);
    const text = `${done.text}\ncompute-sanitizer ${version} (${program})`;
    return { text, result: { ...done.result, sanitizer: { version, program } } };
  },
};

const clean: Command = {
  verb: "clean",
  title: "Remove cached builds",
  description:
    "Removes builds from the user's cache. They are made again by the next build of the same sources.",
  positional: [],
  input: z.object({}),
  async run() {
    const { cleanBuilds } = await import("../tools/build/cache.ts");
    const result = await cleanBuilds();
    const removed = `${plural(result.removed_builds, "build")} (${renderBytes(result.removed_bytes)})`;
    const kept =
      result.kept_builds > 0 ? `; ${plural(result.kept_builds, "build")} in use kept` : "";
    return { text: `Removed ${removed}${kept}.`, result: { ...result } };
  },
};

const mcp: Command = {
  verb: "mcp",
  title: "Serve the tools to an agent over MCP (stdio)",
  description:
    "Speaks the Model Context Protocol over stdin and stdout until stdin ends. Clients start it; by hand " +
    'it only waits. Add it to Claude Code with "claude mcp add kernelwright -- kernelwright mcp".',
  positional: [],
  input: z.object({}),
  run: () => Promise.reject(new Error("main.ts serves MCP itself")),
};

export const commands: readonly Command[] = [setup, clean, mcp];

import { type ErrorCode, ToolError } from "../tools/errors.ts";
import type { Tool, ToolContext } from "../tools/tool.ts";
import { parseArguments } from "./arguments.ts";
import { reportBug } from "./bugs.ts";

/** What a door shows of a call. `internal_error` is our own bug and no code of any tool. */
export type Outcome =
  | { state: "answered"; result: Record<string, unknown> }
  | { state: "failed"; code: ErrorCode | "internal_error"; message: string; hint: string };

/** The one way in which every door calls a tool: arguments checked, result checked, nothing thrown. */
export async function callTool(tool: Tool, given: unknown, context: ToolContext): Promise<Outcome> {
  try {
    const args = parseArguments(tool, given);
    const result = await tool.run(args, context);
    // Also drops what the schema does not name, so that clients which check it agree.
    return { state: "answered", result: tool.output.parse(result) };
  } catch (error) {
    if (context.signal.aborted && !(error instanceof ToolError)) return cancelled(tool.name);
    return failureOf(error, tool.name);
  }
}

/** A ToolError as it is; anything else as a bug of ours, with its details in a file. */
export async function failureOf(error: unknown, during: string): Promise<Outcome> {
  if (error instanceof ToolError) {
    return { state: "failed", code: error.code, message: error.message, hint: error.hint };
  }
  if (error instanceof Error && error.name === "AbortError") return cancelled(during);
  const refused = refusedBySystem(error);
  if (refused) return { state: "failed", ...refused };
  return { state: "failed", code: "internal_error", ...(await reportBug(error, during)) };
}

/** A full disk or a folder that may not be written is the user's to mend, wherever it was met. */
function refusedBySystem(
  error: unknown,
): { code: ErrorCode; message: string; hint: string } | undefined {
  const { code, syscall, path: at } = error as NodeJS.ErrnoException;
  const place = at ?? "a file";
  if (code === "ENOSPC" || code === "EDQUOT") {
    return {
      code: "disk_full",
      message: `No space is left on the disk of ${at ?? "the workspace, the cache or the temporary folder"}.`,
      hint: "Free disk space, for example with: kernelwright clean. Then make the same call again.",
    };
  }
  // Linux answers ENOENT to Node's recursive mkdir on a file system that is read-only.
  const isMkdir = code === "ENOENT" && syscall === "mkdir";
  if (!isMkdir && !["EROFS", "EACCES", "EPERM"].includes(code ?? "")) return undefined;
  return {
    code: "prerequisite_missing",
    message: `${place} cannot be ${syscall === "scandir" || syscall === "read" ? "read" : "opened or written"} (${code}).`,
    hint: "Let this user read and write there, or work on a copy in a folder that can be written; the cache moves with XDG_CACHE_HOME. Then make the same call again.",
  };
}

/** `<code>: <message>` and the next step on a line of its own. */
export function failureText(failure: { code: string; message: string; hint: string }): string {
  return `${failure.code}: ${failure.message}\nNext: ${failure.hint}`;
}

/** Whatever a tool throws once its signal has fired, the signal's own reason included. */
function cancelled(during: string): Outcome {
  return {
    state: "failed",
    code: "cancelled",
    message: `${during} was cancelled.`,
    hint: "Make the same call again: finished units are kept and are not repeated.",
  };
}

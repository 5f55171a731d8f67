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
  return { state: "failed", code: "internal_error", ...(await reportBug(error, during)) };
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

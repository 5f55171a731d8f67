import { createContext, type WorkspaceSources } from "../tools/context.ts";
import { ToolError } from "../tools/errors.ts";
import type { NextStep, Tool, ToolContext } from "../tools/tool.ts";
import { parseArguments } from "./arguments.ts";
import { onUncaught } from "./bugs.ts";
import { callTool, failureOf, failureText, type Outcome } from "./calls.ts";
import { type Command, commands } from "./commands.ts";
import { renderOverview, renderVerbHelp } from "./help.ts";
import { nearest } from "./nearest.ts";
import { type CommonOptions, optionsOf, parseOptions } from "./options.ts";
import { coloured, progressLine } from "./terminal.ts";
import { version } from "./version.ts";

/** After Ctrl-C whatever is still under way has this long to end in order. */
const patienceMs = 5000;

/** The command line, for `words` after the program's name. Returns the exit code. */
export async function runCommandLine(
  words: readonly string[],
  tools: readonly Tool[],
): Promise<number> {
  // `kernelwright inspect | head -1` closes our stdout: that ends the work, and is no failure.
  process.stdout.on("error", () => process.exit(0));
  onUncaught("the command line", () => process.exit(3));
  const [verb, ...rest] = words;
  if (verb === "--version" || verb === "-v") return print(version());
  if (verb === undefined || ["--help", "-h", "help"].includes(verb)) {
    return print(renderOverview([...tools, ...commands]));
  }
  const tool = tools.find((candidate) => [candidate.verb, candidate.name].includes(verb));
  const command = commands.find((candidate) => candidate.verb === verb);
  if (!tool && !command)
    return fail(await failureOf(unknownVerb(verb, tools), "kernelwright"), false);
  return untilInterrupted((signal) =>
    tool ? runTool(tool, tools, rest, signal) : runCommand(command as Command, rest, signal),
  );
}

async function runTool(
  tool: Tool,
  tools: readonly Tool[],
  words: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  if (words.includes("--help") || words.includes("-h")) return print(renderVerbHelp(tool));
  let parsed: { args: Record<string, unknown>; common: CommonOptions };
  try {
    parsed = parseOptions(tool.verb, words, optionsOf(tool), tool.positional);
  } catch (error) {
    return fail(await failureOf(error, tool.verb), words.includes("--json"));
  }
  const { args, common } = parsed;
  const line = progressLine(process.stderr, common.json);
  const context = createContext({
    sources: sourcesOf(common),
    signal,
    progress: line.show,
    mayInstallCompiler: true,
  });
  const outcome = await callTool(tool, args, context);
  line.clear();
  if (outcome.state === "failed") return fail(outcome, common.json);
  print(common.json ? JSON.stringify(outcome.result) : renderAnswer(tool, outcome.result, tools));
  return exitCodeOf(outcome.result);
}

async function runCommand(
  command: Command,
  words: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  if (words.includes("--help") || words.includes("-h")) return print(renderVerbHelp(command));
  let line = progressLine(process.stderr, true);
  try {
    const { verb, input, positional } = command;
    const { args, common } = parseOptions(verb, words, optionsOf(command), positional);
    const checked = parseArguments({ name: verb, input }, args);
    line = progressLine(process.stderr, common.json);
    const context: ToolContext = createContext({
      sources: sourcesOf(common),
      signal,
      progress: line.show,
      mayInstallCompiler: true,
    });
    const answer = await command.run(checked, context, sourcesOf(common));
    line.clear();
    print(common.json ? JSON.stringify(answer.result) : answer.text);
    return 0;
  } catch (error) {
    line.clear();
    return fail(await failureOf(error, command.verb), words.includes("--json"));
  }
}

/** A person at a terminal stands where they want to work, whatever folder it is. */
function sourcesOf(common: CommonOptions): WorkspaceSources {
  const cwd = process.cwd();
  const argument = common.workspace ?? (process.env.KERNELWRIGHT_WORKSPACE || cwd);
  return { env: process.env, cwd, argument };
}

function renderAnswer(tool: Tool, result: Record<string, unknown>, tools: readonly Tool[]): string {
  const next = (result.next ?? []) as NextStep[];
  const steps = next.flatMap((step) => renderNext(step, tools) ?? []);
  const text = coloured(tool.render(result).trimEnd(), process.stdout);
  return steps.length > 0 ? `${text}\n\nNext:\n${steps.join("\n")}` : text;
}

/** A next step as the command that does it; undefined when it needs what no option can say. */
function renderNext(step: NextStep, tools: readonly Tool[]): string | undefined {
  const tool = tools.find((candidate) => candidate.name === step.tool);
  if (!tool) return undefined;
  const args = JSON.parse(step.arguments) as Record<string, unknown>;
  const options = new Map(optionsOf(tool).map((option) => [option.name, option]));
  const words = ["kernelwright", tool.verb];
  for (const [name, value] of Object.entries(args)) {
    const option = options.get(name);
    if (!option) return undefined;
    const text = Array.isArray(value) ? value.join(",") : String(value);
    if (tool.positional.includes(name)) words.push(quoted(text));
    else if (option.type !== "boolean") words.push(option.flag, quoted(text));
    else words.push(value ? option.flag : option.flag.replace(/^--/u, "--no-"));
  }
  return `  ${words.join(" ")}   ${step.why}`;
}

function quoted(text: string): string {
  return /^[\w./:,=+-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function exitCodeOf(result: Record<string, unknown>): number {
  if (result.status === "cancelled") return 130;
  return result.verdict === undefined || result.verdict === "passed" ? 0 : 1;
}

function fail(outcome: Outcome, isJson: boolean): number {
  if (outcome.state !== "failed") return 0;
  const { code, message, hint } = outcome;
  if (isJson) print(JSON.stringify({ error: { code, message, hint } }));
  else console.error(failureText(outcome));
  if (code === "cancelled") return 130;
  return code === "internal_error" ? 3 : 2;
}

function unknownVerb(verb: string, tools: readonly Tool[]): ToolError {
  const verbs = [...tools.map((tool) => tool.verb), ...commands.map((command) => command.verb)];
  const guess = nearest(verb, verbs);
  return new ToolError(
    "invalid_argument",
    `kernelwright has no verb "${verb}". Verbs: ${verbs.join(", ")}.`,
    guess ? `Run "kernelwright ${guess}".` : 'Run "kernelwright --help".',
  );
}

/** Ctrl-C ends children and leaves what was there before intact; a second one ends at once. */
async function untilInterrupted(run: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const interrupted = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (interrupted.signal.aborted) process.exit(130);
      interrupted.abort(new DOMException("interrupted", "AbortError"));
      setTimeout(() => process.exit(130), patienceMs).unref();
    });
  }
  return run(interrupted.signal);
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

import type { Writable } from "node:stream";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol.js";
import {
  type CallToolRequest,
  CallToolRequestSchema,
  type CallToolResult,
  type Tool as ListedTool,
  ListToolsRequestSchema,
  type ServerNotification,
  type ServerRequest,
} from "@modelcontextprotocol/sdk/types.js";
import * as z from "zod";
import { createContext, type WorkspaceSources } from "../tools/context.ts";
import type { JobRegistry } from "../tools/jobs/registry.ts";
import type { Tool } from "../tools/tool.ts";
import { callTool, failureText, type Outcome } from "./calls.ts";
import { instructions } from "./instructions.ts";
import { nearest } from "./nearest.ts";
import { stepSender } from "./steps.ts";
import { version } from "./version.ts";

export interface McpOptions {
  /** Called after the handshake: loading the tools must not delay the first answer. */
  loadTools(): Promise<readonly Tool[]>;
  jobs: JobRegistry;
  sources: WorkspaceSources;
  /** Fires when the server ends: calls still running are given up. */
  ending: AbortSignal;
  output: Writable;
}

/** A connected server. */
export interface McpServer {
  /** Resolves when every call that was read has been answered. */
  settled(): Promise<void>;
}

/** Speaks MCP over stdin and `output`. All that we use of the SDK is in this file. */
export async function startMcp(options: McpOptions): Promise<McpServer> {
  const server = new Server(
    { name: "kernelwright", title: "Kernelwright", version: version() },
    { capabilities: { tools: {} }, instructions, jsonSchemaValidator: noElicitation },
  );
  const running = new Set<Promise<unknown>>();
  let loading: Promise<readonly Tool[]> | undefined;
  const loaded = () => {
    loading ??= options.loadTools();
    return loading;
  };
  const tracked = async <T>(answering: Promise<T>): Promise<T> => {
    running.add(answering);
    try {
      return await answering;
    } finally {
      running.delete(answering);
    }
  };
  server.oninitialized = () => void loaded();
  server.setRequestHandler(ListToolsRequestSchema, () =>
    tracked(loaded().then((tools) => ({ tools: tools.map(listedTool) }))),
  );
  server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) =>
    tracked(loaded().then((tools) => answer(tools, params, options, extra))),
  );
  server.onerror = (error) => console.error(`kernelwright: ${error.message.split("\n")[0]}`);
  await server.connect(new StdioServerTransport(process.stdin, options.output));
  return { settled: () => settled(running) };
}

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

async function answer(
  tools: readonly Tool[],
  { name, arguments: given }: CallToolRequest["params"],
  options: McpOptions,
  extra: Extra,
): Promise<CallToolResult> {
  const tool = tools.find((candidate) => candidate.name === name);
  if (!tool) return errorResult(unknownTool(name, tools));
  const steps = stepsOf(tool.name, extra);
  const context = createContext({
    sources: options.sources,
    signal: AbortSignal.any([extra.signal, options.ending]),
    jobs: options.jobs,
    ...(steps ? { progress: steps.progress } : {}),
  });
  try {
    const outcome = await callTool(tool, given, context);
    return outcome.state === "failed" ? errorResult(outcome) : structuredResult(outcome.result);
  } finally {
    steps?.stop();
  }
}

/** Progress is told to a client that gave a token for it, and to no other. */
function stepsOf(name: string, extra: Extra): ReturnType<typeof stepSender> | undefined {
  const progressToken = extra._meta?.progressToken;
  if (progressToken === undefined) return undefined;
  return stepSender(name, (step) => {
    const params = { progressToken, ...step };
    extra.sendNotification({ method: "notifications/progress", params }).catch(() => {});
  });
}

function structuredResult(result: Record<string, unknown>): CallToolResult {
  return {
    structuredContent: result,
    content: [{ type: "text", text: JSON.stringify(result) }],
  };
}

/** Clients hold structured content against the output schema even in an error, so the parts travel in `_meta`. */
function errorResult(failure: Outcome & { state: "failed" }): CallToolResult {
  const { code, message, hint } = failure;
  return {
    isError: true,
    content: [{ type: "text", text: failureText(failure) }],
    _meta: { "kernelwright/error": { code, message, hint } },
  };
}

function unknownTool(name: string, tools: readonly Tool[]): Outcome & { state: "failed" } {
  const names = tools.map((tool) => tool.name);
  const guess = nearest(name, names);
  return {
    state: "failed",
    code: "not_found",
    message: `There is no tool "${name}". Tools: ${names.join(", ")}.`,
    hint: guess ? `Call ${guess}.` : "Call one of these tools.",
  };
}

/** A tool as tools/list shows it: deterministic, and free of what only zod needs. */
export function listedTool(tool: Tool): ListedTool {
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: jsonSchema(z.strictObject(tool.input.shape), "input"),
    outputSchema: jsonSchema(tool.output, "output"),
    annotations: {
      title: tool.title,
      readOnlyHint: tool.readOnly,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: false,
    },
  };
}

type ObjectSchema = ListedTool["inputSchema"];

function jsonSchema(schema: z.ZodType, io: "input" | "output"): ObjectSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io,
    // What we answer may gain fields: clients shall not refuse them. It also saves a tenth of the size.
    override: ({ jsonSchema: part }) => {
      if (io === "output") delete part.additionalProperties;
    },
  });
  return json as ObjectSchema;
}

/** The SDK validates answers to elicitations with it; we make none, and its default costs start-up time. */
const noElicitation = {
  getValidator: () => {
    throw new Error("no elicitation is used");
  },
};

async function settled(running: ReadonlySet<Promise<unknown>>): Promise<void> {
  // Requests of the last chunk start their handlers within a few turns of the event loop.
  await new Promise((resolve) => setTimeout(resolve, 20));
  while (running.size > 0) await Promise.allSettled([...running]);
  await new Promise((resolve) => setTimeout(resolve, 5));
}

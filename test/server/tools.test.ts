// What every tool of the list owes an agent, held against the list as the server sends it.
import { expect, test } from "vitest";
import { instructions } from "../../server/instructions.ts";
import { listedTool } from "../../server/mcp.ts";
import { tools, toolsWithJobs } from "../../tools/index.ts";

interface Schema {
  type?: string;
  description?: string;
  enum?: unknown[];
  pattern?: string;
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
  [key: string]: unknown;
}

const listed = toolsWithJobs.map(listedTool);

test("the tools are these, in the order of the chain", () => {
  expect(listed.map((tool) => tool.name)).toEqual([
    "inspect_gpu",
    "create_kernel",
    "build_kernel",
    "validate_kernel",
    "check_job",
  ]);
});

test("names, descriptions and input schemas are at most 16 kB, with output schemas 32 kB", () => {
  const inputs = listed.map(({ name, description, inputSchema }) => ({
    name,
    description,
    inputSchema,
  }));
  expect(JSON.stringify(inputs).length).toBeLessThanOrEqual(16_000);
  expect(JSON.stringify(listed).length).toBeLessThanOrEqual(32_000);
});

test("the list is the same at every start", () => {
  expect(JSON.stringify(toolsWithJobs.map(listedTool))).toBe(JSON.stringify(listed));
});

test.each(listed)(
  "$name has a title, a description of at most 600 characters and all annotations",
  (tool) => {
    expect(tool.title).toBeTruthy();
    expect(tool.description?.length).toBeLessThanOrEqual(600);
    expect(tool.annotations).toEqual({
      title: tool.title,
      readOnlyHint: tool.name === "inspect_gpu",
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: false,
    });
  },
);

test.each(listed)("$name describes and bounds every argument and refuses others", (tool) => {
  const schema = tool.inputSchema as Schema;
  expect(schema.additionalProperties).toBe(false);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    expect(property.description, name).toBeTruthy();
    expectBounds(property, name);
  }
});

test.each(listed)("$name has neither unions nor free records", (tool) => {
  for (const schema of [tool.inputSchema, tool.outputSchema] as Schema[]) {
    expect(schema.type).toBe("object");
    expect(JSON.stringify(schema)).not.toMatch(
      /"(anyOf|oneOf|allOf|propertyNames|patternProperties)"/u,
    );
  }
});

test.each(toolsWithJobs)("$name accepts what it answers while it runs as a job", (tool) => {
  if (!("wait_s" in tool.input.shape)) return;
  const running = {
    summary: "",
    status: "running",
    job_id: "x",
    warnings: [],
    artifacts: [],
    next: [],
  };
  expect(() => tool.output.parse(running)).not.toThrow();
});

test("the long tools take wait_s over MCP and not on the command line", () => {
  const withWait = toolsWithJobs.filter((tool) => "wait_s" in tool.input.shape);
  expect(withWait.map((tool) => tool.name)).toEqual([
    "build_kernel",
    "validate_kernel",
    "check_job",
  ]);
  expect(tools.filter((tool) => "wait_s" in tool.input.shape).map((tool) => tool.name)).toEqual([
    "check_job",
  ]);
});

test("the first 240 characters of the instructions name the tools in their order; all are at most 2,000", () => {
  expect(instructions.slice(0, 240)).toMatch(
    /inspect_gpu.+create_kernel.+build_kernel.+validate_kernel.+check_job/su,
  );
  expect(instructions.length).toBeLessThanOrEqual(2000);
});

test("the list of tools changes only on purpose", async () => {
  await expect(`${JSON.stringify(listed, undefined, 2)}\n`).toMatchFileSnapshot(
    "../fixtures/server/tools-list.json",
  );
});

function expectBounds(schema: Schema, place: string): void {
  if (schema.enum) return;
  if (schema.type === "integer" || schema.type === "number") {
    expect(Math.abs(schema.minimum ?? Infinity), place).toBeLessThan(Number.MAX_SAFE_INTEGER);
    expect(Math.abs(schema.maximum ?? Infinity), place).toBeLessThan(Number.MAX_SAFE_INTEGER);
  }
  // A pattern without + or * bounds the length itself.
  const isBounded = schema.maxLength !== undefined || /^\^[^+*]+\$$/u.test(schema.pattern ?? "");
  if (schema.type === "string") expect(isBounded, `${place} has a longest length`).toBe(true);
  if (schema.type === "array") {
    expect(schema.maxItems, place).toBeDefined();
    expectBounds(schema.items ?? {}, `${place}[]`);
  }
}

// The main job as an agent does it: over MCP, from the bundle, in an empty workspace.
import path from "node:path";
import { beforeAll, expect } from "vitest";
import { bundle } from "../../tools/bootstrap/bundle.mjs";
import { testWithNvcc } from "../kernels/nvcc.ts";
import { type Connection, connect, scratchFolder } from "./fixtures/connect.ts";

let program: string;

beforeAll(async () => {
  program = await bundle({ folder: path.join(scratchFolder(), "dist") });
});

type Answer = Record<string, unknown> & { status: string; job_id?: string; next: NextStep[] };
interface NextStep {
  tool: string;
  arguments: string;
}

testWithNvcc("create, build and validate over MCP, each answer naming the next call", async () => {
  const server = await connect([process.execPath, program, "mcp"], {
    cwd: scratchFolder(),
    env: process.env as Record<string, string>,
  });
  const created = await call(server, "create_kernel", { name: "my-rmsnorm", archs: ["sm_90"] });
  expect(created.status).toBe("done");
  expect(created.next.map((step) => step.tool)).toContain("validate_kernel");

  const built = await call(server, "build_kernel", { kernel: "kernels/my-rmsnorm" });
  expect(built).toMatchObject({ status: "done", verdict: "passed" });

  const next = built.next.find((step) => step.tool === "validate_kernel");
  const validated = await call(server, "validate_kernel", JSON.parse(next?.arguments ?? "{}"));
  expect(validated).toMatchObject({ status: "done", verdict: "passed", cases_failed: 0 });
});

/** To the end, through check_job where it takes long; every answer is at most 8 kB. */
async function call({ client }: Connection, name: string, args: object): Promise<Answer> {
  const result = await client.callTool({ name, arguments: { ...args } });
  const answer = result.structuredContent as Answer;
  expect(result.isError, JSON.stringify(result.content)).toBeFalsy();
  expect(JSON.stringify(answer).length).toBeLessThanOrEqual(8192);
  return answer.status === "running"
    ? call({ client } as Connection, "check_job", { job_id: answer.job_id })
    : answer;
}

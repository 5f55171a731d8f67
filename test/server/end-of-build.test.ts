// A real build over MCP, stopped in the middle. The compiler is a script that never ends and has a child of its own.
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, expect, test } from "vitest";
import { bundle } from "../../tools/bootstrap/bundle.mjs";
import {
  callMessage,
  descendants,
  isAlive,
  type RawServer,
  scratchFolder,
  startRaw,
  until,
} from "./fixtures/connect.ts";

const base = scratchFolder();
const cudaHome = path.join(base, "cuda");
let program: string;

beforeAll(async () => {
  program = await bundle({ folder: path.join(base, "dist") });
  mkdirSync(path.join(cudaHome, "bin"), { recursive: true });
  for (const name of ["nvcc", "ptxas", "cuobjdump", "nvdisasm"]) {
    const file = path.join(cudaHome, "bin", name);
    writeFileSync(file, slowNvcc);
    chmodSync(file, 0o755);
  }
});

/** What nvcc 13.0.88 says of itself, recorded; anything else takes for ever. */
const slowNvcc = `#!/bin/sh
case "$1" in
  --version) echo "Cuda compilation tools, release 13.0, V13.0.88" ;;
  --list-gpu-code) printf 'sm_80\\nsm_90\\n' ;;
  *) sleep 300 & wait ;;
esac
`;

/** A server with a project in its workspace whose build is running now, and the build's processes. */
async function building(): Promise<{ server: RawServer; children: number[]; workspace: string }> {
  const workspace = scratchFolder();
  const env = { CUDA_HOME: cudaHome, XDG_CACHE_HOME: path.join(workspace, "cache") };
  const server = startRaw([process.execPath, program, "mcp"], { cwd: workspace, env });
  server.send(callMessage(1, "create_kernel", { name: "my-rmsnorm", archs: ["sm_90"] }));
  const created = await server.answer(1);
  expect(created.result?.isError).toBeFalsy();
  server.send(callMessage(2, "build_kernel", { kernel: "kernels/my-rmsnorm" }));
  const pid = server.child.pid ?? 0;
  await until(() => commands(descendants(pid)).some((command) => command === "sleep"), 20_000);
  return { server, children: descendants(pid), workspace };
}

function commands(pids: readonly number[]): string[] {
  return pids.flatMap((pid) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
    } catch {
      return [];
    }
  });
}

const onLinux = process.platform === "linux" ? test : test.skip;

onLinux("the end of input during a build leaves no child within two seconds", async () => {
  const { server, children, workspace } = await building();
  server.child.stdin.end();
  const { code, ms } = await server.ended();
  expect(code).toBe(0);
  expect(ms).toBeLessThan(2000);
  await until(() => !children.some(isAlive), 2000 - ms);
  const folder = path.join(workspace, "kernels", "my-rmsnorm", ".kernelwright", "jobs");
  const record = JSON.parse(readFileSync(path.join(folder, readdirSync(folder)[0] ?? ""), "utf8"));
  expect(record).toMatchObject({ tool: "build_kernel", state: "interrupted" });
});

onLinux(
  "a cancelled build is gone within a second, without an answer, and can be asked for again",
  async () => {
    const { server, children } = await building();
    const params = { requestId: 2, reason: "the user" };
    server.send({ jsonrpc: "2.0", method: "notifications/cancelled", params });
    await until(() => !children.some(isAlive), 1000);
    server.send(callMessage(3, "build_kernel", { kernel: "kernels/my-rmsnorm", wait_s: 0 }));
    expect((await server.answer(3)).result).toMatchObject({
      structuredContent: {
        status: "running",
        job_id: expect.stringMatching(/^build-[0-9a-f]{8}$/u),
      },
    });
    expect(server.lines.some((line) => JSON.parse(line).id === 2)).toBe(false);
  },
);

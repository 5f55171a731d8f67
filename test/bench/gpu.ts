// Times of validate_kernel on the GPU of this machine, through a server as an agent has it.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface GpuTimes {
  /** "sm_90 on the NVIDIA H200" */
  device: string;
  rows: { what: string; unit: string; aim: string; samples: number[] }[];
}

interface Validation {
  summary: string;
  verdict: string;
  devices: string[];
  duration_ms: number;
  gpu_ms: number;
  executed_on: string;
}

const runs = 5;

/**
 * Quick validation by a fresh server (the runner starts too) and by a warm one, default and full.
 * `fresh` is called before each call: it sees that the build is there and no outcome is, so
 * that every case is executed. Undefined where there is no GPU.
 */
export async function gpuTimes(
  program: string,
  kernel: string,
  arch: string,
  cwd: string,
  fresh: () => void,
): Promise<GpuTimes | undefined> {
  const rows: GpuTimes["rows"] = [];
  const warm = new Server(program, cwd);
  try {
    const first = await warm.validate(kernel, arch, "quick");
    if (first.result.executed_on === "ptx_interpreter") return undefined;
    const cold = () => {
      const server = new Server(program, cwd);
      return server.validate(kernel, arch, "quick").finally(() => server.end());
    };
    const calls: [string, string, number, () => ReturnType<Server["validate"]>][] = [
      ["quick validation, fresh server and runner", "", runs, cold],
      [
        "quick validation, warm runner",
        "<= 2000",
        runs,
        () => warm.validate(kernel, arch, "quick"),
      ],
      ["default validation, warm runner", "", runs, () => warm.validate(kernel, arch, "default")],
      [
        "full validation, compute-sanitizer included",
        "",
        1,
        () => warm.validate(kernel, arch, "full"),
      ],
    ];
    for (const [what, aim, count, call] of calls) {
      const samples: number[] = [];
      const onGpu: number[] = [];
      for (let run = 0; run < count; run += 1) {
        fresh();
        const { took_ms, result } = await call();
        samples.push(took_ms);
        onGpu.push(result.gpu_ms);
      }
      rows.push({ what, unit: "ms", aim, samples });
      rows.push({ what: `${what}: of it on the GPU`, unit: "ms", aim: "", samples: onGpu });
    }
    return { device: first.result.devices.join(", "), rows };
  } finally {
    warm.end();
  }
}

/** An MCP server that is asked one thing after the other. */
class Server {
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (message: { result: unknown }) => void>();
  readonly #ready: Promise<unknown>;
  #id = 0;

  constructor(program: string, cwd: string) {
    this.#child = spawn(process.execPath, [program, "mcp"], {
      cwd,
      stdio: ["pipe", "pipe", "inherit"],
    });
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      const message = JSON.parse(line);
      this.#answers.get(message.id)?.(message);
    });
    const clientInfo = { name: "bench", version: "1" };
    this.#ready = this.#ask("initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo,
    });
  }

  async validate(kernel: string, arch: string, effort: string) {
    await this.#ready;
    const began = performance.now();
    const args = { kernel, archs: [arch], effort, wait_s: 45 };
    const result = (await this.#call("validate_kernel", args)) as Validation & { job_id?: string };
    let last = result;
    while ((last as { status?: string }).status === "running" && result.job_id) {
      const waited = await this.#call("check_job", { job_id: result.job_id, wait_s: 45 });
      last = waited as typeof last;
    }
    if (last.verdict !== "passed") throw new Error(`${effort}: ${last.verdict}: ${last.summary}`);
    return { took_ms: performance.now() - began, result: last };
  }

  end(): void {
    this.#child.stdin?.end();
  }

  async #call(name: string, args: object): Promise<unknown> {
    const { result } = await this.#ask("tools/call", { name, arguments: args });
    return (result as { structuredContent: unknown }).structuredContent;
  }

  #ask(method: string, params: object): Promise<{ result: unknown }> {
    const id = ++this.#id;
    this.#child.stdin?.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    return new Promise((resolve) => this.#answers.set(id, resolve));
  }
}

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runLocally } from "../../../tools/executors/local.ts";
import {
  type Finding,
  Machine,
  type MachineOptions,
  PtxFault,
  type PtxModule,
  parsePtx,
} from "../../../tools/ptx/index.ts";
import { compilerOrSkip } from "../../helpers/run-tool.ts";
import { bytesOf, pointer } from "../helpers/snippet.ts";

const compiler = await compilerOrSkip("checks of compiled kernels");
const file = fileURLToPath(new URL("kernels.cu", import.meta.url));
const source = readFileSync(file, "utf8");
const folder = mkdtempSync(path.join(tmpdir(), "kernelwright-checks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Each kernel's name with its lines. */
const kernels = new Map<string, { name: string; first: number; lines: string[] }>();
for (const text of source.split(/^(?=extern "C")/mu).slice(1)) {
  const name = /void (\w+)\(/u.exec(text)?.[1] ?? "";
  const first = source.slice(0, source.indexOf(text)).split("\n").length;
  const body = text.split("\n");
  kernels.set(name, { name, first, lines: body.slice(0, body.indexOf("}") + 1) });
}

/** The line with a mark in a kernel, if it has one. */
function marked(name: string, mark: string): number | undefined {
  const kernel = kernels.get(name);
  const at = kernel?.lines.findIndex((line) => line.includes(`<- ${mark}`)) ?? -1;
  return kernel && at >= 0 ? kernel.first + at : undefined;
}

const modules = new Map<string, PtxModule>();

function run(
  arch: string,
  kernel: string,
  options: MachineOptions,
): { finding: Finding | undefined; warnings: readonly Finding[]; out: Float32Array } {
  const machine = new Machine(modules.get(arch) as PtxModule, options);
  const values = Float32Array.from({ length: 4096 }, (_, i) => 0.5 + (i % 16) / 16);
  const input = machine.alloc(values.byteLength, { label: "in", read_only: true });
  machine.write(input, bytesOf(values));
  machine.forget(input + 4096n, 4096 * 3);
  const out = machine.alloc(1024, { label: "out" });
  let finding: Finding | undefined;
  try {
    machine.launch({
      kernel,
      grid: [2, 1, 1],
      block: [128, 1, 1],
      dynamic_shared_bytes: 0,
      params: [pointer(out), pointer(input)],
    });
  } catch (error) {
    if (!(error instanceof PtxFault)) throw error;
    finding = error.finding;
  }
  const { buffer } = machine.read(out, 1024);
  return { finding, warnings: machine.warnings, out: new Float32Array(buffer) };
}

beforeAll(async () => {
  if (!compiler) return;
  for (const arch of ["sm_75", "sm_90"]) {
    const out = path.join(folder, `${arch}.ptx`);
    const flags = ["-ptx", "-lineinfo", "-std=c++17", `-arch=${arch.replace("sm", "compute")}`];
    const result = await runLocally([compiler.nvcc, ...flags, file, "-o", out], {
      timeoutMs: 180_000,
    });
    if (result.exit_code !== 0) throw new Error(result.stderr);
    modules.set(arch, parsePtx(readFileSync(out, "utf8")));
  }
}, 400_000);

const kinds: Readonly<Record<string, string>> = {
  bad_block_sum_without_barrier: "shared_race",
  bad_block_sum_of_32_warps: "uninitialised_shared",
  bad_two_sums: "shared_race",
  bad_broadcast: "shared_race",
  bad_single_buffer: "shared_race",
  bad_producer_consumer: "shared_race",
  bad_atomic_sum: "shared_race",
  bad_async_copy: "shared_race",
  bad_barrier_for_half: "divergent_barrier",
  bad_uninitialised_local: "uninitialised_local",
  bad_reads_output: "uninitialised_global",
  bad_reads_past_the_row: "uninitialised_global",
  bad_shuffle_in_branch: "missing_lanes",
};

const names = [...kernels.keys()];
const orders = ["forward", "reverse", 11] as const;

test("each bad kernel is in the table", () => {
  expect(names.filter((name) => name.startsWith("bad_")).sort()).toEqual(Object.keys(kinds).sort());
});

test.skipIf(!compiler).each(names.filter((name) => name.startsWith("good_")))(
  "%s: no finding, no warning, the same values in every order and without checks",
  (name) => {
    for (const arch of modules.keys()) {
      const { out } = run(arch, name, {});
      for (const warp_order of orders) {
        const found = run(arch, name, { checks: true, warp_order, block_order: warp_order });
        expect(found, `${arch} ${warp_order}`).toMatchObject({ finding: undefined, warnings: [] });
        expect(found.out).toEqual(out);
      }
    }
  },
);

test.skipIf(!compiler).each(names.filter((name) => name.startsWith("bad_")))(
  "%s is found, at its line, in every order",
  (name) => {
    // sm_75 copies with plain stores, which need no wait.
    for (const arch of name.includes("async") ? ["sm_90"] : [...modules.keys()]) {
      for (const warp_order of orders) {
        const ran = run(arch, name, { checks: true, warp_order });
        // Lanes and threads that are not waited for are doubts, which fail nothing by themselves.
        const finding = ran.finding ?? ran.warnings[0];
        expect(finding, `${arch} ${warp_order}`).toMatchObject({ kind: kinds[name] });
        const lines = [finding?.source_line, finding?.other?.source_line];
        const [here, other] = [marked(name, "found"), marked(name, "other")];
        if (here !== undefined) expect(lines, `${arch} ${warp_order}`).toContain(here);
        if (other !== undefined) expect(lines, `${arch} ${warp_order}`).toContain(other);
      }
    }
  },
);

test.skipIf(!compiler)("warned_warp_exchange works and is warned of", () => {
  for (const arch of modules.keys()) {
    const { finding, warnings, out } = run(arch, "warned_warp_exchange", { checks: true });
    expect(finding).toBeUndefined();
    expect(out[0]).toBe(0.5 + 1 / 16);
    expect(warnings).toMatchObject([
      {
        kind: "intra_warp_race",
        source_line: marked("warned_warp_exchange", "found"),
        other: { source_line: marked("warned_warp_exchange", "other") },
      },
    ]);
  }
});

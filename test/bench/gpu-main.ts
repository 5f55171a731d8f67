// The GPU's part of the bench for a machine without node_modules. Bundled with esbuild:
//   XDG_CACHE_HOME=/tmp/cache node gpu-main.mjs PROGRAM KERNEL ARCH RESULT.json
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gpuTimes } from "./gpu.ts";
import { spreadOf } from "./spread.ts";

const [program = "", kernel = "", arch = "", file = "times.json"] = process.argv.slice(2);
const cache = process.env.XDG_CACHE_HOME;
if (!cache) throw new Error("set XDG_CACHE_HOME: outcomes in it are removed");
const outcomes = path.join(cache, "kernelwright", "outcomes");
const times = await gpuTimes(program, kernel, arch, process.cwd(), () =>
  rmSync(outcomes, { recursive: true, force: true }),
);
if (!times) throw new Error("there is no GPU that runs this arch");
const asked = execFileSync(process.execPath, [program, "inspect", "--json"], { encoding: "utf8" });
const { driver_version, compiler } = JSON.parse(asked) as {
  driver_version?: string;
  compiler?: { version?: string };
};
const result = {
  device: times.device,
  versions: {
    node: process.versions.node,
    ...(driver_version ? { driver: driver_version } : {}),
    ...(compiler?.version ? { cuda_compiler: compiler.version } : {}),
  },
  date: new Date().toISOString().slice(0, 10),
  command: "test/bench/gpu-main.ts",
  rows: times.rows.map(({ what, unit, samples }) => ({ name: what, ...spreadOf(samples), unit })),
};
writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);

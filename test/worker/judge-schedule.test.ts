import { expect, test } from "vitest";
import { mix32 } from "../../tools/kernel/inputs.ts";
import type { MachineOptions } from "../../tools/ptx/index.ts";
import {
  drawLaunches,
  measureLaunches,
  measureResultBytes,
} from "../../tools/worker/judge-launches.ts";
import { compilerOrSkip } from "../helpers/run-tool.ts";
import { kernelCase } from "../validate/cases.ts";
import { corrupt } from "./judge-agreement.ts";
import { JudgeDevice, judgeModule } from "./judge-device.ts";
import { inputsOf, writeOutput } from "./judge-output.ts";

const compiler = await compilerOrSkip("the judge's device code");
const module = compiler && (await judgeModule(compiler));

/** Wide rows: the sums of a block go through shared memory. */
const one = kernelCase({
  operator: "layernorm",
  rounding: "single",
  rows: 3,
  hidden_size: 700,
  with_rstd: true,
  with_mean: true,
});

function resultOf(options: MachineOptions): Uint8Array {
  if (!module) throw new Error("runIf skips without a compiler");
  const device = new JudgeDevice(module, one, options);
  device.run(drawLaunches(one, device.places));
  writeOutput(device, one, inputsOf(one));
  const elements = one.rows * one.hidden_size;
  for (let index = 0; index < 40; index += 1) {
    corrupt({ one, device }, mix32(index) % elements, (bits) => bits ^ 0x40);
  }
  device.run(measureLaunches(one, device.places));
  expect(device.machine.warnings).toEqual([]);
  return device.read(device.places.result, measureResultBytes);
}

test.runIf(module)("the same bits come out whatever the order of warps and blocks is", () => {
  const forward = resultOf({});
  for (const order of ["reverse", 1, 2] as const) {
    expect(resultOf({ warp_order: order, block_order: order })).toEqual(forward);
  }
});

test.runIf(module)("the judge's own code has no race and reads nothing unwritten", () => {
  expect(resultOf({ checks: true })).toEqual(resultOf({}));
});

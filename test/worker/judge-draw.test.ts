import { expect, test } from "vitest";
import { caseName } from "../../tools/kernel/cases.ts";
import { rmsnormFields } from "../../tools/kernel/operators.ts";
import { type DeviceMemory, placeCase } from "../../tools/validate/prepare-case.ts";
import { bufferBytes, bufferNames } from "../../tools/worker/judge-case.ts";
import { drawLaunches } from "../../tools/worker/judge-launches.ts";
import { compilerOrSkip } from "../helpers/run-tool.ts";
import { kernelCase } from "../validate/cases.ts";
import { judgeCases } from "./judge-cases.ts";
import { JudgeDevice, judgeModule } from "./judge-device.ts";

const compiler = await compilerOrSkip("the judge's device code");
const module = compiler && (await judgeModule(compiler));

/** Memory that keeps what is written, buffer by buffer, so that its pieces can be looked up. */
class WrittenMemory implements DeviceMemory {
  readonly written = new Map<string, { offset: number; bytes: Uint8Array }[]>();
  readonly #starts: { address: bigint; label: string }[] = [];

  alloc(_bytes: number, { label }: { label: string }): bigint {
    const address = BigInt(this.#starts.length + 1) << 40n;
    this.#starts.push({ address, label });
    this.written.set(label, []);
    return address;
  }

  write(address: bigint, bytes: Uint8Array): void {
    const start = this.#starts.findLast((one) => one.address <= address);
    if (!start) throw new Error(`nothing is at ${address}`);
    const offset = Number(address - start.address);
    this.written.get(start.label)?.push({ offset, bytes });
  }

  read(): Uint8Array {
    throw new Error("nobody reads");
  }
}

test.runIf(module)("the device draws and poisons the very bytes that TypeScript writes", () => {
  if (!module) return;
  for (const one of judgeCases()) {
    const wanted = new WrittenMemory();
    placeCase(one, rmsnormFields, wanted).fill();
    const device = new JudgeDevice(module, one);
    device.run(drawLaunches(one, device.places));
    const labels = bufferNames.filter((name) => bufferBytes(one)[name] > 0);
    expect(labels.toSorted()).toEqual([...wanted.written.keys()].toSorted());
    for (const label of labels) {
      const address = device.places[label]?.address ?? 0n;
      for (const { offset, bytes } of wanted.written.get(label) ?? []) {
        const got = device.read(address + BigInt(offset), bytes.length);
        const same = Buffer.compare(got, bytes) === 0;
        expect(same, `${label} + ${offset} of ${caseName(one)}`).toBe(true);
      }
    }
  }
});

test.runIf(module)("another seed draws other inputs at the same layout", () => {
  if (!module) return;
  const one = kernelCase({ layout: "unaligned", seed: 7 });
  const wanted = new WrittenMemory();
  const placed = placeCase(one, rmsnormFields, wanted);
  placed.redraw(8);
  placed.fill();
  const device = new JudgeDevice(module, one);
  device.run(drawLaunches(one, device.places, { seed: 8 }));
  for (const { offset, bytes } of wanted.written.get("x") ?? []) {
    expect(device.read(device.places.x.address + BigInt(offset), bytes.length)).toEqual(bytes);
  }
});

import type { KernelCase } from "../kernel/cases.ts";
import { encodeStruct, type StructField } from "./device-struct.ts";
import {
  blockThreads,
  bufferBytes,
  bufferNames,
  encodeJudgeCase,
  type JudgeOptions,
  type JudgePlaces,
  of,
  type Question,
  threadsPerRow,
} from "./judge-case.ts";
import { measureResultBytes } from "./judge-result.ts";

export type { JudgeBuffer, JudgeOptions, JudgePlaces } from "./judge-case.ts";
export { type DeviceMeasurement, decodeMeasure, measureResultBytes } from "./judge-result.ts";

/** One launch of a kernel of the judge's module, all in one stream and in order. */
export interface JudgeLaunch {
  kernel: string;
  grid: [number, number, number];
  block: [number, number, number];
  dynamic_shared_bytes: 0;
  params: Uint8Array[];
}

/** Puts the inputs, poison in outputs and between rows, and guards around all buffers. */
export function drawLaunches(
  one: KernelCase,
  places: JudgePlaces,
  options: JudgeOptions = {},
): JudgeLaunch[] {
  const params = [encodeJudgeCase(one, places, options)];
  return [
    ...zoneLaunches(one, places, 0n),
    launch("kw_draw", rowBlocks(one), params),
    launch("kw_poison", rowBlocks(one), params),
  ];
}

/**
 * Compares what the case's launches left behind with float64, inputs with what was drawn, and
 * canaries with poison; then `measureResultBytes` at `places.result` are `decodeMeasure`'s.
 */
export function measureLaunches(
  one: KernelCase,
  places: JudgePlaces,
  options: JudgeOptions = {},
): JudgeLaunch[] {
  const ask = (kernel: string, question: Question) =>
    launch(kernel, rowBlocks(one), [encodeJudgeCase(one, places, { ...options, question })]);
  return [
    zeroLaunch(places.result, measureResultBytes),
    ask("kw_measure", "all"),
    ask("kw_measure", "worst"),
    ask("kw_check", "all"),
    ...zoneLaunches(one, places, places.result),
  ];
}

/** Blocks that walk over the rows, and over the gap behind them: enough to fill any device. */
function rowBlocks(one: KernelCase): number {
  const rowsPerBlock = blockThreads / threadsPerRow(one);
  return Math.min(Math.ceil((one.rows + 1) / rowsPerBlock), mostBlocks);
}

const mostBlocks = 4096;

function launch(kernel: string, blocks: number, params: Uint8Array[]): JudgeLaunch {
  return {
    kernel,
    grid: [blocks, 1, 1],
    block: [blockThreads, 1, 1],
    dynamic_shared_bytes: 0,
    params,
  };
}

function zeroLaunch(address: bigint, bytes: number): JudgeLaunch {
  const words = bytes / 4;
  const blocks = Math.min(Math.ceil(words / blockThreads), mostBlocks);
  return launch("kw_zero", Math.max(blocks, 1), [uint64(address), uint64(BigInt(words))]);
}

/** Of judge/fill.cuh. */
const mostZones = 16;
export const zonesFields: readonly StructField[] = [
  ...of("uint64_t", "result", "count"),
  ...Array.from({ length: mostZones }, (_, index) => of("uint64_t", `address.${index}`)).flat(),
  ...Array.from({ length: mostZones }, (_, index) => of("uint64_t", `bytes.${index}`)).flat(),
];

/** Fills the guards around the buffers, or with a result counts those of their bytes that changed. */
function zoneLaunches(one: KernelCase, places: JudgePlaces, result: bigint): JudgeLaunch[] {
  const zones = guardZones(one, places);
  if (zones.length === 0) return [];
  const values: Record<string, bigint> = { result, count: BigInt(zones.length) };
  for (let index = 0; index < mostZones; index += 1) {
    values[`address.${index}`] = zones[index]?.address ?? 0n;
    values[`bytes.${index}`] = BigInt(zones[index]?.bytes ?? 0);
  }
  const longest = Math.max(...zones.map(({ bytes }) => bytes));
  const blocks = Math.min(Math.ceil(longest / 2 / blockThreads), 64);
  const params = [encodeStruct(zonesFields, values)];
  return [{ ...launch("kw_zones", blocks, params), grid: [blocks, zones.length, 1] }];
}

function guardZones(one: KernelCase, places: JudgePlaces): { address: bigint; bytes: number }[] {
  const sizes = bufferBytes(one);
  return bufferNames.flatMap((name) => {
    const place = places[name];
    if (!place || sizes[name] === 0) return [];
    const { address, before_bytes, after_bytes } = place;
    if (before_bytes % 2 || after_bytes % 2) throw new Error(`guards of ${name} of odd length`);
    return [
      { address: address - BigInt(before_bytes), bytes: before_bytes },
      { address: address + BigInt(sizes[name]), bytes: after_bytes },
    ].filter(({ bytes }) => bytes > 0);
  });
}

function uint64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}

import { ToolError } from "../errors.ts";
import { listed } from "../text.ts";

/** What a kernel's host code may ask a device for, and what bounds its launches. */
export interface DeviceLimits {
  /** Short name, as users write it: "H100". */
  name: string;
  compute_capability: string;
  arch: string;
  sms: number;
  memory_bytes: number;
  l2_bytes: number;
  shared_per_block_bytes: number;
  shared_per_block_optin_bytes: number;
  shared_per_sm_bytes: number;
  reserved_shared_per_block_bytes: number;
  registers_per_sm: number;
  registers_per_block: number;
  max_threads_per_sm: number;
  max_threads_per_block: number;
  max_blocks_per_sm: number;
  warp_size: 32;
  memory_bus_bits: number;
  /** Datasheet memory bandwidth in 1e9 bytes per second; a copy reaches 80 to 92 % of it. */
  peak_gbps: number;
}

type PerChip = Pick<
  DeviceLimits,
  | "name"
  | "compute_capability"
  | "sms"
  | "memory_bytes"
  | "l2_bytes"
  | "memory_bus_bits"
  | "peak_gbps"
>;

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/**
 * Per compute capability, from the CUDA programming guide's table of technical specifications:
 * shared memory per SM and per block with opt-in (KiB), threads per SM, blocks per SM.
 */
const perCapability: Readonly<Record<string, readonly [number, number, number, number]>> = {
  "7.5": [64, 64, 1024, 16],
  "8.0": [164, 163, 2048, 32],
  "8.6": [100, 99, 1536, 16],
  "8.7": [164, 163, 1536, 16],
  "8.9": [100, 99, 1536, 24],
  "9.0": [228, 227, 2048, 32],
  "10.0": [228, 227, 2048, 32],
  "10.3": [228, 227, 2048, 32],
  "11.0": [228, 227, 1536, 24],
  "12.0": [100, 99, 1536, 24],
  "12.1": [100, 99, 1536, 24],
};

/**
 * The devices that can be stood in for without a GPU. SMs and L2 are what device queries print,
 * memory, bus and bandwidth what datasheets say; the L2 of B300 is taken to be that of B200.
 * A GPU that is present is queried instead. Where chips share an arch, the first stands for it.
 */
export const devices: readonly DeviceLimits[] = [
  chip("T4", "7.5", 40, 16, 4, 256, 320),
  chip("A100", "8.0", 108, 80, 40, 5120, 2039),
  chip("A100-40GB", "8.0", 108, 40, 40, 5120, 1555),
  chip("A30", "8.0", 56, 24, 24, 3072, 933),
  chip("A10", "8.6", 72, 24, 6, 384, 600),
  chip("A10G", "8.6", 80, 24, 6, 384, 600),
  chip("A40", "8.6", 84, 48, 6, 384, 696),
  chip("RTX3090", "8.6", 82, 24, 6, 384, 936),
  chip("Orin", "8.7", 16, 64, 4, 256, 204),
  chip("L4", "8.9", 58, 24, 48, 192, 300),
  chip("L40S", "8.9", 142, 48, 96, 384, 864),
  chip("RTX4090", "8.9", 128, 24, 72, 384, 1008),
  chip("H100", "9.0", 132, 80, 50, 5120, 3352),
  chip("H100-PCIe", "9.0", 114, 80, 50, 5120, 2039),
  chip("H200", "9.0", 132, 141, 60, 6144, 4800),
  chip("GH200", "9.0", 132, 96, 60, 6144, 4022),
  chip("B200", "10.0", 148, 180, 126, 8192, 7700),
  chip("B300", "10.3", 148, 270, 126, 8192, 7700),
  chip("Thor", "11.0", 20, 128, 32, 256, 273),
  chip("RTX5090", "12.0", 170, 32, 96, 512, 1792),
  chip("RTX-PRO-6000", "12.0", 188, 96, 128, 512, 1792),
  chip("GB10", "12.1", 48, 128, 24, 256, 273),
];

/**
 * The device that stands for an arch: sm_90 and sm_90a -> H100. A minor version that has no entry
 * is served by the nearest older one of its major version, which its machine code runs beside.
 * Throws ToolError `invalid_argument` for an arch that CUDA 13 does not know.
 */
export function deviceForArch(arch: string): DeviceLimits {
  const [major, minor] = parseArch(arch);
  const served = devices
    .filter((device) => parseArch(device.arch)[0] === major && parseArch(device.arch)[1] <= minor)
    .sort((a, b) => parseArch(b.arch)[1] - parseArch(a.arch)[1]);
  if (served[0]) return served[0];
  throw new ToolError(
    "invalid_argument",
    `No device is known for the arch "${arch}".`,
    `Use one of ${listed([...new Set(devices.map((device) => device.arch))])}.`,
  );
}

/** By name, whatever its case and punctuation: "h100", "RTX 4090", "NVIDIA L4". */
export function requireDevice(name: string): DeviceLimits {
  const found = devices.find((device) => plainName(device.name) === plainName(name));
  if (found) return found;
  throw new ToolError(
    "invalid_argument",
    `No device is called "${name}".`,
    `Use one of ${listed(devices.map((device) => device.name))}.`,
  );
}

/** "9.0" -> "sm_90", "12.1" -> "sm_121". */
export function archOf(computeCapability: string): string {
  return `sm_${computeCapability.replace(".", "")}`;
}

function chip(
  name: string,
  capability: string,
  sms: number,
  memoryGiB: number,
  l2MiB: number,
  busBits: number,
  peakGbps: number,
): DeviceLimits {
  return withLimits({
    name,
    compute_capability: capability,
    sms,
    memory_bytes: memoryGiB * GiB,
    l2_bytes: l2MiB * MiB,
    memory_bus_bits: busBits,
    peak_gbps: peakGbps,
  });
}

function withLimits(facts: PerChip): DeviceLimits {
  const limits = perCapability[facts.compute_capability];
  if (!limits) throw new Error(`no limits for compute capability ${facts.compute_capability}`);
  const [sharedPerSm, sharedPerBlock, threadsPerSm, blocksPerSm] = limits;
  return {
    ...facts,
    arch: archOf(facts.compute_capability),
    shared_per_block_bytes: 48 * KiB,
    shared_per_block_optin_bytes: sharedPerBlock * KiB,
    shared_per_sm_bytes: sharedPerSm * KiB,
    // From 8.0 on the system keeps 1 KiB of shared memory in every block.
    reserved_shared_per_block_bytes: facts.compute_capability === "7.5" ? 0 : KiB,
    registers_per_sm: 65536,
    registers_per_block: 65536,
    max_threads_per_sm: threadsPerSm,
    max_threads_per_block: 1024,
    max_blocks_per_sm: blocksPerSm,
    warp_size: 32,
  };
}

function parseArch(arch: string): readonly [number, number] {
  const digits = /^sm_(\d+)(\d)[af]?$/u.exec(arch);
  return digits ? [Number(digits[1]), Number(digits[2])] : [0, 0];
}

function plainName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]/gu, "")
    .replace(/^nvidia/u, "");
}

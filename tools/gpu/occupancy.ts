import type { DeviceLimits } from "./devices.ts";

export interface BlockNeeds {
  threads_per_block: number;
  registers_per_thread: number;
  /** Static plus dynamic, without what the system reserves. */
  shared_bytes: number;
}

export interface Occupancy {
  /** 0 where not even one block fits: such a launch fails. */
  blocks_per_sm: number;
  warps_per_sm: number;
  /** Warps that fit, of those that an SM can hold. */
  occupancy_pct: number;
  /** What keeps another block out. */
  limited_by: "threads" | "blocks" | "registers" | "shared";
}

type Limits = Pick<
  DeviceLimits,
  | "compute_capability"
  | "registers_per_sm"
  | "registers_per_block"
  | "shared_per_sm_bytes"
  | "shared_per_block_bytes"
  | "shared_per_block_optin_bytes"
  | "reserved_shared_per_block_bytes"
  | "max_threads_per_sm"
  | "max_threads_per_block"
  | "max_blocks_per_sm"
>;

const warpSize = 32;
/** Registers are handed to warps in this step, and each quarter of an SM has a quarter of them. */
const registerStep = 256;
const quarters = 4;

/**
 * Blocks that an SM holds at once, as cuda_occupancy.h of CUDA 13 computes them for compute
 * capabilities from 7.0 on, with the largest share of the cache given to shared memory and the
 * opt-in limit of shared memory asked for where it is needed.
 */
export function occupancy(device: Limits, needs: BlockNeeds): Occupancy {
  const warps = Math.ceil(needs.threads_per_block / warpSize);
  const maxWarps = Math.floor(device.max_threads_per_sm / warpSize);
  const limits = [
    ["threads", threadsLimit(device, needs, warps, maxWarps)],
    ["blocks", device.max_blocks_per_sm],
    ["registers", registersLimit(device, needs, warps)],
    ["shared", sharedLimit(device, needs)],
  ] as const;
  // Where two limits are equal the one named is the one that is cheapest to live with.
  const [limited_by, blocks_per_sm] = limits.reduce((least, one) =>
    one[1] < least[1] ? one : least,
  );
  const warps_per_sm = blocks_per_sm * warps;
  return {
    blocks_per_sm,
    warps_per_sm,
    occupancy_pct: Math.round((1000 * warps_per_sm) / maxWarps) / 10,
    limited_by,
  };
}

function threadsLimit(device: Limits, needs: BlockNeeds, warps: number, maxWarps: number): number {
  if (needs.threads_per_block > device.max_threads_per_block) return 0;
  return Math.floor(maxWarps / warps);
}

function registersLimit(device: Limits, needs: BlockNeeds, warps: number): number {
  if (needs.registers_per_thread === 0) return Number.POSITIVE_INFINITY;
  const perWarp = roundUp(needs.registers_per_thread * warpSize, registerStep);
  // The check at a launch assumes that all quarters are given equally many warps.
  if (perWarp * roundUp(warps, quarters) > device.registers_per_block) return 0;
  const warpsPerQuarter = Math.floor(device.registers_per_sm / quarters / perWarp);
  return Math.floor((warpsPerQuarter * quarters) / warps);
}

function sharedLimit(device: Limits, needs: BlockNeeds): number {
  const major = Number.parseInt(device.compute_capability, 10);
  const reserved = major >= 8 ? device.reserved_shared_per_block_bytes : 0;
  const perBlock = roundUp(needs.shared_bytes + reserved, major >= 8 ? 128 : 256);
  const optIn = needs.shared_bytes > device.shared_per_block_bytes;
  const most = optIn ? device.shared_per_block_optin_bytes : device.shared_per_block_bytes;
  if (perBlock > most + reserved) return 0;
  return perBlock === 0
    ? Number.POSITIVE_INFINITY
    : Math.floor(device.shared_per_sm_bytes / perBlock);
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

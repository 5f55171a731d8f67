import { archOf, type DeviceLimits, deviceForArch } from "./devices.ts";
import type { Gpu } from "./query.ts";

/**
 * A present GPU's limits: what the driver says, and the table of its arch for what it does not.
 * Undefined for a GPU whose compute capability is not told or is older than CUDA 13 knows.
 */
export function limitsOf(gpu: Gpu): DeviceLimits | undefined {
  if (!gpu.compute_capability) return undefined;
  let table: DeviceLimits;
  try {
    table = deviceForArch(archOf(gpu.compute_capability));
  } catch {
    return undefined;
  }
  return {
    name: gpu.name.replace(/^NVIDIA\s+/u, ""),
    compute_capability: gpu.compute_capability,
    arch: archOf(gpu.compute_capability),
    sms: gpu.sms ?? table.sms,
    memory_bytes: gpu.memory_bytes ?? table.memory_bytes,
    l2_bytes: gpu.l2_bytes ?? table.l2_bytes,
    shared_per_block_bytes: gpu.shared_per_block_bytes ?? table.shared_per_block_bytes,
    shared_per_block_optin_bytes:
      gpu.shared_per_block_optin_bytes ?? table.shared_per_block_optin_bytes,
    shared_per_sm_bytes: gpu.shared_per_sm_bytes ?? table.shared_per_sm_bytes,
    reserved_shared_per_block_bytes:
      gpu.reserved_shared_per_block_bytes ?? table.reserved_shared_per_block_bytes,
    registers_per_sm: gpu.registers_per_sm ?? table.registers_per_sm,
    registers_per_block: gpu.registers_per_block ?? table.registers_per_block,
    max_threads_per_sm: gpu.max_threads_per_sm ?? table.max_threads_per_sm,
    max_threads_per_block: gpu.max_threads_per_block ?? table.max_threads_per_block,
    max_blocks_per_sm: gpu.max_blocks_per_sm ?? table.max_blocks_per_sm,
    warp_size: 32,
    memory_bus_bits: gpu.memory_bus_bits ?? table.memory_bus_bits,
    peak_gbps: peakGbps(gpu) ?? table.peak_gbps,
  };
}

/**
 * Two transfers a clock over the whole bus. Not for integrated GPUs: GB10 reports the data rate
 * where others report half of it, and Thor 0 with older drivers.
 */
export function peakGbps(gpu: Gpu): number | undefined {
  if (gpu.integrated || !gpu.memory_clock_khz || !gpu.memory_bus_bits) return undefined;
  return Math.round((2 * gpu.memory_clock_khz * 1e3 * (gpu.memory_bus_bits / 8)) / 1e9);
}

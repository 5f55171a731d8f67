import type { DeviceLimits } from "../gpu/devices.ts";
import { type ByteWriter, byteWriter } from "./bytes.ts";

/** What the compiler says of one kernel: parameters from its PTX, resources from its machine code. */
export interface KernelFacts {
  /** Mangled. */
  name: string;
  param_bytes: readonly number[];
  param_offsets: readonly number[];
  registers_per_thread: number;
  static_shared_bytes: number;
  local_bytes: number;
  /** The launch bound (`.maxntid`), or 1024. */
  max_threads: number;
  /** From `.reqnctapercluster`, where the kernel has it. */
  required_cluster?: readonly [number, number, number];
}

/** Addresses that the recorder gives out for memory which the host code allocates. */
export interface Arena {
  address: bigint;
  bytes: bigint;
}

/** 64 GiB that no process of Linux has mapped. An executor reserves it, or gives its own. */
export const defaultArena: Arena = { address: 0x3000_0000_0000n, bytes: 1n << 36n };

export interface LoadOptions {
  library: string;
  entry: string;
  device: DeviceLimits;
  kernels: readonly KernelFacts[];
  arena?: Arena;
}

/** The first request to a process: what to load, and what to answer. Read by load() in stand_in/main.c. */
export function loadRequest(options: LoadOptions): Buffer {
  const request = byteWriter();
  const arena = options.arena ?? defaultArena;
  request.text(options.library);
  request.text(options.entry);
  request.u64(arena.address);
  request.u64(arena.bytes);
  writeDevice(request, options.device);
  request.u32(options.kernels.length);
  for (const kernel of options.kernels) writeKernel(request, kernel);
  return request.finish();
}

function writeDevice(request: ByteWriter, device: DeviceLimits): void {
  const [major = 0, minor = 0] = device.compute_capability.split(".").map(Number);
  request.text(device.name.startsWith("NVIDIA") ? device.name : `NVIDIA ${device.name}`);
  for (const value of [major, minor, device.sms, device.warp_size, device.memory_bus_bits]) {
    request.u32(value);
  }
  for (const bytes of [
    device.memory_bytes,
    device.l2_bytes,
    device.shared_per_block_bytes,
    device.shared_per_block_optin_bytes,
    device.shared_per_sm_bytes,
    device.reserved_shared_per_block_bytes,
  ]) {
    request.u64(bytes);
  }
  request.u32(device.registers_per_sm);
  request.u32(device.registers_per_block);
  request.u32(device.max_threads_per_sm);
  request.u32(device.max_threads_per_block);
  request.u32(device.max_blocks_per_sm);
}

function writeKernel(request: ByteWriter, kernel: KernelFacts): void {
  request.text(kernel.name);
  request.u32(kernel.registers_per_thread);
  request.u32(kernel.max_threads);
  request.u64(kernel.static_shared_bytes);
  request.u64(kernel.local_bytes);
  for (const blocks of kernel.required_cluster ?? [0, 0, 0]) request.u32(blocks);
  request.u32(kernel.param_bytes.length);
  for (const bytes of kernel.param_bytes) request.u32(bytes);
}

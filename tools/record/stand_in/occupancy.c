// How many blocks of a kernel fit on one multiprocessor: the documented arithmetic, for compute
// capability 7.5 to 12.x. A test holds it against NVIDIA's cuda_occupancy.h.
#include "stand_in.h"

enum {
  REGISTER_GRANULARITY = 256,  // registers, per warp
  SUB_PARTITIONS = 4,          // per multiprocessor
  MOST_REGISTERS_PER_THREAD = 256,
};

static uint64_t round_up(uint64_t value, uint64_t step) { return (value + step - 1) / step * step; }

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t registers_per_warp(const Device* device, const Kernel* kernel) {
  return round_up((uint64_t)kernel->registers_per_thread * device->warp_size, REGISTER_GRANULARITY);
}

static uint64_t blocks_by_registers(const Device* device, const Kernel* kernel, uint64_t warps) {
  uint64_t per_warp = registers_per_warp(device, kernel);
  if (per_warp == 0) return UINT32_MAX;
  if (kernel->registers_per_thread > MOST_REGISTERS_PER_THREAD) return 0;
  // The launch check of the hardware counts whole rounds over the sub-partitions.
  if (per_warp * round_up(warps, SUB_PARTITIONS) > device->registers_per_block) return 0;
  uint64_t warps_per_partition = device->registers_per_sm / SUB_PARTITIONS / per_warp;
  return warps_per_partition * SUB_PARTITIONS / warps;
}

// The multiprocessor's memory is split between L1 and shared memory in fixed steps.
static uint64_t next_split(const Device* device, uint64_t bytes) {
  static const uint32_t steps_kib[] = {0, 8, 16, 32, 64, 100, 132, 164, 196, 228};
  bool turing = device->major == 7 && device->minor == 5;
  for (unsigned i = turing ? 3 : 0; i < sizeof steps_kib / sizeof steps_kib[0]; ++i) {
    uint64_t step = (uint64_t)steps_kib[i] * 1024;
    if (bytes <= step && step <= device->shared_per_sm_bytes) return step;
  }
  return device->shared_per_sm_bytes;
}

static uint64_t preferred_split(const Device* device, const Kernel* kernel) {
  if (kernel->carveout_pct < 0) return device->shared_per_sm_bytes;
  return next_split(device, device->shared_per_sm_bytes * (uint64_t)kernel->carveout_pct / 100);
}

static uint64_t shared_granularity(const Device* device) { return device->major < 8 ? 256 : 128; }

static uint64_t shared_limit_per_block(const Device* device, bool raised) {
  uint64_t limit = raised ? device->shared_per_block_optin_bytes : device->shared_per_block_bytes;
  return limit + (device->major >= 8 ? device->reserved_shared_per_block_bytes : 0);
}

static uint64_t blocks_by_shared(const Device* device, const Kernel* kernel, uint64_t dynamic) {
  uint64_t fixed = kernel->static_shared_bytes + device->reserved_shared_per_block_bytes;
  uint64_t used = round_up(fixed + dynamic, shared_granularity(device));
  bool raised = fixed + (uint64_t)kernel->max_dynamic_shared_bytes > device->shared_per_block_bytes;
  if (dynamic > (uint64_t)kernel->max_dynamic_shared_bytes) return 0;
  if (used > shared_limit_per_block(device, raised)) return 0;
  if (used == 0) return UINT32_MAX;
  uint64_t split = preferred_split(device, kernel);
  if (split < used) split = next_split(device, used);
  return split / used;
}

// Blocks of `threads` that fit on one multiprocessor; 0: not even one.
int max_active_blocks(const Device* device, const Kernel* kernel, int threads,
                      uint64_t dynamic_shared_bytes) {
  if (threads <= 0 || (uint32_t)threads > device->max_threads_per_block) return 0;
  uint64_t warps = round_up((uint64_t)threads, device->warp_size) / device->warp_size;
  uint64_t blocks = device->max_threads_per_sm / device->warp_size / warps;
  blocks = least(blocks, device->max_blocks_per_sm);
  blocks = least(blocks, blocks_by_registers(device, kernel, warps));
  blocks = least(blocks, blocks_by_shared(device, kernel, dynamic_shared_bytes));
  return (int)blocks;
}

// Dynamic shared bytes that leave room for `blocks` blocks of `threads` per multiprocessor.
uint64_t available_dynamic_shared(const Device* device, const Kernel* kernel, int blocks,
                                  int threads, bool* impossible) {
  *impossible = blocks <= 0 || max_active_blocks(device, kernel, threads, 0) < blocks;
  if (*impossible) return 0;
  uint64_t limit = shared_limit_per_block(device, true);
  uint64_t split = preferred_split(device, kernel);
  if (split == 0) split = next_split(device, 1);
  uint64_t available = blocks == 1 ? limit : split / (uint64_t)blocks;
  available = available / shared_granularity(device) * shared_granularity(device);
  available = least(available, limit);
  available -= least(available, kernel->static_shared_bytes);
  return least(available, (uint64_t)kernel->max_dynamic_shared_bytes);
}

// The largest block that the kernel's registers allow, before its launch bounds are looked at.
uint32_t max_threads_by_registers(const Device* device, const Kernel* kernel) {
  uint64_t per_warp = registers_per_warp(device, kernel);
  if (per_warp == 0) return device->max_threads_per_block;
  uint64_t warps = device->registers_per_block / per_warp / SUB_PARTITIONS * SUB_PARTITIONS;
  return (uint32_t)least(warps * device->warp_size, device->max_threads_per_block);
}

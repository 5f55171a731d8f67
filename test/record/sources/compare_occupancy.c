// Compares stand_in/occupancy.c with NVIDIA's calculator over a grid of kernels for one device,
// whose limits come as arguments. Prints what differs, then how many answers were compared.
#include <stdio.h>
#include <stdlib.h>

#include "occupancy_case.h"
#include "stand_in.h"

static long compared, different;

static void compare(const char* what, const struct OccupancyCase* c, long ours, long nvidia) {
  ++compared;
  if (ours == nvidia || ++different > 20) return;
  printf(
      "%s: ours %ld, NVIDIA's %ld: threads %d registers %d carveout %d static %zu dynamic %zu "
      "of %zu\n",
      what, ours, nvidia, c->threads, c->registers, c->carveout, c->static_shared,
      c->dynamic_shared, c->max_dynamic_shared);
}

static void compare_case(const Device* device, const struct OccupancyDevice* d,
                         const struct OccupancyCase* c) {
  Kernel kernel = {0};
  kernel.registers_per_thread = (uint32_t)c->registers;
  kernel.max_threads = 1024;
  kernel.static_shared_bytes = c->static_shared;
  kernel.max_dynamic_shared_bytes = (int64_t)c->max_dynamic_shared;
  kernel.carveout_pct = c->carveout;
  compare("blocks", c, max_active_blocks(device, &kernel, c->threads, c->dynamic_shared),
          nvidia_blocks(d, c));
  if (c->dynamic_shared) return;
  const int blocks[] = {1, 2, 3, 5, 16};
  for (int i = 0; i < 5; ++i) {
    bool impossible;
    uint64_t bytes = available_dynamic_shared(device, &kernel, blocks[i], c->threads, &impossible);
    compare("available", c, impossible ? -1 : (long)bytes, nvidia_available(d, c, blocks[i]));
  }
}

int main(int count, char** values) {
  if (count != 13) return 2;
  long v[12];
  for (int i = 0; i < 12; ++i) v[i] = atol(values[i + 1]);
  struct OccupancyDevice d = {(int)v[0],    (int)v[1],    (int)v[2],     (int)v[3],
                              (int)v[4],    (int)v[5],    (int)v[6],     (int)v[7],
                              (size_t)v[8], (size_t)v[9], (size_t)v[10], (size_t)v[11]};
  Device device = {.major = (uint32_t)v[0], .minor = (uint32_t)v[1], .sms = (uint32_t)v[2]};
  device.warp_size = 32;
  device.max_threads_per_block = (uint32_t)v[3];
  device.max_threads_per_sm = (uint32_t)v[4];
  device.max_blocks_per_sm = (uint32_t)v[5];
  device.registers_per_block = (uint32_t)v[6];
  device.registers_per_sm = (uint32_t)v[7];
  device.shared_per_block_bytes = (uint64_t)v[8];
  device.shared_per_block_optin_bytes = (uint64_t)v[9];
  device.shared_per_sm_bytes = (uint64_t)v[10];
  device.reserved_shared_per_block_bytes = (uint64_t)v[11];
  const int threads[] = {1,   32,  33,  64,  96,  128, 160,  192, 256,
                         288, 320, 384, 512, 640, 768, 1000, 1024};
  const int registers[] = {0, 10, 16, 24, 32, 33, 40, 41, 48, 64, 65, 80, 96, 128, 168, 200, 255};
  const size_t statics[] = {0, 4, 1024, 5000, 16384, 40960, 49152};
  const size_t dynamics[] = {0, 16, 1000, 4096, 8192, 24576, 49152, 65536, 98304};
  const int carveouts[] = {-1, 0, 25, 50, 100};
  for (int t = 0; t < 17; ++t)
    for (int r = 0; r < 17; ++r)
      for (int s = 0; s < 7; ++s)
        for (int y = 0; y < 9; ++y)
          for (int raised = 0; raised < 2; ++raised)
            for (int p = 0; p < 5; ++p) {
              size_t most = raised ? d.shared_per_block_optin : d.shared_per_block;
              if (statics[s] > most) continue;
              struct OccupancyCase c = {threads[t], registers[r], carveouts[p],
                                        statics[s], dynamics[y],  most - statics[s]};
              compare_case(&device, &d, &c);
            }
  printf("compared %ld different %ld\n", compared, different);
  return different != 0;
}

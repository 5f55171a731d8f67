#ifndef OCCUPANCY_CASE_H
#define OCCUPANCY_CASE_H
#include <stddef.h>

struct OccupancyDevice {
  int major, minor, sms, threads_per_block, threads_per_sm, blocks_per_sm;
  int registers_per_block, registers_per_sm;
  size_t shared_per_block, shared_per_block_optin, shared_per_sm, reserved_shared;
};

struct OccupancyCase {
  int threads, registers, carveout;
  size_t static_shared, dynamic_shared, max_dynamic_shared;
};

int nvidia_blocks(const struct OccupancyDevice* d, const struct OccupancyCase* c);
long nvidia_available(const struct OccupancyDevice* d, const struct OccupancyCase* c, int blocks);

#endif

// NVIDIA's header-only occupancy calculator as two functions with plain arguments.
#include <cuda_occupancy.h>

#include "occupancy_case.h"

static cudaOccFuncAttributes attributes_of(const struct OccupancyCase* c) {
  cudaOccFuncAttributes attributes = {0};
  attributes.maxThreadsPerBlock = 1024;
  attributes.numRegs = c->registers;
  attributes.sharedSizeBytes = c->static_shared;
  attributes.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
  attributes.maxDynamicSharedSizeBytes = c->max_dynamic_shared;
  attributes.numBlockBarriers = 1;
  return attributes;
}

static cudaOccDeviceProp device_of(const struct OccupancyDevice* d) {
  cudaOccDeviceProp device = {0};
  device.computeMajor = d->major;
  device.computeMinor = d->minor;
  device.maxThreadsPerBlock = d->threads_per_block;
  device.maxThreadsPerMultiprocessor = d->threads_per_sm;
  device.regsPerBlock = d->registers_per_block;
  device.regsPerMultiprocessor = d->registers_per_sm;
  device.warpSize = 32;
  device.sharedMemPerBlock = d->shared_per_block;
  device.sharedMemPerMultiprocessor = d->shared_per_sm;
  device.numSms = d->sms;
  device.sharedMemPerBlockOptin = d->shared_per_block_optin;
  device.reservedSharedMemPerBlock = d->reserved_shared;
  return device;
}

static cudaOccDeviceState state_of(const struct OccupancyCase* c) {
  cudaOccDeviceState state = {CACHE_PREFER_NONE, c->carveout};
  return state;
}

int nvidia_blocks(const struct OccupancyDevice* d, const struct OccupancyCase* c) {
  cudaOccDeviceProp device = device_of(d);
  cudaOccFuncAttributes attributes = attributes_of(c);
  cudaOccDeviceState state = state_of(c);
  cudaOccResult result;
  if (cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &attributes, &state, c->threads,
                                              c->dynamic_shared)) {
    return -1;
  }
  return result.activeBlocksPerMultiprocessor;
}

long nvidia_available(const struct OccupancyDevice* d, const struct OccupancyCase* c, int blocks) {
  cudaOccDeviceProp device = device_of(d);
  cudaOccFuncAttributes attributes = attributes_of(c);
  cudaOccDeviceState state = state_of(c);
  size_t bytes;
  if (cudaOccAvailableDynamicSMemPerBlock(&bytes, &device, &attributes, &state, blocks,
                                          c->threads)) {
    return -1;
  }
  return (long)bytes;
}

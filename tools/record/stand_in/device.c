// Which device there is, and its attributes.
#include "stand_in.h"

static const int version = 13000;  // CUDA 13.0

API CudaError cudaGetDeviceCount(int* count) {
  if (!count) return failed(cudaErrorInvalidValue);
  *count = 1;
  return cudaSuccess;
}

API CudaError cudaGetDevice(int* ordinal) {
  if (!ordinal) return failed(cudaErrorInvalidValue);
  *ordinal = 0;
  return cudaSuccess;
}

API CudaError cudaSetDevice(int ordinal) {
  return failed(ordinal == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}

API CudaError cudaRuntimeGetVersion(int* number) {
  if (!number) return failed(cudaErrorInvalidValue);
  *number = version;
  return cudaSuccess;
}

API CudaError cudaDriverGetVersion(int* number) { return cudaRuntimeGetVersion(number); }

// The attributes that are known here: limits of the chosen device, and what all have from 7.5 on.
// Numbered as enum cudaDeviceAttr. False: not known.
static bool attribute(int number, int* value) {
  const int threads = (int)device.max_threads_per_block;
  const struct {
    int number, value;
  } known[] = {
      {1, threads},                                        // MaxThreadsPerBlock
      {2, threads},                                        // MaxBlockDimX
      {3, threads},                                        // MaxBlockDimY
      {4, 64},                                             // MaxBlockDimZ
      {5, 0x7fffffff},                                     // MaxGridDimX
      {6, 65535},                                          // MaxGridDimY
      {7, 65535},                                          // MaxGridDimZ
      {8, (int)device.shared_per_block_bytes},             // MaxSharedMemoryPerBlock
      {9, 65536},                                          // TotalConstantMemory
      {10, (int)device.warp_size},                         // WarpSize
      {11, 0x7fffffff},                                    // MaxPitch
      {12, (int)device.registers_per_block},               // MaxRegistersPerBlock
      {14, 512},                                           // TextureAlignment
      {15, 1},                                             // GpuOverlap
      {16, (int)device.sms},                               // MultiProcessorCount
      {17, 0},                                             // KernelExecTimeout
      {18, 0},                                             // Integrated
      {19, 1},                                             // CanMapHostMemory
      {20, 0},                                             // ComputeMode: default
      {30, 512},                                           // SurfaceAlignment
      {31, 1},                                             // ConcurrentKernels
      {37, (int)device.memory_bus_bits},                   // GlobalMemoryBusWidth
      {38, (int)device.l2_bytes},                          // L2CacheSize
      {39, (int)device.max_threads_per_sm},                // MaxThreadsPerMultiProcessor
      {41, 1},                                             // UnifiedAddressing
      {75, (int)device.major},                             // ComputeCapabilityMajor
      {76, (int)device.minor},                             // ComputeCapabilityMinor
      {78, 1},                                             // StreamPrioritiesSupported
      {79, 1},                                             // GlobalL1CacheSupported
      {80, 1},                                             // LocalL1CacheSupported
      {81, (int)device.shared_per_sm_bytes},               // MaxSharedMemoryPerMultiprocessor
      {82, (int)device.registers_per_sm},                  // MaxRegistersPerMultiprocessor
      {83, 1},                                             // ManagedMemory
      {84, 0},                                             // IsMultiGpuBoard
      {85, 0},                                             // MultiGpuBoardGroupID
      {90, 1},                                             // ComputePreemptionSupported
      {95, 1},                                             // CooperativeLaunch
      {97, (int)device.shared_per_block_optin_bytes},      // MaxSharedMemoryPerBlockOptin
      {106, (int)device.max_blocks_per_sm},                // MaxBlocksPerMultiprocessor
      {111, (int)device.reserved_shared_per_block_bytes},  // ReservedSharedMemoryPerBlock
      {115, 1},                                            // MemoryPoolsSupported
      {120, device.major >= 9},                            // ClusterLaunch
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; ++i) {
    if (known[i].number != number) continue;
    *value = known[i].value;
    return true;
  }
  return false;
}

API CudaError cudaDeviceGetAttribute(int* value, int number, int ordinal) {
  enum { FIRST = 1, LAST = 147 };
  if (ordinal != 0) return failed(cudaErrorInvalidDevice);
  if (!value || number < FIRST || number > LAST) return failed(cudaErrorInvalidValue);
  if (!attribute(number, value)) {
    refuse(
        "the host code called cudaDeviceGetAttribute for attribute %d (enum cudaDeviceAttr), "
        "which the stand-in runtime does not provide",
        number);
  }
  return cudaSuccess;
}

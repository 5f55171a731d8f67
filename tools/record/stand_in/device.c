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

// Attributes whose value is a limit of the chosen device, or the same on all from 7.5 on.
// False: not known here.
static bool attribute(int number, int64_t* value) {
  switch (number) {
    case 1:
      *value = device.max_threads_per_block;
      return true;
    case 2:
      *value = device.max_threads_per_block;
      return true;  // MaxBlockDimX
    case 3:
      *value = device.max_threads_per_block;
      return true;
    case 4:
      *value = 64;
      return true;
    case 5:
      *value = 0x7fffffff;
      return true;  // MaxGridDimX
    case 6:
      *value = 65535;
      return true;
    case 7:
      *value = 65535;
      return true;
    case 8:
      *value = (int64_t)device.shared_per_block_bytes;
      return true;
    case 9:
      *value = 65536;
      return true;  // TotalConstantMemory
    case 10:
      *value = device.warp_size;
      return true;
    case 11:
      *value = 0x7fffffff;
      return true;  // MaxPitch
    case 12:
      *value = device.registers_per_block;
      return true;
    case 14:
      *value = 512;
      return true;  // TextureAlignment
    case 15:
      *value = 1;
      return true;  // GpuOverlap
    case 16:
      *value = device.sms;
      return true;
    case 17:
      *value = 0;
      return true;  // KernelExecTimeout
    case 18:
      *value = 0;
      return true;  // Integrated
    case 19:
      *value = 1;
      return true;  // CanMapHostMemory
    case 20:
      *value = 0;
      return true;  // ComputeMode: default
    case 30:
      *value = 512;
      return true;  // SurfaceAlignment
    case 31:
      *value = 1;
      return true;  // ConcurrentKernels
    case 37:
      *value = device.memory_bus_bits;
      return true;
    case 38:
      *value = (int64_t)device.l2_bytes;
      return true;
    case 39:
      *value = device.max_threads_per_sm;
      return true;
    case 41:
      *value = 1;
      return true;  // UnifiedAddressing
    case 75:
      *value = device.major;
      return true;
    case 76:
      *value = device.minor;
      return true;
    case 78:
      *value = 1;
      return true;  // StreamPrioritiesSupported
    case 79:
      *value = 1;
      return true;  // GlobalL1CacheSupported
    case 80:
      *value = 1;
      return true;  // LocalL1CacheSupported
    case 81:
      *value = (int64_t)device.shared_per_sm_bytes;
      return true;
    case 82:
      *value = device.registers_per_sm;
      return true;
    case 83:
      *value = 1;
      return true;  // ManagedMemory
    case 84:
      *value = 0;
      return true;  // IsMultiGpuBoard
    case 85:
      *value = 0;
      return true;  // MultiGpuBoardGroupID
    case 90:
      *value = 1;
      return true;  // ComputePreemptionSupported
    case 95:
      *value = 1;
      return true;  // CooperativeLaunch
    case 97:
      *value = (int64_t)device.shared_per_block_optin_bytes;
      return true;
    case 106:
      *value = device.max_blocks_per_sm;
      return true;
    case 111:
      *value = (int64_t)device.reserved_shared_per_block_bytes;
      return true;
    case 115:
      *value = 1;
      return true;  // MemoryPoolsSupported
    case 120:
      *value = device.major >= 9;
      return true;  // ClusterLaunch
    default:
      return false;
  }
}

API CudaError cudaDeviceGetAttribute(int* value, int number, int ordinal) {
  enum { FIRST = 1, LAST = 147 };
  if (ordinal != 0) return failed(cudaErrorInvalidDevice);
  if (!value || number < FIRST || number > LAST) return failed(cudaErrorInvalidValue);
  int64_t found;
  if (!attribute(number, &found)) {
    refuse(
        "the host code called cudaDeviceGetAttribute for attribute %d (enum cudaDeviceAttr), "
        "which the stand-in runtime does not provide",
        number);
  }
  *value = (int)found;
  return cudaSuccess;
}

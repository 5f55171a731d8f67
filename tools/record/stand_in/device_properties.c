// cudaDeviceProp, as CUDA 13 and as CUDA 12 lay it out. What a launcher decides by is filled in;
// the rest is 0.
#include <string.h>

#include "stand_in.h"

// The fields that both have in the same order, under NVIDIA's names.
#define HEAD                                \
  char name[256], uuid[16], luid[8];        \
  unsigned luid_device_node_mask;           \
  size_t totalGlobalMem, sharedMemPerBlock; \
  int regsPerBlock, warpSize;               \
  size_t memPitch;                          \
  int maxThreadsPerBlock, maxThreadsDim[3], maxGridSize[3];
#define TEXTURES                                                                            \
  int maxTexture2D[2], maxTexture2DMipmap[2], maxTexture2DLinear[3], maxTexture2DGather[2]; \
  int maxTexture3D[3], maxTexture3DAlt[3], maxTextureCubemap, maxTexture1DLayered[2];       \
  int maxTexture2DLayered[3], maxTextureCubemapLayered[2], maxSurface1D, maxSurface2D[2];   \
  int maxSurface3D[3], maxSurface1DLayered[2], maxSurface2DLayered[3], maxSurfaceCubemap;   \
  int maxSurfaceCubemapLayered[2];                                                          \
  size_t surfaceAlignment;                                                                  \
  int concurrentKernels, ECCEnabled, pciBusID, pciDeviceID, pciDomainID, tccDriver;         \
  int asyncEngineCount, unifiedAddressing;
#define MULTIPROCESSOR                                                                    \
  int memoryBusWidth, l2CacheSize, persistingL2CacheMaxSize, maxThreadsPerMultiProcessor; \
  int streamPrioritiesSupported, globalL1CacheSupported, localL1CacheSupported;           \
  size_t sharedMemPerMultiprocessor;                                                      \
  int regsPerMultiprocessor, managedMemory, isMultiGpuBoard, multiGpuBoardGroupID;        \
  int hostNativeAtomicSupported;
#define MEMORY                                                                   \
  int pageableMemoryAccess, concurrentManagedAccess, computePreemptionSupported; \
  int canUseHostPointerForRegisteredMem, cooperativeLaunch;
#define TAIL                                                                           \
  size_t sharedMemPerBlockOptin;                                                       \
  int pageableMemoryAccessUsesHostPageTables, directManagedMemAccessFromHost;          \
  int maxBlocksPerMultiProcessor, accessPolicyMaxWindowSize;                           \
  size_t reservedSharedMemPerBlock;                                                    \
  int hostRegisterSupported, sparseCudaArraySupported, hostRegisterReadOnlySupported;  \
  int timelineSemaphoreInteropSupported, memoryPoolsSupported, gpuDirectRDMASupported; \
  unsigned gpuDirectRDMAFlushWritesOptions;                                            \
  int gpuDirectRDMAWritesOrdering;                                                     \
  unsigned memoryPoolSupportedHandleTypes;                                             \
  int deferredMappingCudaArraySupported, ipcEventSupported, clusterLaunch;             \
  int unifiedFunctionPointers;

typedef struct {
  HEAD size_t totalConstMem;
  int major, minor;
  size_t textureAlignment, texturePitchAlignment;
  int multiProcessorCount, integrated, canMapHostMemory, maxTexture1D, maxTexture1DMipmap;
  TEXTURES
  MULTIPROCESSOR
  MEMORY
  TAIL int deviceNumaConfig, deviceNumaId, mpsEnabled, hostNumaId;
  unsigned gpuPciDeviceID, gpuPciSubsystemID;
  int hostNumaMultinodeIpcSupported, reserved[56];
} Properties13;

typedef struct {
  HEAD int clockRate;
  size_t totalConstMem;
  int major, minor;
  size_t textureAlignment, texturePitchAlignment;
  int deviceOverlap, multiProcessorCount, kernelExecTimeoutEnabled, integrated;
  int canMapHostMemory, computeMode, maxTexture1D, maxTexture1DMipmap, maxTexture1DLinear;
  TEXTURES
  int memoryClockRate;
  MULTIPROCESSOR
  int singleToDoublePrecisionPerfRatio;
  MEMORY
  int cooperativeMultiDeviceLaunch;
  TAIL int reserved2[2], reserved1[1], reserved[60];
} Properties12;

_Static_assert(sizeof(Properties13) == 1008, "cudaDeviceProp of CUDA 13.0");
_Static_assert(sizeof(Properties12) == 1032, "cudaDeviceProp of CUDA 12");

#define FILL(p)                                                                      \
  memset(p, 0, sizeof *(p));                                                         \
  memcpy((p)->name, device.name, sizeof(p)->name);                                   \
  (p)->totalGlobalMem = device.memory_bytes;                                         \
  (p)->sharedMemPerBlock = device.shared_per_block_bytes;                            \
  (p)->regsPerBlock = (int)device.registers_per_block;                               \
  (p)->warpSize = (int)device.warp_size;                                             \
  (p)->memPitch = 0x7fffffff;                                                        \
  (p)->maxThreadsPerBlock = (int)device.max_threads_per_block;                       \
  (p)->maxThreadsDim[0] = (p)->maxThreadsDim[1] = (int)device.max_threads_per_block; \
  (p)->maxThreadsDim[2] = 64;                                                        \
  (p)->maxGridSize[0] = 0x7fffffff;                                                  \
  (p)->maxGridSize[1] = (p)->maxGridSize[2] = 65535;                                 \
  (p)->totalConstMem = 65536;                                                        \
  (p)->major = (int)device.major;                                                    \
  (p)->minor = (int)device.minor;                                                    \
  (p)->textureAlignment = (p)->surfaceAlignment = 512;                               \
  (p)->texturePitchAlignment = 32;                                                   \
  (p)->multiProcessorCount = (int)device.sms;                                        \
  (p)->canMapHostMemory = (p)->concurrentKernels = (p)->unifiedAddressing = 1;       \
  (p)->memoryBusWidth = (int)device.memory_bus_bits;                                 \
  (p)->l2CacheSize = (int)device.l2_bytes;                                           \
  (p)->maxThreadsPerMultiProcessor = (int)device.max_threads_per_sm;                 \
  (p)->streamPrioritiesSupported = (p)->globalL1CacheSupported = 1;                  \
  (p)->localL1CacheSupported = (p)->managedMemory = 1;                               \
  (p)->sharedMemPerMultiprocessor = device.shared_per_sm_bytes;                      \
  (p)->regsPerMultiprocessor = (int)device.registers_per_sm;                         \
  (p)->computePreemptionSupported = (p)->cooperativeLaunch = 1;                      \
  (p)->sharedMemPerBlockOptin = device.shared_per_block_optin_bytes;                 \
  (p)->maxBlocksPerMultiProcessor = (int)device.max_blocks_per_sm;                   \
  (p)->reservedSharedMemPerBlock = device.reserved_shared_per_block_bytes;           \
  (p)->memoryPoolsSupported = (p)->unifiedFunctionPointers = 1;                      \
  (p)->clusterLaunch = device.major >= 9

static CudaError check(const void* properties, int ordinal) {
  if (!properties) return cudaErrorInvalidValue;
  return ordinal == 0 ? cudaSuccess : cudaErrorInvalidDevice;
}

// CUDA 13's name.
API CudaError cudaGetDeviceProperties(Properties13* properties, int ordinal) {
  CudaError error = check(properties, ordinal);
  if (error) return failed(error);
  FILL(properties);
  return cudaSuccess;
}

// What code compiled with CUDA 12 calls.
API CudaError cudaGetDeviceProperties_v2(Properties12* properties, int ordinal) {
  CudaError error = check(properties, ordinal);
  if (error) return failed(error);
  FILL(properties);
  return cudaSuccess;
}

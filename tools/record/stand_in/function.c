// Attributes of kernels, and occupancy queries.
#include <string.h>

#include "stand_in.h"

typedef struct {
  size_t static_shared_bytes, constant_bytes, local_bytes;
  int max_threads, registers, ptx_version, binary_version, cache_mode;
  int max_dynamic_shared_bytes, carveout_pct;
  int cluster_must_be_set, cluster_x, cluster_y, cluster_z, cluster_policy, non_portable_cluster;
  int reserved[16];
} FunctionAttributes;
_Static_assert(sizeof(FunctionAttributes) == 144, "cudaFuncAttributes");

enum {
  SET_MAX_DYNAMIC_SHARED = 8,
  SET_CARVEOUT = 9,
  SET_CLUSTER_WIDTH = 11,
  SET_CLUSTER_HEIGHT = 12,
  SET_CLUSTER_DEPTH = 13,
  SET_NON_PORTABLE_CLUSTER = 14,
  SET_CLUSTER_POLICY = 15,
};

enum { MOST_BLOCKS_PER_SM_IN_CLUSTERS = 8 };

static int smaller(uint32_t a, uint32_t b) { return (int)(a < b ? a : b); }

API CudaError cudaFuncGetAttributes(FunctionAttributes* attributes, const void* function) {
  Kernel* kernel = NULL;
  CudaError error = find_kernel(function, &kernel);
  if (error) return failed(error);
  memset(attributes, 0, sizeof *attributes);
  attributes->static_shared_bytes = kernel->static_shared_bytes;
  attributes->local_bytes = kernel->local_bytes;
  attributes->max_threads = smaller(kernel->max_threads, max_threads_by_registers(&device, kernel));
  attributes->registers = (int)kernel->registers_per_thread;
  attributes->ptx_version = attributes->binary_version = (int)(device.major * 10 + device.minor);
  attributes->max_dynamic_shared_bytes = (int)kernel->max_dynamic_shared_bytes;
  attributes->carveout_pct = kernel->carveout_pct;
  attributes->cluster_must_be_set = kernel->cluster_must_be_set;
  attributes->cluster_x = (int)kernel->required_cluster.x;
  attributes->cluster_y = (int)kernel->required_cluster.y;
  attributes->cluster_z = (int)kernel->required_cluster.z;
  attributes->non_portable_cluster = kernel->non_portable_cluster;
  return cudaSuccess;
}

static CudaError set_max_dynamic_shared(Kernel* kernel, int value) {
  if (value < 0) return cudaErrorInvalidValue;
  if (kernel->static_shared_bytes + (uint64_t)value > device.shared_per_block_optin_bytes) {
    return cudaErrorInvalidValue;
  }
  kernel->max_dynamic_shared_bytes = value;
  return cudaSuccess;
}

static CudaError set_attribute(Kernel* kernel, int attribute, int value) {
  switch (attribute) {
    case SET_MAX_DYNAMIC_SHARED:
      return set_max_dynamic_shared(kernel, value);
    case SET_CARVEOUT:
      if (value < -1 || value > 100) return cudaErrorInvalidValue;
      kernel->carveout_pct = value;
      return cudaSuccess;
    case SET_CLUSTER_WIDTH:
      kernel->required_cluster.x = (uint32_t)value;
      return cudaSuccess;
    case SET_CLUSTER_HEIGHT:
      kernel->required_cluster.y = (uint32_t)value;
      return cudaSuccess;
    case SET_CLUSTER_DEPTH:
      kernel->required_cluster.z = (uint32_t)value;
      return cudaSuccess;
    case SET_NON_PORTABLE_CLUSTER:
      kernel->non_portable_cluster = value != 0;
      return cudaSuccess;
    case SET_CLUSTER_POLICY:
      return cudaSuccess;  // a preference of the scheduler: no result depends on it
    default:
      return cudaErrorInvalidValue;
  }
}

API CudaError cudaFuncSetAttribute(const void* function, int attribute, int value) {
  Kernel* kernel = NULL;
  CudaError error = find_kernel(function, &kernel);
  if (error) return failed(error);
  return failed(set_attribute(kernel, attribute, value));
}

API CudaError cudaFuncSetCacheConfig(const void* function, int preference) {
  Kernel* kernel = NULL;
  (void)preference;  // ignored by every device from compute capability 7.0 that has a carve-out
  return failed(find_kernel(function, &kernel));
}

API CudaError cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int* blocks, const void* function, int threads, size_t shared_bytes, unsigned flags) {
  Kernel* kernel = NULL;
  (void)flags;  // cudaOccupancyDisableCachingOverride: of no effect from 7.0
  CudaError error = find_kernel(function, &kernel);
  if (error) return failed(error);
  if (!blocks || threads <= 0) return failed(cudaErrorInvalidValue);
  *blocks = max_active_blocks(&device, kernel, threads, shared_bytes);
  return cudaSuccess;
}

API CudaError cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* function,
                                                            int threads, size_t shared_bytes) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, function, threads,
                                                                shared_bytes, 0);
}

API CudaError cudaOccupancyAvailableDynamicSMemPerBlock(size_t* bytes, const void* function,
                                                        int blocks, int threads) {
  Kernel* kernel = NULL;
  CudaError error = find_kernel(function, &kernel);
  if (error) return failed(error);
  bool impossible = false;
  size_t available = available_dynamic_shared(&device, kernel, blocks, threads, &impossible);
  if (impossible) return failed(cudaErrorInvalidValue);
  *bytes = available;
  return cudaSuccess;
}

// Clusters live inside one graphics processing cluster (GPC), and how a chip's multiprocessors are
// spread over GPCs is not documented. An estimate: on an H200 (132 multiprocessors), 124 take part
// in clusters of 4 or 8, 114 in those of 16, and about 118 in other sizes. Within 4 % of that
// device's answers where the size is a power of two, within 30 % elsewhere.
static uint32_t clustered_sms(uint32_t cluster_blocks) {
  if (cluster_blocks <= 2) return device.sms;
  if (cluster_blocks == 4 || cluster_blocks == 8) return device.sms - device.sms / 16;
  return device.sms - device.sms / (cluster_blocks == 16 ? 7 : 9);
}

static int per_sm_in_clusters(const Kernel* kernel, const Launch* launch) {
  int threads = (int)(launch->block.x * launch->block.y * launch->block.z);
  int blocks = max_active_blocks(&device, kernel, threads, launch->shared_bytes);
  return smaller((uint32_t)blocks, MOST_BLOCKS_PER_SM_IN_CLUSTERS);
}

API CudaError cudaOccupancyMaxActiveClusters(int* clusters, const void* function,
                                             const LaunchConfig* config) {
  Kernel* kernel = NULL;
  CudaError error = find_kernel(function, &kernel);
  if (error) return failed(error);
  Launch launch = read_launch_config(config);
  uint32_t size = launch.has_cluster ? launch.cluster.x * launch.cluster.y * launch.cluster.z : 1;
  // Larger than any device takes: with the non-portable attribute that is 0, not an error.
  *clusters = 0;
  if (kernel->non_portable_cluster && device.major >= 9 && size > 16) return cudaSuccess;
  const char* reason = "";
  error = check_cluster(&device, kernel, &launch, &reason);
  if (error) return failed(error);
  *clusters = (int)((uint32_t)per_sm_in_clusters(kernel, &launch) * clustered_sms(size) / size);
  return cudaSuccess;
}

API CudaError cudaOccupancyMaxPotentialClusterSize(int* size, const void* function,
                                                   const LaunchConfig* config) {
  Kernel* kernel = NULL;
  CudaError error = find_kernel(function, &kernel);
  if (error) return failed(error);
  if (device.major < 9) return failed(cudaErrorNotSupported);
  Launch launch = read_launch_config(config);
  int largest = kernel->non_portable_cluster ? 16 : 8;
  *size = per_sm_in_clusters(kernel, &launch) > 0 ? largest : 0;
  return cudaSuccess;
}

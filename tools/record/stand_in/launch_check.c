// What a device refuses, with the code it refuses it with. The codes were measured on an H200
// (driver 580, CUDA 13.0 runtime), where bad grids and blocks are invalid values, not invalid
// configurations as with older runtimes: test/fixtures/record/device_truth.h200.txt.gz.
#include "stand_in.h"

enum { MOST_GRID_X = 0x7fffffff, MOST_GRID_YZ = 65535, MOST_BLOCK_Z = 64 };
enum { MOST_PORTABLE_CLUSTER = 8, MOST_CLUSTER = 16 };

static uint64_t volume(Dim3 dim) { return (uint64_t)dim.x * dim.y * dim.z; }

static bool has_zero(Dim3 dim) { return dim.x == 0 || dim.y == 0 || dim.z == 0; }

static CudaError check_shape(const Device* device, const Kernel* kernel, const Launch* launch,
                             const char** reason) {
  Dim3 grid = launch->grid, block = launch->block;
  *reason = "a dimension of the grid is 0";
  if (has_zero(grid)) return cudaErrorInvalidValue;
  *reason = "the grid is larger than 2147483647 x 65535 x 65535";
  if (grid.x > MOST_GRID_X || grid.y > MOST_GRID_YZ || grid.z > MOST_GRID_YZ) {
    return cudaErrorInvalidValue;
  }
  *reason = "a dimension of the block is 0";
  if (has_zero(block)) return cudaErrorInvalidValue;
  *reason = "the block has more threads than the device allows";
  if (block.x > device->max_threads_per_block || block.y > device->max_threads_per_block ||
      block.z > MOST_BLOCK_Z || volume(block) > device->max_threads_per_block) {
    return cudaErrorInvalidValue;
  }
  *reason = "the block needs more registers than a block may have";
  if (volume(block) > max_threads_by_registers(device, kernel)) {
    return cudaErrorLaunchOutOfResources;
  }
  *reason = "the block has more threads than the kernel's launch bounds";
  if (volume(block) > kernel->max_threads) return cudaErrorInvalidValue;
  return cudaSuccess;
}

CudaError check_cluster(const Device* device, const Kernel* kernel, Launch* launch,
                        const char** reason) {
  Dim3 needed = kernel->required_cluster;
  bool required = needed.x || needed.y || needed.z;
  if (!launch->has_cluster) {
    if (!required) return cudaSuccess;
    *reason = "the kernel requires a cluster size of which a dimension is 0";
    if (has_zero(needed)) return cudaErrorInvalidClusterSize;
    launch->has_cluster = true;
    launch->cluster = needed;
  }
  Dim3 cluster = launch->cluster;
  *reason = "a dimension of the cluster is 0";
  if (has_zero(cluster)) return cudaErrorInvalidClusterSize;
  *reason = "the cluster is not the one that the kernel requires";
  if ((needed.x && needed.x != cluster.x) || (needed.y && needed.y != cluster.y) ||
      (needed.z && needed.z != cluster.z)) {
    return cudaErrorInvalidClusterSize;
  }
  *reason = "clusters need compute capability 9.0";
  if (device->major < 9) return volume(cluster) == 1 ? cudaSuccess : cudaErrorNotSupported;
  *reason = "the cluster has more than 8 blocks, or more than 16 with the non-portable attribute";
  uint32_t most = kernel->non_portable_cluster ? MOST_CLUSTER : MOST_PORTABLE_CLUSTER;
  if (volume(cluster) > most) return cudaErrorInvalidClusterSize;
  *reason = "the grid is not a multiple of the cluster";
  if (launch->grid.x % cluster.x || launch->grid.y % cluster.y || launch->grid.z % cluster.z) {
    return cudaErrorInvalidClusterSize;
  }
  return cudaSuccess;
}

CudaError check_launch(const Device* device, const Kernel* kernel, Launch* launch,
                       const char** reason) {
  CudaError error = check_shape(device, kernel, launch, reason);
  if (error) return error;
  *reason =
      "more dynamic shared memory than cudaFuncAttributeMaxDynamicSharedMemorySize allows "
      "(48 KiB less the static part, until it is raised)";
  if (launch->shared_bytes > (uint64_t)kernel->max_dynamic_shared_bytes) {
    return cudaErrorInvalidValue;
  }
  error = check_cluster(device, kernel, launch, reason);
  if (error) return error;
  *reason = "a cooperative grid must be resident at once, and this one does not fit the device";
  if (launch->cooperative) {
    int blocks =
        max_active_blocks(device, kernel, (int)volume(launch->block), launch->shared_bytes);
    if (volume(launch->grid) > (uint64_t)blocks * device->sms) {
      return cudaErrorCooperativeLaunchTooLarge;
    }
  }
  return cudaSuccess;
}

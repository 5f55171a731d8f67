// Launches: the three ways that compiled host code makes them, recorded or refused.
#include <string.h>

#include "stand_in.h"

enum { MOST_NESTED = 16 };

// <<<>>> pushes its configuration; the kernel's host stub pops it and launches.
static __thread struct {
  Dim3 grid, block;
  size_t shared_bytes;
  Stream stream;
} pushed[MOST_NESTED];
static __thread int pushed_count;

API unsigned __cudaPushCallConfiguration(Dim3 grid, Dim3 block, size_t shared_bytes,
                                         Stream stream) {
  if (pushed_count == MOST_NESTED) return 1;
  pushed[pushed_count].grid = grid;
  pushed[pushed_count].block = block;
  pushed[pushed_count].shared_bytes = shared_bytes;
  pushed[pushed_count++].stream = stream;
  return 0;
}

API CudaError __cudaPopCallConfiguration(Dim3* grid, Dim3* block, size_t* shared_bytes,
                                         Stream* stream) {
  if (pushed_count == 0) return failed(cudaErrorMissingConfiguration);
  --pushed_count;
  *grid = pushed[pushed_count].grid;
  *block = pushed[pushed_count].block;
  *shared_bytes = pushed[pushed_count].shared_bytes;
  *stream = pushed[pushed_count].stream;
  return cudaSuccess;
}

static void put_dim(Bytes* bytes, Dim3 dim) {
  put_u32(bytes, dim.x);
  put_u32(bytes, dim.y);
  put_u32(bytes, dim.z);
}

static void put_launch(Bytes* bytes, const char* kernel, const Launch* launch) {
  put_text(bytes, kernel);
  put_dim(bytes, launch->grid);
  put_dim(bytes, launch->block);
  put_dim(bytes, launch->cluster);
  put_u32(bytes, (uint32_t)launch->has_cluster | (uint32_t)launch->cooperative << 1 |
                     (uint32_t)launch->programmatic << 2 | (uint32_t)launch->has_priority << 3);
  put_u32(bytes, (uint32_t)launch->priority);
  put_u32(bytes, launch->hints);
  put_u64(bytes, launch->shared_bytes);
  put_u64(bytes, launch->stream);
}

static CudaError record_refusal(const char* kernel, const Launch* launch, CudaError error,
                                const char* reason) {
  Bytes* record = record_begin(OPERATION_REFUSED_LAUNCH);
  put_launch(record, kernel, launch);
  put_u32(record, (uint32_t)error);
  put_text(record, error_name(error));
  put_text(record, reason);
  record_end();
  return failed(error);
}

static CudaError launch_kernel(const void* function, Launch* launch, void** arguments) {
  Kernel* kernel = NULL;
  CudaError error = find_kernel(function, &kernel);
  if (error) return record_refusal("", launch, error, "the function is not a kernel");
  const char* reason = "";
  error = check_launch(&device, kernel, launch, &reason);
  if (error) return record_refusal(kernel->name, launch, error, reason);
  if (kernel->param_count && !arguments) {
    return record_refusal(kernel->name, launch, cudaErrorInvalidValue, "no arguments were given");
  }
  Bytes* record = record_begin(OPERATION_LAUNCH);
  put_launch(record, kernel->name, launch);
  put_u32(record, kernel->param_count);
  for (uint32_t i = 0; i < kernel->param_count; ++i) {
    put_blob(record, arguments[i], kernel->param_bytes[i]);
  }
  record_end();
  return cudaSuccess;
}

static Launch plain_launch(Dim3 grid, Dim3 block, size_t shared_bytes, Stream stream) {
  Launch launch;
  memset(&launch, 0, sizeof launch);
  launch.grid = grid;
  launch.block = block;
  launch.shared_bytes = shared_bytes;
  launch.stream = stream;
  return launch;
}

API CudaError cudaLaunchKernel(const void* function, Dim3 grid, Dim3 block, void** arguments,
                               size_t shared_bytes, Stream stream) {
  Launch launch = plain_launch(grid, block, shared_bytes, stream);
  return launch_kernel(function, &launch, arguments);
}

API CudaError __cudaLaunchKernel(const void* kernel, Dim3 grid, Dim3 block, void** arguments,
                                 size_t shared_bytes, Stream stream) {
  return cudaLaunchKernel(kernel, grid, block, arguments, shared_bytes, stream);
}

API CudaError cudaLaunchCooperativeKernel(const void* function, Dim3 grid, Dim3 block,
                                          void** arguments, size_t shared_bytes, Stream stream) {
  Launch launch = plain_launch(grid, block, shared_bytes, stream);
  launch.cooperative = true;
  return launch_kernel(function, &launch, arguments);
}

API CudaError cudaLaunchKernelExC(const LaunchConfig* config, const void* function,
                                  void** arguments) {
  if (!config) return failed(cudaErrorInvalidValue);
  Launch launch = read_launch_config(config);
  return launch_kernel(function, &launch, arguments);
}

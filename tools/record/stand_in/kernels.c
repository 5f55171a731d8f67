// Registration: the library's static initialisers tell which host function stands for which kernel.
#include <stdlib.h>
#include <string.h>

#include "stand_in.h"

typedef struct {
  const void* host;
  const char* name;  // the library's own memory: it stays loaded
  Kernel* kernel;    // NULL until the first use
} Registered;

static Registered* registered;
static size_t registered_count, registered_capacity;
static Kernel* known;
static uint32_t known_count;

void kernels_define(Kernel* kernels, uint32_t count) {
  known = kernels;
  known_count = count;
}

static Kernel* find_known(const char* name) {
  for (uint32_t i = 0; i < known_count; ++i) {
    if (strcmp(known[i].name, name) == 0) return &known[i];
  }
  refuse("the host code uses the kernel %s, which is not in the library's PTX", name);
}

CudaError find_kernel(const void* function, Kernel** kernel) {
  if (!function) return cudaErrorInvalidDeviceFunction;
  for (size_t i = 0; i < registered_count; ++i) {
    if (registered[i].host != function) continue;
    if (!registered[i].kernel) registered[i].kernel = find_known(registered[i].name);
    *kernel = registered[i].kernel;
    return cudaSuccess;
  }
  return cudaErrorInvalidResourceHandle;
}

API void** __cudaRegisterFatBinary(void* fat_binary) {
  static void* handle;
  (void)fat_binary;
  return &handle;
}

API void __cudaRegisterFatBinaryEnd(void** handle) { (void)handle; }
API void __cudaUnregisterFatBinary(void** handle) { (void)handle; }

API void __cudaRegisterFunction(void** handle, const char* host, char* device_function,
                                const char* name, int thread_limit, void* thread, void* block,
                                Dim3* block_dim, Dim3* grid_dim, int* warp_size) {
  (void)handle, (void)device_function, (void)thread_limit, (void)thread, (void)block;
  (void)block_dim, (void)grid_dim, (void)warp_size;
  if (registered_count == registered_capacity) {
    registered_capacity = registered_capacity ? registered_capacity * 2 : 64;
    registered = realloc(registered, registered_capacity * sizeof *registered);
    if (!registered) refuse("out of memory while the kernels were registered");
  }
  registered[registered_count++] = (Registered){host, name, NULL};
}

// Variables in device memory live in the executor: host code may have them, not touch them.
API void __cudaRegisterVar(void** handle, char* host, char* device_address, const char* name,
                           int external, size_t bytes, int constant, int global) {
  (void)handle, (void)host, (void)device_address, (void)name;
  (void)external, (void)bytes, (void)constant, (void)global;
}

API CudaError __cudaGetKernel(const void** kernel, const void* host) {
  *kernel = host;
  return cudaSuccess;
}

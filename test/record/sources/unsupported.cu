// Calls a runtime function that the stand-in does not have, in one of its branches.
#include <cuda_runtime.h>

__global__ void fill(float* out) { out[threadIdx.x] = 1.0f; }

int forgotten(const void*, cudaStream_t) { return cudaSuccess; }

extern "C" int unsupported(const void* raw, cudaStream_t stream) {
  if (*(const int*)raw == 1) return cudaDeviceReset();
  if (*(const int*)raw == 2) {
    int value = 0;
    return cudaDeviceGetAttribute(&value, cudaDevAttrPciBusId, 0);
  }
  fill<<<1, 32, 0, stream>>>(nullptr);
  return cudaGetLastError();
}

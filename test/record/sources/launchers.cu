// Host code as launchers write it, one behaviour per value of `what`.
#include <cuda_runtime.h>

#include <cstdint>

namespace {

struct Arguments {
  int32_t what, n;
  float* out;
  const float* x;
  float scale;
};

struct Pair {
  int32_t first;
  double second;
};

template <typename T, int kThreads>
__global__ void scaled(T* out, const T* x, int n, float scale) {
  int i = blockIdx.x * kThreads + threadIdx.x;
  if (i < n) out[i] = x[i] * T(scale);
}

__global__ void takes_a_struct(float* out, Pair pair, uint8_t small) {
  out[0] = float(pair.first + pair.second + small);
}

__global__ void no_parameters() {}

cudaError_t occupancy_driven(const Arguments& a, cudaStream_t stream) {
  int device = 0, sms = 0, blocks = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&sms, cudaDevAttrMultiProcessorCount, device);
  auto kernel = scaled<float, 512>;
  cudaError_t error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, 512, 0);
  if (error != cudaSuccess) return error;
  kernel<<<sms * blocks, 512, 0, stream>>>(a.out, a.x, a.n, a.scale);
  return cudaGetLastError();
}

cudaError_t with_attributes(const Arguments& a, cudaStream_t stream) {
  cudaLaunchAttribute attributes[3];
  attributes[0].id = cudaLaunchAttributeClusterDimension;
  attributes[0].val.clusterDim = {2, 1, 1};
  attributes[1].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[1].val.programmaticStreamSerializationAllowed = 1;
  attributes[2].id = cudaLaunchAttributePriority;
  attributes[2].val.priority = -3;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(4);
  config.blockDim = dim3(128);
  config.dynamicSmemBytes = 96;
  config.stream = stream;
  config.attrs = attributes;
  config.numAttrs = 3;
  return cudaLaunchKernelEx(&config, scaled<float, 128>, a.out, a.x, a.n, a.scale);
}

cudaError_t with_memory(const Arguments& a, cudaStream_t stream) {
  float *scratch = nullptr, *other = nullptr;
  const float table[3] = {1.0f, 2.0f, 3.0f};
  cudaMallocAsync(&scratch, 1000, stream);
  cudaMallocAsync(&other, 24, stream);
  cudaMemsetAsync(scratch, 0x1ff, 1000, stream);
  cudaMemcpyAsync(scratch, table, sizeof table, cudaMemcpyHostToDevice, stream);
  cudaMemcpyAsync(scratch, table, sizeof table, cudaMemcpyDefault, stream);
  cudaMemcpyAsync(a.out, scratch, 8, cudaMemcpyDefault, stream);
  scaled<float, 128><<<1, 128, 0, stream>>>(scratch, other, a.n, a.scale);
  cudaStreamSynchronize(stream);
  cudaFreeAsync(scratch, stream);
  cudaFreeAsync(other, stream);
  return cudaGetLastError();
}

cudaError_t unregistered(cudaStream_t stream) {
  static int data;
  void* arguments[1] = {nullptr};
  return cudaLaunchKernel(&data, dim3(1), dim3(1), arguments, 0, stream);
}

}  // namespace

extern "C" int launchers(const void* raw, cudaStream_t stream) {
  const Arguments& a = *(const Arguments*)raw;
  switch (a.what) {
    case 0:
      scaled<float, 256><<<(a.n + 255) / 256, 256, 0, stream>>>(a.out, a.x, a.n, a.scale);
      return cudaGetLastError();
    case 1:
      scaled<double, 64><<<dim3(1, 2, 3), dim3(8, 4, 2), 16, 0>>>((double*)a.out,
                                                                  (const double*)a.x, a.n, a.scale);
      takes_a_struct<<<1, 1, 0, stream>>>(a.out, Pair{7, 0.5}, 200);
      no_parameters<<<2, 3, 0, stream>>>();
      return cudaGetLastError();
    case 2:
      return occupancy_driven(a, stream);
    case 3:
      return with_attributes(a, stream);
    case 4:
      return with_memory(a, stream);
    case 5:
      return unregistered(stream);
    case 6:
      scaled<float, 256><<<0, 256, 0, stream>>>(a.out, a.x, a.n, a.scale);
      return cudaSuccess;  // and so the next call must not see the error
    case 7:
      return cudaPeekAtLastError();
    case 8: {
      static int calls = 0;
      return ++calls;
    }
    case 9: {
      int grid = 0, block = 0;
      auto kernel = scaled<float, 1024>;
      cudaError_t error = cudaOccupancyMaxPotentialBlockSize(&grid, &block, kernel);
      if (error != cudaSuccess) return error;
      kernel<<<grid, block, 0, stream>>>(a.out, a.x, a.n, a.scale);
      return cudaGetLastError();
    }
    case 10:
      for (int i = 0; i < a.n; ++i) no_parameters<<<i + 1, 32, 0, stream>>>();
      return cudaGetLastError();
    case 11: {
      auto kernel = scaled<float, 64>;
      const int bytes = 100 * 1024;
      cudaError_t error =
          cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
      if (error != cudaSuccess) return error;
      kernel<<<1, 64, bytes, stream>>>(a.out, a.x, a.n, a.scale);
      return cudaGetLastError();
    }
    case 12:
      scaled<float, 256><<<0, 256, 0, stream>>>(a.out, a.x, a.n, a.scale);
      cudaSetDevice(0);
      no_parameters<<<1, 32, 0, stream>>>();
      return cudaPeekAtLastError();
    default:
      return cudaErrorNotSupported;
  }
}

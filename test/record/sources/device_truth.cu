// Asks the CUDA runtime a few hundred questions whose answers the stand-in must give as well, and
// writes them as lines "question = number".
//
// With -DDEVICE_TRUTH_MAIN and a real runtime it is a program that prints the lines: run on a GPU,
// that output is the fixture. Without, it is a library for the recorder, which uploads the same
// lines to the address in its arguments.
#include <cuda_runtime.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace {

char lines[1 << 20];
size_t used;

void answer(long long value, const char* format, ...) {
  va_list list;
  va_start(list, format);
  used += vsnprintf(lines + used, sizeof lines - used, format, list);
  va_end(list);
  used += snprintf(lines + used, sizeof lines - used, " = %lld\n", value);
}

__global__ void plain(float* out) {
  if (out) out[threadIdx.x] = 1.0f;
}

__global__ void __launch_bounds__(256) bounded(float* out) {
  if (out) out[threadIdx.x] = 2.0f;
}

__global__ void static_40k(float* out) {
  __shared__ float values[10240];
  values[threadIdx.x] = threadIdx.x;
  __syncthreads();
  if (out) out[0] = values[(threadIdx.x + 1) % blockDim.x];
}

__global__ void dynamic(float* out) {
  extern __shared__ float scratch[];
  scratch[threadIdx.x] = threadIdx.x;
  __syncthreads();
  if (out) out[0] = scratch[(threadIdx.x + 1) % blockDim.x];
}

// 96 values are alive at once: more than 64 registers, so 1024 threads do not fit.
__global__ void heavy(float* out) {
  if (!out) return;
  float values[96];
#pragma unroll
  for (int i = 0; i < 96; ++i) values[i] = out[i * blockDim.x + threadIdx.x];
  __syncthreads();
#pragma unroll
  for (int i = 0; i < 96; ++i) out[((i * 7) % 96) * blockDim.x + threadIdx.x] = values[i] * i;
}

__global__ void __cluster_dims__(2, 1, 1) paired(float* out) {
  if (out) out[threadIdx.x] = 3.0f;
}

struct Kernel {
  const char* name;
  const void* function;
};

const Kernel kernels[] = {
    {"plain", (const void*)plain},           {"bounded", (const void*)bounded},
    {"static_40k", (const void*)static_40k}, {"dynamic", (const void*)dynamic},
    {"heavy", (const void*)heavy},           {"paired", (const void*)paired}};

void launch(const char* name, const void* function, dim3 grid, dim3 block, size_t shared) {
  float* out = nullptr;
  void* arguments[] = {&out};
  int result = cudaLaunchKernel(function, grid, block, arguments, shared, 0);
  answer(result, "launch %s grid %u,%u,%u block %u,%u,%u shared %zu", name, grid.x, grid.y, grid.z,
         block.x, block.y, block.z, shared);
  cudaDeviceSynchronize();
  cudaGetLastError();
}

void launch_with(const char* name, const void* function, dim3 grid, dim3 block, size_t shared,
                 dim3 cluster, int cooperative) {
  float* out = nullptr;
  void* arguments[] = {&out};
  cudaLaunchAttribute attributes[2];
  int count = 0;
  if (cluster.x != 99) {
    attributes[count].id = cudaLaunchAttributeClusterDimension;
    attributes[count].val.clusterDim = {cluster.x, cluster.y, cluster.z};
    ++count;
  }
  if (cooperative) {
    attributes[count].id = cudaLaunchAttributeCooperative;
    attributes[count].val.cooperative = 1;
    ++count;
  }
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared;
  config.attrs = attributes;
  config.numAttrs = count;
  int result = cudaLaunchKernelExC(&config, function, arguments);
  answer(result, "launch %s grid %u,%u,%u block %u shared %zu cluster %u,%u,%u cooperative %d",
         name, grid.x, grid.y, grid.z, block.x, shared, cluster.x, cluster.y, cluster.z,
         cooperative);
  cudaDeviceSynchronize();
  cudaGetLastError();
}

#ifndef DEVICE_TRUTH_MAIN
// The stand-in ends the call at an attribute that it has no answer for: these are asked of it.
bool stand_in_answers(int attribute) {
  return (attribute <= 20 && attribute != 13) || attribute == 30 || attribute == 31 ||
         (attribute >= 37 && attribute <= 39) || attribute == 41 || attribute == 75 ||
         attribute == 76 || (attribute >= 78 && attribute <= 85) || attribute == 90 ||
         attribute == 95 || attribute == 97 || attribute == 106 || attribute == 111 ||
         attribute == 115 || attribute == 120;
}
#endif

void ask_device() {
  int value = -1;
  answer(cudaGetDeviceCount(&value), "cudaGetDeviceCount");
  value = -1;
  answer(cudaGetDevice(&value), "cudaGetDevice");
  answer(value, "device");
  answer(cudaSetDevice(0), "cudaSetDevice 0");
  answer(cudaSetDevice(77), "cudaSetDevice 77");
  answer(cudaGetLastError(), "last error after cudaSetDevice 77");
  answer(cudaDeviceGetAttribute(&value, cudaDevAttrWarpSize, 77), "attribute of device 77");
  answer(cudaDeviceGetAttribute(&value, (cudaDeviceAttr)9999, 0), "attribute 9999");
  cudaGetLastError();
  for (int i = 1; i <= 147; ++i) {
#ifndef DEVICE_TRUTH_MAIN
    // The stand-in ends the call at a question that it has no answer for.
    if (!stand_in_answers(i)) continue;
#endif
    value = -1;
    if (cudaDeviceGetAttribute(&value, (cudaDeviceAttr)i, 0) == cudaSuccess) {
      answer(value, "device attribute %d", i);
    }
    cudaGetLastError();
  }
  cudaDeviceProp p;
  memset(&p, 0, sizeof p);
  answer(cudaGetDeviceProperties(&p, 77), "properties of device 77");
  cudaGetLastError();
  answer(cudaGetDeviceProperties(&p, 0), "cudaGetDeviceProperties");
#define PROPERTY(name) answer((long long)p.name, "property " #name)
  PROPERTY(sharedMemPerBlock);
  PROPERTY(regsPerBlock);
  PROPERTY(warpSize);
  PROPERTY(memPitch);
  PROPERTY(maxThreadsPerBlock);
  PROPERTY(maxThreadsDim[0]);
  PROPERTY(maxThreadsDim[1]);
  PROPERTY(maxThreadsDim[2]);
  PROPERTY(maxGridSize[0]);
  PROPERTY(maxGridSize[1]);
  PROPERTY(maxGridSize[2]);
  PROPERTY(totalConstMem);
  PROPERTY(major);
  PROPERTY(minor);
  PROPERTY(textureAlignment);
  PROPERTY(texturePitchAlignment);
  PROPERTY(multiProcessorCount);
  PROPERTY(integrated);
  PROPERTY(canMapHostMemory);
  PROPERTY(surfaceAlignment);
  PROPERTY(concurrentKernels);
  PROPERTY(unifiedAddressing);
  PROPERTY(memoryBusWidth);
  PROPERTY(l2CacheSize);
  PROPERTY(maxThreadsPerMultiProcessor);
  PROPERTY(streamPrioritiesSupported);
  PROPERTY(globalL1CacheSupported);
  PROPERTY(localL1CacheSupported);
  PROPERTY(sharedMemPerMultiprocessor);
  PROPERTY(regsPerMultiprocessor);
  PROPERTY(managedMemory);
  PROPERTY(isMultiGpuBoard);
  PROPERTY(computePreemptionSupported);
  PROPERTY(cooperativeLaunch);
  PROPERTY(sharedMemPerBlockOptin);
  PROPERTY(maxBlocksPerMultiProcessor);
  PROPERTY(reservedSharedMemPerBlock);
  PROPERTY(memoryPoolsSupported);
  PROPERTY(clusterLaunch);
  PROPERTY(unifiedFunctionPointers);
}

void ask_function_attributes(const char* when) {
  for (const Kernel& kernel : kernels) {
    cudaFuncAttributes a;
    memset(&a, 0, sizeof a);
    answer(cudaFuncGetAttributes(&a, kernel.function), "cudaFuncGetAttributes %s %s", kernel.name,
           when);
#define ATTRIBUTE(field) answer((long long)a.field, "function %s %s " #field, kernel.name, when)
    ATTRIBUTE(sharedSizeBytes);
    ATTRIBUTE(localSizeBytes);
    ATTRIBUTE(maxThreadsPerBlock);
    ATTRIBUTE(numRegs);
    ATTRIBUTE(ptxVersion);
    ATTRIBUTE(binaryVersion);
    ATTRIBUTE(cacheModeCA);
    ATTRIBUTE(maxDynamicSharedSizeBytes);
    ATTRIBUTE(preferredShmemCarveout);
    ATTRIBUTE(clusterDimMustBeSet);
    ATTRIBUTE(requiredClusterWidth);
    ATTRIBUTE(requiredClusterHeight);
    ATTRIBUTE(requiredClusterDepth);
    ATTRIBUTE(clusterSchedulingPolicyPreference);
    ATTRIBUTE(nonPortableClusterSizeAllowed);
  }
}

void set(const char* name, const void* function, int attribute, int value) {
  answer(cudaFuncSetAttribute(function, (cudaFuncAttribute)attribute, value),
         "set %s attribute %d to %d", name, attribute, value);
  cudaGetLastError();
}

void ask_occupancy(const char* when) {
  const int blocks[] = {0, 1, 33, 128, 160, 256, 384, 768, 1024, 1025};
  const size_t shared[] = {0, 1000, 20000, 49152, 49153, 100000, 232448};
  for (const Kernel& kernel : kernels) {
    for (int block : blocks) {
      for (size_t bytes : shared) {
        int count = -7;
        int result =
            cudaOccupancyMaxActiveBlocksPerMultiprocessor(&count, kernel.function, block, bytes);
        answer(result ? -result : count, "occupancy %s %s block %d shared %zu", kernel.name, when,
               block, bytes);
        cudaGetLastError();
      }
    }
    for (int count : {0, 1, 2, 3, 8, 16, 64}) {
      for (int block : {32, 128, 512, 1024}) {
        size_t bytes = 0;
        int result =
            cudaOccupancyAvailableDynamicSMemPerBlock(&bytes, kernel.function, count, block);
        answer(result ? -result : (long long)bytes, "available %s %s blocks %d block %d",
               kernel.name, when, count, block);
        cudaGetLastError();
      }
    }
  }
}

void ask_clusters(const char* when) {
  for (unsigned size : {1u, 2u, 3u, 4u, 6u, 8u, 12u, 16u, 32u}) {
    for (unsigned block : {128u, 512u, 1024u}) {
      for (size_t shared : {size_t(0), size_t(40000), size_t(200000)}) {
        cudaLaunchAttribute attribute;
        attribute.id = cudaLaunchAttributeClusterDimension;
        attribute.val.clusterDim = {size, 1, 1};
        cudaLaunchConfig_t config = {};
        config.gridDim = dim3(size * 8);
        config.blockDim = dim3(block);
        config.dynamicSmemBytes = shared;
        config.attrs = &attribute;
        config.numAttrs = 1;
        int clusters = -7;
        int result = cudaOccupancyMaxActiveClusters(&clusters, (const void*)dynamic, &config);
        answer(result ? -result : clusters, "clusters %s size %u block %u shared %zu", when, size,
               block, shared);
        cudaGetLastError();
        if (size != 1) continue;
        config.numAttrs = 0;
        int largest = -7;
        result = cudaOccupancyMaxPotentialClusterSize(&largest, (const void*)dynamic, &config);
        answer(result ? -result : largest, "largest cluster %s block %u shared %zu", when, block,
               shared);
        cudaGetLastError();
      }
    }
  }
}

void ask_launches() {
  const void* p = (const void*)plain;
  launch("plain", p, dim3(1), dim3(32), 0);
  launch("plain", p, dim3(0), dim3(32), 0);
  launch("plain", p, dim3(1, 0), dim3(32), 0);
  launch("plain", p, dim3(1, 65535), dim3(32), 0);
  launch("plain", p, dim3(1, 65536), dim3(32), 0);
  launch("plain", p, dim3(1, 1, 65536), dim3(32), 0);
  launch("plain", p, dim3(2147483648u), dim3(32), 0);
  launch("plain", p, dim3(1), dim3(0), 0);
  launch("plain", p, dim3(1), dim3(1024), 0);
  launch("plain", p, dim3(1), dim3(1025), 0);
  launch("plain", p, dim3(1), dim3(1, 1024), 0);
  launch("plain", p, dim3(1), dim3(1, 1, 64), 0);
  launch("plain", p, dim3(1), dim3(1, 1, 65), 0);
  launch("plain", p, dim3(1), dim3(1024, 2), 0);
  launch("plain", p, dim3(1), dim3(32), 49152);
  launch("plain", p, dim3(1), dim3(32), 49153);
  launch("plain", p, dim3(1), dim3(32), 1 << 20);
  launch("bounded", (const void*)bounded, dim3(1), dim3(256), 0);
  launch("bounded", (const void*)bounded, dim3(1), dim3(257), 0);
  launch("bounded", (const void*)bounded, dim3(1), dim3(1025), 0);
  launch("static_40k", (const void*)static_40k, dim3(1), dim3(64), 8192);
  launch("static_40k", (const void*)static_40k, dim3(1), dim3(64), 8193);
  launch("heavy", (const void*)heavy, dim3(1), dim3(512), 0);
  launch("heavy", (const void*)heavy, dim3(1), dim3(1024), 0);
  launch("paired", (const void*)paired, dim3(4), dim3(32), 0);
  launch("paired", (const void*)paired, dim3(3), dim3(32), 0);
  static int not_a_kernel;
  launch("not_a_kernel", &not_a_kernel, dim3(1), dim3(32), 0);
  launch("nullptr", nullptr, dim3(1), dim3(32), 0);
  const dim3 none(99);
  launch_with("plain", p, dim3(4), dim3(32), 0, none, 0);
  launch_with("plain", p, dim3(4), dim3(32), 0, dim3(2), 0);
  launch_with("plain", p, dim3(3), dim3(32), 0, dim3(2), 0);
  launch_with("plain", p, dim3(4, 4), dim3(32), 0, dim3(2, 2), 0);
  launch_with("plain", p, dim3(4, 3), dim3(32), 0, dim3(2, 2), 0);
  launch_with("plain", p, dim3(4), dim3(32), 0, dim3(0), 0);
  launch_with("plain", p, dim3(8), dim3(32), 0, dim3(8), 0);
  launch_with("plain", p, dim3(16), dim3(32), 0, dim3(16), 0);
  launch_with("plain", p, dim3(32), dim3(32), 0, dim3(32), 0);
  launch_with("plain", p, dim3(9), dim3(32), 0, dim3(9), 0);
  launch_with("paired", (const void*)paired, dim3(8), dim3(32), 0, dim3(4), 0);
  launch_with("paired", (const void*)paired, dim3(8), dim3(32), 0, dim3(2), 0);
  launch_with("plain", p, dim3(1), dim3(32), 0, none, 1);
  int per_sm = 0, sms = 0;
  cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_sm, p, 1024, 0);
  cudaDeviceGetAttribute(&sms, cudaDevAttrMultiProcessorCount, 0);
  launch_with("plain", p, dim3(per_sm * sms), dim3(1024), 0, none, 1);
  launch_with("plain", p, dim3(per_sm * sms + 1), dim3(1024), 0, none, 1);
  float* out = nullptr;
  void* arguments[] = {&out};
  answer(cudaLaunchCooperativeKernel(p, dim3(per_sm * sms + 1), dim3(1024), arguments, 0, 0),
         "cudaLaunchCooperativeKernel too large");
  cudaGetLastError();
  set("plain", p, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
  launch_with("plain", p, dim3(16), dim3(32), 0, dim3(16), 0);
  launch_with("plain", p, dim3(32), dim3(32), 0, dim3(32), 0);
}

void ask_last_error() {
  plain<<<0, 32>>>(nullptr);
  answer(cudaPeekAtLastError(), "peek after a refused launch");
  answer(cudaPeekAtLastError(), "second peek");
  plain<<<1, 32>>>(nullptr);
  answer(cudaPeekAtLastError(), "peek after a good launch");
  answer(cudaDeviceSynchronize(), "synchronize with a pending launch error");
  answer(cudaGetLastError(), "get");
  answer(cudaGetLastError(), "second get");
}

void ask_memory() {
  void* p = (void*)1;
  answer(cudaMalloc(&p, 0), "malloc 0");
  answer(p == nullptr, "malloc 0 is null");
  answer(cudaFree(nullptr), "free null");
  answer(cudaMalloc(&p, 1000), "malloc 1000");
  answer((unsigned long long)p % 512, "malloc alignment remainder");
  answer(cudaMemset(p, 0, 1000), "memset");
  answer(cudaMemsetAsync(p, 7, 0, 0), "memset 0 bytes");
  answer(cudaMemset(nullptr, 0, 0), "memset null, 0 bytes");
  answer(cudaMemcpyAsync(p, p, 0, cudaMemcpyDeviceToDevice, 0), "copy 0 bytes");
  answer(cudaMemcpy(p, p, 1, (cudaMemcpyKind)9), "copy of kind 9");
  cudaGetLastError();
  answer(cudaFree(p), "free");
  answer(cudaMalloc(&p, 1ull << 50), "malloc 2^50");
  cudaGetLastError();
}

void ask_streams() {
  cudaStreamCaptureStatus status;
  answer(cudaStreamIsCapturing(0, &status), "cudaStreamIsCapturing");
  answer(status, "capture status");
  int least = 9, greatest = 9;
  answer(cudaDeviceGetStreamPriorityRange(&least, &greatest), "cudaDeviceGetStreamPriorityRange");
  answer(least, "least priority");
  answer(greatest, "greatest priority");
  cudaStream_t stream;
  answer(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  cudaEvent_t event;
  answer(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  answer(cudaEventRecord(event, stream), "cudaEventRecord");
  answer(cudaStreamWaitEvent(0, event, 0), "cudaStreamWaitEvent");
  answer(cudaEventDestroy(event), "cudaEventDestroy");
  answer(cudaStreamDestroy(stream), "cudaStreamDestroy");
}

// "--- errors", then every code that has a name, with its name and words.
void ask_errors() {
  used += snprintf(lines + used, sizeof lines - used, "--- errors\n");
  for (int code = 0; code < 1000; ++code) {
    cudaError_t error = (cudaError_t)code;
    if (strcmp(cudaGetErrorName(error), "unrecognized error code") == 0) continue;
    used += snprintf(lines + used, sizeof lines - used, "%d\t%s\t%s\n", code,
                     cudaGetErrorName(error), cudaGetErrorString(error));
  }
}

void ask_everything() {
  used = 0;
  ask_device();
  ask_function_attributes("fresh");
  ask_occupancy("fresh");
  ask_clusters("fresh");
  ask_last_error();
  ask_memory();
  ask_streams();
  ask_launches();
  for (const Kernel& kernel : kernels) {
    set(kernel.name, kernel.function, cudaFuncAttributeMaxDynamicSharedMemorySize, -1);
    set(kernel.name, kernel.function, cudaFuncAttributeMaxDynamicSharedMemorySize, 232449);
    set(kernel.name, kernel.function, cudaFuncAttributeMaxDynamicSharedMemorySize, 232448);
    set(kernel.name, kernel.function, cudaFuncAttributeMaxDynamicSharedMemorySize, 191488);
    set(kernel.name, kernel.function, cudaFuncAttributeMaxDynamicSharedMemorySize, 100000);
    set(kernel.name, kernel.function, 3, 1);
    set(kernel.name, kernel.function, cudaFuncAttributePreferredSharedMemoryCarveout, 101);
    set(kernel.name, kernel.function, cudaFuncAttributePreferredSharedMemoryCarveout, -2);
  }
  static int not_a_kernel;
  cudaFuncAttributes attributes;
  answer(cudaFuncGetAttributes(&attributes, &not_a_kernel), "cudaFuncGetAttributes of no kernel");
  answer(cudaFuncGetAttributes(&attributes, nullptr), "cudaFuncGetAttributes of null");
  set("not_a_kernel", &not_a_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 1024);
  int blocks = 0;
  answer(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, &not_a_kernel, 128, 0),
         "occupancy of no kernel");
  cudaGetLastError();
  launch("dynamic", (const void*)dynamic, dim3(1), dim3(32), 100000);
  launch("dynamic", (const void*)dynamic, dim3(1), dim3(32), 100001);
  ask_function_attributes("raised");
  ask_occupancy("raised");
  set("dynamic", (const void*)dynamic, cudaFuncAttributeMaxDynamicSharedMemorySize, 232448);
  ask_clusters("raised");
  set("dynamic", (const void*)dynamic, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
  ask_clusters("non-portable");
  for (int percent : {0, 1, 25, 50, 100, -1}) {
    for (const Kernel& kernel : kernels) {
      set(kernel.name, kernel.function, cudaFuncAttributePreferredSharedMemoryCarveout, percent);
    }
    char when[32];
    snprintf(when, sizeof when, "carveout %d", percent);
    ask_occupancy(when);
  }
  set("plain", (const void*)plain, cudaFuncAttributeRequiredClusterWidth, 2);
  launch("plain", (const void*)plain, dim3(4), dim3(32), 0);
  launch_with("plain", (const void*)plain, dim3(4), dim3(32), 0, dim3(2), 0);
  set("plain", (const void*)plain, cudaFuncAttributeRequiredClusterHeight, 1);
  set("plain", (const void*)plain, cudaFuncAttributeRequiredClusterDepth, 1);
  launch("plain", (const void*)plain, dim3(4), dim3(32), 0);
  launch("plain", (const void*)plain, dim3(3), dim3(32), 0);
  launch_with("plain", (const void*)plain, dim3(4), dim3(32), 0, dim3(2), 0);
  ask_errors();
}

}  // namespace

#ifdef DEVICE_TRUTH_MAIN
int main() {
  ask_everything();
  fputs(lines, stdout);
}
#else
struct Arguments {
  void* out;
};

extern "C" int device_truth(const void* raw, cudaStream_t stream) {
  const Arguments* arguments = (const Arguments*)raw;
  ask_everything();
  return cudaMemcpyAsync(arguments->out, lines, used, cudaMemcpyHostToDevice, stream);
}
#endif

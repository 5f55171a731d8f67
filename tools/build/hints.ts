interface KnownMessage {
  pattern: RegExp;
  hint: string;
}

/** What nvcc, ptxas, the host compiler and the linker say of mistakes that are made often, and what to do. First match wins. */
const knownMessages: readonly KnownMessage[] = [
  {
    pattern: /Unsupported gpu architecture/u,
    hint: "Build for an arch that this compiler knows: CUDA 13 begins at sm_75, and Thor is sm_110.",
  },
  {
    pattern: /unsupported GNU version|unsupported clang version/u,
    hint: "Set NVCC_CCBIN to an older g++ (CUDA 13.0 takes gcc up to 15), then build again.",
  },
  {
    pattern: /no suitable conversion function from "(?:const )?__half/u,
    hint: "Convert explicitly: __half2float(x). Implicit conversions of __half are switched off.",
  },
  {
    pattern: /no suitable conversion function from "(?:const )?__nv_bfloat16/u,
    hint: "Convert explicitly: __bfloat162float(x). Implicit conversions of __nv_bfloat16 are switched off.",
  },
  {
    pattern: /no operator "[^"]+" matches these operands.*__(?:half|nv_bfloat16)/u,
    hint: "Compute in float: __half2float / __bfloat162float on the way in, __float2half_rn / __float2bfloat16_rn on the way out.",
  },
  {
    pattern:
      /namespace "std" has no member "(?:bit_width|bit_cast|bit_ceil|has_single_bit|span|numbers|countr_zero|popcount)"/u,
    hint: "Kernels are compiled as C++17: write it without C++20 (in device code __clz, __ffs, __popc, __float_as_int).",
  },
  {
    pattern: /(?:cusparse|cublas_v2|cusolverDn|cublas|curand|cufft)\.h: No such file/u,
    hint: "Leave this header out of the kernel's .cu: a kernel and its launcher need only cuda_runtime.h, cuda_fp16.h and cuda_bf16.h.",
  },
  {
    pattern: /(?:torch|ATen|c10|pybind11)\/\S+: No such file/u,
    hint: "Move everything of torch to torch-ext/torch_binding.cpp: the .cu is compiled without torch, which makes a build 2 s instead of 40 s.",
  },
  {
    pattern: /: No such file or directory/u,
    hint: "Put the header beside the .cu, or in common/ beside it, and add it to src in build.toml.",
  },
  {
    pattern: /uses too much shared data/u,
    hint: "Static shared memory ends at 48 KiB: take extern __shared__ memory and call cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes) before the launch.",
  },
  {
    pattern: /identifier "__(?:shfl|shfl_up|shfl_down|shfl_xor|all|any|ballot)" is undefined/u,
    hint: "Use the _sync form with the mask of the lanes that take part, for example __shfl_down_sync(0xffffffffu, value, step), reached by all of them.",
  },
  {
    pattern: /annotation on lambda requires --extended-lambda/u,
    hint: "Write a functor (a struct with a __device__ operator()) instead of the lambda.",
  },
  {
    pattern: /has no member "(?:memoryClockRate|clockRate)"/u,
    hint: "CUDA 13 removed it from cudaDeviceProp: cudaDeviceGetAttribute(&khz, cudaDevAttrMemoryClockRate, device).",
  },
  {
    pattern: /256 bit wide load\/store/u,
    hint: "Guard it with #if __CUDA_ARCH__ >= 1000, or use a struct alignas(32) and let the compiler split it on older archs.",
  },
  {
    pattern: /requires \.target (sm_\w+) or higher|requires \.target '?(sm_\w+)/u,
    hint: "Guard the instruction with #if __CUDA_ARCH__ >= <number of that arch>, or leave the older archs out of archs.",
  },
  {
    pattern: /calling a __host__ function\(.*is not allowed|is undefined in device code/u,
    hint: "Mark the function __device__ (or __host__ __device__), or call it before the launch and pass its result to the kernel.",
  },
  {
    pattern: /Unresolved extern function/u,
    hint: "Define the device function in this .cu or in a header that it includes: files are compiled one by one, without device linking.",
  },
  {
    pattern: /__global__ function must have a void return type/u,
    hint: "Return void and write the result through a pointer parameter.",
  },
  {
    pattern: /excessive recursion at instantiation/u,
    hint: "End the recursion with a specialisation or with if constexpr.",
  },
  {
    pattern: /no instance of overloaded function "atomicAdd"/u,
    hint: "Accumulate in float: atomicAdd takes (float*, float), and __half or __nv_bfloat16 pointers with a value of the same type.",
  },
  {
    pattern: /undefined reference to|undefined hidden symbol/u,
    hint: "Define it in this .cu, or remove the reference: the library is linked from this one file.",
  },
  {
    pattern:
      /__nv_bfloat16" is undefined|"(?:nv_bfloat16|nv_bfloat162|__nv_bfloat162)" is undefined/u,
    hint: "Add: #include <cuda_bf16.h>",
  },
  {
    pattern: /identifier "(?:__half|half|half2|__half2)" is undefined/u,
    hint: "Add: #include <cuda_fp16.h>",
  },
  {
    pattern: /identifier "u?int(?:8|16|32|64)_t" is undefined/u,
    hint: "Add: #include <cstdint>",
  },
  {
    pattern: /^expected a ";"/u,
    hint: "The ; is missing at the end of the statement before this place, often on the line above.",
  },
  {
    pattern: /minnctapersm|maxntid|threads per (?:SM|CTA)/u,
    hint: "Lower the second argument of __launch_bounds__: blocks per SM times threads per block is more than an SM holds.",
  },
  {
    pattern: /Stack size for entry function .* cannot be statically determined/u,
    hint: "Remove recursion and calls through function pointers from device code.",
  },
];

/** What to do about a message of the compiler, where that is known. */
export function hintFor(message: string): string | undefined {
  return knownMessages.find(({ pattern }) => pattern.test(message))?.hint;
}

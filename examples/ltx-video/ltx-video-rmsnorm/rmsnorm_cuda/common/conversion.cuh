// bfloat16, float16 and float32 to float32 and back, two at a time where a word holds two.
//
// Numerics     To float32 is exact. From float32 is round-to-nearest-even, infinities and NaN kept.
// Build time   cuda_bf16.h and cuda_fp16.h cost 0.6 s of every compile; these lines do not.
#pragma once

#include <stdint.h>

struct bfloat16 {
  uint16_t bits;
};
struct float16 {
  uint16_t bits;
};

// Through the read-only path: nothing writes the bytes while the kernel runs.
__device__ __forceinline__ bfloat16 load_element(const bfloat16* address) {
  return {__ldg(&address->bits)};
}
__device__ __forceinline__ float16 load_element(const float16* address) {
  return {__ldg(&address->bits)};
}
__device__ __forceinline__ float load_element(const float* address) { return __ldg(address); }

__device__ __forceinline__ float to_float(bfloat16 value) {
  return __uint_as_float(uint32_t(value.bits) << 16);
}

__device__ __forceinline__ float to_float(float16 value) {
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
  return result;
}

__device__ __forceinline__ float to_float(float value) { return value; }

// The value in each half of a word.
template <typename T>
__device__ __forceinline__ float low_to_float(uint32_t word) {
  return to_float(T{uint16_t(word)});
}
template <typename T>
__device__ __forceinline__ float high_to_float(uint32_t word) {
  return to_float(T{uint16_t(word >> 16)});
}
template <>
__device__ __forceinline__ float high_to_float<bfloat16>(uint32_t word) {
  return __uint_as_float(word & 0xffff0000u);
}

// Compute capability 7.5 has no bfloat16 conversion. Adding just under half a unit in the last
// place, and one more if the kept part is odd, rounds to nearest even; a carry into the exponent
// is what rounding up needs, infinity included. Only NaN must not be touched by it.
__device__ __forceinline__ uint32_t bfloat16_bits_by_integers(float value) {
  const uint32_t bits = __float_as_uint(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fffu;
  return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}

template <typename T>
__device__ __forceinline__ T from_float(float value);

template <>
__device__ __forceinline__ bfloat16 from_float<bfloat16>(float value) {
  bfloat16 result;
#if __CUDA_ARCH__ >= 800
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
#else
  result.bits = uint16_t(bfloat16_bits_by_integers(value));
#endif
  return result;
}

template <>
__device__ __forceinline__ float16 from_float<float16>(float value) {
  float16 result;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
  return result;
}

template <>
__device__ __forceinline__ float from_float<float>(float value) {
  return value;
}

// Two values as one word, `low` in its low half.
template <typename T>
__device__ __forceinline__ uint32_t pair_from_float(float low, float high);

template <>
__device__ __forceinline__ uint32_t pair_from_float<bfloat16>(float low, float high) {
#if __CUDA_ARCH__ >= 800
  uint32_t word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
#else
  return bfloat16_bits_by_integers(low) | bfloat16_bits_by_integers(high) << 16;
#endif
}

template <>
__device__ __forceinline__ uint32_t pair_from_float<float16>(float low, float high) {
#if __CUDA_ARCH__ >= 800
  uint32_t word;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
#else
  return from_float<float16>(low).bits | uint32_t(from_float<float16>(high).bits) << 16;
#endif
}

// `value` as it will read back from memory of dtype T.
template <typename T>
__device__ __forceinline__ float rounded_to(float value) {
  return to_float(from_float<T>(value));
}

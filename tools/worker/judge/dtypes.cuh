// Element types: the same values from the same bits as tools/kernel/dtypes.ts.
#pragma once

#include "case.cuh"

// A double's infinity, and the largest number of float32.
constexpr double kInfinity = __builtin_huge_val();
constexpr double kFloat32Max = 0x1.fffffep127;

struct dtype_facts {
  int32_t significand_bits;  // the hidden one included
  int32_t min_exponent;
  double max_finite;
  uint32_t poison;
};

__device__ inline dtype_facts facts_of(int32_t dtype) {
  if (dtype == DTYPE_BFLOAT16) return {8, -126, 0x1.fep127, 0xffa5u};
  if (dtype == DTYPE_FLOAT16) return {11, -14, 65504.0, 0xfea5u};
  return {24, -126, kFloat32Max, 0xffa5a5a5u};
}

__device__ inline uint32_t bytes_of(int32_t dtype) { return dtype == DTYPE_FLOAT32 ? 4 : 2; }

// 2^exponent, of a normal double.
__device__ inline double power_of_two(int32_t exponent) {
  return __hiloint2double((exponent + 1023) << 20, 0);
}

// The exponent of the distance between neighbours of dtype at value; see ulpAt.
__device__ inline int32_t ulp_exponent(double value, const dtype_facts& facts) {
  double magnitude = fabs(value);
  if (magnitude > facts.max_finite) magnitude = facts.max_finite;
  const int32_t exponent = ((__double2hiint(magnitude) >> 20) & 0x7ff) - 1023;
  const int32_t floored = exponent > facts.min_exponent ? exponent : facts.min_exponent;
  return floored - facts.significand_bits + 1;
}

// Rounds once to dtype: to nearest, ties to even, overflow to infinity.
// Not inlined, as what else is called from many places: the driver compiles this file anew for
// every device that it has not seen, and takes half the time.
__device__ __noinline__ double round_to(double value, int32_t dtype) {
  if (dtype == DTYPE_FLOAT32) return double(__double2float_rn(value));
  const dtype_facts facts = facts_of(dtype);
  // Zeros, infinities and NaN stay.
  if (value == 0 || !(fabs(value) <= 0x1.fffffffffffffp1023)) return value;
  const int32_t exponent = ulp_exponent(value, facts);
  // Adding and taking away 1.5 * 2^52 rounds a double of magnitude below 2^51 to an integer.
  const double scaled = __dmul_rn(value, power_of_two(-exponent));
  const double whole = __dsub_rn(__dadd_rn(scaled, 0x1.8p52), 0x1.8p52);
  const double rounded = __dmul_rn(whole, power_of_two(exponent));
  if (fabs(rounded) > facts.max_finite) return copysign(kInfinity, value);
  return rounded == 0 ? copysign(0.0, value) : rounded;
}

__device__ inline double value_of(uint32_t bits, int32_t dtype) {
  float value;
  if (dtype == DTYPE_FLOAT16) {
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(uint16_t(bits)));
  } else {
    value = __uint_as_float(dtype == DTYPE_BFLOAT16 ? bits << 16 : bits);
  }
  return double(value);
}

// The bits of a value that dtype holds exactly.
__device__ inline uint32_t bits_of(double value, int32_t dtype) {
  if (value != value) {
    return dtype == DTYPE_FLOAT32 ? 0x7fc00000u : dtype == DTYPE_FLOAT16 ? 0x7e00u : 0x7fc0u;
  }
  const float single = __double2float_rn(value);
  if (dtype == DTYPE_FLOAT32) return __float_as_uint(single);
  if (dtype == DTYPE_BFLOAT16) return __float_as_uint(single) >> 16;
  uint16_t half;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(single));
  return half;
}

__device__ inline uint32_t load_bits(uint64_t buffer, int64_t index, int32_t dtype) {
  if (dtype == DTYPE_FLOAT32) return reinterpret_cast<const uint32_t*>(buffer)[index];
  return reinterpret_cast<const uint16_t*>(buffer)[index];
}

__device__ inline void store_bits(uint64_t buffer, int64_t index, uint32_t bits, int32_t dtype) {
  if (dtype == DTYPE_FLOAT32) {
    reinterpret_cast<uint32_t*>(buffer)[index] = bits;
  } else {
    reinterpret_cast<uint16_t*>(buffer)[index] = uint16_t(bits);
  }
}

// |got - reference| in ulps at scale: ulpDistance of accuracy.ts, rule by rule.
__device__ __noinline__ double ulp_distance(double got, double reference, int32_t dtype,
                                            double scale) {
  const double infinity = kInfinity;
  if (reference != reference) return got != got ? 0 : infinity;
  if (got != got) return infinity;
  if (got == reference) return 0;
  if (fabs(reference) == infinity && fabs(got) != infinity) return infinity;
  const dtype_facts facts = facts_of(dtype);
  // Past the largest finite number infinity counts as the next power of two.
  const double edge = facts.max_finite + power_of_two(ulp_exponent(facts.max_finite, facts));
  const double near_got = fmin(fmax(got, -edge), edge);
  const double near_reference = fmin(fmax(reference, -edge), edge);
  const double difference = fabs(__dsub_rn(near_got, near_reference));
  return __dmul_rn(difference, power_of_two(-ulp_exponent(scale, facts)));
}

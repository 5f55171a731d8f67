// Sixteen bytes of a row: the widest access that every supported GPU has, and how it is cached.
#pragma once

#include "conversion.cuh"

constexpr int kVectorBytes = 16;

template <typename T>
struct Vector {
  static constexpr int kSize = kVectorBytes / int(sizeof(T));  // elements
  uint4 words;
};

// Requires a 16-byte aligned address. Streaming: the bytes are read once, so they may leave the
// cache first. Otherwise through the read-only path: nothing writes them while the kernel runs.
template <typename T>
__device__ __forceinline__ Vector<T> load_vector(const T* address, bool streaming) {
  const uint4* words = reinterpret_cast<const uint4*>(address);
  return {streaming ? __ldcs(words) : __ldg(words)};
}

template <typename T>
__device__ __forceinline__ void store_vector(T* address, Vector<T> vector, bool streaming) {
  uint4* words = reinterpret_cast<uint4*>(address);
  if (streaming) {
    __stcs(words, vector.words);
  } else {
    *words = vector.words;
  }
}

template <typename T>
__device__ __forceinline__ void unpack(Vector<T> vector, float (&values)[Vector<T>::kSize]) {
  const uint32_t words[4] = {vector.words.x, vector.words.y, vector.words.z, vector.words.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if constexpr (sizeof(T) == 4) {
      values[i] = __uint_as_float(words[i]);
    } else {
      values[2 * i] = low_to_float<T>(words[i]);
      values[2 * i + 1] = high_to_float<T>(words[i]);
    }
  }
}

template <typename T>
__device__ __forceinline__ Vector<T> pack(const float* values) {
  uint32_t words[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if constexpr (sizeof(T) == 4) {
      words[i] = __float_as_uint(values[i]);
    } else {
      words[i] = pair_from_float<T>(values[2 * i], values[2 * i + 1]);
    }
  }
  return {make_uint4(words[0], words[1], words[2], words[3])};
}

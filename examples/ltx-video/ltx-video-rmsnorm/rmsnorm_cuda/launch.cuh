// Host side: checks the arguments, then picks the fastest variant whose requirements hold.
#pragma once

#include "any_shape.cuh"
#include "row_in_registers.cuh"
#include "several_rows_per_warp.cuh"
#include "warp_per_row.cuh"
#include "wide_row.cuh"

// Launch parameters that tune_kernel may sweep: kernel.yaml lists the values worth trying.
#ifndef TUNE_VECTORS_PER_THREAD
#define TUNE_VECTORS_PER_THREAD 4  // row_in_registers
#endif
#ifndef TUNE_WARPS_PER_BLOCK
#define TUNE_WARPS_PER_BLOCK 4  // warp_per_row, several_rows_per_warp
#endif
#ifndef TUNE_ROWS_IN_FLIGHT
#define TUNE_ROWS_IN_FLIGHT 2  // several_rows_per_warp
#endif

constexpr int64_t kMaxGrid = 2147483647;  // of gridDim.x, on every GPU

inline bool is_dtype(int32_t code) { return code >= DTYPE_BFLOAT16 && code <= DTYPE_FLOAT32; }

inline cudaError_t check(const rmsnorm_args* args) {
  if (args == nullptr || args->size != sizeof(rmsnorm_args)) return cudaErrorInvalidValue;
  const rmsnorm_args& a = *args;
  if (!(a.eps >= 0.0f)) return cudaErrorInvalidValue;  // NaN included
  if (a.rows < 0 || a.hidden_size < 0) return cudaErrorInvalidValue;
  if (a.x_row_stride < 0 || a.out_row_stride < 0) return cudaErrorInvalidValue;
  if (a.rows_per_group > 0 && (a.x_group_stride < 0 || a.out_group_stride < 0)) {
    return cudaErrorInvalidValue;
  }
  if (!is_dtype(a.dtype) || !is_dtype(a.out_dtype)) return cudaErrorInvalidValue;
  if (a.weight != nullptr && !is_dtype(a.weight_dtype)) return cudaErrorInvalidValue;
  if (a.rounding != ROUNDING_LLAMA && a.rounding != ROUNDING_SINGLE) return cudaErrorInvalidValue;

  const bool float32_weight = a.weight != nullptr && a.weight_dtype == DTYPE_FLOAT32;
  if (a.weight != nullptr && a.weight_dtype != a.dtype && !float32_weight) {
    return cudaErrorNotSupported;
  }
  // Only a float32 weight may promote the result.
  if (a.out_dtype != a.dtype && !(float32_weight && a.out_dtype == DTYPE_FLOAT32)) {
    return cudaErrorNotSupported;
  }
  if (a.rows == 0 || a.hidden_size == 0) return cudaSuccess;
  if (a.x == nullptr || a.out == nullptr) return cudaErrorInvalidValue;
  if (a.out == a.x) return cudaErrorNotSupported;  // in place: loads assume that nothing writes x
  return cudaSuccess;
}

inline bool aligned(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % kVectorBytes == 0;
}

// Whether every row of a matrix starts on a vector boundary.
inline bool aligned(int64_t row_stride, int64_t group_stride, int64_t rows_per_group,
                    int64_t element_bytes) {
  if (row_stride * element_bytes % kVectorBytes != 0) return false;
  return rows_per_group <= 0 || group_stride * element_bytes % kVectorBytes == 0;
}

template <typename T>
bool vectors_possible(const Problem& problem) {
  const RowLayout& layout = problem.layout;
  const int64_t out_bytes = problem.float32_out ? sizeof(float) : sizeof(T);
  return problem.hidden_size % Vector<T>::kSize == 0 &&  //
         aligned(problem.x) && aligned(problem.out) && aligned(problem.weight) &&
         aligned(layout.x_row_stride, layout.x_group_stride, layout.rows_per_group, sizeof(T)) &&
         aligned(layout.out_row_stride, layout.out_group_stride, layout.rows_per_group, out_bytes);
}

// Beyond half of L2, what is read and written would only push out what others need.
inline cudaError_t fills_l2(int64_t rows, int64_t row_bytes, bool& fills) {
  int device = 0;
  int l2_bytes = 0;
  cudaError_t error = cudaGetDevice(&device);
  if (error == cudaSuccess) {
    error = cudaDeviceGetAttribute(&l2_bytes, cudaDevAttrL2CacheSize, device);
  }
  fills = double(rows) * double(row_bytes) > double(l2_bytes) / 2;
  return error;
}

inline Problem problem_of(const rmsnorm_args& args) {
  Problem problem = {};
  problem.out = args.out;
  problem.x = args.x;
  problem.weight = args.weight;
  problem.rstd = args.rstd;
  problem.rows = args.rows;
  problem.hidden_size = args.hidden_size;
  problem.layout = {args.x_row_stride, args.out_row_stride, args.rows_per_group,
                    args.x_group_stride, args.out_group_stride};
  problem.reciprocal_hidden_size = float(1.0 / double(args.hidden_size));
  problem.eps = args.eps;
  problem.weight_offset = args.weight_offset;
  problem.weight_form = args.weight == nullptr            ? WeightForm::kNone
                        : args.weight_dtype == args.dtype ? WeightForm::kSame
                                                          : WeightForm::kFloat32;
  problem.round_before_weight = args.rounding == ROUNDING_LLAMA;
  problem.float32_out = args.out_dtype != args.dtype;
  return problem;
}

// At most kMaxGrid blocks; the kernels walk on to the rows beyond.
inline unsigned grid_for(int64_t rows, int64_t rows_per_block) {
  const int64_t blocks = (rows - 1) / rows_per_block + 1;
  return unsigned(blocks < kMaxGrid ? blocks : kMaxGrid);
}

// Enough whole warps for `items` at `per_thread` each, at most `most` threads.
inline unsigned threads_for(int64_t items, int64_t per_thread, int64_t most) {
  const int64_t warps = (items + kWarpSize * per_thread - 1) / (kWarpSize * per_thread);
  return unsigned(warps * kWarpSize < most ? warps * kWarpSize : most);
}

inline int next_power_of_two(int64_t count) {
  int power = 1;
  while (power < count) power *= 2;
  return power;
}

template <typename T>
cudaError_t launch(const rmsnorm_args& args, cudaStream_t stream) {
  Problem problem = problem_of(args);
  const int64_t rows = problem.rows;
  const int64_t vectors = problem.hidden_size / Vector<T>::kSize;
  const cudaError_t error =
      fills_l2(rows, problem.hidden_size * int64_t(sizeof(T)), problem.streaming);
  if (error != cudaSuccess) return error;

  constexpr int kWarps = TUNE_WARPS_PER_BLOCK;
  constexpr int kWarpThreads = kWarps * kWarpSize;
  if (!vectors_possible<T>(problem)) {
    const unsigned threads = threads_for(problem.hidden_size, 1, kAnyShapeThreads);
    rmsnorm_any_shape<T><<<grid_for(rows, 1), threads, 0, stream>>>(problem);
  } else if (vectors <= kWarpSize) {
    constexpr int kRowsInFlight = TUNE_ROWS_IN_FLIGHT;
    problem.lanes_per_row = next_power_of_two(vectors);
    const int rows_per_block = kWarps * kRowsInFlight * (kWarpSize / problem.lanes_per_row);
    rmsnorm_several_rows_per_warp<T, kWarps, kRowsInFlight>
        <<<grid_for(rows, rows_per_block), kWarpThreads, 0, stream>>>(problem);
  } else if (vectors <= kWarpVectors) {
    rmsnorm_warp_per_row<T, kWarps><<<grid_for(rows, kWarps), kWarpThreads, 0, stream>>>(problem);
  } else if (vectors <= kBlockVectors) {
    constexpr int kVectorsPerThread = TUNE_VECTORS_PER_THREAD;
    const unsigned threads =
        threads_for(vectors, kVectorsPerThread, kBlockVectors / kVectorsPerThread);
    rmsnorm_row_in_registers<T, kVectorsPerThread>
        <<<grid_for(rows, 1), threads, 0, stream>>>(problem);
  } else {
    rmsnorm_wide_row<T><<<grid_for(rows, 1), kWideRowThreads, 0, stream>>>(problem);
  }
  return cudaGetLastError();
}

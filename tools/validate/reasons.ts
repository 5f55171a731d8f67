/**
 * The closed list of reasons for which a kernel is rejected. `cheats` are the numbers of the
 * catalogue of known cheats and mistakes that a reason answers.
 */
export const reasons = {
  not_written: {
    cheats: ["D01"],
    means: "output elements still hold the poison that they had before the launch",
    fix: "Let the grid and the loops cover every row and column; check the launch's grid against rows.",
  },
  tail_not_written: {
    cheats: ["D12"],
    means: "the last columns of rows are never written",
    fix: "Handle the columns after the last whole vector (hidden_size % vector size), and the last vector itself.",
  },
  weight_ignored: {
    cheats: ["D04"],
    means: "the output is what it would be without the weight",
    fix: "Multiply by weight[column] (plus weight_offset).",
  },
  weight_offset_wrong: {
    cheats: ["D06"],
    means: "the output is what another weight_offset gives",
    fix: "Use the weight_offset of the arguments: out = x * rstd * (weight + weight_offset), added in float32.",
  },
  eps_ignored: {
    cheats: ["D05"],
    means: "the output is what eps = 0 gives, or eps added elsewhere than to the mean square",
    fix: "Add eps to the mean square, inside the square root.",
  },
  wrong_divisor: {
    cheats: ["D08"],
    means: "the mean square is divided by another number than hidden_size",
    fix: "Divide the sum of squares by hidden_size, not by a padded, rounded or reduced count.",
  },
  incomplete_sum: {
    cheats: ["D08", "D12"],
    means: "a row's squares do not enter the sum once each",
    fix: "See that every column enters the sum once, and that a barrier stands between writing partial sums and reading them.",
  },
  low_precision_sum: {
    cheats: ["D08", "D52"],
    means:
      "whole rows are scaled by an inaccurate rstd, as when squares are summed in half precision, or in float32 one after another",
    fix: "Square and sum in float32 whatever the input dtype is, in a tree or in several partial sums, not one after another.",
  },
  rounding_order: {
    cheats: ["D07"],
    means: "the output is what the other rounding order gives",
    fix: 'With rounding "llama" round x * rstd to the input dtype before the product with the weight; with "single" round once at the end.',
  },
  special_values: {
    cheats: ["D10"],
    means: "NaN or infinities are not where the definition puts them",
    fix: "Let NaN and infinity flow through: no clamps, no fminf or fmaxf on values; a bad row must not touch others.",
  },
  overflow: {
    cheats: ["D09"],
    means: "large finite inputs give infinities, zeros or NaN",
    fix: "Convert to float32 before squaring.",
  },
  subnormals_flushed: {
    cheats: ["D09"],
    means: "tiny inputs are treated as zero",
    fix: "Compile without -use_fast_math and -ftz=true, and use no .ftz or fast-math intrinsic.",
  },
  wrong_values: {
    cheats: ["D16", "D17", "D18"],
    means: "the output differs from the definition in a way that no known fault explains",
    fix: "Look at the first bad element and the pattern; then at strides, dtypes and pointer arithmetic.",
  },
  too_inaccurate: {
    cheats: ["D52"],
    means: "more elements than rounding explains are not the nearest value",
    fix: "Keep everything between load and store in float32 and round as the declared order says.",
  },
  rstd_wrong: {
    cheats: ["D08"],
    means: "the optional rstd output differs from 1 / sqrt(mean square + eps)",
    fix: "Write the float32 rstd of each row to rstd[row].",
  },
  mean_wrong: {
    cheats: ["D08"],
    means: "the optional mean output differs from the mean of the row",
    fix: "Write the float32 mean of each row to mean[row].",
  },
  residual_wrong: {
    cheats: ["D19"],
    means: "the sum written back to residual differs from x + residual",
    fix: "Store the rounded sum x + residual before it is normalised.",
  },
  out_of_bounds: {
    cheats: ["D12", "D16", "D20", "D58"],
    means: "an access lies outside of its allocation",
    fix: "Check the index against rows and hidden_size before the access; mask the last vector.",
  },
  offset_32_bit: {
    cheats: ["D15"],
    means: "an element offset past 2^31 wraps",
    fix: "Compute row * stride in int64_t.",
  },
  misaligned: {
    cheats: ["D16"],
    means: "a vector access at an address that is not a multiple of its size",
    fix: "Check all pointers and strides for 16-byte alignment in the launcher, and take the scalar path otherwise.",
  },
  input_modified: {
    cheats: ["D19"],
    means: "the kernel writes to one of its inputs",
    fix: "Write to out (and rstd) only.",
  },
  canary_overwritten: {
    cheats: ["D20"],
    means: "elements between or around the output rows were overwritten",
    fix: "Write hidden_size elements a row, at the strides of the arguments.",
  },
  schedule_dependent: {
    cheats: ["D21", "D22"],
    means: "the result depends on the order in which warps run: a barrier is missing",
    fix: "Put __syncthreads() between writing shared memory and other warps' reading it.",
  },
  deadlock: {
    cheats: ["D21", "D59"],
    means: "threads wait for threads that never come",
    fix: "Let every thread of the block reach __syncthreads, and every lane of the mask reach the _sync intrinsic.",
  },
  endless_loop: {
    cheats: ["D59"],
    means: "the launch used up its instruction budget",
    fix: "Look at the loop that the finding names: its bound, its stride, its exit.",
  },
  trapped: {
    cheats: ["D57"],
    means: "the kernel executed a trap or a failed assert",
    fix: "See the message; a kernel must accept every case that kernel.yaml supports.",
  },
  no_launch: {
    cheats: ["D57"],
    means: "the entry point reported success and launched nothing",
    fix: "Launch a kernel for every non-empty input, or return cudaErrorNotSupported.",
  },
  launch_error_swallowed: {
    cheats: ["D57"],
    means: "a launch was refused by the runtime and the entry point still returned success",
    fix: "Return cudaGetLastError() after the launch, and fix the launch configuration.",
  },
  returned_error: {
    cheats: ["D57"],
    means: "the entry point returned an error for a case that kernel.yaml supports",
    fix: "Support the case, or take it out of supports in kernel.yaml.",
  },
  missing_refusal: {
    cheats: ["D16", "D18"],
    means: "arguments that must be refused were accepted",
    fix: "Check size, pointers, dtypes and sizes first; return cudaErrorInvalidValue or cudaErrorNotSupported without a launch.",
  },
  constant_output: {
    cheats: ["D02"],
    means: "the output is zero or constant, whatever the inputs are",
    fix: "Compute x * rstd * weight for every element.",
  },
  input_returned: {
    cheats: ["D03"],
    means: "the output is a copy of x, normalised by nothing",
    fix: "Multiply by rstd and by the weight; do not copy or alias x.",
  },
  outliers: {
    cheats: ["D11"],
    means: "a few elements are far off while all others are right: an average would hide them",
    fix: "Look at the elements that the pattern names: a vector, a lane or a row is treated otherwise than the rest.",
  },
  rows_not_written: {
    cheats: ["D13"],
    means: "whole rows are never written, the others are",
    fix: "Cover every row: put rows in grid.x (grid.y and grid.z end at 65535), and loop where the grid is smaller than rows.",
  },
  shape_specific: {
    cheats: ["D14"],
    means: "listed shapes are right and shapes drawn at run time are wrong: sizes are built in",
    fix: "Take rows and hidden_size from the arguments; accept every size, or return cudaErrorNotSupported.",
  },
  strides_ignored: {
    cheats: ["D17"],
    means: "rows are read or written as if they were contiguous",
    fix: "Use x_row_stride, out_row_stride and the group strides of the arguments for row addresses.",
  },
  dtype_misread: {
    cheats: ["D18"],
    means: "a buffer is read as another dtype than the arguments say",
    fix: "Branch on dtype, weight_dtype and out_dtype, or refuse with cudaErrorNotSupported.",
  },
  uninitialised_read: {
    cheats: ["D22"],
    means: "shared, local or output memory is read before anything was written there",
    fix: "Write every element of shared memory that is read, in the same launch; never read out before writing it.",
  },
  shared_race: {
    cheats: ["D21"],
    means:
      "two warps touch the same shared memory without a barrier between them, one of them writing",
    fix: "Put __syncthreads() between the two source lines that the finding names.",
  },
  divergent_barrier: {
    cheats: ["D21"],
    means: "threads of one block wait at different barriers, or only some of them wait",
    fix: "Let all threads of the block reach the same __syncthreads().",
  },
  missing_lanes: {
    cheats: ["D21"],
    means: "a shuffle or vote names lanes in its mask that do not take part",
    fix: "Call the _sync intrinsic with all lanes of the mask present, or pass the mask of those that are.",
  },
  nondeterministic: {
    cheats: ["D23"],
    means: "the same inputs give other bits from run to run",
    fix: "Sum in a fixed order: no floating-point atomics.",
  },
  stale_result: {
    cheats: ["D24", "D25"],
    means: "new inputs at the same addresses give the result of the old ones",
    fix: "Read the inputs in every call; remember nothing between calls.",
  },
  address_dependent: {
    cheats: ["D24"],
    means: "the same inputs at other addresses give another result",
    fix: "Take every address from the arguments of the call; keep none from an earlier one.",
  },
  later_calls_wrong: {
    cheats: ["D27", "D28"],
    means: "the first calls are right and later ones are not",
    fix: "Do the same work in every call: no counters, no shortcuts after a warm-up.",
  },
  wrong_stream: {
    cheats: ["D29"],
    means:
      "work is launched on another stream than the one that was given, and nothing orders the two",
    fix: "Launch on the stream that the entry point is called with.",
  },
  not_capturable: {
    cheats: ["D54"],
    means: "the call synchronises or allocates, so it cannot be captured in a CUDA graph",
    fix: "No cudaDeviceSynchronize, cudaStreamSynchronize or cudaMalloc in the entry point; keep workspace outside of it.",
  },
  harness_tampered: {
    cheats: ["D31", "D33", "D34"],
    means: "the candidate changed functions, files or memory that the judge relies on",
    fix: "Leave torch, timers, and files other than your own alone.",
  },
  result_forged: {
    cheats: ["D32"],
    means: "the candidate wrote to the judge's channels, or closed them",
    fix: "Write to no descriptor that the candidate did not open.",
  },
  library_call: {
    cheats: ["D37"],
    means: "the work is done by a library in place of the candidate's own kernels",
    fix: "Compute the norm in a kernel of the candidate; call no cuBLAS, cuDNN or torch operator.",
  },
  forbidden_access: {
    cheats: ["D67"],
    means: "host code reaches for files, the network, other processes or clocks",
    fix: "The entry point checks its arguments and launches kernels; nothing else.",
  },
  arch_missing: {
    cheats: ["D66"],
    means: "the library holds no code that runs on a GPU that kernel.yaml names",
    fix: "Compile for every arch in kernel.yaml, with PTX for newer GPUs.",
  },
  host_code_failed: {
    cheats: ["D59"],
    means: "the project's host code crashed, exited or did not come back",
    fix: "Device pointers must not be read on the host; the entry point must return.",
  },
} as const;

export type ReasonCode = keyof typeof reasons;
export const reasonCodes = Object.keys(reasons) as [ReasonCode, ...ReasonCode[]];

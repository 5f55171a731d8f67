import type { ReasonCode } from "../reasons.ts";

/**
 * The closed list of what reading a candidate, without running it, can find: what it means and what
 * to do about it. One with a `reason` is a failure where the finding is certain.
 */
export const readings = {
  library_call: {
    means: "the entry point calls a library that computes in the candidate's place",
    hint: "Compute the norm in a kernel of the candidate; call no cuBLAS, cuDNN or torch operator.",
    reason: "library_call",
  },
  network_access: {
    means: "the entry point calls network functions",
    hint: "Remove the call: the entry point checks its arguments and launches kernels, nothing else.",
    reason: "forbidden_access",
  },
  process_access: {
    means: "the entry point starts, traces or signals processes",
    hint: "Remove the call: the entry point checks its arguments and launches kernels, nothing else.",
    reason: "forbidden_access",
  },
  file_access: {
    means: "host code may open files",
    hint: "Pass what the kernel needs as arguments; when the call is made, the kernel is rejected.",
  },
  dynamic_loading: {
    means: "host code may load other libraries while it runs",
    hint: "Link what is needed at build time; when a file is opened, the kernel is rejected.",
  },
  raw_system_call: {
    means: "host code makes system calls without the C library",
    hint: "Remove syscall() and inline assembly from host code.",
  },
  host_clock: {
    means: "host code may read a clock",
    hint: "Remove the timer: what a call does must not depend on when it is made.",
  },
  host_thread: {
    means: "host code may start threads",
    hint: "Launch from the thread that calls the entry point, before it returns.",
  },
  environment_read: {
    means: "host code may read environment variables; the judge runs it without the caller's",
    hint: "Pass tuning parameters as arguments or as macros of the build.",
  },
  runs_at_load: {
    means: "a function runs as soon as the library is loaded",
    hint: "Do the work in the entry point; remove __attribute__((constructor)).",
  },
  device_clock: {
    means: "a kernel reads a clock of the GPU",
    hint: "Remove clock(), clock64() and %globaltimer: the result must not depend on time.",
  },
  device_printf: {
    means: "a kernel prints",
    hint: "Remove printf from kernels: it costs registers, stack and time.",
  },
  device_malloc: {
    means: "a kernel allocates memory",
    hint: "Use registers, shared memory, or a workspace that the host code allocates once.",
  },
  device_launch: {
    means: "a kernel launches other kernels",
    hint: "Launch all kernels from the host.",
  },
  offset_32_bit: {
    means: "the offset of a row is computed in 32 bits and wraps past 2^31 elements",
    hint: "Compute it in 64 bits: static_cast<int64_t>(row) * row_stride.",
  },
  fast_math: {
    means: "arithmetic is approximate or flushes subnormal numbers to zero",
    hint: "Build without --use_fast_math; use / and sqrtf, or rsqrtf, whose error is 1 ulp.",
  },
  fusable_multiply_add: {
    means: "a product and a sum may be fused into one rounding: bits may differ between compilers",
    hint: "Say which one is meant: __fmaf_rn, or __fmul_rn and __fadd_rn.",
  },
  float_atomics: {
    means: "floating-point atomics add in an order that changes from run to run",
    hint: "Sum in a fixed order: shuffles, shared memory, or one partial sum per block and a second kernel.",
  },
  fixed_hidden_size: {
    means: "only certain hidden sizes are known, and others are not sent anywhere",
    hint: "Add a kernel for any hidden_size as the last branch.",
  },
  arch_missing: {
    means: "nothing in the build runs on a GPU that kernel.yaml names",
    hint: "Build for every arch in kernel.yaml, or remove the arch there.",
    reason: "arch_missing",
  },
} as const satisfies Record<string, { means: string; hint: string; reason?: ReasonCode }>;

export type ReadingCode = keyof typeof readings;
export const readingCodes = Object.keys(readings) as [ReadingCode, ...ReadingCode[]];

/** One thing that was read. */
export interface Reading {
  code: ReadingCode;
  /** No honest kernel does this: with a `reason`, a failure. Otherwise a warning. */
  certain: boolean;
  reason?: ReasonCode;
  message: string;
  /** "file:line", relative to the candidate's root. */
  source?: string;
  hint: string;
}

/** A reading of `code` with what was found, in words that follow the meaning. */
export function reading(
  code: ReadingCode,
  detail: string,
  options: { certain?: boolean; source?: string | undefined } = {},
): Reading {
  const { means, hint, ...entry } = readings[code];
  const certain = options.certain === true && "reason" in entry;
  return {
    code,
    certain,
    ...(certain ? { reason: (entry as { reason: ReasonCode }).reason } : {}),
    message: `${means}: ${detail}`,
    ...(options.source === undefined ? {} : { source: options.source }),
    hint,
  };
}

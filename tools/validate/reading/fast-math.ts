import { type Reading, reading } from "./codes.ts";
import { describeFound, findStatements, type Origin } from "./places.ts";
import type { PtxFunction } from "./ptx-statements.ts";

/**
 * Approximations that CUDA's accurate functions do not compile to by themselves: rsqrtf is
 * rsqrt.approx, expf uses ex2.approx.ftz, tanhf and sinf use others; these are left alone.
 */
const approximate =
  /^(?:div\.(?:approx|full)|sqrt\.approx|rcp\.approx\.ftz\.f32|rsqrt\.approx\.ftz)/u;

/** Arithmetic of float32 that flushes subnormal numbers: what -ftz=true and --use_fast_math do to all. */
const flushing =
  /^(?:add|sub|mul|fma|mad|div|rcp|sqrt|min|max|abs|neg|setp|set)\.(?:.*\.)?ftz\b.*\.f32/u;

/** Whether kernels were compiled for speed at the cost of accuracy. */
export function readFastMath(functions: readonly PtxFunction[], origin: Origin): Reading[] {
  const found = findStatements(
    functions,
    ({ opcode }) => approximate.test(opcode) || flushing.test(opcode),
  );
  if (found.length === 0) return [];
  const { detail, source } = describeFound(found, origin);
  return [reading("fast_math", detail, { source })];
}

import { listed, shortened } from "../../text.ts";
import type { Warning } from "../../tool.ts";
import type { Census, Loaded } from "../../worker/callable.ts";
import type { ReasonCode } from "../reasons.ts";
import type { CallableCandidate } from "./candidate.ts";

/** Operators of torch that are the norm itself. */
const norm = /^aten::_?(?:fused_|native_)*(?:rms|layer|group|instance)_?norm$/u;
/** Operators that sum over a row: who runs them computes the norm, or most of it. */
const reduction = /^aten::(?:mean|sum|linalg_vector_norm|norm|var|std|mm|bmm|addmm|dot|cumsum)$/u;
/** Kernels that torch brings; all others are somebody's own. */
const torchKernel = /at::|at_cuda|cub::|cublas|cutlass|cudnn|elementwise|memcpy|memset|gemm/iu;

/**
 * Who does the work. A file that brings a kernel (or fails to import one) and lets torch compute the
 * norm is rejected: it pretends. A function that is plainly made of torch's operators is judged like
 * any other, with a warning. An installed library's function is what it is.
 */
export function judgeCensus(
  candidate: CallableCandidate,
  claims: NonNullable<Loaded["claims"]>,
  census: Census,
): { failure: { reason: ReasonCode; detail: string } | undefined; warnings: Warning[] } {
  if (!candidate.own) return { failure: undefined, warnings: [] };
  const { operators = [], kernels = [] } = census;
  const norms = operators.filter((name) => norm.test(name));
  const sums = operators.filter((name) => reduction.test(name));
  const done = [...new Set([...norms, ...sums])];
  if (done.length === 0) return { failure: undefined, warnings: [] };
  const ran = shortened(listed(done), 120);
  const own = kernels.some((name) => !torchKernel.test(name));
  if (claims.length > 0 && (norms.length > 0 || !own)) {
    const kinds = [...new Set(claims.map(({ kind, file }) => `${file} has ${aOrAn(kind)}`))];
    const detail = `${shortened(listed(kinds), 160)}, and the work is done by torch: ${ran}`;
    return { failure: { reason: "library_call", detail }, warnings: [] };
  }
  const what = own ? "has a kernel of its own beside torch's" : "is made of torch's own operators";
  const warning: Warning = {
    code: "library_call",
    message: `${candidate.label} ${what}: ${ran}.`,
    hint: "Judged like any other function. To be a kernel of its own it must not call these.",
  };
  return { failure: undefined, warnings: [warning] };
}

function aOrAn(kind: string): string {
  return kind.startsWith("import of") ? `an ${kind}` : `its own kernel (${kind})`;
}

// Executes PTX without a GPU. The way of a kernel:
//   parse-module (directives) -> parse-body (statements, calls expanded) -> control-flow (blocks, where lanes meet)
//   -> split-registers, translate/constants -> uniformity (what a warp computes once)
//   -> translate/program (segments, register file) -> translate/segment (JavaScript; one file per family)
//   -> schedule (blocks, warps, groups of lanes), warp-sync (shuffles, votes), execution (memory misses, faults).
// Generated code touches memory through the windows that `miss` in execution.ts hands out. With `checks`
// translate/memory-checks emits calls that keep a shadow of memory: checks/order (who is ordered before whom),
// checks/shared (races), checks/written (reads of what nobody wrote), checks/left-behind (barriers in divergent code).
import type { PtxModule } from "./module.ts";
import { parsePtx as parseModule } from "./parse-module.ts";

export {
  type Finding,
  type FindingKind,
  type OtherAccess,
  PtxError,
  PtxFault,
} from "./fault.ts";
export {
  type Launch,
  type LaunchCounts,
  Machine,
  type MachineOptions,
} from "./machine.ts";
export type { PtxKernel, PtxModule, PtxParam } from "./module.ts";
export type { Order } from "./order-of-turns.ts";

/** Reads a PTX file. Throws PtxError. Bodies are read when a kernel is launched for the first time. */
export function parsePtx(text: string): PtxModule {
  return parseModule(text);
}

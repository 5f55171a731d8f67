import type { PtxModule } from "./module.ts";
import { parsePtx as parseModule } from "./parse-module.ts";

export { type Finding, type FindingKind, PtxError, PtxFault } from "./fault.ts";
export { type Launch, type LaunchCounts, Machine, type MachineOptions } from "./machine.ts";
export type { PtxKernel, PtxModule, PtxParam } from "./module.ts";

/** Reads a PTX file. Throws PtxError. Bodies are read when a kernel is launched for the first time. */
export function parsePtx(text: string): PtxModule {
  return parseModule(text);
}

import { runKernelCase } from "./kernel-cases.ts";
import { runPtxCase } from "./ptx-cases.ts";
import { runRecordingCase } from "./recording-cases.ts";
import { runReplyCase } from "./reply-cases.ts";

/** What runs in a thread under a watchdog: a case by its seed; what it throws is a finding. */
export const threadTargets = {
  /** Mutated PTX into parsePtx and Machine.launch. */
  ptx: runPtxCase,
  /** Generated kernels under several schedules, with checks and without. */
  kernels: runKernelCase,
  /** Mutated answers of the recorder into readRecording. */
  recording: runRecordingCase,
  /** Mutated replies of the runner into the client's schemas. */
  replies: runReplyCase,
} as const satisfies Record<string, (seed: number) => string>;

export type ThreadTarget = keyof typeof threadTargets;

export const threadTargetNames = Object.keys(threadTargets) as ThreadTarget[];

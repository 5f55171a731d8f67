import type { RecordedLaunch, RecordedOperation } from "../record/recorder.ts";
import { streamOrder } from "../record/stream-order.ts";
import type { FaultReport, LaunchSummary } from "./outcome.ts";
import type { Recorded } from "./recording.ts";

/** What is wrong with a call before anything is executed; undefined where nothing is. */
export function hostFault({ operations }: Pick<Recorded, "operations">): FaultReport | undefined {
  const refused = refusedLaunch(operations);
  if (refused) return refused;
  const unordered = streamOrder({ operations });
  return unordered === undefined ? undefined : { kind: "wrong_stream", message: unordered };
}

/** The launches that the device would accept, as reports show them. */
export function acceptedLaunches(operations: readonly RecordedOperation[]): LaunchSummary[] {
  return operations.flatMap((each) => (each.kind === "launch" ? [summaryOf(each)] : []));
}

/** A launcher may try one launch and fall back to another: only the last one must be accepted. */
function refusedLaunch(operations: readonly RecordedOperation[]): FaultReport | undefined {
  const last = operations.findLast(({ kind }) => kind.endsWith("launch"));
  if (last?.kind !== "refused_launch") return undefined;
  const message = `the launch of ${last.kernel} was refused with ${last.result_name} (${last.reason}), and the entry point returned cudaSuccess`;
  return { kind: "launch_refused", message };
}

function summaryOf(launch: RecordedLaunch): LaunchSummary {
  const { kernel, grid, block, dynamic_shared_bytes } = launch;
  return { kernel, grid, block, dynamic_shared_bytes };
}

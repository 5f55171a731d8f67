import { ToolError } from "../errors.ts";
import { caseName, listCases } from "../kernel/cases.ts";
import { type ArgumentField, encodeArguments } from "../kernel/operators.ts";
import type { RecordedCall, Recorder } from "../record/recorder.ts";
import type { Candidate } from "./candidate.ts";
import { reasonOf } from "./case-failure.ts";
import { hostFault } from "./host-fault.ts";
import { recordOnly } from "./record-only.ts";
import type { Failure } from "./verdict.ts";

/** Arguments that every entry point must refuse: an error code and no launch. */
const wrongArguments: readonly { name: string; change: Record<string, number> }[] = [
  { name: "size of another struct", change: { size: 8 } },
  { name: "out NULL", change: { out: 0 } },
  { name: "x NULL", change: { x: 0 } },
  { name: "rows -1", change: { rows: -1 } },
  { name: "hidden_size -1", change: { hidden_size: -1 } },
  { name: "dtype 99", change: { dtype: 99 } },
  { name: "weight_dtype 99", change: { weight_dtype: 99 } },
  { name: "out_dtype 99", change: { out_dtype: 99 } },
  { name: "rounding 99", change: { rounding: 99 } },
];

/** Never read: a refusal comes before any access. */
const somewhere = 0x7f0000000000;

const sound = {
  out: somewhere,
  x: somewhere + 2 ** 20,
  weight: somewhere + 2 ** 21,
  rows: 2,
  hidden_size: 128,
  x_row_stride: 128,
  out_row_stride: 128,
  eps: 1e-6,
};

/** The wrong arguments, the launch that the device refuses, and more rows than grid.y takes. */
export const refusalCount = wrongArguments.length + 2;

/** More than 65535, the most blocks in grid.y and grid.z; one dtype, since a launcher has one grid. */
const manyRows = { rows: 70_000, hidden_size: 128 };

/** Records, and does not execute, a call with many rows: it must launch, and the launch must fit. */
export async function checkManyRows(
  recorder: Recorder,
  candidate: Candidate,
  arch: string,
): Promise<Failure[]> {
  const { operator, supports, form, promotes, fields } = candidate;
  if ((supports.max_elements ?? Number.POSITIVE_INFINITY) < manyRows.rows * manyRows.hidden_size) {
    return [];
  }
  const options = {
    operator,
    supports,
    form,
    promotes,
    effort: "quick",
    shapes: [manyRows],
  } as const;
  const one = listCases(options).find(({ layout }) => layout === "contiguous");
  if (!one) return [];
  let call: RecordedCall;
  try {
    call = await recordOnly(recorder, one, fields);
  } catch (error) {
    // What the host code does with sound arguments, the cases show.
    if (error instanceof ToolError && error.code !== "cancelled") return [];
    throw error;
  }
  const fault = hostFault(call);
  if (call.result === 0 && !fault) return [];
  return [
    {
      reason: fault ? reasonOf(fault.kind) : "returned_error",
      detail: `with ${manyRows.rows} rows: ${fault?.message ?? `the entry point returned ${call.result_name}`}`,
      case_name: `recorded only: ${caseName(one)}`,
      case_index: -2 - wrongArguments.length,
      special_inputs: false,
      arch,
    },
  ];
}

/**
 * Calls the entry point with sound arguments on a device that refuses every launch (`recorder` was
 * told that no kernel takes more than one thread): it must say so, not report success.
 */
export async function checkRefusedLaunch(
  recorder: Pick<Recorder, "call">,
  fields: readonly ArgumentField[],
  arch: string,
): Promise<Failure[]> {
  const call = await callOrEnding(recorder, encodeArguments(fields, sound));
  // What sound arguments do to the host code, the cases show.
  if (call instanceof ToolError) return [];
  const refused = call.operations.find(({ kind }) => kind === "refused_launch");
  if (call.result !== 0 || refused?.kind !== "refused_launch") return [];
  return [
    {
      reason: "launch_error_swallowed",
      detail: `a launch was refused with ${refused.result_name}, and the entry point returned cudaSuccess`,
      case_name: "refusal: every launch refused by the device",
      case_index: -1,
      special_inputs: false,
      arch,
    },
  ];
}

/** Calls the entry point with each of the wrong arguments; what it accepts is a failure. */
export async function checkRefusals(
  recorder: Pick<Recorder, "call">,
  fields: readonly ArgumentField[],
  arch: string,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const [index, { name, change }] of wrongArguments.entries()) {
    const args = encodeArguments(fields, { ...sound, ...change });
    const did = acceptance(await callOrEnding(recorder, args));
    if (did === undefined) continue;
    failures.push({
      reason: "missing_refusal",
      detail: `with ${name} the entry point ${did}`,
      case_name: `refusal: ${name}`,
      case_index: -2 - index,
      special_inputs: false,
      arch,
    });
  }
  return failures;
}

/** The ToolError with which the host code ended: a finding here. Cancellation is thrown on. */
async function callOrEnding(
  recorder: Pick<Recorder, "call">,
  args: Uint8Array,
): Promise<RecordedCall | ToolError> {
  try {
    return await recorder.call(args);
  } catch (error) {
    if (error instanceof ToolError && error.code !== "cancelled") return error;
    throw error;
  }
}

/** What the entry point did in place of refusing; undefined where it refused. */
function acceptance(call: RecordedCall | ToolError): string | undefined {
  if (call instanceof ToolError) return `did not return: ${call.message}`;
  if (call.launches.length > 0) return "launched a kernel";
  return call.result === 0 ? "returned success" : undefined;
}

import { type Effort, type KernelCase, listCases } from "../kernel/cases.ts";
import type { Candidate } from "./candidate.ts";

export interface CaseChoice {
  effort: Effort;
  /** Replaces the list of rows and hidden sizes. */
  shapes?: readonly { rows: number; hidden_size: number }[] | undefined;
  /** Shapes drawn from it join the list: no kernel can know them. */
  seed: number;
  /** Sizes that the interpreter would need minutes for. */
  onGpu: boolean;
}

/** The cases that a candidate is judged by. */
export function chooseCases(candidate: Candidate, choice: CaseChoice): KernelCase[] {
  const { effort, shapes, seed, onGpu } = choice;
  const isFile = candidate.kind !== "project";
  const fixed = shapes ?? (isFile ? fileShapes : undefined);
  return listCases({
    operator: candidate.operator,
    supports: candidate.supports,
    form: candidate.form,
    effort,
    promotes: candidate.promotes,
    ...(candidate.eps === undefined ? {} : { eps: candidate.eps }),
    ...(fixed ? { shapes: fixed } : {}),
    // Who names shapes wants these and no others.
    ...(shapes ? {} : { drawn: { seed, count: drawnCount[effort], ...(isFile && multiples) } }),
    ...(onGpu ? { dense_past_2_31: effort !== "quick" && !fixed } : {}),
    ...(!onGpu && effort === "full" ? { most_elements: mostInterpreted } : {}),
  });
}

const drawnCount = { quick: 4, default: 8, full: 24 } as const;

/** Elements of a case that the interpreter executes and measures in about a second. */
const mostInterpreted = 1 << 19;

/** A foreign kernel says nothing of its limits: sizes that nearly every kernel takes. */
const multiples = { multiple_of: 128 };
const fileShapes = [128, 1024, 4096].flatMap((hidden_size) =>
  [1, 31].map((rows) => ({ rows, hidden_size })),
);

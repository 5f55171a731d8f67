import { listed } from "../../text.ts";
import { type PtxFunction, type PtxStatement, shownPlace } from "./ptx-statements.ts";

/** What is needed to say where a statement comes from. */
export interface Origin {
  /** Absolute paths of the candidate's files. */
  own: readonly string[];
  root: string;
}

/** A statement with the kernel in which it stands. */
export interface Found {
  kernel: string;
  statement: PtxStatement;
}

const mostPlaces = 3;

/** Every statement that `wanted` accepts. */
export function findStatements(
  functions: readonly PtxFunction[],
  wanted: (statement: PtxStatement) => boolean,
): Found[] {
  return functions.flatMap(({ name, statements }) =>
    statements.filter(wanted).map((statement) => ({ kernel: name, statement })),
  );
}

/** "rsqrt.approx.ftz.f32 at a.cuh:12 and a.cuh:40", and the first of these places. */
export function describeFound(
  found: readonly Found[],
  origin: Origin,
): { detail: string; source: string | undefined } {
  const opcodes = [...new Set(found.map(({ statement }) => statement.opcode))];
  const places = [
    ...new Set(
      found.flatMap(
        ({ statement }) => shownPlace(statement.location, origin.own, origin.root) ?? [],
      ),
    ),
  ];
  const more = places.length > mostPlaces ? `, and ${places.length - mostPlaces} more` : "";
  const at =
    places.length > 0
      ? `at ${listed(places.slice(0, mostPlaces))}${more}`
      : `in ${found[0]?.kernel}`;
  return { detail: `${listed(opcodes.slice(0, mostPlaces))} ${at}`, source: places[0] };
}

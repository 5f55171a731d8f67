import { Machine } from "../../ptx/index.ts";
import { measure } from "../measure.ts";
import { type FaultReport, nothingExecuted } from "../outcome.ts";
import { rowsOf } from "../output.ts";
import { type PlacedCase, placeCase } from "../prepare-case.ts";
import type { Recorded } from "../recording.ts";
import type { CallStage } from "../repeated-calls.ts";
import { type CaseRun, machineOptions } from "./case-run.ts";
import { outputOf } from "./output-of.ts";
import { faultOutcome, perform } from "./perform.ts";

/** A machine that keeps its module's variables from call to call, as a device does. */
export function interpreterStage({ one, module, fields }: CaseRun): CallStage {
  const machine = new Machine(module, machineOptions(one));
  const places = new Map<number, PlacedCase>();
  let last: PlacedCase | undefined;
  const drawn = (): PlacedCase => {
    if (!last) throw new Error("nothing was drawn");
    return last;
  };
  return {
    async draw(place, seed) {
      last = places.get(place) ?? placeCase(one, fields, machine);
      places.set(place, last);
      last.redraw(seed);
      last.fill();
      return last.arguments;
    },
    async perform(recorded) {
      return performed(machine, recorded);
    },
    async measure() {
      return measure(one, drawn().inputs, outputOf(one, drawn(), machine));
    },
    async output() {
      return rowsOf(one, outputOf(one, drawn(), machine));
    },
  };
}

function performed(machine: Machine, recorded: Recorded): FaultReport | undefined {
  try {
    perform(machine, recorded);
    return undefined;
  } catch (error) {
    const outcome = faultOutcome(error, nothingExecuted);
    if (outcome.state === "faulted") return outcome.fault;
    // The cases say so too, and are the ones that count.
    return {
      kind: "unsupported",
      message: outcome.state === "not_executed" ? outcome.message : "",
    };
  }
}

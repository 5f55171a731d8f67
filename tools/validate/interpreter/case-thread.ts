import { parentPort } from "node:worker_threads";
import type { ArgumentField } from "../../kernel/operators.ts";
import { type PtxModule, parsePtx } from "../../ptx/index.ts";
import type { CaseOutcome } from "../outcome.ts";
import type { Recording } from "../recording.ts";
import { judgeCalls } from "../repeated-calls.ts";
import type { WorkItem } from "../work.ts";
import { interpreterStage } from "./call-stage.ts";
import { executeCase } from "./execute.ts";

/** What a thread must know before its first item: one arch's code. It computes only; children belong to the main thread. */
export interface CaseThreadData {
  ptx: string;
  fields: readonly ArgumentField[];
}

export type ToThread =
  | { type: "load"; data: CaseThreadData }
  | { type: "item"; item: WorkItem }
  | { type: "recording"; recording: Recording };

export type FromThread =
  | { type: "record"; arguments: Uint8Array }
  | { type: "outcome"; outcome: CaseOutcome };

/** Executes one item after the other, asking the main thread for each recording. */
export function runThread(): void {
  const port = parentPort;
  if (!port) throw new Error("case-thread runs in a worker thread only");
  let loaded: (CaseThreadData & { module: PtxModule }) | undefined;
  let answer: (recording: Recording) => void = () => {};
  const send = (message: FromThread) => port.postMessage(message);
  const record = (args: Uint8Array) =>
    new Promise<Recording>((resolve) => {
      answer = resolve;
      send({ type: "record", arguments: args });
    });
  const load = (data: CaseThreadData) => {
    // What was translated for the same code is used again.
    const module = loaded?.ptx === data.ptx ? loaded.module : parsePtx(data.ptx);
    loaded = { ...data, module };
  };
  const execute = ({ one, check }: WorkItem) => {
    if (!loaded) throw new Error("an item came before the code");
    const run = { one, module: loaded.module, fields: loaded.fields };
    return check === "calls"
      ? judgeCalls(one, interpreterStage(run), record)
      : executeCase(run, record);
  };
  port.on("message", (message: ToThread) => {
    if (message.type === "recording") return answer(message.recording);
    if (message.type === "load") return load(message.data);
    execute(message.item).then(
      (outcome) => send({ type: "outcome", outcome }),
      // Our own mistake: let it end the thread, whose "error" event carries it.
      (error) =>
        setImmediate(() => {
          throw error;
        }),
    );
  });
}

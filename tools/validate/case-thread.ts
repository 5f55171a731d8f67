import { parentPort } from "node:worker_threads";
import type { KernelCase } from "../kernel/cases.ts";
import type { ArgumentField } from "../kernel/operators.ts";
import { parsePtx } from "../ptx/index.ts";
import { executeCase, type Recording } from "./execute.ts";
import type { CaseOutcome } from "./outcome.ts";

/** What a thread is started with: one arch's code. It computes only; children belong to the main thread. */
export interface CaseThreadData {
  ptx: string;
  fields: readonly ArgumentField[];
}

export type ToThread =
  | { type: "case"; one: KernelCase }
  | { type: "recording"; recording: Recording };

export type FromThread =
  | { type: "record"; arguments: Uint8Array }
  | { type: "outcome"; outcome: CaseOutcome };

/** Executes one case after the other, asking the main thread for each recording. */
export function runThread(data: unknown): void {
  const { ptx, fields } = data as CaseThreadData;
  const port = parentPort;
  if (!port) throw new Error("case-thread runs in a worker thread only");
  const module = parsePtx(ptx);
  let answer: (recording: Recording) => void = () => {};
  const send = (message: FromThread) => port.postMessage(message);
  const record = (args: Uint8Array) =>
    new Promise<Recording>((resolve) => {
      answer = resolve;
      send({ type: "record", arguments: args });
    });
  port.on("message", (message: ToThread) => {
    if (message.type === "recording") return answer(message.recording);
    executeCase(message.one, module, fields, record).then(
      (outcome) => send({ type: "outcome", outcome }),
      // Our own mistake: let it end the thread, whose "error" event carries it.
      (error) =>
        setImmediate(() => {
          throw error;
        }),
    );
  });
}

import { replySchemas } from "../../tools/worker/protocol.ts";
import { mutateJson } from "./mutate.ts";
import { makeRandom } from "./random.ts";

const device = {
  index: 0,
  name: "NVIDIA H200",
  uuid: "GPU-0",
  compute_capability: "9.0",
  sms: 132,
  l2_bytes: 1,
  memory_bytes: 1,
  memory_free_bytes: 1,
  driver_version: "580.1",
  cuda_driver_version: "13.0",
};
const replies = {
  hello: {
    id: 1,
    ok: true,
    device,
    base: "0x100000000000",
    slots: 16,
    slot_bytes: "0x1000",
    guarded: true,
    pid: 7,
  },
  load: { id: 1, ok: true, load_ms: 1.5, log: "" },
  run: { id: 1, ok: true, results: [null, { data: "AAAA" }], gpu_ms: 0.5 },
  unload: { id: 1, ok: true },
  bye: { id: 1, ok: false, fault: { kind: "trap", step: null, message: "m", exits: true } },
} as const;

/** A mutated reply is accepted with the types that the schema promises, or refused: nothing is thrown. */
export function runReplyCase(seed: number): "accepted" | "refused" {
  const random = makeRandom(seed);
  const op = random.pick(Object.keys(replies) as (keyof typeof replies)[]);
  let value: unknown = replies[op];
  for (let times = random.below(3); times >= 0; times--) value = mutateJson(random, value);
  const parsed = replySchemas[op].safeParse(value);
  if (!parsed.success) return "refused";
  const { ok, gpu_ms = 0 } = parsed.data as { ok: unknown; gpu_ms?: unknown };
  if (typeof ok !== "boolean" || !Number.isFinite(gpu_ms)) {
    throw new Error(`accepted: ${JSON.stringify(value).slice(0, 300)}`);
  }
  return "accepted";
}

import { byteWriter } from "../../tools/record/bytes.ts";
import { type RecordedCall, readRecording } from "../../tools/record/recording.ts";
import { mutateBytes } from "./mutate.ts";
import { makeRandom, type Random } from "./random.ts";

/**
 * A mutated answer of the recorder, read. Only RangeError may be thrown, and what is accepted must
 * have the types that it claims. Anything else is thrown on.
 */
export function runRecordingCase(seed: number): "refused" | "accepted" {
  const random = makeRandom(seed);
  const whole = writeAnswer(random);
  const bytes = random.chance(0.1) ? whole : Buffer.from(mutateBytes(random, whole));
  let call: RecordedCall;
  try {
    call = readRecording(bytes);
  } catch (error) {
    if (error instanceof RangeError && bytes !== whole) return "refused";
    throw error;
  }
  requireShape(call);
  return "accepted";
}

function requireShape(call: RecordedCall): void {
  const { result, result_name, operations, launches } = call;
  const right =
    Number.isInteger(result) &&
    typeof result_name === "string" &&
    launches.length === operations.filter(({ kind }) => kind === "launch").length &&
    launches.every(
      ({ grid, block, params, dynamic_shared_bytes, stream }) =>
        [...grid, ...block].every((n) => Number.isInteger(n) && n >= 0) &&
        dynamic_shared_bytes >= 0 &&
        typeof stream === "bigint" &&
        params.every((value) => value instanceof Uint8Array),
    );
  if (!right)
    throw new Error(
      `accepted: ${JSON.stringify({ result, result_name, launches: launches.length })}`,
    );
}

/** What stand_in/main.c sends after a call that did a little of everything. */
function writeAnswer(random: Random): Buffer {
  const record = byteWriter();
  const count = 1 + random.below(6);
  for (let i = 0; i < count; i++) writeOperation(random, record);
  const answer = byteWriter();
  answer.u32(0);
  answer.text("cudaSuccess");
  answer.u32(count);
  answer.blob(record.finish());
  return answer.finish();
}

type ByteWriter = ReturnType<typeof byteWriter>;

function writeOperation(random: Random, to: ByteWriter): void {
  const number = 1 + random.below(10);
  to.u32(number);
  const address = () => to.u64(0x1000_0000_0000n + BigInt(random.bits()));
  switch (number) {
    case 1:
    case 2:
      writeShape(random, to);
      if (number === 1) {
        to.u32(2);
        to.blob(new Uint8Array(8));
        to.blob(new Uint8Array(4));
      } else {
        to.u32(9);
        to.text("cudaErrorInvalidConfiguration");
        to.text("too many threads");
      }
      break;
    case 3:
      address();
      to.u32(random.below(256));
      to.u64(random.below(4096));
      memoryWork(random, to);
      break;
    case 4:
      address();
      address();
      to.u64(random.below(4096));
      memoryWork(random, to);
      break;
    case 5:
      address();
      memoryWork(random, to);
      to.blob(new Uint8Array(random.below(64)));
      break;
    case 6:
      address();
      to.u64(random.below(4096));
      memoryWork(random, to);
      break;
    case 7:
      address();
      memoryWork(random, to);
      break;
    case 8:
      to.u64(0);
      to.u32(random.below(2));
      break;
    default:
      address();
      to.u64(0);
  }
}

/** The stream, and whether the call waited. */
function memoryWork(random: Random, to: ByteWriter): void {
  to.u64(0);
  to.u32(random.below(2));
}

function writeShape(random: Random, to: ByteWriter): void {
  to.text("_Z6kernelPf");
  for (let i = 0; i < 9; i++) to.u32(1 + random.below(8));
  to.u32(random.below(16));
  to.u32(0);
  to.u32(random.bits());
  to.u64(random.below(49_152));
  to.u64(0x5354524541000008n);
}

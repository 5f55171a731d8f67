import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { requestSchema } from "../../tools/worker/protocol.ts";
import { fakeDriver, fakeModule, whyNoFakeDriver } from "../worker/fake-driver.ts";
import { mutateJson, mutateText } from "./mutate.ts";
import { makeRandom, type Random } from "./random.ts";
import type { Tally } from "./watchdog.ts";

const replyLimitMs = 30_000;
const runner = new URL("../../tools/worker/gpu_worker", import.meta.url).pathname;
/** Lines that one runner is sent before a fresh one takes over: state that builds up is part of the test. */
const linesEach = 200;

/**
 * Mutated lines into the runner, on the stand-in driver where gcc is there to build it, else without a
 * driver. Each line must get exactly one reply that is one, within its time; a runner may end only after
 * a reply that said so; and what the protocol's schema refuses must not be done.
 */
export async function fuzzWorker(
  seed: number,
  limits: { milliseconds: number; count: number },
): Promise<Tally> {
  const tally: Tally = { cases: 0, outcomes: {}, findings: [] };
  let talk: Talk | undefined;
  const until = Date.now() + limits.milliseconds;
  for (let i = 0; i < limits.count && Date.now() < until && tally.findings.length < 20; i++) {
    if (talk && i % linesEach === 0) talk = stop(talk);
    talk ??= await start(tally);
    tally.cases++;
    const { line, allowed } = makeLine(seed + i);
    const reply = await exchange(talk, line);
    const outcome = judge(reply, line, allowed);
    tally.outcomes[outcome.kind] = (tally.outcomes[outcome.kind] ?? 0) + 1;
    if (outcome.what !== undefined) {
      const sent = line.slice(0, 300);
      tally.findings.push({
        target: "worker",
        seed: seed + i,
        what: `${outcome.what}\nline: ${sent}`,
      });
    }
    if (outcome.ended) talk = stop(talk);
  }
  if (talk) stop(talk);
  return tally;
}

interface Talk {
  child: ChildProcessByStdio<Writable, Readable, null>;
  replies: AsyncIterator<string>;
}

async function start(tally: Tally): Promise<Talk> {
  const environment = {
    PATH: process.env.PATH ?? "",
    LD_LIBRARY_PATH: whyNoFakeDriver ? "" : fakeDriver(),
  };
  const child = spawn("python3", ["-B", runner], {
    env: environment,
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin.on("error", () => undefined);
  const talk = { child, replies: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  for (const request of [hello, load]) {
    const reply = await exchange(talk, JSON.stringify({ id: 1, ...request }));
    if (!reply?.includes('"ok":'))
      tally.findings.push({ target: "worker", seed: 0, what: `start: ${reply}` });
  }
  return talk;
}

function stop({ child }: Talk): undefined {
  child.kill("SIGKILL");
}

/** The reply's line; undefined where the runner ended without one, "" where none came in time. */
async function exchange({ child, replies }: Talk, line: string): Promise<string | undefined> {
  child.stdin.write(`${line}\n`);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, replyLimitMs, "");
  });
  const next = replies.next().then(({ value, done }) => (done ? undefined : (value as string)));
  return Promise.race([next, late]).finally(() => clearTimeout(timer));
}

function judge(
  reply: string | undefined,
  line: string,
  allowed: boolean,
): { kind: string; ended: boolean; what?: string } {
  if (reply === undefined) return { kind: "ended", ended: true, what: "it ended without a reply" };
  if (reply === "")
    return { kind: "silent", ended: true, what: `no reply within ${replyLimitMs} ms` };
  let value: { ok?: unknown; fault?: { kind?: unknown; exits?: unknown; message?: unknown } };
  try {
    value = JSON.parse(reply);
  } catch {
    return { kind: "broken", ended: true, what: `not JSON: ${reply.slice(0, 200)}` };
  }
  if (value.ok === true) {
    if (!allowed)
      return { kind: "done", ended: false, what: `done, and not allowed: ${reply.slice(0, 200)}` };
    return { kind: "done", ended: /"op":\s*"bye"/u.test(line) };
  }
  const { kind, exits, message } = value.fault ?? {};
  const right = value.ok === false && typeof kind === "string" && typeof message === "string";
  if (!right) return { kind: "broken", ended: true, what: `not a reply: ${reply.slice(0, 200)}` };
  if (kind === "runner_failed")
    return { kind, ended: exits === true, what: `its own bug: ${message}` };
  return { kind, ended: exits === true };
}

const hello = {
  op: "hello",
  device_index: 0,
  base: "0x100000000000",
  slots: 4,
  slot_bytes: "0x1000000000",
};
const load = {
  op: "load",
  module: "candidate",
  image_base64: Buffer.from(fakeModule("fake_store", "fake_add").bytes).toString("base64"),
};
const address = "0x100000400000";
const pointer = Buffer.from(BigUint64Array.of(BigInt(address)).buffer).toString("base64");
const launch = {
  do: "launch",
  module: "candidate",
  kernel: "fake_store",
  grid: [1, 1, 1],
  block: [32, 1, 1],
  dynamic_shared_bytes: 0,
  params: [pointer, "AQAAAA=="],
};
const steps = [
  { do: "map", address, bytes: 4096 },
  { do: "fill", address, bytes: 4096, pattern: "ff" },
  { do: "upload", address, data: "AAAAAA==", stream: "call" },
  { do: "copy", to: address, from: address, bytes: 64, stream: "side" },
  launch,
  { do: "synchronize" },
  { do: "read", address, bytes: 64 },
  { do: "delay", microseconds: 10 },
  { do: "wait", stream: "call", for: "side" },
  { do: "capture", name: "g", steps: [launch] },
  { do: "replay", name: "g", times: 3 },
  { do: "unmap_all", slot: 0 },
  { do: "allocate", label: "x", bytes: 64 },
  { do: "free_all" },
];

/** A line, and whether the protocol's schema allows what is in it. */
function makeLine(seed: number): { line: string; allowed: boolean } {
  const random = makeRandom(seed);
  let request: unknown = drawRequest(random);
  for (let times = random.below(3); times > 0; times--) request = mutateJson(random, request);
  let line = JSON.stringify(request);
  // Blank lines get no reply, and a line is one.
  if (random.chance(0.2)) line = mutateText(random, line).replace(/[\r\n]/gu, " ");
  if (line.trim() === "") line = "0";
  return { line, allowed: isAllowed(line) };
}

function drawRequest(random: Random): object {
  const id = random.below(1000);
  if (random.chance(0.1))
    return {
      id,
      ...random.pick([hello, load, { op: "unload", module: "candidate" }, { op: "bye" }]),
    };
  const some = Array.from({ length: 1 + random.below(4) }, () => random.pick(steps));
  return { id, op: "run", time_limit_ms: 2000, steps: [steps[0], ...some] };
}

function isAllowed(line: string): boolean {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return false;
  }
  if (
    typeof value !== "object" ||
    value === null ||
    !Number.isSafeInteger((value as { id?: unknown }).id)
  )
    return false;
  const { id: _, ...request } = value as Record<string, unknown>;
  return requestSchema.safeParse(request).success;
}

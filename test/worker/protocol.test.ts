import { execFileSync } from "node:child_process";
import path from "node:path";
import { expect, test } from "vitest";
import { encodeRequest, type Request, requestSchema } from "../../tools/worker/protocol.ts";

const bytes = new Uint8Array([1, 2, 3, 255]);
const launch = {
  do: "launch",
  module: "candidate",
  kernel: "k",
  grid: [1, 2, 3],
  block: [32, 1, 1],
  cluster: [1, 1, 1],
  dynamic_shared_bytes: 4096,
  params: [bytes, Buffer.from(bytes), "AQID/w=="],
  stream: "side",
  cooperative: true,
  programmatic_stream_serialization: true,
} as const;
const requests: Request[] = [
  { op: "hello", device_index: 0, base: 1n << 44n, slots: 16, slot_bytes: "0x1000000000" },
  { op: "load", module: "m", image_base64: bytes, time_limit_ms: 5 },
  { op: "load", module: "m", image_path: "/x" },
  { op: "unload", module: "m" },
  {
    op: "run",
    time_limit_ms: 7,
    steps: [
      { do: "map", address: 1n << 44n, bytes: 5 },
      { do: "unmap_all", slot: 3 },
      { do: "fill", address: "17592186044416", bytes: 4, pattern: "7fc0", stream: "default" },
      { do: "upload", address: 0n, data: bytes.subarray(1, 3) },
      { do: "read", address: 0n, bytes: 4 },
      { do: "copy", to: 0n, from: 5n, bytes: 4 },
      launch,
      { do: "synchronize" },
      { do: "delay", microseconds: 5 },
      { do: "wait", stream: "call", for: "side" },
      { do: "capture", name: "g", steps: [launch] },
      { do: "replay", name: "g", times: 3 },
    ],
  },
  { op: "bye" },
];

test("a request's line is what its schema makes of it", () => {
  for (const [id, request] of requests.entries()) {
    const line = encodeRequest(id, request);
    expect(line.endsWith("}\n")).toBe(true);
    expect(JSON.parse(line)).toEqual({ id, ...requestSchema.parse(request) });
  }
});

test("the runner reads every request that the schema allows", () => {
  const read = `
import json, sys
sys.path.insert(0, sys.argv[1])
from protocol import parse_line, read_request
for line in sys.stdin.buffer:
    print(read_request(parse_line(line)).op)`;
  const folder = path.resolve(import.meta.dirname, "../../tools/worker/gpu_worker");
  const input = requests.map((request, id) => encodeRequest(id, request)).join("");
  const output = execFileSync("python3", ["-B", "-c", read, folder], { input });
  expect(output.toString().split(/\s+/u).filter(Boolean)).toEqual(requests.map(({ op }) => op));
});

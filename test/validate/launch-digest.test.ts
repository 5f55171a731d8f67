import { expect, test } from "vitest";
import { callStream, type RecordedOperation } from "../../tools/record/recorder.ts";
import { launchDigest } from "../../tools/validate/launch-digest.ts";

const ptx = (target: string, body: string, helper = "add.f32 %f1, %f1, %f1;") => `
.version 9.0
.target ${target}
.address_size 64
.visible .entry first(
	.param .u64 out
)
{
	.loc 1 12 3
	${body}
	ret;
}
.visible .entry second()
{
	ret;
}
.func helper()
{
	${helper}
}
	.section	.debug_str
	{
${target}
	}
`;

const launch = (change: object = {}): RecordedOperation => ({
  kind: "launch",
  kernel: "first",
  grid: [1, 1, 1],
  block: [32, 1, 1],
  dynamic_shared_bytes: 0,
  params: [Uint8Array.of(1, 2)],
  stream: callStream,
  attributes: { cooperative: false, programmatic_stream_serialization: false, hints: [] },
  ...change,
});
const digest = (text: string, ...operations: RecordedOperation[]) =>
  launchDigest(text)({ result: 0, operations });
const sm80 = ptx("sm_80", "mov.u32 %r1, 1;");
const usual = digest(sm80, launch());

test("two archs with the same code and launches have one digest, source lines aside", () => {
  const moved = ptx("sm_90", "mov.u32 %r1, 1;").replace(".loc 1 12", ".loc 1 99");
  expect(digest(moved, launch())).toBe(usual);
});

test.each([
  ["the kernel's code", () => digest(ptx("sm_80", "mov.u32 %r1, 2;"), launch())],
  ["a function behind it", () => digest(ptx("sm_80", "mov.u32 %r1, 1;", "trap;"), launch())],
  ["the kernel", () => digest(sm80, launch({ kernel: "second" }))],
  ["the grid", () => digest(sm80, launch({ grid: [2, 1, 1] }))],
  ["a parameter", () => digest(sm80, launch({ params: [Uint8Array.of(1, 3)] }))],
  ["a second launch", () => digest(sm80, launch(), launch())],
  [
    "a memset before it",
    () => digest(sm80, { kind: "memset", address: 1n, value: 0, bytes: 8, stream: 0n }, launch()),
  ],
  ["the result", () => launchDigest(sm80)({ result: 1, operations: [launch()] })],
])("%s makes another digest", (_, other) => {
  expect(other()).not.toBe(usual);
});

test("another kernel's code does not", () => {
  const text = sm80.replace(/(second\(\)\n\{\n)/u, "$1\ttrap;\n");
  expect(text).not.toBe(sm80);
  expect(digest(text, launch())).toBe(usual);
});

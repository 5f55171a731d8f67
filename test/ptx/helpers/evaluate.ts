import { expect } from "vitest";
import { run } from "./snippet.ts";

/** Runs code on 32-bit operands %r1 %r2 %r3, once in lane code and once as code that all lanes share. */
export function evaluate(code: string, a: number, b = 0, c = 0, d = 0): number[][] {
  const input = new Uint8Array(
    Int32Array.from({ length: 128 }, (_, i) => [a, b, c, d][i % 4] ?? 0).buffer,
  );
  return ["%rd57", "%rd61"].map((address) => {
    const out = run(
      `ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [${address}];
       mov.b32 %f1, %r1; mov.b32 %f2, %r2; mov.b32 %f3, %r3;
       mov.b64 %rd1, {%r1, %r2}; mov.b64 %rd2, {%r3, %r4};
       mov.b64 %d1, %rd1; mov.b64 %d2, %rd2;
       mov.b32 {%h1, %h2}, %r1; mov.b32 {%h3, %h4}, %r2; mov.b32 {%h5, %h6}, %r3;
       ${code}
       st.global.v4.b32 [%rd58], {%r10, %r11, %r12, %r13};`,
      { input },
    );
    // The last thread sees the same operands as the first.
    expect([...out.slice(124)]).toEqual([...out.slice(0, 4)]);
    return [...out.slice(0, 4)];
  });
}

export function expectWords(
  code: string,
  operands: readonly number[],
  ...expected: number[]
): void {
  const [a = 0, b = 0, c = 0, d = 0] = operands;
  for (const words of evaluate(code, a, b, c, d)) {
    expect(words.slice(0, expected.length), code).toEqual(expected.map((word) => word | 0));
  }
}

import { describe, expect, test } from "vitest";
import { Machine, PtxError, PtxFault, parsePtx } from "../../tools/ptx/index.ts";
import { bytesOf, pointer, run, snippet, store } from "./helpers/snippet.ts";

function messageOf(body: string, settings: Parameters<typeof run>[1] = {}, module = ""): string {
  try {
    run(body, settings, module);
  } catch (error) {
    if (error instanceof PtxFault || error instanceof PtxError) return error.message;
    throw error;
  }
  return "no fault";
}

describe("faults say what, where and who", () => {
  test("a store past the end of an allocation", () => {
    expect(
      messageOf(
        ".loc 1 42 5\nsetp.ne.u32 %p1, %r60, 12; @%p1 bra OUT; add.s64 %rd1, %rd60, 512; st.global.v4.b32 [%rd1], {%r1, %r1, %r1, %r1}; OUT:",
      ),
    ).toBe(
      "out_of_bounds store of 16 bytes at out + 512 (allocation is 512 bytes) in k block (0,0,0) thread (12,0,0) at snippet.cu:42",
    );
  });

  test("a load before the beginning", () => {
    expect(messageOf("ld.global.u32 %r1, [%rd61+-4];")).toContain(
      "out_of_bounds load of 4 bytes at in - 4 (allocation is 512 bytes)",
    );
  });

  test("an access that begins inside and ends outside", () => {
    expect(
      messageOf("add.s64 %rd1, %rd60, 16; ld.global.v4.u32 {%r1,%r2,%r3,%r4}, [%rd1];", {
        out_bytes: 24,
        threads: 1,
      }),
    ).toContain("load of 16 bytes at out + 16 (allocation is 24 bytes)");
  });

  test("misaligned vectors", () => {
    expect(messageOf("ld.global.v4.u32 {%r1,%r2,%r3,%r4}, [%rd61+8];")).toContain(
      "misaligned load of 16 bytes at in + 8 (allocation is 512 bytes): not a multiple of 16 bytes",
    );
    expect(
      messageOf(".shared .align 4 .b8 s[64]; mov.u32 %r1, s; ld.shared.u32 %r2, [%r1+2];"),
    ).toContain("misaligned load of 4 bytes at shared memory + 2");
  });

  test("null pointers and addresses from nowhere", () => {
    expect(messageOf("mov.u64 %rd1, 0; ld.global.u32 %r1, [%rd1];")).toContain(
      "load of 4 bytes at address 0 (a null pointer)",
    );
    expect(messageOf("mov.u64 %rd1, 0x7fffffffffff0000; ld.global.u32 %r1, [%rd1];")).toContain(
      "address 0x7fffffffffff0000, which is in no allocation",
    );
  });

  test("a store to read-only memory", () => {
    expect(messageOf(`st.global.u32 [%rd61], 1;`)).toContain(
      "read_only_write store of 4 bytes at in + 0, which is read only",
    );
  });

  test("shared memory past what the launch has", () => {
    const code =
      ".shared .align 4 .b8 s[64]; mov.u32 %r1, s; shl.b32 %r2, %r60, 2; add.u32 %r1, %r1, %r2; st.shared.u32 [%r1], %r2;";
    expect(messageOf(code)).toContain(
      "store of 4 bytes at shared memory + 64 (shared memory is 64 bytes) in k block (0,0,0) thread (16,0,0)",
    );
  });

  test("traps and failed assertions", () => {
    expect(messageOf("setp.eq.u32 %p1, %r60, 5; @%p1 trap;")).toContain(
      "trap (trap) was reached in k block (0,0,0) thread (5,0,0)",
    );
    const strings = `.global .align 1 .b8 $str[6] = {120, 32, 62, 32, 48, 0};
      .global .align 1 .b8 $file[5] = {97, 46, 99, 117, 0};
      .global .align 1 .b8 $name[2] = {107, 0};
      .extern .func __assertfail (.param .b64 p0, .param .b64 p1, .param .b32 p2, .param .b64 p3, .param .b64 p4) ;`;
    const call = `{ .param .b64 param0; .param .b64 param1; .param .b32 param2; .param .b64 param3; .param .b64 param4;
      mov.u64 %rd1, $str; cvta.global.u64 %rd1, %rd1; st.param.b64 [param0+0], %rd1;
      mov.u64 %rd1, $file; st.param.b64 [param1+0], %rd1; st.param.b32 [param2+0], 17;
      mov.u64 %rd1, $name; st.param.b64 [param3+0], %rd1; st.param.b64 [param4+0], 1;
      call.uni __assertfail, (param0, param1, param2, param3, param4); }`;
    expect(messageOf(call, {}, strings)).toContain('trap assertion "x > 0" failed in k (a.cu:17)');
  });

  test("findings in a header of the toolkit name the line that called it", () => {
    const text = snippet(
      ".loc 1 30 5\n.loc 2 255 48, function_name $L__info_string0, inlined_at 1 30 5\nst.global.cs.b32 [%rd60+4096], %r60;",
      '.file 2 "/cuda/bin/..//include/sm_32_intrinsics.hpp"',
    );
    const machine = new Machine(parsePtx(text));
    const out = machine.alloc(64, { label: "out" });
    expect(() =>
      machine.launch({
        kernel: "k",
        grid: [1, 1, 1],
        block: [1, 1, 1],
        dynamic_shared_bytes: 0,
        params: [pointer(out), pointer(out)],
      }),
    ).toThrow(
      "out + 4096 (allocation is 64 bytes) in k block (0,0,0) thread (0,0,0) at snippet.cu:30",
    );
  });
});

describe("what is not known is refused by name", () => {
  test("an unknown instruction, when its kernel is launched and not before", () => {
    const text = snippet(".loc 1 99 1\nwgmma.fence.sync.aligned;");
    const module = parsePtx(text);
    const machine = new Machine(module);
    const out = machine.alloc(512, { label: "out" });
    try {
      machine.launch({
        kernel: "k",
        grid: [1, 1, 1],
        block: [32, 1, 1],
        dynamic_shared_bytes: 0,
        params: [pointer(out), pointer(out)],
      });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(PtxError);
      expect(error).toMatchObject({
        kind: "unsupported",
        opcode: "wgmma.fence.sync.aligned",
        source_file: "snippet.cu",
        source_line: 99,
      });
      expect((error as PtxError).line).toBe(
        text.split("\n").findIndex((line) => line.includes("wgmma")) + 1,
      );
    }
  });

  test("an unknown form of a known instruction, even where no lane comes", () => {
    expect(
      messageOf("setp.eq.u32 %p1, %r60, 99; @!%p1 bra OUT; cvt.rn.f16x2.e2m1x2 %r1, %h1; OUT:"),
    ).toContain("unsupported: instruction cvt.rn.f16x2.e2m1x2 at PTX line");
  });

  test("text that is not PTX", () => {
    expect(() => parsePtx("int main() { return 0; }")).toThrow(PtxError);
    expect(() => parsePtx("")).toThrow("no .target");
    expect(messageOf("add.u32 %r1, %nope, 1;")).toContain('syntax: operand "%nope" of add.u32');
    expect(messageOf("bra NOWHERE;")).toContain("label NOWHERE is not defined");
  });
});

describe("launches", () => {
  test("wrong parameters, blocks and shared memory are refused", () => {
    const machine = new Machine(parsePtx(snippet("")), { max_shared_bytes: 48 * 1024 });
    const launch = {
      kernel: "k",
      grid: [1, 1, 1] as const,
      block: [32, 1, 1] as const,
      dynamic_shared_bytes: 0,
      params: [new Uint8Array(8), new Uint8Array(8)],
    };
    expect(() => machine.launch({ ...launch, kernel: "missing" })).toThrow(
      "kernel missing is not in the module",
    );
    expect(() => machine.launch({ ...launch, params: [new Uint8Array(8)] })).toThrow(
      "1 parameters, the kernel has 2",
    );
    expect(() =>
      machine.launch({ ...launch, params: [new Uint8Array(8), new Uint8Array(4)] }),
    ).toThrow("parameter 1 of 4 bytes, the kernel's has 8");
    expect(() => machine.launch({ ...launch, block: [1025, 1, 1] })).toThrow(
      "block of 1025x1x1 threads",
    );
    expect(() => machine.launch({ ...launch, dynamic_shared_bytes: 65536 })).toThrow(
      "65536 bytes of shared memory, 49152 are available",
    );
  });

  test("an allocation of 2^33 bytes costs what is touched", () => {
    const machine = new Machine(
      parsePtx(
        snippet(
          "add.s64 %rd1, %rd60, 0x1fffffff0; ld.global.u32 %r1, [%rd1]; add.u32 %r1, %r1, 1; st.global.u32 [%rd1], %r1;",
        ),
      ),
    );
    const start = performance.now();
    const big = machine.alloc(2 ** 33, { label: "big" });
    machine.write(big + 0x1fffffff0n, bytesOf(Int32Array.of(41)));
    machine.launch({
      kernel: "k",
      grid: [1, 1, 1],
      block: [1, 1, 1],
      dynamic_shared_bytes: 0,
      params: [pointer(big), pointer(big)],
    });
    expect(new Int32Array(machine.read(big + 0x1fffffff0n, 4).buffer)[0]).toBe(42);
    expect(performance.now() - start).toBeLessThan(500);
  });

  test("the host's copies are checked too", () => {
    const machine = new Machine(parsePtx(snippet("")));
    const a = machine.alloc(16, { label: "a" });
    expect(() => machine.write(a + 8n, new Uint8Array(9))).toThrow(
      "a + 8 (allocation is 16 bytes)",
    );
    machine.free(a);
    expect(() => machine.read(a, 1)).toThrow(RangeError);
  });

  test("counts are those of the instructions that ran", () => {
    const machine = new Machine(parsePtx(snippet("")));
    const out = machine.alloc(512, { label: "out" });
    const counts = machine.launch({
      kernel: "k",
      grid: [2, 1, 1],
      block: [64, 1, 1],
      dynamic_shared_bytes: 0,
      params: [pointer(out), pointer(out)],
    });
    expect(counts).toEqual({ thread_instructions: 7 * 128, warp_instructions: 7 * 4 });
  });
});

test("poisoned shared memory: what no thread wrote is NaN, not what the last block left", () => {
  const out = run(
    `.shared .align 4 .b8 s[128]; mov.u32 %r1, s; ld.shared.u32 %r2, [%r1]; st.shared.u32 [%r1], 1; ${store("%r2")}`,
    { grid: 2 },
  );
  expect(out[0]).toBe(-1);
});

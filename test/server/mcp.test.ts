import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import {
  callMessage,
  connect,
  descendants,
  fakeServer,
  isAlive,
  scratchFolder,
  startRaw,
  until,
} from "./fixtures/connect.ts";

test("a result is complete in its structured content, and the text is the same", async () => {
  const { client } = await connect(fakeServer);
  const result = await client.callTool({ name: "echo_kernel", arguments: { text: "hello" } });
  expect(result.structuredContent).toMatchObject({ summary: "echoed", text: "hello" });
  const [content] = result.content as { text: string }[];
  expect(JSON.parse(content?.text ?? "")).toEqual(result.structuredContent);
});

test("an unknown argument is refused by name with the accepted ones", async () => {
  const { client } = await connect(fakeServer);
  const result = await client.callTool({
    name: "echo_kernel",
    arguments: { text: "hello", arch: ["sm_90"] },
  });
  expect(result.isError).toBe(true);
  expect(result.content).toEqual([
    {
      type: "text",
      text:
        'invalid_argument: echo_kernel has no argument "arch". Accepted: text, archs, count.\n' +
        'Next: Remove "arch", or write archs for arch, and call echo_kernel again.',
    },
  ]);
});

test("a wrong value is told with its path, what was expected and what came", async () => {
  const { client } = await connect(fakeServer);
  const result = await client.callTool({
    name: "echo_kernel",
    arguments: { text: "hello", archs: ["sm_80", 90], count: 77 },
  });
  const [content] = result.content as { text: string }[];
  expect(content?.text).toContain("invalid_argument: archs[1]: expected a string, got 90.");
  expect(content?.text).toContain("count: expected at most 9, got 77.");
  expect(content?.text).not.toContain("MCP error");
});

test("a ToolError is told as code, message and next step, and as data", async () => {
  const { client } = await connect(fakeServer);
  const result = await client.callTool({
    name: "broken_kernel",
    arguments: { how: "tool_error" },
  });
  expect(result.isError).toBe(true);
  expect(result.content).toEqual([
    { type: "text", text: 'not_found: There is no kernel "a".\nNext: Run create_kernel.' },
  ]);
  expect(result._meta).toEqual({
    "kernelwright/error": {
      code: "not_found",
      message: 'There is no kernel "a".',
      hint: "Run create_kernel.",
    },
  });
});

test("a bug of ours is one sentence and a file with the stack, never a stack in the answer", async () => {
  const cache = scratchFolder();
  const { client } = await connect(fakeServer, { env: { XDG_CACHE_HOME: cache } });
  const result = await client.callTool({ name: "broken_kernel", arguments: { how: "bug" } });
  const [content] = result.content as { text: string }[];
  expect(content?.text).toMatch(
    /^internal_error: Kernelwright failed in broken_kernel: undefined is not a kernel\. .+\nNext: /u,
  );
  expect(content?.text).not.toMatch(/\bat .+:\d+:\d+/u);
  const folder = path.join(cache, "kernelwright", "errors");
  const [file] = readdirSync(folder);
  expect(content?.text).toContain(path.join(folder, file ?? ""));
  expect(readFileSync(path.join(folder, file ?? ""), "utf8")).toMatch(/\bat .+:\d+:\d+/u);
});

test("an unknown tool is answered with the tools there are", async () => {
  const { client } = await connect(fakeServer);
  const result = await client.callTool({ name: "echo_kernels", arguments: {} });
  expect(result.content).toEqual([
    {
      type: "text",
      text:
        'not_found: There is no tool "echo_kernels". ' +
        "Tools: echo_kernel, broken_kernel, slow_kernel, check_job.\nNext: Call echo_kernel.",
    },
  ]);
});

test("stdout carries JSON-RPC only, whatever a library prints", async () => {
  const server = startRaw(fakeServer);
  server.send(callMessage(1, "echo_kernel", { text: "hi" }));
  await server.answer(1);
  server.child.stdin.end();
  expect((await server.ended()).code).toBe(0);
  for (const line of server.lines) expect(JSON.parse(line)).toMatchObject({ jsonrpc: "2.0" });
});

test("a probe of the next protocol is answered with -32601 and the session goes on", async () => {
  const server = startRaw(fakeServer);
  server.send({ jsonrpc: "2.0", id: 1, method: "server/discover", params: {} });
  server.send(callMessage(2, "echo_kernel", { text: "hi" }));
  expect((await server.answer(1)).error?.code).toBe(-32601);
  expect((await server.answer(2)).result).toMatchObject({ structuredContent: { text: "hi" } });
});

test("garbage on stdin is passed over", async () => {
  const server = startRaw(fakeServer);
  server.child.stdin.write("this is no JSON\n");
  server.send(callMessage(2, "echo_kernel", { text: "hi" }));
  expect((await server.answer(2)).result).toMatchObject({ structuredContent: { text: "hi" } });
});

test("progress grows and comes at least every five seconds with a token, and not at all without", async () => {
  const server = startRaw(fakeServer);
  server.send(
    callMessage(1, "slow_kernel", { seconds: 5 }, "token-1"),
    callMessage(2, "slow_kernel", { seconds: 4 }),
  );
  await Promise.all([server.answer(1), server.answer(2)]);
  const steps = server.lines
    .map((line) => JSON.parse(line))
    .filter((message) => message.method === "notifications/progress")
    .map((message) => message.params);
  expect(new Set(steps.map((step) => step.progressToken))).toEqual(new Set(["token-1"]));
  expect(steps.length).toBeGreaterThanOrEqual(2);
  const values = steps.map((step) => step.progress);
  expect(values).toEqual([...new Set(values)].sort((a, b) => a - b));
  expect(steps[0]).toMatchObject({ message: "sleeping", total: 2 });
  expect(steps.at(-1).message).toMatch(/^(sleeping \(4 s\)|slept)$/u);
});

test("cancelling a call kills its process tree within a second and sends no answer", async () => {
  const server = startRaw(fakeServer);
  server.send(callMessage(7, "slow_kernel", { seconds: 50 }));
  const pid = server.child.pid ?? 0;
  await until(() => descendants(pid).length >= 2, 10_000);
  const children = descendants(pid);
  server.send({
    jsonrpc: "2.0",
    method: "notifications/cancelled",
    params: { requestId: 7, reason: "the user" },
  });
  await until(() => !children.some(isAlive), 1000);
  server.send(callMessage(8, "echo_kernel", { text: "hi" }));
  await server.answer(8);
  expect(server.lines.some((line) => JSON.parse(line).id === 7)).toBe(false);
});

test("what was read before the end of input is answered, and the exit code is 0", async () => {
  const server = startRaw(fakeServer);
  server.send(callMessage(1, "echo_kernel", { text: "hi" }), callMessage(2, "nope", {}));
  server.child.stdin.end();
  expect((await server.ended()).code).toBe(0);
  const answered = server.lines.map((line) => JSON.parse(line).id);
  expect(answered).toContain(1);
  expect(answered).toContain(2);
});

test("the end of input ends a running call and its children within two seconds", async () => {
  const cwd = scratchFolder();
  const server = startRaw(fakeServer, { cwd });
  server.send(callMessage(1, "slow_kernel", { seconds: 50 }));
  const pid = server.child.pid ?? 0;
  await until(() => descendants(pid).length >= 2, 10_000);
  const children = descendants(pid);
  server.child.stdin.end();
  const { code, ms } = await server.ended();
  expect(code).toBe(0);
  expect(ms).toBeLessThan(2000);
  expect(children.some(isAlive)).toBe(false);
  const folder = path.join(cwd, ".kernelwright", "jobs");
  const record = JSON.parse(readFileSync(path.join(folder, readdirSync(folder)[0] ?? ""), "utf8"));
  expect(record).toMatchObject({ tool: "slow_kernel", state: "interrupted" });
});

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s ends the server and its children",
  async (signal) => {
    const server = startRaw(fakeServer);
    server.send(callMessage(1, "slow_kernel", { seconds: 50 }));
    const pid = server.child.pid ?? 0;
    await until(() => descendants(pid).length >= 2, 10_000);
    const children = descendants(pid);
    server.child.kill(signal);
    const { code, ms } = await server.ended();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(2000);
    expect(children.some(isAlive)).toBe(false);
  },
);

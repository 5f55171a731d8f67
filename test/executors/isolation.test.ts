import { createServer } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { networkIsolation, withoutNetwork } from "../../tools/executors/isolation.ts";
import { runLocally } from "../../tools/executors/local.ts";

const { isolated, how } = await withoutNetwork(["true"]);
if (!isolated) console.warn(`SKIPPED: no network isolation here: ${how}`);

const server = createServer((socket) => socket.end("reached"));
let port = 0;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as { port: number }).port;
});
afterAll(() => void server.close());

const connect = () => [
  process.execPath,
  "-e",
  `require("node:net").connect(${port}, "127.0.0.1").on("data", (text) => process.stdout.write(text)).on("error", (error) => process.stdout.write(error.code))`,
];

test.skipIf(!isolated)("a command without network reaches not even this machine", async () => {
  const plain = await runLocally(connect(), { timeoutMs: 10_000 });
  expect(plain.stdout).toBe("reached");
  const { argv } = await withoutNetwork(connect());
  const cut = await runLocally(argv, { timeoutMs: 10_000 });
  expect(cut.stdout).toMatch(/^E(NETUNREACH|CONNREFUSED|ADDRNOTAVAIL|HOSTUNREACH)$/u);
});

test("exit code, output and arguments are those of the command", async () => {
  const { argv } = await withoutNetwork(["sh", "-c", 'echo "$1"; exit 7', "sh", "--net a  b"]);
  const result = await runLocally(argv, { timeoutMs: 10_000 });
  expect(result).toMatchObject({ exit_code: 7, stdout: "--net a  b\n" });
});

test("the command is the process that was started, so its group is killed with it", async () => {
  const { argv } = await withoutNetwork(["sh", "-c", "sleep 30 & wait"]);
  const startedMs = performance.now();
  const result = await runLocally(argv, { timeoutMs: 300 });
  expect(result).toMatchObject({ timed_out: true, ended_by: "SIGKILL" });
  expect(performance.now() - startedMs).toBeLessThan(5000);
});

test("one sentence says what holds", async () => {
  expect(await networkIsolation()).toMatch(
    isolated ? /run without a network \(unshare .*\)\.$/u : /^The network is not forbidden .+\.$/u,
  );
});

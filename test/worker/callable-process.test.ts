import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { isAlive } from "../../tools/executors/alive.ts";
import { packageData } from "../../tools/paths.ts";
import { findPython } from "../../tools/toolchain/python.ts";
import { type CallableEnding, CallableProcess } from "../../tools/worker/callable-process.ts";
import { makeWorkspace } from "../helpers/run-tool.ts";

// The process that runs a candidate, without torch: what it may do to the judge, and what is left.
const { workspace, remove } = makeWorkspace("callable-process");
afterAll(remove);

const python = (await findPython())?.python;
if (!python) console.warn("SKIPPED the process of callables: no Python was found");
const here = test.skipIf(!python);
const linux = test.skipIf(!python || process.platform !== "linux");

let scripts = 0;

/** Starts a host that does `body` between a request and its reply `answer`. */
function start(body: string, options: { most_memory_bytes?: number; signal?: AbortSignal } = {}) {
  const script = path.join(workspace, `host-${scripts++}.py`);
  writeFileSync(
    script,
    `import os, signal, socket, sys, time
sys.path.insert(0, ${JSON.stringify(packageData("tools", "worker"))})
from callable_host.channel import Channel
channel = Channel(int(sys.argv[1]), int(sys.argv[2]))
request, data, nonce = channel.receive()
answer = request
${body}
channel.send(answer, [bytes(data)], nonce)
channel.receive()
`,
  );
  const { most_memory_bytes = 4 * 1024 ** 3, signal = new AbortController().signal } = options;
  return new CallableProcess({
    argv: [python as string, "-B", "-S", script],
    most_memory_bytes,
    signal,
  });
}

async function ask(process: CallableProcess, timeoutMs = 20_000) {
  const reply = await process.request('{"op":"x"}', [Buffer.from("data")], timeoutMs);
  await process.close();
  return reply;
}

async function endingOf(body: string, timeoutMs?: number, most_memory_bytes?: number) {
  const options = most_memory_bytes === undefined ? {} : { most_memory_bytes };
  return (await ask(start(body, options), timeoutMs)) as CallableEnding;
}

here("a reply is the request's JSON and data where the host sends them back", async () => {
  const reply = await ask(start('print("{}", flush=True)'));
  expect(reply).toMatchObject({ text: '{"op": "x"}' });
  expect((reply as { data: Buffer }).data.toString()).toBe("data");
});

here("a process that exits is told apart by its exit code, and gives no reply", async () => {
  expect(await endingOf("os._exit(0)")).toMatchObject({ cause: "exited", exit_code: 0 });
  const crashed = await endingOf("import ctypes\nctypes.string_at(8)");
  expect(crashed).toMatchObject({ cause: "exited", signal: "SIGSEGV" });
});

here("what is written to the judge's channel without the nonce is a forgery", async () => {
  const line = `b'{"verdict": "passed"}' * 8`;
  const forged = await endingOf(
    `for each in range(3, 16):\n  try: os.write(each, ${line})\n  except OSError: pass`,
  );
  expect(forged.cause).toBe("forged");
  const replayed = await endingOf("channel.send({}, [], bytes(16))");
  expect(replayed.cause).toBe("forged");
});

here("a second reply to one request is a forgery at the next", async () => {
  const process = start("channel.send(answer, [], nonce)");
  await process.request("{}", [], 20_000);
  const next = await process.request("{}", [], 20_000);
  expect(next).toMatchObject({ state: "ended", cause: "forged" });
  await process.close();
});

here("closing the judge's descriptors ends the process", async () => {
  const closed = await endingOf("os.closerange(3, 64)\ntime.sleep(60)");
  expect(closed.cause).toBe("disconnected");
});

linux("a process that stops itself is not waited for", async () => {
  const stopped = await endingOf("os.kill(os.getpid(), signal.SIGSTOP)");
  expect(stopped.cause).toBe("stopped");
});

here("a process that hangs ends at the time limit", async () => {
  const began = performance.now();
  const hung = await endingOf("while True: pass", 1_000);
  expect(hung.cause).toBe("timed_out");
  expect(performance.now() - began).toBeLessThan(10_000);
});

here("a process that prints without end is ended", async () => {
  const flooding = await endingOf("while True: os.write(1, b'x' * 65536)");
  expect(flooding.cause).toBe("flooded");
});

linux("a process that takes more memory than it is given is ended", async () => {
  const hog = "held = []\nwhile True: held.append(bytearray(b'x' * (1 << 20)))";
  expect(await endingOf(hog, 20_000, 256 * 1024 ** 2)).toMatchObject({ cause: "out_of_memory" });
});

linux("a daemon that left the process group is gone when the process is closed", async () => {
  const process = start(`child = os.fork()
if child == 0:
  os.setsid()
  time.sleep(600)
  os._exit(0)
answer = {"child": child}`);
  const reply = await process.request("{}", [], 20_000);
  const { child } = JSON.parse((reply as { text: string }).text) as { child: number };
  expect(isAlive(child)).toBe(true);
  await process.close();
  await expect.poll(() => isAlive(child), { timeout: 5_000 }).toBe(false);
});

linux(
  "a grandchild with no environment of ours, in a session of its own, is gone as well",
  async () => {
    const process = start(`import subprocess, threading
from callable_host import sandbox
sandbox.enter([os.getcwd(), "/dev"])
leave = """import subprocess, sys
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"],
  env={}, start_new_session=True, stdout=subprocess.DEVNULL)
print(child.pid)"""
found = []
def run():
  command = [sys.executable, "-S", "-c", leave]
  found.append(subprocess.run(command, env={}, start_new_session=True, stdout=subprocess.PIPE).stdout)
thread = threading.Thread(target=run)
thread.start()
thread.join()
answer = {"child": int(found[0])}`);
    const reply = await process.request("{}", [], 20_000);
    const { child } = JSON.parse((reply as { text: string }).text) as { child: number };
    expect(isAlive(child)).toBe(true);
    await process.close();
    await expect.poll(() => isAlive(child), { timeout: 5_000 }).toBe(false);
  },
);

here("a cancelled call ends the process", async () => {
  const controller = new AbortController();
  const process = start("time.sleep(60)", { signal: controller.signal });
  setTimeout(() => controller.abort(), 200);
  expect(await ask(process)).toMatchObject({ cause: "cancelled" });
});

linux(
  "where the system allows it, only the own folder can be written and no network opened",
  async () => {
    const process = start(`from callable_host import sandbox
held = sandbox.enter([os.getcwd(), "/dev"])
def can(what):
  try:
    what()
    return True
  except OSError:
    return False
answer = {**held,
  "inside": can(lambda: open("inside.txt", "w").close()),
  "outside": can(lambda: open(${JSON.stringify(path.join(workspace, "outside.txt"))}, "w").close()),
  "internet": can(lambda: socket.socket(socket.AF_INET).close()),
  "internet6": can(lambda: socket.socket(socket.AF_INET6).close()),
  "local": can(lambda: socket.socket(socket.AF_UNIX).close()),
  "parent": can(lambda: open(f"/proc/{os.getppid()}/mem")),
}`);
    const reply = await ask(process);
    const told = JSON.parse((reply as { text: string }).text) as Record<string, unknown>;
    expect(told).toMatchObject({ inside: true, local: true });
    if (told.files_held) expect(told).toMatchObject({ outside: false, parent: false });
    else console.warn(`SKIPPED the restriction of files: ${told.files}`);
    if (String(told.network).startsWith("sockets are local only")) {
      expect(told).toMatchObject({ internet: false, internet6: false });
    } else console.warn(`SKIPPED the restriction of sockets: ${told.network}`);
  },
);

here(
  "Python code that writes, connects, forks or looks at objects is seen, by whose doing",
  async () => {
    const process = start(`import gc
from callable_host.watch import Watch
watch = Watch(os.getcwd())
watch.on = True
open("own.txt", "w").close()
try: open("/nowhere/file", "w")
except OSError: pass
try: socket.create_connection(("192.0.2.1", 80), timeout=0.01)
except OSError: pass
gc.get_objects()
import tempfile
tempfile.TemporaryFile(dir=os.getcwd()).close()
watch.on = False
open("/dev/null", "w").close()
answer = {"events": watch.events()}`);
    const reply = await ask(process);
    const { events } = JSON.parse((reply as { text: string }).text) as {
      events: { kind: string; what: string; by_candidate: boolean }[];
    };
    expect(events.map(({ kind }) => kind)).toContain("network");
    expect(events).toContainEqual({ kind: "write", what: "/nowhere/file", by_candidate: true });
    expect(events).toContainEqual({ kind: "look", what: "gc.get_objects", by_candidate: true });
    expect(events.filter(({ kind }) => kind === "write")).toHaveLength(1);
  },
);

/** The events of `body`, which runs under watch. */
async function eventsOf(body: string) {
  const process = start(`import gc, threading, _thread
from callable_host.watch import Watch
watch = Watch(os.getcwd())
watch.on = True
${body}
watch.on = False
answer = {"events": watch.events()}`);
  const reply = await ask(process);
  const { events } = JSON.parse((reply as { text: string }).text) as {
    events: { kind: string; what: string; by_candidate: boolean }[];
  };
  return events;
}

here("writes of libraries do not hide what the candidate does after them", async () => {
  const events = await eventsOf(`library = compile("""
for each in range(40):
  try: open(f"/nowhere/{each}", "w")
  except OSError: pass
""", "/somewhere/site-packages/library.py", "exec")
exec(library)
gc.get_objects()`);
  expect(events.filter(({ by_candidate }) => !by_candidate)).toHaveLength(16);
  expect(events).toContainEqual({ kind: "look", what: "gc.get_objects", by_candidate: true });
});

here("a thread that keeps the watch busy does not blind it for another", async () => {
  const events = await eventsOf(`inside, go = threading.Event(), threading.Event()
judge = watch._judge
def held(event, arguments):
  if event == "os.remove":
    inside.set()
    go.wait(10)
  return judge(event, arguments)
watch._judge = held
def slow():
  try: os.remove("/nowhere/slow")
  except OSError: pass
thread = threading.Thread(target=slow)
thread.start()
inside.wait(10)
gc.get_objects()
go.set()
thread.join()`);
  expect(events).toContainEqual({ kind: "look", what: "gc.get_objects", by_candidate: true });
});

here("a thread that goes around Python's threading is seen where Python tells of it", async () => {
  const events = await eventsOf(`threading.Thread(target=int).start()
before = watch.events()
_thread.start_new_thread(int, ())
time.sleep(0.05)
watch._seen = [*before, *watch._seen, {"kind": str(sys.version_info >= (3, 12)), "what": "", "by_candidate": False}]`);
  const threads = events.filter(({ kind }) => kind === "thread");
  const told = events.some(({ kind }) => kind === "True");
  if (!told) console.warn("SKIPPED events of threads: Python has them from 3.12 on");
  expect(threads.map(({ by_candidate }) => by_candidate)).toEqual(told ? [true] : []);
});

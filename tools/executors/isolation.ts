import { runLocally } from "./local.ts";

/** A command as it is to be started, and what keeps it from the network. */
export interface IsolatedCommand {
  argv: string[];
  isolated: boolean;
  /** What does it ("unshare --net"), or why nothing does. */
  how: string;
}

/**
 * Each gives the command a network of its own without any way out. They replace themselves by the
 * command: its process id, process group and exit code are as without them.
 * The first is for root, and keeps root's rights over other users' files, which the second loses.
 */
const ways: readonly (readonly string[])[] = [
  ["unshare", "--net"],
  ["unshare", "--user", "--map-current-user", "--net"],
];

const probeTimeoutMs = 5_000;

let found: Promise<readonly string[] | undefined> | undefined;

/**
 * The same command without a network, where this system lets us forbid it (Linux with network
 * namespaces); tried once per process with a harmless command. A program that does not exist then
 * ends with exit code 127 instead of `prerequisite_missing`.
 */
export async function withoutNetwork(argv: readonly string[]): Promise<IsolatedCommand> {
  found ??= findWay();
  const way = await found;
  if (!way) return { argv: [...argv], isolated: false, how: whyNot() };
  return { argv: [...way, "--", ...argv], isolated: true, how: way.join(" ") };
}

/** One sentence for a verdict: whether the compiler and Python candidates run without a network. */
export async function networkIsolation(): Promise<string> {
  const { isolated, how } = await withoutNetwork([]);
  return isolated
    ? `The compiler and Python candidates run without a network (${how}).`
    : `The network is not forbidden to the compiler and to Python candidates: ${how}.`;
}

async function findWay(): Promise<readonly string[] | undefined> {
  if (process.platform !== "linux") return undefined;
  for (const way of ways) {
    if (await works(way)) return way;
  }
  return undefined;
}

/** Whether what is started this way sees no interface but its own loopback. */
async function works(way: readonly string[]): Promise<boolean> {
  try {
    const { exit_code, stdout } = await runLocally([...way, "--", "cat", "/proc/net/dev"], {
      timeoutMs: probeTimeoutMs,
    });
    return exit_code === 0 && !interfaces(stdout).some((name) => name !== "lo");
  } catch {
    // No such program: one way less.
    return false;
  }
}

/** "  eth0: 1024 8 0 …", after two lines of headings. */
function interfaces(table: string): string[] {
  return table
    .split("\n")
    .slice(2)
    .flatMap((line) => line.match(/^\s*([^:\s]+):/u)?.[1] ?? []);
}

function whyNot(): string {
  return process.platform === "linux"
    ? "this system refuses network namespaces (unshare)"
    : `there are no network namespaces on ${process.platform}`;
}

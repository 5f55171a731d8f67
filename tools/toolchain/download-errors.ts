import { ToolError } from "../errors.ts";
import type { RunResult } from "../executors/local.ts";
import { userConfigFile } from "../paths.ts";
import { toolchainFolder } from "./wheels.ts";

const noSpace = /No space left on device|os error 28|Errno 28|Disk quota exceeded/u;
const wrongHash = /DO NOT MATCH THE HASHES|Hash mismatch/u;
/** The most telling first: the words that match are what the message shows. */
const noNetwork = [
  /Temporary failure in name resolution|Name or service not known|nodename nor servname provided/u,
  /Connection (?:refused|reset|timed out)|Network is unreachable|No route to host/u,
  /Cannot connect to proxy|tunnel error|SSLError|invalid peer certificate/u,
  /(?:Connect|Read) ?[Tt]imed? ?out|operation timed out/u,
  /dns error|error sending request|client error|Failed to establish a new connection/u,
];

/** What uv or pip said when it failed, as the error that its reader can act on. */
export function downloadFailed(
  name: "uv" | "pip",
  result: Pick<RunResult, "exit_code" | "stdout" | "stderr" | "timed_out">,
): ToolError {
  const said = `${result.stderr}\n${result.stdout}`;
  if (noSpace.test(said)) return diskFull(`${name}: ${lineOf(result, noSpace)}`);
  if (wrongHash.test(said)) {
    return new ToolError(
      "install_failed",
      `${name} was given a wheel whose sha256 is not the pinned one, and nothing was installed. ${lineOf(result, wrongHash)}`,
      "Look at the index or mirror that pip or uv is set to (PIP_INDEX_URL, UV_DEFAULT_INDEX): it serves other files than PyPI does. Unset it, then run: kernelwright setup",
    );
  }
  if (result.timed_out) return networkUnavailable(`${name} did not end within an hour.`);
  const cause = noNetwork.map((pattern) => pattern.exec(said)?.[0]).find((words) => words);
  if (cause) return networkUnavailable(`${name} says: ${cause}.`);
  return new ToolError(
    "install_failed",
    `${name} ended with exit code ${result.exit_code}. ${lineOf(result, /^error|^ERROR/u)}`,
    `${name === "pip" ? "Update pip (python3 -m pip install --upgrade pip) or put uv on PATH" : "Update uv"}, then run: kernelwright setup. ${byHand()}`,
  );
}

export function networkUnavailable(reason: string): ToolError {
  return new ToolError(
    "network_unavailable",
    `NVIDIA's compiler could not be downloaded from PyPI. ${reason}`,
    `Connect, or set HTTPS_PROXY or PIP_INDEX_URL, then run: kernelwright setup. ${byHand()}`,
  );
}

export function diskFull(reason: string): ToolError {
  return new ToolError(
    "disk_full",
    `There is no room for the CUDA compiler (380 MiB while it is installed, 275 MiB then). ${reason}`,
    `Free space, or set XDG_CACHE_HOME to a folder on a larger disk, then run: kernelwright setup.`,
  );
}

/** The first line that says why, else the last line there is. */
export function lineOf(result: Pick<RunResult, "stdout" | "stderr">, pattern: RegExp): string {
  const lines = `${result.stdout}\n${result.stderr}`
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  return (lines.find((line) => pattern.test(line)) ?? lines.at(-1) ?? "").slice(0, 400);
}

function byHand(): string {
  return `Without a network: install a CUDA toolkit 12 or 13 and set CUDA_HOME (or cuda_home in ${userConfigFile()}); PATH and /usr/local/cuda are looked at too. Or copy ${toolchainFolder()} from a machine of the same kind.`;
}

import { ToolError } from "../errors.ts";
import { type Python, searchPythons } from "./python.ts";

/** The first Python with torch: the workspace's .venv, VIRTUAL_ENV, CONDA_PREFIX, config, PATH. */
export async function findTorchPython(
  workspace?: string,
  signal?: AbortSignal,
): Promise<Python | undefined> {
  const { pythons } = await searchPythons(workspace, signal);
  return pythons.find(({ packages }) => packages.torch !== undefined);
}

/** As findTorchPython; throws ToolError `prerequisite_missing` with the command that installs torch. */
export async function requireTorchPython(workspace: string, signal?: AbortSignal): Promise<Python> {
  const { pythons } = await searchPythons(workspace, signal);
  const found = pythons.find(({ packages }) => packages.torch !== undefined);
  if (found) return found;
  const looked = pythons.map(({ python, version }) => `${python} (${version})`);
  const own = pythons.find(({ found_by }) => found_by !== "PATH");
  throw new ToolError(
    "prerequisite_missing",
    looked.length > 0
      ? `No Python here has torch: ${looked.join(", ")}.`
      : "No Python 3.8 or newer was found, and torch needs one.",
    own
      ? `Run: ${own.python} -m pip install torch. Then make the same call again.`
      : "Run in the workspace: python3 -m venv .venv && .venv/bin/python -m pip install torch. Then make the same call again.",
  );
}

import { mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";
import type { ToolContext } from "../../tools/tool.ts";

/** The context of a call in a fresh, empty workspace that goes away with the test. */
export function freshContext(signal = new AbortController().signal): ToolContext {
  const workspace = realpathSync(mkdtempSync(path.join(tmpdir(), "kernelwright-create-")));
  onTestFinished(() => rmSync(workspace, { recursive: true, force: true }));
  return { workspace, signal, progress: () => {}, mayInstallCompiler: false };
}

/** Every file and folder below `folder`, hidden ones too. */
export function everythingIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll(path.sep, "/"))
    .sort();
}

import { mkdirSync, realpathSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { createContext, requireWorkspace } from "../../tools/context.ts";
import { ToolError } from "../../tools/errors.ts";
import { connect, fakeServer, scratchFolder } from "./fixtures/connect.ts";

function folder(...parts: string[]): string {
  const made = path.join(...parts);
  mkdirSync(made, { recursive: true });
  return realpathSync(made);
}

test("--workspace goes before KERNELWRIGHT_WORKSPACE, that before CLAUDE_PROJECT_DIR, that before the current folder", () => {
  const base = folder(scratchFolder());
  const [argument, variable, claude, cwd] = ["a", "b", "c", "d"].map((name) => folder(base, name));
  const env = { KERNELWRIGHT_WORKSPACE: variable, CLAUDE_PROJECT_DIR: claude };
  const home = folder(base, "home");
  const sources = { argument, env, cwd: cwd ?? "", home };
  expect(requireWorkspace(sources)).toBe(argument);
  expect(requireWorkspace({ env, cwd: cwd ?? "", home })).toBe(variable);
  expect(requireWorkspace({ env: { CLAUDE_PROJECT_DIR: claude }, cwd: cwd ?? "", home })).toBe(
    claude,
  );
  expect(requireWorkspace({ env: {}, cwd: cwd ?? "", home })).toBe(cwd);
});

test("a variable that the client did not expand is passed over", () => {
  const cwd = folder(scratchFolder());
  const env = { CLAUDE_PROJECT_DIR: `\${CLAUDE_PROJECT_DIR}` };
  expect(requireWorkspace({ env, cwd, home: "/nowhere" })).toBe(cwd);
});

test.each([
  [".codex", "a client's own folder"],
  [".claude/plugins/cache/kernelwright/1.0.0", "a client's own folder"],
  ["somewhere/plugins/cache/kernelwright", "a plugin cache"],
  [".", "the home folder itself"],
])("the current folder ~/%s is refused: %s", (below, reason) => {
  const home = folder(scratchFolder());
  const cwd = folder(home, below);
  const refusal = refusalOf(() => requireWorkspace({ env: {}, cwd, home }));
  expect(refusal.code).toBe("workspace_unknown");
  expect(refusal.message).toContain(reason);
  expect(refusal.hint).toContain("--workspace");
});

test("the root of the file system is refused", () => {
  expect(() => requireWorkspace({ env: {}, cwd: "/", home: "/nowhere" })).toThrow(/the root of/u);
});

test("CODEX_HOME elsewhere counts as the client's folder too", () => {
  const cwd = folder(scratchFolder(), "codex");
  expect(() => requireWorkspace({ env: { CODEX_HOME: cwd }, cwd, home: "/nowhere" })).toThrow(
    /client's own folder/u,
  );
});

test("a worktree that a client keeps below its own folder is a workspace", () => {
  const home = folder(scratchFolder());
  const cwd = folder(home, ".codex", "worktrees", "a1", "project");
  expect(requireWorkspace({ env: {}, cwd, home })).toBe(cwd);
});

test("a workspace that is no folder is refused by name, with where it came from", () => {
  const missing = path.join(scratchFolder(), "missing");
  const refusal = refusalOf(() => requireWorkspace({ argument: missing, env: {}, cwd: "/" }));
  expect(refusal.message).toBe(`The workspace ${missing} (from --workspace) is not a folder.`);
});

test("a call that needs no workspace works where there is none", () => {
  const sources = { env: {}, cwd: "/", home: "/nowhere" };
  const context = createContext({ sources, signal: new AbortController().signal });
  expect(context.mayInstallCompiler).toBe(false);
  expect(() => context.workspace).toThrow(ToolError);
});

test("over MCP the first call that needs a workspace is told how to give one", async () => {
  const home = folder(scratchFolder());
  const cwd = folder(home, ".codex");
  const { client } = await connect(fakeServer, { cwd, env: { HOME: home } });
  const result = await client.callTool({ name: "echo_kernel", arguments: { text: "hi" } });
  const [content] = result.content as { text: string }[];
  expect(result.isError).toBe(true);
  expect(content?.text).toMatch(/^workspace_unknown: .+\nNext: Start the server with --workspace/u);
});

test("over MCP --workspace is what tools see", async () => {
  const workspace = folder(scratchFolder());
  const { client } = await connect([...fakeServer, "--workspace", workspace], { cwd: "/" });
  const result = await client.callTool({ name: "echo_kernel", arguments: { text: "hi" } });
  expect(result.structuredContent).toMatchObject({ workspace });
});

function refusalOf(act: () => unknown): ToolError {
  try {
    act();
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

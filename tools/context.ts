import { existsSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { ToolError } from "./errors.ts";
import type { JobRegistry } from "./jobs/registry.ts";
import type { Progress, ToolContext } from "./tool.ts";

/** Where a door may learn the workspace from. */
export interface WorkspaceSources {
  /** `--workspace`. */
  argument?: string;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** Left out: the user's home folder. */
  home?: string;
}

export interface CallOptions {
  sources: WorkspaceSources;
  signal: AbortSignal;
  progress?: (progress: Progress) => void;
  mayInstallCompiler?: boolean;
  jobs?: JobRegistry;
}

/**
 * The context of one call. The workspace is looked for when a tool first asks for it, so that
 * tools which need none work where there is none; asking then throws `workspace_unknown`.
 */
export function createContext(options: CallOptions): ToolContext {
  let workspace: string | undefined;
  return {
    get workspace() {
      workspace ??= requireWorkspace(options.sources);
      return workspace;
    },
    signal: options.signal,
    progress: options.progress ?? (() => {}),
    mayInstallCompiler: options.mayInstallCompiler ?? false,
    ...(options.jobs ? { jobs: options.jobs } : {}),
  };
}

/**
 * The absolute real path of the workspace: `--workspace`, KERNELWRIGHT_WORKSPACE,
 * CLAUDE_PROJECT_DIR, then the current folder unless it belongs to a client or a plugin.
 */
export function requireWorkspace(sources: WorkspaceSources): string {
  const { argument, env } = sources;
  const named = [
    { from: "--workspace", folder: argument },
    { from: "KERNELWRIGHT_WORKSPACE", folder: env.KERNELWRIGHT_WORKSPACE },
    { from: "CLAUDE_PROJECT_DIR", folder: env.CLAUDE_PROJECT_DIR },
  ].find(({ folder }) => folder !== undefined && folder !== "" && !folder.includes("${"));
  if (named?.folder) return requireFolder(path.resolve(sources.cwd, named.folder), named.from);
  const cwd = requireFolder(sources.cwd, "the current folder");
  const reason = whyNotAWorkspace(cwd, sources);
  if (reason) {
    throw new ToolError(
      "workspace_unknown",
      `The current folder ${cwd} is ${reason}, not a place for kernel projects, and no workspace was given.`,
      "Start the server with --workspace <absolute path of your project>, or set KERNELWRIGHT_WORKSPACE to it.",
    );
  }
  return cwd;
}

function requireFolder(folder: string, from: string): string {
  if (existsSync(folder) && statSync(folder).isDirectory()) return realpathSync(folder);
  throw new ToolError(
    "workspace_unknown",
    `The workspace ${folder} (from ${from}) is not a folder.`,
    `Create it with "mkdir -p ${folder}", or give another folder.`,
  );
}

/** Folders of the user's home that agent clients keep their own state in. */
const clientFolders = [
  ".claude",
  ".codex",
  ".cursor",
  ".gemini",
  ".copilot",
  ".agents",
  ".vscode",
  ".config",
  ".cache",
] as const;

/** Undefined when `cwd` may serve as the workspace; else what kind of folder it is. */
function whyNotAWorkspace(cwd: string, sources: WorkspaceSources): string | undefined {
  if (path.dirname(cwd) === cwd) return "the root of the file system";
  const home = realPath(sources.home ?? homedir());
  if (cwd === home) return "the home folder itself";
  const { env } = sources;
  const clients = [
    ...clientFolders.map((name) => path.join(home, name)),
    ...[env.CODEX_HOME, env.CLAUDE_CONFIG_DIR].filter((folder) => folder).map(String),
  ];
  for (const client of clients) {
    const inside = path.relative(realPath(client), cwd);
    // Clients check projects out below their own folder: those worktrees are real workspaces.
    const isWorktree = inside.startsWith(`worktrees${path.sep}`);
    if (isInside(inside) && !isWorktree) return `a client's own folder (${client})`;
  }
  const pluginRoots = [env.CLAUDE_PLUGIN_ROOT, env.PLUGIN_ROOT].filter((folder) => folder);
  for (const root of pluginRoots) {
    if (isInside(path.relative(realPath(String(root)), cwd))) return "a plugin's own folder";
  }
  if (/[\\/]plugins[\\/](cache|marketplaces)([\\/]|$)/u.test(cwd)) return "a plugin cache";
  return undefined;
}

function isInside(relative: string): boolean {
  return relative === "" || !(relative.startsWith("..") || path.isAbsolute(relative));
}

function realPath(folder: string): string {
  return existsSync(folder) ? realpathSync(folder) : path.resolve(folder);
}

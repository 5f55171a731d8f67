/** Every way in which a tool can refuse or fail. Closed: an agent may branch on it. */
export const errorCodes = [
  "invalid_argument",
  "workspace_unknown",
  "path_outside_workspace",
  "not_found",
  "already_exists",
  "project_invalid",
  "compiler_missing",
  "compiler_unusable",
  "prerequisite_missing",
  "install_failed",
  "network_unavailable",
  "build_failed",
  "recording_failed",
  "ptx_unsupported",
  "gpu_unavailable",
  "gpu_unhealthy",
  "timed_out",
  "cancelled",
  "job_unknown",
  "disk_full",
  "busy",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** A failure the agent can act on: what happened, with the values in it, then what to do next. */
export class ToolError extends Error {
  override readonly name = "ToolError";
  readonly code: ErrorCode;
  /** The next step, as a command or an edit that can be carried out as written. */
  readonly hint: string;

  constructor(code: ErrorCode, message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }
}

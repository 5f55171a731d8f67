/** The tools of compute-sanitizer, in the order in which they are run. */
export const sanitizerTools = ["memcheck", "racecheck", "initcheck", "synccheck"] as const;

export type SanitizerTool = (typeof sanitizerTools)[number];

/** Errors of one launch that are written down: one names the line, a few show the pattern. */
const printLimit = 8;

/**
 * Runs `command` under a tool. Records go to `report` as XML, each when it is found; what the tool
 * says of itself goes to `log`. The exit code stays the command's own.
 */
export function sanitizerCommand(
  program: string,
  tool: SanitizerTool,
  files: { report: string; log: string },
  command: readonly string[],
): string[] {
  return [
    program,
    "--tool",
    tool,
    "--xml",
    "--save",
    files.report,
    "--log-file",
    files.log,
    "--print-limit",
    `${printLimit}`,
    "--strip-paths",
    "no",
    // Which line called the inlined function that is at fault; our own Python frames say nothing.
    "--show-backtrace",
    "device",
    "--demangle",
    "no",
    "--target-processes",
    "application-only",
    ...ownOptions[tool],
    ...command,
  ];
}

/** The kernel ends at its first error and the context lives on, so that the next case is looked at too. */
const endKernelOnly = ["--destroy-on-device-error", "kernel"];

const ownOptions: Readonly<Record<SanitizerTool, readonly string[]>> = {
  // Padding: allocations may lie side by side, and an access past one's end must not meet the next.
  memcheck: [...endKernelOnly, "--padding", "1024", "--report-api-errors", "no"],
  racecheck: [],
  // The runner's own copies are not the candidate's.
  initcheck: ["--check-api-memory-access", "no"],
  synccheck: endKernelOnly,
};

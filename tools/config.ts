import { readFileSync } from "node:fs";
import * as yaml from "yaml";
import * as z from "zod";
import { ToolError } from "./errors.ts";
import { userConfigFile } from "./paths.ts";
import { listed } from "./text.ts";

/** What a user may set once for all projects, in `userConfigFile()`. Every key may be left out. */
const userConfigSchema = z.strictObject({
  cuda_home: z.string().min(1).optional().describe("Folder of a CUDA toolkit, with bin/nvcc in it"),
  cxx: z.string().min(1).optional().describe("The C++ compiler for host code: its executable"),
  python: z.string().min(1).optional().describe("The Python that has torch: its executable"),
  archs: z
    .array(z.string().regex(/^sm_\d{2,3}[af]?$/u))
    .min(1)
    .optional()
    .describe("What build_kernel compiles for where neither the call nor kernel.yaml says"),
});

export type UserConfig = z.infer<typeof userConfigSchema>;

/**
 * The user's settings; an absent or empty file is an empty config.
 * Throws ToolError `invalid_argument` that names the file and the key.
 */
export function readUserConfig(file = userConfigFile()): UserConfig {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw invalid(file, (error as Error).message);
  }
  return parseUserConfig(text, file);
}

/** `file` is only named in messages. */
export function parseUserConfig(text: string, file: string): UserConfig {
  let value: unknown;
  try {
    value = yaml.parse(text);
  } catch (error) {
    throw invalid(file, `it is not YAML: ${(error as Error).message.split("\n")[0]}`);
  }
  const parsed = userConfigSchema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  if (issue?.code === "unrecognized_keys") {
    const quoted = issue.keys.map((key) => `"${key}"`);
    throw invalid(file, `unknown ${listed(quoted)}`);
  }
  const where = issue?.path.length ? `"${issue.path.join(".")}": ` : "";
  throw invalid(file, `${where}${issue?.message}`);
}

function invalid(file: string, reason: string): ToolError {
  const keys = listed(Object.keys(userConfigSchema.shape));
  return new ToolError(
    "invalid_argument",
    `The config file ${file} cannot be used: ${reason}.`,
    `Edit ${file}: its keys are ${keys}, all optional; or delete it.`,
  );
}

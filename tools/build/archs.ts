import { ToolError } from "../errors.ts";
import { listed } from "../text.ts";

/** What is built for where neither the call, nor kernel.yaml, nor a present GPU says otherwise. */
export const defaultArchs = [
  "sm_75",
  "sm_80",
  "sm_86",
  "sm_89",
  "sm_90",
  "sm_100",
  "sm_120",
] as const;

/**
 * The archs in the order asked, without repetition.
 * Throws ToolError `invalid_argument` naming the supported ones where the compiler knows one not.
 */
export function requireKnownArchs(
  archs: readonly string[],
  compiler: { version: string; archs: readonly string[] },
): string[] {
  const unknown = archs.filter((arch) => !compiler.archs.includes(withoutSuffix(arch)));
  if (unknown.length > 0) {
    throw new ToolError(
      "invalid_argument",
      `CUDA compiler ${compiler.version} cannot compile for ${listed(unknown)}; it knows ${listed(compiler.archs)}.`,
      `Call build_kernel again with archs from that list, for example archs: ["${compiler.archs.at(-1)}"].`,
    );
  }
  return [...new Set(archs)];
}

/** "sm_90a" -> "90a": the number in nvcc's compute_ and sm_ names. */
export function archNumber(arch: string): string {
  return arch.replace(/^sm_/u, "");
}

/** `a` (this chip alone) is known from sm_90 on, `f` (this family) from sm_100 on. */
function withoutSuffix(arch: string): string {
  const [, plain = arch, number = "0", suffix] = /^(sm_(\d+))([af])$/u.exec(arch) ?? [];
  return Number(number) >= (suffix === "f" ? 100 : 90) ? plain : arch;
}

import { listed } from "../../text.ts";
import { type Reading, reading } from "./codes.ts";

/**
 * Archs of kernel.yaml on whose GPUs nothing of the build runs. Every build holds one arch's machine
 * code, which runs within its generation, and its PTX, which runs on everything newer; those of archs
 * with a letter (sm_90a) run on nothing else.
 */
export function readMissingArchs(declared: readonly string[], built: readonly string[]): Reading[] {
  const missing = declared.filter((arch) => !built.some((one) => runsOn(one, arch)));
  if (missing.length === 0) return [];
  const has = built.length > 0 ? listed(built) : "nothing";
  return [reading("arch_missing", `${listed(missing)}; the build has ${has}`, { certain: true })];
}

function runsOn(built: string, gpu: string): boolean {
  if (built === gpu) return true;
  const [, code = "", letter = ""] = /^sm_(\d+)([a-z]?)$/u.exec(built) ?? [];
  const capability = Number(/\d+/u.exec(gpu)?.[0] ?? 0);
  if (letter === "f") {
    return (
      Math.floor(capability / 10) === Math.floor(Number(code) / 10) && Number(code) <= capability
    );
  }
  return letter === "" && Number(code) > 0 && Number(code) <= capability;
}

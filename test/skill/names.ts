import { commands } from "../../server/commands.ts";
import { commonOptions, optionsOf } from "../../server/options.ts";
import { toolsWithJobs } from "../../tools/index.ts";
import { codeOf } from "./markdown.ts";

const verbs = new Map(
  [...toolsWithJobs, ...commands].map((one) => [
    one.verb,
    [...optionsOf(one), ...commonOptions].map((option) => option.flag),
  ]),
);
const toolNames: ReadonlySet<string> = new Set(toolsWithJobs.map((tool) => tool.name));
const anyFlag: ReadonlySet<string> = new Set([...verbs.values()].flat());

/** Tools, verbs and flags that a text names and that Kernelwright does not have. */
export function unknownNames(text: string): string[] {
  return [...unknownTools(text), ...codeOf(text).flatMap(unknownInCode)];
}

function unknownTools(text: string): string[] {
  const named = text.match(/\b(?:[a-z]+_kernel|(?:inspect|check|list)_[a-z]+)\b/gu) ?? [];
  return named.filter((name) => !toolNames.has(name));
}

/** One span or line of code: a call of the command line, or a flag alone. */
function unknownInCode(code: string): string[] {
  const call = /\bkernelwright(?:\.mjs)? (?<verbs>[a-z]+(?:\|[a-z]+)*)(?<rest>.*)$/u.exec(code);
  if (call?.groups) {
    const named = (call.groups.verbs ?? "").split("|");
    const flags = flagsIn(call.groups.rest ?? "");
    return named.flatMap((verb) => {
      const known = verbs.get(verb);
      if (!known) return [`kernelwright ${verb}`];
      return flags.filter((flag) => !known.includes(flag)).map((flag) => `${verb} ${flag}`);
    });
  }
  return code.startsWith("--") ? flagsIn(code).filter((flag) => !anyFlag.has(flag)) : [];
}

function flagsIn(text: string): string[] {
  return text.match(/(?<![\w-])--[a-z][a-z-]*/gu) ?? [];
}

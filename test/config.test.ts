import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parseUserConfig, readUserConfig } from "../tools/config.ts";

test("an absent and an empty config are no config", () => {
  expect(readUserConfig("/nowhere/config.yaml")).toEqual({});
  expect(readUserConfig(configFile(""))).toEqual({});
  expect(readUserConfig(configFile("# nothing yet\n"))).toEqual({});
});

test("every key is read", () => {
  const text =
    "cuda_home: /opt/cuda\ncxx: g++-14\npython: /opt/py/bin/python\narchs: [sm_80, sm_90a]\n";
  expect(readUserConfig(configFile(text))).toEqual({
    cuda_home: "/opt/cuda",
    cxx: "g++-14",
    python: "/opt/py/bin/python",
    archs: ["sm_80", "sm_90a"],
  });
});

const wrong: [string, string, string][] = [
  ["an unknown key", "cudahome: /opt/cuda", 'unknown "cudahome"'],
  ["a wrong value", "archs: [sm90]", '"archs.0"'],
  ["a wrong type", "python: 3", '"python"'],
  ["no mapping", "- sm_90", "expected object"],
  ["no YAML", "a: [", "it is not YAML"],
];

test.each(wrong)(
  "%s is named together with the file and the keys there are",
  (_name, text, reason) => {
    expect(() => parseUserConfig(text, "/home/me/config.yaml")).toThrowError(
      expect.objectContaining({
        code: "invalid_argument",
        message: expect.stringMatching(
          new RegExp(`/home/me/config.yaml .*${escaped(reason)}`, "u"),
        ),
        hint: expect.stringContaining("cuda_home, cxx, python and archs"),
      }),
    );
  },
);

function escaped(text: string): string {
  return text.replace(/[.[\]]/gu, "\\$&");
}

function configFile(text: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), "kw-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "config.yaml");
  writeFileSync(file, text);
  return file;
}

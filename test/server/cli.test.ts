import { spawn, spawnSync } from "node:child_process";
import path from "node:path";
import { expect, test } from "vitest";
import { descendants, fakeProgram, isAlive, scratchFolder, until } from "./fixtures/connect.ts";

const [node = "", program = ""] = fakeProgram;

function kernelwright(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(node, [program, ...words], {
    encoding: "utf8",
    cwd: scratchFolder(),
  });
  return { status, stdout, stderr };
}

test("a verb runs the tool of the same schema and prints its rendering", () => {
  expect(kernelwright("echo", "hello")).toEqual({
    status: 0,
    stdout: expect.stringContaining("hello\n"),
    stderr: "",
  });
});

test("--json prints the structured result only", () => {
  const { status, stdout } = kernelwright("echo", "--text=hello", "--count", "2", "--json");
  expect(status).toBe(0);
  const last = stdout.trim().split("\n").at(-1) ?? "";
  expect(JSON.parse(last)).toMatchObject({ status: "done", text: "hello" });
});

test("an unknown option is named with the nearest accepted one", () => {
  const { status, stderr } = kernelwright("echo", "hello", "--arch", "sm_80");
  expect(status).toBe(2);
  expect(stderr).toMatch(
    /^invalid_argument: kernelwright echo has no option --arch\. Did you mean --archs\? Accepted: --text, --archs, --count, .+\nNext: Run "kernelwright echo --help"\.\n$/u,
  );
});

test("an unknown verb is answered with the verbs there are", () => {
  const { status, stderr } = kernelwright("ecko");
  expect(status).toBe(2);
  expect(stderr).toContain(
    'has no verb "ecko". Verbs: echo, broken, slow, job, setup, clean, mcp.',
  );
  expect(stderr).toContain('Next: Run "kernelwright echo".');
});

test("a wrong value is refused with the schema's own words", () => {
  const { status, stderr } = kernelwright("echo", "hello", "--count", "many");
  expect(status).toBe(2);
  expect(stderr).toContain('invalid_argument: count: expected a number, got "many".');
});

test("a ToolError ends with 2, a failed verdict with 1, a bug with 3", () => {
  const refused = kernelwright("broken", "--how", "tool_error");
  expect(refused).toMatchObject({
    status: 2,
    stderr: 'not_found: There is no kernel "a".\nNext: Run create_kernel.\n',
  });
  expect(kernelwright("broken", "--how", "failed_verdict").status).toBe(1);
  const bug = kernelwright("broken", "--how", "bug");
  expect(bug.status).toBe(3);
  expect(bug.stderr).not.toMatch(/\bat .+:\d+:\d+/u);
});

test("with --json an error is data on stdout", () => {
  const { status, stdout } = kernelwright("broken", "--how", "tool_error", "--json");
  expect(status).toBe(2);
  expect(JSON.parse(stdout)).toEqual({
    error: { code: "not_found", message: 'There is no kernel "a".', hint: "Run create_kernel." },
  });
});

test("--help of a verb shows its options, defaults and an example", () => {
  const { status, stdout } = kernelwright("echo", "--help");
  expect(status).toBe(0);
  expect(stdout).toContain("kernelwright echo <text> [--options]");
  expect(stdout).toContain("--archs <a,b,…>");
  expect(stdout).toContain("(default 1)");
  expect(stdout).toContain("kernelwright echo hello --archs sm_80,sm_90");
});

test("--help lists all verbs and the exit codes", () => {
  const { stdout } = kernelwright("--help");
  for (const verb of ["echo", "job", "setup", "clean", "mcp"]) {
    expect(stdout).toMatch(new RegExp(`^ {2}${verb} +\\S`, "mu"));
  }
  expect(stdout).toContain("130 cancelled");
});

test("--version is the version of package.json", () => {
  expect(kernelwright("--version").stdout).toMatch(/^\d+\.\d+\.\d+\n$/u);
});

test("without a terminal nothing is coloured", () => {
  expect(kernelwright("broken", "--how", "failed_verdict").stdout).toBe("verdict: failed\n");
});

test("the next step is shown as the command that does it", () => {
  expect(kernelwright("echo", "hello").stdout).toContain(
    "Next:\n  kernelwright echo 'again, please' --archs sm_80,sm_90   To hear it twice\n",
  );
});

test("Ctrl-C kills the children and ends with 130", async () => {
  const child = spawn(node, [program, "slow", "50"], { cwd: scratchFolder() });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  await until(() => descendants(child.pid ?? 0).length >= 2, 10_000);
  const children = descendants(child.pid ?? 0);
  child.kill("SIGINT");
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect(code).toBe(130);
  expect(children.some(isAlive)).toBe(false);
  expect(stderr).toMatch(/^cancelled: /u);
});

test("a reader that closes the pipe early is no failure", () => {
  const { status, stderr } = spawnSync(
    "sh",
    ["-c", `"${node}" "${program}" --help | true; exit 0`],
    {
      encoding: "utf8",
      env: { ...process.env, PATH: `${path.dirname(node)}:${process.env.PATH}` },
    },
  );
  expect(status).toBe(0);
  expect(stderr).not.toContain("EPIPE");
});

test("job over the command line lists what servers left", () => {
  expect(kernelwright("job").stdout).toContain("No jobs");
});

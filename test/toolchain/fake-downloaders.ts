import path from "node:path";
import { bring, realProgram, type Sandbox, writeProgram } from "./sandbox.ts";

const fixtures = path.resolve(import.meta.dirname, "../fixtures/toolchain");

/**
 * A `uv` that, in place of downloading, writes a tree like that of the wheels: tools that are shell
 * scripts. Each run adds a line to `<bin>/uv-runs.txt`. `seconds` is how long it takes halfway.
 */
export function writeFakeUv(sandbox: Sandbox, options: FakeOptions = {}): void {
  writeProgram(path.join(sandbox.bin, "uv"), fakeInstall(sandbox, options));
}

/** A `python3` whose `-m pip install` does the same; all else is the real Python's. */
export function writeFakePip(sandbox: Sandbox, options: FakeOptions = {}): void {
  writeProgram(
    path.join(sandbox.bin, "python3"),
    `if [ "$1 $2" != "-m pip" ]; then exec ${realProgram("python3")} "$@"; fi
if [ "$3" = "--version" ]; then echo "pip 24.0"; exit 0; fi
mkdir -p "$TMPDIR/pip-unpack-abc" && head -c 40000000 /dev/zero > "$TMPDIR/pip-unpack-abc/nvcc.whl"
${fakeInstall(sandbox, options)}`,
  );
}

/** A downloader that fails with the output that the real one was recorded with. */
export function writeFailing(sandbox: Sandbox, name: "uv" | "pip", fixture: string): void {
  const body = `[ "$1" = "--version" ] && exit 0; cat "${path.join(fixtures, fixture)}" >&2; exit 1`;
  if (name === "uv") writeProgram(path.join(sandbox.bin, "uv"), body);
  else {
    const real = `exec ${realProgram("python3")} "$@"`;
    const version = `[ "$3" = "--version" ] && exit 0`;
    const script = `if [ "$1 $2" != "-m pip" ]; then ${real}; fi; ${version}; ${body}`;
    writeProgram(path.join(sandbox.bin, "python3"), script);
  }
}

/** What an installation needs beside the downloader. */
export function bringPrerequisites(sandbox: Sandbox): void {
  bring(sandbox, "g++", "gcc", "python3");
}

interface FakeOptions {
  seconds?: number;
  /** What the fake nvcc does when it is asked to compile. */
  compile?: string;
  /** What the real uv was recorded to say. */
  says?: string;
}

function fakeInstall(sandbox: Sandbox, options: FakeOptions): string {
  const { seconds = 0, compile = 'echo cubin > "$OUT"', says } = options;
  return `[ "$1" = "--version" ] && exit 0
echo "$@" >> "${sandbox.bin}/uv-runs.txt"
while [ $# -gt 0 ]; do
  if [ "$1" = --target ]; then TREE="$2"; fi
  if [ "$1" = -r ]; then cp "$2" "${sandbox.bin}/requirements.txt"; fi
  shift
done
${says ? `cat "${path.join(fixtures, says)}" >&2` : ""}
CU="$TREE/nvidia/cu13"
mkdir -p "$CU/bin" "$CU/lib"
echo > "$CU/lib/libcudart.so.13"
cat > "$CU/bin/nvcc" <<'END'
#!/bin/sh
case "$1" in
--version) echo "Cuda compilation tools, release 13.0, V13.0.88"; exit ;;
--list-gpu-code) echo sm_75; exit ;;
esac
while [ $# -gt 0 ]; do [ "$1" = -o ] && OUT="$2"; shift; done
${compile}
END
/bin/chmod 755 "$CU/bin/nvcc"
sleep ${seconds}
for tool in ptxas cuobjdump nvdisasm; do
  printf '#!/bin/sh\\necho REG:8 \\\\"STG\\n' > "$CU/bin/$tool"
  chmod 755 "$CU/bin/$tool"
done`;
}

/**
 * What every child process is given of the caller's environment. Compilers, the recorder and
 * candidates need to find programs and temporary space; they need no token and no key.
 */
const passedOn = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "TMPDIR",
  "TEMP",
  "TMP",
  "SystemRoot",
  "SYSTEMROOT",
  "COMSPEC",
  "PATHEXT",
  "USERPROFILE",
  "LOCALAPPDATA",
] as const;

export function scrubbedEnvironment(): Record<string, string> {
  return valuesOf(passedOn);
}

/**
 * What a child that talks to the driver is given besides: containers put the driver's libraries on
 * LD_LIBRARY_PATH, and a user may hide GPUs from this process, or number them otherwise.
 */
export function driverEnvironment(): Record<string, string> {
  return valuesOf(["LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"]);
}

function valuesOf(names: readonly string[]): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of names) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

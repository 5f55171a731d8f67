import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";

/** The first executable file of this name in the folders, or undefined. */
export function findProgram(name: string, folders = pathFolders()): string | undefined {
  for (const folder of folders) {
    for (const suffix of suffixes()) {
      const file = path.join(folder, name + suffix);
      if (isExecutable(file)) return file;
    }
  }
  return undefined;
}

/** The folders of PATH, in order. Read at each call: a test or a shell may have changed it. */
export function pathFolders(): string[] {
  return (process.env.PATH ?? "").split(path.delimiter).filter((folder) => folder !== "");
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function suffixes(): string[] {
  if (process.platform !== "win32") return [""];
  return (process.env.PATHEXT ?? ".EXE;.CMD;.BAT").split(";").map((s) => s.toLowerCase());
}

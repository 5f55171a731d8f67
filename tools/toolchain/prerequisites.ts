import { readFileSync } from "node:fs";

/** What Kernelwright needs of a system and never installs itself. */
export type Prerequisite = "cxx" | "python" | "pip";

export type System = "apt" | "dnf" | "zypper" | "pacman" | "apk" | "macos" | "windows";

const commands: Readonly<Record<System, Readonly<Record<Prerequisite, string>>>> = {
  apt: {
    cxx: "apt-get install -y g++",
    python: "apt-get install -y python3 python3-pip",
    pip: "apt-get install -y python3-pip",
  },
  dnf: {
    cxx: "dnf install -y gcc-c++",
    python: "dnf install -y python3 python3-pip",
    pip: "dnf install -y python3-pip",
  },
  zypper: {
    cxx: "zypper install -y gcc-c++",
    python: "zypper install -y python3 python3-pip",
    pip: "zypper install -y python3-pip",
  },
  pacman: {
    cxx: "pacman -S --needed gcc",
    python: "pacman -S --needed python python-pip",
    pip: "pacman -S --needed python-pip",
  },
  apk: {
    cxx: "apk add g++",
    python: "apk add python3 py3-pip",
    pip: "apk add py3-pip",
  },
  macos: {
    cxx: "xcode-select --install",
    python: "brew install python",
    pip: "brew install python",
  },
  windows: {
    cxx: "winget install -e --id Microsoft.VisualStudio.2022.BuildTools",
    python: "winget install -e --id Python.Python.3.13",
    pip: "py -m ensurepip --upgrade",
  },
};

/** By the ID and ID_LIKE of /etc/os-release. */
const systemsById: Readonly<Record<string, System>> = {
  debian: "apt",
  ubuntu: "apt",
  fedora: "dnf",
  rhel: "dnf",
  centos: "dnf",
  amzn: "dnf",
  suse: "zypper",
  opensuse: "zypper",
  sles: "zypper",
  arch: "pacman",
  alpine: "apk",
};

/** The command that installs it on this system, or the name of the thing where that is not known. */
export function installCommand(what: Prerequisite, system = thisSystem()): string {
  if (!system) return { cxx: "install g++", python: "install Python 3", pip: "install pip" }[what];
  const asRoot = system === "macos" || system === "windows" || process.getuid?.() === 0;
  return `${asRoot ? "" : "sudo "}${commands[system][what]}`;
}

export function thisSystem(): System | undefined {
  if (process.platform === "darwin") return "macos";
  if (process.platform === "win32") return "windows";
  try {
    return systemOf(readFileSync("/etc/os-release", "utf8"));
  } catch {
    return undefined;
  }
}

/** From the text of /etc/os-release. */
export function systemOf(osRelease: string): System | undefined {
  const field = (name: string) =>
    new RegExp(`^${name}="?([^"\n]*)"?$`, "mu").exec(osRelease)?.[1]?.split(/\s+/u) ?? [];
  const ids = [...field("ID"), ...field("ID_LIKE")].map((id) => id.replace(/-.*$/u, ""));
  return ids.map((id) => systemsById[id]).find((system) => system !== undefined);
}

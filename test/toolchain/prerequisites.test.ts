import { expect, test } from "vitest";
import { installCommand, type System, systemOf } from "../../tools/toolchain/prerequisites.ts";

const systems: [string, string, System | undefined][] = [
  ["Debian", 'NAME="Debian GNU/Linux"\nID=debian\n', "apt"],
  ["Linux Mint", 'ID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt"],
  ["Rocky", 'ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf"],
  ["openSUSE", 'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', "zypper"],
  ["Arch", "ID=arch\n", "pacman"],
  ["Alpine", "ID=alpine\nVERSION_ID=3.22.1\n", "apk"],
  ["something else", "ID=plan9\n", undefined],
];

test.each(systems)("%s is recognised by /etc/os-release", (_name, text, system) => {
  expect(systemOf(text)).toBe(system);
});

test("a package is installed as root, a Mac's or a PC's is not", () => {
  expect(installCommand("cxx", "dnf")).toMatch(/^(sudo )?dnf install -y gcc-c\+\+$/u);
  expect(installCommand("cxx", "macos")).toBe("xcode-select --install");
});

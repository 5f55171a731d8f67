import { isLibraryFunction } from "../../record/failures.ts";
import { listed } from "../../text.ts";
import { type Reading, type ReadingCode, reading } from "./codes.ts";
import { type LibraryCalls, readLibraryCalls } from "./library-calls.ts";
import { findInSources, type SourceText } from "./source-text.ts";

interface Family {
  code: ReadingCode;
  /** Whether a symbol of the dynamic symbol table belongs to it. */
  matches: (symbol: string) => boolean;
  /** How sources spell it, where that is not the symbol. */
  spelled?: RegExp;
  /** Said only where the entry point leads there, or a source names it. */
  only_spelled?: true;
}

/** Symbols of the C library and of C++, which are mangled. Order matters: the first family wins. */
const families: readonly Family[] = [
  { code: "library_call", matches: isLibraryFunction, spelled: /\b(?:at|c10|torch)::/u },
  {
    code: "network_access",
    matches: named(
      "socket|connect|bind|listen|accept4?|send(?:to|msg)?|recv(?:from|msg)?|getaddrinfo|gethostbyname\\w*|inet_\\w+",
    ),
  },
  {
    code: "process_access",
    matches: named(
      "v?fork|clone3?|exec[lv]p?e?|execvpe|fexecve|system|popen|posix_spawnp?|ptrace|process_vm_\\w+|kill|killpg|pidfd_\\w+",
    ),
  },
  {
    code: "file_access",
    matches: (symbol) =>
      named(
        "f?open(?:at)?(?:64)?|freopen(?:64)?|creat(?:64)?|opendir|scandir\\w*|unlink(?:at)?|remove|rename|mkdir|rmdir|truncate(?:64)?|mkstemp\\w*|shm_open|tmpfile(?:64)?|memfd_create",
      )(symbol) || /^_Z\w*basic_i?o?f(?:ile|stream)/u.test(symbol),
    spelled: /\b[io]?fstream\b/u,
  },
  { code: "dynamic_loading", matches: named("dlm?open|dlv?sym|dladdr1?|dl_iterate_phdr") },
  { code: "raw_system_call", matches: named("syscall") },
  {
    code: "host_clock",
    matches: (symbol) =>
      named("clock|clock_gettime|gettimeofday|time|times|timespec_get|ftime")(symbol) ||
      /^_ZNSt6chrono/u.test(symbol),
    spelled: /\bchrono\b|\b\w+_clock\b/u,
  },
  {
    code: "host_thread",
    matches: (symbol) =>
      named("pthread_create|thrd_create")(symbol) ||
      /^_ZNSt6thread\d+_M_start_thread/u.test(symbol),
    spelled: /\bstd::(?:jthread|thread|async)\b/u,
  },
  // Static parts of some toolchains bring secure_getenv along: gcc 13 on Ubuntu 24.04 (2026-11-22).
  { code: "environment_read", matches: named("(?:secure_)?getenv|environ"), only_spelled: true },
];

/** Certain where the code of the entry point, or of what is run at loading, leads to the call. */
export function readHostCalls(
  library: Buffer,
  entry: string,
  sources: readonly SourceText[],
): Reading[] {
  const calls = readLibraryCalls(library, entry);
  return [
    ...families.flatMap((family) => readFamily(family, calls, sources)),
    ...readAssembly(sources),
    ...calls.constructors.map((name) =>
      reading("runs_at_load", name, {
        source: findInSources(sources, /__attribute__\s*\(\(\s*constructor/u),
      }),
    ),
  ];
}

function readFamily(
  family: Family,
  calls: LibraryCalls,
  sources: readonly SourceText[],
): Reading[] {
  const symbols = [...calls.imports].filter(
    ([name]) => families.find(({ matches }) => matches(name)) === family,
  );
  if (symbols.length === 0) return [];
  const called = symbols.filter(([, reach]) => reach === "called");
  const certain = called.length > 0;
  const names = (certain ? called : symbols).map(([name]) => name);
  const spelled = new RegExp(`\\b(?:${names.map(plain).join("|")})\\s*\\(`, "u");
  const source =
    findInSources(sources, spelled) ??
    (family.spelled ? findInSources(sources, family.spelled) : undefined);
  if (family.only_spelled && !certain && !source) return [];
  const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
  const shown = more ? names.slice(0, 3).join(", ") : listed(names);
  return [reading(family.code, `${shown}${more}`, { certain, source })];
}

/** What no symbol tells of: instructions that host code brings along as text, and their intrinsics. */
function readAssembly(sources: readonly SourceText[]): Reading[] {
  const assembly =
    /\b(?:__)?asm(?:__)?\s*(?:volatile|__volatile__)?\s*\([^;]*?\b(syscall|svc\s+#?0|int\s+\$0x80)\b/u;
  const counter = /\b_?_(?:_builtin_ia32_)?rdtscp?\s*\(|\basm\b[^;]*?\b(?:rdtscp?|cntvct_el0)\b/u;
  const found = (code: ReadingCode, what: RegExp, detail: string) => {
    const source = findInSources(sources, what);
    return source ? [reading(code, detail, { source })] : [];
  };
  return [
    ...found("raw_system_call", assembly, "inline assembly"),
    ...found("host_clock", counter, "the processor's time-stamp counter"),
  ];
}

function named(names: string): (symbol: string) => boolean {
  const whole = new RegExp(`^(?:__)?(?:${names})(?:_chk)?$`, "u");
  return (symbol) => whole.test(symbol);
}

function plain(symbol: string): string {
  return symbol
    .replace(/^__/u, "")
    .replace(/(?:64)?(?:_chk)?$/u, "")
    .replace(/[^\w]/gu, "\\$&");
}

// What host code has no business with is refused by the kernel: files, starting programs and
// processes, networks, other processes' memory. So it cannot reach the judge, whose expected values
// are in another process of the same user. forbidden.c tells the judge what was tried.
//
// Both parts are used as far as the kernel has them, and the judge is told which those are; the
// recorder's own limits hold without.
#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stand_in.h"

#if defined(__x86_64__)
#define THIS_MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_MACHINE AUDIT_ARCH_AARCH64
#endif

// Landlock: numbers of its interface, for C libraries that are older than it.
enum { LANDLOCK_CREATE_RULESET = 444, LANDLOCK_RESTRICT_SELF = 446 };

// Every right that changes a file system, of Landlock's first version, and no rule that grants one.
// A process under Landlock can also not trace, or open the memory of, one that is not.
static const uint64_t changing_rights = 1u << 1 | 0x1ff0;

static bool forbid_changing_files(void) {
  int rules = (int)syscall(LANDLOCK_CREATE_RULESET, &changing_rights, sizeof changing_rights, 0);
  if (rules < 0) return false;
  long refused = syscall(LANDLOCK_RESTRICT_SELF, rules, 0);
  close(rules);
  return refused == 0;
}

#ifdef THIS_MACHINE
enum { MOST_INSTRUCTIONS = 512 };
typedef struct {
  struct sock_filter code[MOST_INSTRUCTIONS];
  unsigned short count;
} Filter;

static void add(Filter* filter, struct sock_filter instruction) {
  if (filter->count < MOST_INSTRUCTIONS) filter->code[filter->count++] = instruction;
}

static void load(Filter* filter, size_t offset) {
  add(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

// Jumps past `skipped` instructions where the comparison does not hold.
static void only_if(Filter* filter, uint16_t comparison, uint32_t value, uint8_t skipped) {
  add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | comparison | BPF_K, value, 0, skipped));
}

static void end(Filter* filter, uint32_t action) {
  add(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

// The handler in forbidden.c is run instead of the call, and finds `what` in si_errno.
static uint32_t trap(enum Forbidden what) { return SECCOMP_RET_TRAP | (uint32_t)what; }

#define NUMBER offsetof(struct seccomp_data, nr)
#define ARGUMENT(index) (offsetof(struct seccomp_data, args) + 8 * (index))

static void begin(Filter* filter) {
  filter->count = 0;
  load(filter, offsetof(struct seccomp_data, arch));
  add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_MACHINE, 1, 0));
  end(filter, trap(REACHES_PROCESSES));
  load(filter, NUMBER);
  // x86-64's second numbering of the same calls.
  only_if(filter, BPF_JGE, 0x40000000, 1);
  end(filter, trap(REACHES_PROCESSES));
}

static bool install(const Filter* filter) {
  struct sock_fprog program = {filter->count, (struct sock_filter*)(uintptr_t)filter->code};
  return filter->count < MOST_INSTRUCTIONS &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// Signals to itself alone, and none that stops it: abort and raise need no more.
static void forbid_signals(Filter* filter, uint32_t call, int signal_argument) {
  const uint32_t stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
  only_if(filter, BPF_JEQ, call, 4 + 2 * 4 + 1);
  load(filter, ARGUMENT(0));
  add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)getpid(), 1, 0));
  end(filter, trap(REACHES_PROCESSES));
  load(filter, ARGUMENT(signal_argument));
  for (int i = 0; i < 4; ++i) {
    only_if(filter, BPF_JEQ, stops[i], 1);
    end(filter, trap(STOPS_ITSELF));
  }
  end(filter, SECCOMP_RET_ALLOW);
}

// Traps `call` where a 32-bit argument is (or, with BPF_JSET inverted, has not) what is not
// allowed.
static void forbid_where(Filter* filter, uint32_t call, int index, uint16_t comparison,
                         uint32_t allowed) {
  only_if(filter, BPF_JEQ, call, 4);
  load(filter, ARGUMENT(index));
  add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | comparison | BPF_K, allowed, 1, 0));
  end(filter, trap(REACHES_PROCESSES));
  end(filter, SECCOMP_RET_ALLOW);
}

// Where the dynamic loader's code lies: it alone opens files while the library is loaded.
static bool find_loader(uint64_t* start, uint64_t* stop) {
  const uint8_t* base = (const uint8_t*)getauxval(AT_BASE);
  if (!base) return false;
  const Elf64_Ehdr* header = (const Elf64_Ehdr*)base;
  const Elf64_Phdr* parts = (const Elf64_Phdr*)(base + header->e_phoff);
  for (int i = 0; i < header->e_phnum; ++i) {
    if (parts[i].p_type != PT_LOAD || !(parts[i].p_flags & PF_X)) continue;
    *start = (uint64_t)(uintptr_t)base + parts[i].p_vaddr;
    *stop = *start + parts[i].p_memsz;
    return *start >> 32 == *stop >> 32;
  }
  return false;
}

// Falls through with the call's number loaded where the caller is not the loader.
static void allow_loader(Filter* filter) {
  uint64_t start, stop;
  if (!find_loader(&start, &stop)) {
    end(filter, SECCOMP_RET_ALLOW);
    return;
  }
  load(filter, offsetof(struct seccomp_data, instruction_pointer) + 4);
  only_if(filter, BPF_JEQ, (uint32_t)(start >> 32), 4);
  load(filter, offsetof(struct seccomp_data, instruction_pointer));
  only_if(filter, BPF_JGE, (uint32_t)start, 2);
  add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)stop, 1, 0));
  end(filter, SECCOMP_RET_ALLOW);
  load(filter, NUMBER);
}

static void add_forbidden(Filter* filter, bool opening) {
  for (size_t i = 0; i < forbidden_call_count; ++i) {
    const ForbiddenCall* call = &forbidden_calls[i];
    if ((call->what == OPENS_FILE) != opening) continue;
    only_if(filter, BPF_JEQ, (uint32_t)call->number, 1);
    end(filter, trap(call->what));
  }
}

static bool forbid_calls(void) {
  static Filter filter;
  begin(&filter);
  add_forbidden(&filter, false);
#ifdef __NR_clone3  // its flags cannot be seen here: the C library then uses clone
  only_if(&filter, BPF_JEQ, __NR_clone3, 1);
  end(&filter, SECCOMP_RET_ERRNO | ENOSYS);
#endif
  // Threads are fine; its own limits can be read and lowered, not another's.
  forbid_where(&filter, __NR_clone, 0, BPF_JSET, 0x10000 /* CLONE_THREAD */);
  forbid_where(&filter, __NR_prlimit64, 0, BPF_JEQ, 0);
  only_if(&filter, BPF_JEQ, __NR_rt_sigaction, 4);
  load(&filter, ARGUMENT(0));
  only_if(&filter, BPF_JEQ, SIGSYS, 1);
  end(&filter, trap(REACHES_PROCESSES));
  end(&filter, SECCOMP_RET_ALLOW);
  forbid_signals(&filter, __NR_kill, 1);
  forbid_signals(&filter, __NR_tkill, 1);
  forbid_signals(&filter, __NR_tgkill, 2);
  allow_loader(&filter);
  add_forbidden(&filter, true);
  end(&filter, SECCOMP_RET_ALLOW);
  return install(&filter);
}

void forbid_opening_files(void) {
  static Filter filter;
  begin(&filter);
  add_forbidden(&filter, true);
  end(&filter, SECCOMP_RET_ALLOW);
  install(&filter);
}
#else
static bool forbid_calls(void) { return false; }
void forbid_opening_files(void) {}
#endif

uint32_t enter_sandbox(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 0;
  uint32_t enforced = forbid_changing_files() ? SANDBOX_FILES : 0;
  watch_forbidden_calls();
  return forbid_calls() ? enforced | SANDBOX_CALLS : enforced;
}

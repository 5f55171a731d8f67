// What host code has no business with is refused by the kernel: changing files, starting programs
// and processes, networks, other processes' memory. So it cannot reach the judge, whose expected
// values are in another process of the same user.
//
// Both parts are used as far as the kernel has them; the recorder's own limits hold without.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
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

static void forbid_changing_files(void) {
  int rules = (int)syscall(LANDLOCK_CREATE_RULESET, &changing_rights, sizeof changing_rights, 0);
  if (rules < 0) return;
  syscall(LANDLOCK_RESTRICT_SELF, rules, 0);
  close(rules);
}

#ifdef THIS_MACHINE
#define LOAD(field) \
  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)
#define REFUSED RETURN(SECCOMP_RET_ERRNO | EPERM)
// Two instructions: the next is done when the loaded value is `value`, skipped when it is not.
#define IF_EQUAL(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, 1)
#define REFUSE(name) IF_EQUAL(__NR_##name), REFUSED

static void forbid_processes_and_networks(void) {
  struct sock_filter filter[] = {
      LOAD(arch),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_MACHINE, 1, 0),
      REFUSED,
      LOAD(nr),
      // x86-64's second numbering of the same calls.
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
      REFUSED,
      REFUSE(execve),
      REFUSE(execveat),
      REFUSE(socket),
      REFUSE(connect),
      REFUSE(ptrace),
      REFUSE(process_vm_readv),
      REFUSE(process_vm_writev),
      REFUSE(rt_sigqueueinfo),
#ifdef __NR_io_uring_setup  // it could make the calls that are refused here
      REFUSE(io_uring_setup),
#endif
#ifdef __NR_pidfd_getfd
      REFUSE(pidfd_getfd),
#endif
#ifdef __NR_pidfd_send_signal
      REFUSE(pidfd_send_signal),
#endif
#ifdef __NR_fork
      REFUSE(fork),
      REFUSE(vfork),
#endif
  // Threads are fine. clone3's flags cannot be seen here: the C library then uses clone.
#ifdef __NR_clone3
      IF_EQUAL(__NR_clone3),
      RETURN(SECCOMP_RET_ERRNO | ENOSYS),
#endif
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 3),
      LOAD(args[0]),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x10000 /* CLONE_THREAD */, 1, 0),
      REFUSED,
      // Its own limits can be read and lowered, not another's.
      LOAD(nr),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_prlimit64, 0, 3),
      LOAD(args[0]),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
      REFUSED,
      // Signals to itself alone: abort and raise need no more.
      LOAD(nr),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_kill, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_tgkill, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_tkill, 0, 3),
      LOAD(args[0]),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)getpid(), 1, 0),
      REFUSED,
      RETURN(SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
#else
static void forbid_processes_and_networks(void) {}
#endif

void enter_sandbox(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return;
  forbid_changing_files();
  forbid_processes_and_networks();
}

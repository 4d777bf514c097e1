// refuse_calls: from now on this process is refused these system calls (EPERM), and executable memory unless told
// otherwise: the walls of a daemon that stands in for ours. walls::SyscallFilter makes none so wide.
#pragma once

#include <seccomp.h>
#include <sys/mman.h>

#include <cerrno>
#include <vector>

namespace stargraph::test {

inline bool refuse_calls(const std::vector<int>& calls, bool executable_memory = true) {
  scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ALLOW);
  bool fine = filter != nullptr;
  for (const int call : calls) fine = fine && ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0) == 0;
  const scmp_arg_cmp executable{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC};
  if (executable_memory) {
    fine = fine && ::seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mmap), 1, &executable) == 0;
  }
  fine = fine && ::seccomp_load(filter) == 0;
  ::seccomp_release(filter);
  return fine;
}

}  // namespace stargraph::test

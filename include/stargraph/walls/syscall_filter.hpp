// SyscallFilter: which system calls a process keeps, as a value, and the one way to load it (seccomp(2)).
//
// A filter is an allow list. Two kinds of calls stand on no list: a filter that names one does not compile.
//   kDeadly   what nothing of ours comes near: connect, execve, ptrace, io_uring, ... No filter allows them.
//   kGuarded  calls that an argument turns into something else: mmap that makes code, sendto that dials. The
//             functions below alone allow them, under their condition.
// A name that this architecture does not have is passed over.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/base/sanitized.hpp"

namespace stargraph::walls {

// The runtimes of AddressSanitizer and ThreadSanitizer need more calls: in a build with them load() loads nothing.
inline constexpr bool kAvailable = SG_SANITIZED == 0;

inline constexpr auto kDeadly = std::to_array<std::string_view>({
    "connect",       "execve",         "execveat",         "fork",
    "vfork",         "ptrace",         "process_vm_readv", "process_vm_writev",
    "bpf",           "io_uring_setup", "io_uring_enter",   "io_uring_register",
    "mount",         "umount2",        "pivot_root",       "chroot",
    "setns",         "unshare",        "init_module",      "finit_module",
    "delete_module", "kexec_load",     "kexec_file_load",  "perf_event_open",
    "userfaultfd",   "memfd_create",   "memfd_secret",     "open_by_handle_at",
    "pidfd_getfd",   "keyctl",         "add_key",          "request_key",
    "personality",   "swapon",         "reboot",
});

inline constexpr auto kGuarded = std::to_array<std::string_view>({
    "mmap", "mmap2", "mprotect", "pkey_mprotect",               // allow_memory
    "send", "sendto", "sendmsg", "sendmmsg",                    // allow_send, allow_send_on, allow_sendmsg
    "fcntl", "fcntl64",                                         // allow_fcntl
    "tgkill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo",  // allow_abort
    "socketcall", "ipc", "syscall",                             // others behind one number
});

// A call that may stand on a list, by its name.
class Call {
 public:
  consteval Call(const char* name) : name_(name) {  // NOLINT(google-explicit-constructor): a list is a list of names
    if (std::ranges::count(kDeadly, name) + std::ranges::count(kGuarded, name) != 0) must_not_be_on_a_list();
  }
  [[nodiscard]] const char* name() const { return name_; }

 private:
  static void must_not_be_on_a_list();  // is no constant expression, and nowhere defined

  const char* name_;
};

// Of one argument, counted from 0: (argument & mask) == value.
struct Condition {
  unsigned argument = 0;
  std::uint64_t mask = 0;
  std::uint64_t value = 0;
};
// Of all 64 bits: a pointer, a size, or a number nobody passes with anything above it.
constexpr Condition is(unsigned argument, std::uint64_t value) { return {argument, ~std::uint64_t{0}, value}; }
// Of the 32 bits that the kernel reads of an int.
constexpr Condition int_is(unsigned argument, std::uint32_t value) { return {argument, 0xFFFF'FFFF, value}; }
constexpr Condition has(unsigned argument, std::uint32_t flags) { return {argument, flags, flags}; }
constexpr Condition lacks(unsigned argument, std::uint32_t flags) { return {argument, flags, 0}; }

class SyscallFilter {
 public:
  // What it does not name fails with EPERM, so that a C library that tries something new falls back. kDeadly ends the
  // process and leaves a SECCOMP record in the kernel's audit log.
  static SyscallFilter refusing();
  // What it does not name ends the process.
  static SyscallFilter killing();

  SyscallFilter& allow(std::span<const Call> calls);
  // Once for each set of conditions that shall do; the conditions of one set hold together.
  SyscallFilter& allow_when(Call call, std::initializer_list<Condition> all);
  SyscallFilter& allow_on(Call call, int descriptor);
  // In a refusing filter: these end the process as well.
  SyscallFilter& kill(std::span<const Call> calls);
  // Fails with ENOSYS: the C library takes the older call in its place.
  SyscallFilter& not_there(Call call);

  // Memory, never executable.
  SyscallFilter& allow_memory();
  // send(2), and sendto(2) without an address. With MSG_FASTOPEN they would dial as connect() does, from any TCP socket
  // that is not connected, an inherited listener that was shut down for one.
  SyscallFilter& allow_send();
  SyscallFilter& allow_send_on(int descriptor);
  // sendmsg(2), which passes descriptors, without MSG_FASTOPEN. Its address is out of a filter's sight: a datagram
  // socket that is open already sends anywhere.
  SyscallFilter& allow_sendmsg();
  // A descriptor's copies, flags and locks. Never its owner or signal, nor O_ASYNC: the kernel sends any signal to a
  // descriptor's owner.
  SyscallFilter& allow_fcntl();
  // abort(3): a signal to a thread of this process, which forks no more. Of the process that calls this function.
  SyscallFilter& allow_abort();
  // socketpair(2) of Unix sockets: to a new evaluator, over the rules jail's socket.
  SyscallFilter& allow_local_pair();

  enum class Threads : std::uint8_t { kCaller, kAll };
  // For ever, and new privileges go with it (PR_SET_NO_NEW_PRIVS). kAll: of every thread there is, or of none.
  // kIo: the kernel or libseccomp does not take it. kInternal: two rules of one call contradict each other.
  [[nodiscard]] base::Result<> load(Threads threads = Threads::kCaller) const;

 private:
  enum class Answer : std::uint8_t { kAllow, kRefuse, kNotThere, kKill };
  static constexpr std::size_t kMostConditions = 3;  // of one rule
  struct Rule {
    std::string_view call;
    Answer answer = Answer::kAllow;
    std::array<Condition, kMostConditions> conditions{};
    std::size_t count = 0;
  };

  explicit SyscallFilter(Answer otherwise) : otherwise_(otherwise) {}
  static std::uint32_t action_of(Answer answer);
  SyscallFilter& add(std::string_view call, Answer answer, std::initializer_list<Condition> all = {});
  [[nodiscard]] base::Result<> add_to(void* filter) const;

  Answer otherwise_;
  std::vector<Rule> rules_;
  std::string contradiction_;  // the first call that has one
};

}  // namespace stargraph::walls

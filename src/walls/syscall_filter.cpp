#include "stargraph/walls/syscall_filter.hpp"

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "stargraph/base/free.hpp"

namespace stargraph::walls {

using base::Code;
using base::fail;
using base::Result;

namespace {

std::unexpected<base::Error> failed(Code code, std::string_view object, std::string_view reason) {
  return fail(code, "system-call filter: " + std::string(object) + ": " + std::string(reason));
}

}  // namespace

SyscallFilter SyscallFilter::refusing() {
  SyscallFilter filter(Answer::kRefuse);
  for (const std::string_view call : kDeadly) filter.add(call, Answer::kKill);
  return filter;
}

SyscallFilter SyscallFilter::killing() { return SyscallFilter(Answer::kKill); }

// libseccomp lets a rule without conditions swallow those with them, which would open what they close.
SyscallFilter& SyscallFilter::add(std::string_view call, Answer answer, std::initializer_list<Condition> all) {
  Rule rule{call, answer, {}, all.size()};
  const bool contradicts = std::ranges::any_of(rules_, [&](const Rule& other) {
    return other.call == call && (other.answer != answer || other.count == 0 || rule.count == 0);
  });
  if ((contradicts || all.size() > rule.conditions.size()) && contradiction_.empty()) contradiction_ = call;
  if (all.size() <= rule.conditions.size()) std::ranges::copy(all, rule.conditions.begin());
  rules_.push_back(rule);
  return *this;
}

SyscallFilter& SyscallFilter::allow(std::span<const Call> calls) {
  for (const Call& call : calls) add(call.name(), Answer::kAllow);
  return *this;
}

SyscallFilter& SyscallFilter::allow_when(Call call, std::initializer_list<Condition> all) {
  return add(call.name(), Answer::kAllow, all);
}

SyscallFilter& SyscallFilter::allow_on(Call call, int descriptor) {
  return allow_when(call, {is(0, static_cast<std::uint64_t>(descriptor))});
}

SyscallFilter& SyscallFilter::kill(std::span<const Call> calls) {
  for (const Call& call : calls) add(call.name(), Answer::kKill);
  return *this;
}

SyscallFilter& SyscallFilter::not_there(Call call) { return add(call.name(), Answer::kNotThere); }

SyscallFilter& SyscallFilter::allow_memory() {
  add("mmap", Answer::kAllow, {lacks(2, PROT_EXEC)});
  return add("mprotect", Answer::kAllow, {lacks(2, PROT_EXEC)});
}

SyscallFilter& SyscallFilter::allow_send() { return add("sendto", Answer::kAllow, {lacks(3, MSG_FASTOPEN), is(4, 0)}); }

SyscallFilter& SyscallFilter::allow_send_on(int descriptor) {
  return add("sendto", Answer::kAllow,
             {is(0, static_cast<std::uint64_t>(descriptor)), lacks(3, MSG_FASTOPEN), is(4, 0)});
}

SyscallFilter& SyscallFilter::allow_sendmsg() { return add("sendmsg", Answer::kAllow, {lacks(2, MSG_FASTOPEN)}); }

SyscallFilter& SyscallFilter::allow_fcntl() {
  for (const int command : {F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_GETLK, F_SETLK, F_OFD_GETLK, F_OFD_SETLK}) {
    add("fcntl", Answer::kAllow, {int_is(1, static_cast<std::uint32_t>(command))});
  }
  return add("fcntl", Answer::kAllow, {int_is(1, F_SETFL), lacks(2, O_ASYNC)});
}

SyscallFilter& SyscallFilter::allow_abort() {
  return add("tgkill", Answer::kAllow, {int_is(0, static_cast<std::uint32_t>(::getpid()))});
}

SyscallFilter& SyscallFilter::allow_local_pair() { return allow_when("socketpair", {is(0, AF_UNIX)}); }

std::uint32_t SyscallFilter::action_of(Answer answer) {
  switch (answer) {
    case Answer::kAllow: return SCMP_ACT_ALLOW;
    case Answer::kRefuse: return SCMP_ACT_ERRNO(EPERM);
    case Answer::kNotThere: return SCMP_ACT_ERRNO(ENOSYS);
    case Answer::kKill: return SCMP_ACT_KILL_PROCESS;
  }
  return SCMP_ACT_KILL_PROCESS;
}

Result<> SyscallFilter::add_to(void* filter) const {
  for (const Rule& rule : rules_) {
    const int number = ::seccomp_syscall_resolve_name(std::string(rule.call).c_str());
    if (number < 0) continue;
    std::array<scmp_arg_cmp, kMostConditions> conditions{};
    std::ranges::transform(std::span(rule.conditions).first(rule.count), conditions.begin(), [](const Condition& one) {
      return scmp_arg_cmp{one.argument, SCMP_CMP_MASKED_EQ, one.mask, one.value};
    });
    const int error = ::seccomp_rule_add_array(filter, action_of(rule.answer), number,
                                               static_cast<unsigned>(rule.count), conditions.data());
    if (error != 0) return failed(Code::kIo, rule.call, std::strerror(-error));
  }
  return {};
}

Result<> SyscallFilter::load(Threads threads) const {
  if (!contradiction_.empty()) return failed(Code::kInternal, contradiction_, "its rules contradict each other");
  if (!kAvailable) return {};
  const std::unique_ptr<void, base::Free<::seccomp_release>> filter(::seccomp_init(action_of(otherwise_)));
  if (!filter) return failed(Code::kIo, "new", "there is no room for it");
  SG_TRY(add_to(filter.get()));
  int error = threads == Threads::kAll ? ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1) : 0;
  if (error == 0) error = ::seccomp_load(filter.get());
  if (error != 0) return failed(Code::kIo, "load", std::strerror(-error));
  return {};
}

}  // namespace stargraph::walls

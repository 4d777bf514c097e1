// The checker's process and the two ends of its socket.
#include "checker.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "commands.hpp"
#include "frame.hpp"
#include "walls.hpp"

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMaxAnswer = std::size_t{64} << 10;
constexpr auto kAnswerTime = std::chrono::seconds(60);
constexpr int kExitNoWalls = 71;

// --- inside ---

// Until the parent closes its end.
void answer(int fd, rules::Jail* jail) {
  while (const auto pack = read_frame(fd, pack::kMaxPackBytes, kForEver)) {
    if (!write_frame(fd, base::as_bytes(encode_verdict(look_at(jail, *pack))))) return;
  }
}

[[noreturn]] void be_the_checker(int socket, pid_t parent, bool fips_required) {
  ::prctl(PR_SET_NAME, "stargraph-look");
  if (!keep_only(socket) || !become_nobody() || !keep_private(parent)) ::_exit(kExitNoWalls);
  const auto jail = rules::Jail::start();
  if (!start_crypto(fips_required) || !confine_checker()) ::_exit(kExitNoWalls);
  if (!write_frame(kOwnSocket, {})) ::_exit(kExitNoWalls);  // ready
  answer(kOwnSocket, jail ? jail->get() : nullptr);
  ::_exit(0);
}

// --- outside ---

Result<base::Bytes> read_answer(int fd) {
  auto answer = read_frame(fd, kMaxAnswer, kAnswerTime);
  if (answer) return answer;
  switch (answer.error().code) {
    case Code::kTimedOut: return fail(Code::kTimedOut, "checker: the pack keeps it busy for more than a minute");
    case Code::kTooLarge: return fail(Code::kJailLost, "checker: an answer that is none");
    default: return fail(Code::kJailLost, "checker: the process that looks at packs has ended");
  }
}

}  // namespace

Result<std::unique_ptr<Checker>> Checker::start(bool fips_required) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(Code::kIo, "checker: socketpair: failed");
  }
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    be_the_checker(ends[1], parent, fips_required);
  }
  ::close(ends[1]);
  if (pid < 0) {
    ::close(ends[0]);
    return fail(Code::kIo, "checker: fork: failed");
  }
  std::unique_ptr<Checker> checker(new Checker(ends[0], pid));
  if (const auto ready = read_answer(checker->socket_); !ready) {
    return fail(Code::kIo, "checker: the walls around the process that looks at packs could not be put up");
  }
  return checker;
}

Checker::~Checker() {
  // It ends when its socket does, and with this process at the latest; nobody waits for one that does not.
  ::close(socket_);
  int status = 0;
  static_cast<void>(::waitpid(pid_, &status, WNOHANG));
}

Result<Verdict> Checker::check(base::BytesView pack) {
  if (broken_ || !write_frame(socket_, pack)) {
    broken_ = true;
    return fail(Code::kJailLost, "checker: the process that looks at packs has ended");
  }
  const auto answer = read_answer(socket_);
  broken_ = !answer;
  if (!answer) return std::unexpected(answer.error());
  auto verdict = decode_verdict(base::as_text(*answer));
  if (!verdict) return fail(Code::kJailLost, "checker: an answer that is none");
  return verdict;
}

}  // namespace stargraph::packcli

#include "rules/zygote.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <map>
#include <string>

#include "rules/evaluator_process.hpp"

namespace stargraph::rules {
namespace {

using base::Code;
using base::fail;
using base::Result;

enum class Operation : std::uint32_t { kSpawn = 1, kReap = 2 };

struct ZygoteRequest {
  Operation operation = Operation::kSpawn;
  std::uint32_t id = 0;
  std::uint64_t address_space = 0;
  std::uint64_t cpu_seconds = 0;
};

constexpr int kReplyWaitMs = 10'000;

// Room for one descriptor beside a message.
union Ancillary {
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
  cmsghdr align;
};

// --- in the zygote ---

bool receive(ZygoteRequest& request, int& fd) {
  iovec part{&request, sizeof request};
  Ancillary ancillary{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.bytes.data();
  message.msg_controllen = ancillary.bytes.size();
  ssize_t got = 0;
  do got = recvmsg(kJailFd, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof request)) return false;
  fd = -1;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return true;
}

[[noreturn]] void run_zygote(int fd) {
  confine_zygote(fd);
  std::map<std::uint32_t, pid_t> children;
  for (;;) {
    ZygoteRequest request;
    int socket = -1;
    if (!receive(request, socket)) break;
    std::array<std::int32_t, 2> reply{-EINVAL, 0};
    if (request.operation == Operation::kSpawn && socket >= 0) {
      const pid_t child = fork();
      if (child == 0) {
        confine_evaluator(socket, {request.address_space, request.cpu_seconds});
        run_evaluator();
      }
      reply[0] = child < 0 ? -errno : child;
      if (child > 0) children[request.id] = child;
    } else if (const auto found = children.find(request.id);
               request.operation == Operation::kReap && found != children.end()) {
      // Not collected yet, so the number is still this child's and no other's.
      kill(found->second, SIGKILL);
      int status = 0;
      reply[0] = waitpid(found->second, &status, 0) < 0 ? -errno : 0;
      reply[1] = status;
      children.erase(found);
    }
    if (socket >= 0) close(socket);
    if (send(kJailFd, reply.data(), sizeof reply, MSG_NOSIGNAL) < 0) break;
  }
  for (const auto& [id, pid] : children) kill(pid, SIGKILL);
  _exit(0);
}

std::string system_error(std::string_view what) {
  return "rules: jail: " + std::string(what) + ": " +
         std::string(strerrorname_np(errno) == nullptr ? "?" : strerrorname_np(errno));
}

// The machine is short of something: that passes, and whoever asked may try again.
std::unexpected<base::Error> refused(std::string_view what, int error) {
  const bool passing = error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE || error == ENOBUFS;
  errno = error;
  return fail(passing ? Code::kBusy : Code::kIo, system_error(what));
}

}  // namespace

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

// --- in the daemon ---

ZygoteLink::ZygoteLink(UniqueFd socket, UniqueFd watch, int pid, std::uint64_t baseline)
    : socket_(std::move(socket)), watch_(std::move(watch)), pid_(pid), baseline_(baseline) {}

ZygoteLink::~ZygoteLink() { shut_down(); }

Result<std::shared_ptr<ZygoteLink>> ZygoteLink::start() {
  const std::uint64_t baseline = address_space_in_use();
  std::array<int, 2> pair{-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return fail(Code::kIo, system_error("socketpair"));
  UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return fail(Code::kIo, system_error("fork"));
  if (pid == 0) {
    // Had the daemon died before PR_SET_PDEATHSIG, nobody would end this process.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
    run_zygote(theirs.get());
  }
  // Readable when the process ends, and nothing else ever is.
  UniqueFd watch(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (watch.get() < 0) return fail(Code::kIo, system_error("pidfd_open"));
  fcntl(watch.get(), F_SETFD, FD_CLOEXEC);
  return std::shared_ptr<ZygoteLink>(new ZygoteLink(std::move(ours), std::move(watch), pid, baseline));
}

std::unexpected<base::Error> ZygoteLink::lost() {
  socket_.reset();
  return fail(Code::kJailLost, "rules: jail: the process that runs rules is gone");
}

Result<ZygoteLink::Reply> ZygoteLink::ask(void* request, std::size_t size, int fd) {
  const std::lock_guard lock(mutex_);
  if (socket_.get() < 0) return lost();
  iovec part{request, size};
  Ancillary ancillary{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = ancillary.bytes.data();
    message.msg_controllen = ancillary.bytes.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  if (sendmsg(socket_.get(), &message, MSG_NOSIGNAL) != static_cast<ssize_t>(size)) return lost();
  pollfd wait{socket_.get(), POLLIN, 0};
  int ready = 0;
  do ready = poll(&wait, 1, kReplyWaitMs);
  while (ready < 0 && errno == EINTR);
  std::array<std::int32_t, 2> reply{};
  // Under the lock on purpose: one request, one answer, and poll() has bounded the wait.
  // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection)
  if (ready <= 0 || recv(socket_.get(), reply.data(), sizeof reply, 0) != static_cast<ssize_t>(sizeof reply))
    return lost();
  return Reply{reply[0], reply[1]};
}

Result<Spawned> ZygoteLink::spawn(const EvaluatorLimits& limits) {
  std::array<int, 2> pair{-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return refused("socketpair", errno);
  Spawned spawned;
  spawned.socket.reset(pair[0]);
  const UniqueFd theirs(pair[1]);
  fcntl(spawned.socket.get(), F_SETFL, O_NONBLOCK);  // our end only: theirs is another open file
  {
    const std::lock_guard lock(mutex_);
    spawned.id = next_id_++;
  }
  ZygoteRequest request{Operation::kSpawn, spawned.id, limits.address_space, limits.cpu_seconds};
  SG_TRY(const Reply reply, ask(&request, sizeof request, theirs.get()));
  if (reply.result <= 0) return refused("fork of an evaluator", -reply.result);
  spawned.pid = reply.result;
  return spawned;
}

Result<int> ZygoteLink::reap(std::uint32_t id) {
  ZygoteRequest request{Operation::kReap, id, 0, 0};
  SG_TRY(const Reply reply, ask(&request, sizeof request, -1));
  return reply.status;
}

void ZygoteLink::shut_down() {
  const std::lock_guard lock(mutex_);
  socket_.reset();
  if (pid_ <= 0) return;
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
}

}  // namespace stargraph::rules

#include "command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "stargraph/base/check.hpp"
#include "stargraph/base/env.hpp"

namespace stargraph::worker {
namespace {

using base::Code;
using base::Duration;
using base::fail;
using base::Result;

struct Pipe {
  int read = -1;
  int write = -1;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) == 0) {
      read = ends[0];
      write = ends[1];
    }
  }
  ~Pipe() {
    close_read();
    close_write();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_read() { close_end(read); }
  void close_write() { close_end(write); }

 private:
  static void close_end(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

// The child of run_command. Its destructor leaves neither process nor zombie.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (pid_ <= 0) return;
    kill_group();
    static_cast<void>(wait());
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Becomes readable when the command ends; the caller closes it.
  [[nodiscard]] int ended() const { return static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)); }

  // Ends what the command started and left behind. Before wait(): until then the group's number is nobody else's.
  void kill_group() const { ::kill(-pid_, SIGKILL); }

  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

Result<pid_t> spawn(const std::vector<std::string>& argv, const Pipe& in, const Pipe& out) {
  std::vector<char*> words;
  for (const std::string& word : argv)
    words.push_back(const_cast<char*>(word.c_str()));  // NOLINT: posix_spawn's signature
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SG_CHECK(posix_spawn_file_actions_init(&actions) == 0 && posix_spawnattr_init(&attributes) == 0);
  posix_spawn_file_actions_adddup2(&actions, in.read, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
  // Whatever else is open (the connection to the daemon) is not the command's.
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  sigset_t ours;  // what we ignore would stay ignored behind exec
  sigemptyset(&ours);
  sigaddset(&ours, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &ours);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, words[0], &actions, &attributes, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return fail(Code::kNodeFailed, "command: " + argv[0] + ": " + std::strerror(error));
  return pid;
}

// Feeds, reads and beats until the command has ended. That it closes its output says nothing, and neither does
// that someone else still holds it open.
class Exchange {
 public:
  Exchange(const Child& child, Pipe& in, Pipe& out, const CommandLimits& limits)
      : child_(child), in_(in), out_(out), limits_(limits) {}

  // False: `beat` gave up.
  Result<bool> run(std::string_view input, std::string& output, const std::function<bool()>& beat) {
    base::Env& env = base::real_env();
    const Duration end = env.monotonic() + limits_.timeout;
    Duration next_beat = env.monotonic() + limits_.beat_every;
    const Descriptor ended(child_.ended());
    if (ended.fd < 0 || ::fcntl(out_.read, F_SETFL, O_NONBLOCK) != 0)
      return fail(Code::kIo, "command: cannot be watched");
    if (input.empty()) in_.close_write();
    while (true) {
      const Duration now = env.monotonic();
      if (now >= end) return fail(Code::kTimedOut, "command: took longer than its node may");
      if (now >= next_beat) {
        if (!beat()) return false;
        next_beat = env.monotonic() + limits_.beat_every;
      }
      std::array<pollfd, 3> waits{{{ended.fd, POLLIN, 0}, {out_.read, POLLIN, 0}, {in_.write, POLLOUT, 0}}};
      const Duration until = std::min(end, next_beat) - now;
      const int wait_ms = static_cast<int>(std::max<std::int64_t>(1, until.count() / 1000));
      if (::poll(waits.data(), waits.size(), wait_ms) < 0 && errno != EINTR)
        return fail(Code::kIo, "command: poll failed");
      if (waits[2].revents != 0) feed(input);
      const bool over = waits[0].revents != 0;
      if (over) child_.kill_group();
      if (over || waits[1].revents != 0) SG_TRY(collect(output));
      if (over) return true;
    }
  }

 private:
  struct Descriptor {
    explicit Descriptor(int number) : fd(number) {}
    ~Descriptor() {
      if (fd >= 0) ::close(fd);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int fd;
  };

  // No more than a pipe that is ready takes without blocking.
  void feed(std::string_view& input) {
    const ssize_t sent = ::write(in_.write, input.data(), std::min<std::size_t>(input.size(), PIPE_BUF));
    if (sent > 0) input.remove_prefix(static_cast<std::size_t>(sent));
    if (input.empty() || (sent < 0 && errno != EINTR && errno != EAGAIN)) in_.close_write();
  }

  // All that is there now.
  Result<> collect(std::string& output) {
    std::array<char, 16384> buffer{};
    while (out_.read >= 0) {
      const ssize_t got = ::read(out_.read, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return {};
      if (got < 0) return fail(Code::kIo, "command: output cannot be read");
      if (got == 0) out_.close_read();
      output.append(buffer.data(), static_cast<std::size_t>(got));
      if (output.size() > limits_.max_output) return fail(Code::kTooLarge, "command: output: longer than allowed");
    }
    return {};
  }

  const Child& child_;
  Pipe& in_;
  Pipe& out_;
  const CommandLimits& limits_;
};

}  // namespace

Result<CommandResult> run_command(const std::vector<std::string>& argv, const std::string& input,
                                  const CommandLimits& limits, const std::function<bool()>& beat) {
  SG_CHECK(!argv.empty());
  Pipe in;
  Pipe out;
  if (in.read < 0 || out.read < 0) return fail(Code::kIo, "command: pipe failed");
  SG_TRY(const pid_t pid, spawn(argv, in, out));
  Child child(pid);
  in.close_read();
  out.close_write();
  CommandResult result;
  SG_TRY(const bool whole, Exchange(child, in, out, limits).run(input, result.output, beat));
  if (!whole) return fail(Code::kLeaseLost, "command: the lease was lost while it ran");
  result.exit_code = child.wait();
  return result;
}

}  // namespace stargraph::worker

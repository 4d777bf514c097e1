// Runs a program by its argument vector (no shell) and hands back what it wrote and how it ended.
// Tests take known answers from other implementations with it and start our own programs.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace stargraph::test {

struct CommandOptions {
  std::string input;                               // the program's stdin, then end of file
  std::filesystem::path directory;                 // working directory; empty: ours
  std::map<std::string, std::string> environment;  // set on top of ours
  std::chrono::milliseconds limit{60'000};         // then SIGKILL and `timed_out`
};

struct CommandResult {
  int exit_code = -1;  // -1 when a signal ended it
  int signal = 0;
  bool timed_out = false;
  std::string out;
  std::string err;

  [[nodiscard]] bool ok() const { return exit_code == 0; }
};

namespace detail {

[[noreturn]] inline void throw_errno(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno(errno, "pipe2");
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
};

// argv or envp for posix_spawn; `texts` must outlive the result.
inline std::vector<char*> c_array(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

inline std::vector<std::string> merged_environment(const std::map<std::string, std::string>& extra) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text(*entry);
    if (!extra.contains(text.substr(0, text.find('=')))) result.push_back(text);
  }
  for (const auto& [name, value] : extra) result.push_back(name + "=" + value);
  return result;
}

inline pid_t spawn(std::vector<std::string> argv, const CommandOptions& options, const Pipe& in, const Pipe& out,
                   const Pipe& err) {
  std::vector<std::string> environment = merged_environment(options.environment);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.read_end.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out.write_end.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err.write_end.get(), STDERR_FILENO);
  if (!options.directory.empty()) ::posix_spawn_file_actions_addchdir_np(&actions, options.directory.c_str());
  pid_t pid = -1;
  const int error =
      ::posix_spawnp(&pid, argv.at(0).c_str(), &actions, nullptr, c_array(argv).data(), c_array(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw_errno(error, argv.at(0));
  return pid;
}

// Reads what is there; false at end of file.
inline bool drain(int fd, std::string& into) {
  std::array<char, 65536> buffer;
  const ssize_t count = ::read(fd, buffer.data(), buffer.size());
  if (count > 0) into.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN));
}

// Feeds stdin and collects both outputs until both are closed; false when the limit passed.
inline bool pump(const CommandOptions& options, Pipe& in, Pipe& out, Pipe& err, CommandResult& result) {
  const auto deadline = std::chrono::steady_clock::now() + options.limit;
  ::fcntl(in.write_end.get(), F_SETFL, O_NONBLOCK);
  std::size_t fed = 0;
  if (options.input.empty()) in.write_end.reset();
  while (out.read_end.get() >= 0 || err.read_end.get() >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    std::array<pollfd, 3> polled{pollfd{out.read_end.get(), POLLIN, 0}, pollfd{err.read_end.get(), POLLIN, 0},
                                 pollfd{in.write_end.get(), POLLOUT, 0}};
    if (::poll(polled.data(), polled.size(), static_cast<int>(left.count())) < 0 && errno != EINTR) return false;
    if (polled[0].revents != 0 && !drain(out.read_end.get(), result.out)) out.read_end.reset();
    if (polled[1].revents != 0 && !drain(err.read_end.get(), result.err)) err.read_end.reset();
    if (polled[2].revents != 0) {
      const ssize_t count = ::write(in.write_end.get(), options.input.data() + fed, options.input.size() - fed);
      if (count > 0) fed += static_cast<std::size_t>(count);
      const bool broken = count < 0 && errno != EAGAIN && errno != EINTR;
      if (broken || fed == options.input.size()) in.write_end.reset();
    }
  }
  return true;
}

}  // namespace detail

// Runs argv[0] (looked up in PATH when it has no slash) to its end. Throws std::system_error when it
// cannot be started; GoogleTest reports that as a failure. SIGPIPE is ignored in this process from
// then on, so that a program that does not read its stdin cannot end the test.
inline CommandResult run_command(std::vector<std::string> argv, const CommandOptions& options = {}) {
  ::signal(SIGPIPE, SIG_IGN);
  detail::Pipe in;
  detail::Pipe out;
  detail::Pipe err;
  const pid_t pid = detail::spawn(std::move(argv), options, in, out, err);
  in.read_end.reset();
  out.write_end.reset();
  err.write_end.reset();
  CommandResult result;
  if (!detail::pump(options, in, out, err, result)) {
    result.timed_out = true;
    ::kill(pid, SIGKILL);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

}  // namespace stargraph::test

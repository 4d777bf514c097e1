// Asking a person: the terminal itself, not stdin, so that what is piped in is never taken for an answer.
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "commands.hpp"

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;

constexpr std::size_t kMaxAnswer = 4096;

int open_terminal() { return ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY); }

int kept_terminal = -1;

class Terminal {
 public:
  explicit Terminal(bool silent)
      : fd_(kept_terminal >= 0 ? ::fcntl(kept_terminal, F_DUPFD_CLOEXEC, 0) : open_terminal()) {
    if (fd_ < 0 || !silent || ::tcgetattr(fd_, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silenced_ = ::tcsetattr(fd_, TCSAFLUSH, &quiet) == 0;
  }
  ~Terminal() {
    if (silenced_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
    if (fd_ >= 0) ::close(fd_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] bool open() const { return fd_ >= 0; }
  [[nodiscard]] bool silenced() const { return silenced_; }
  [[nodiscard]] int descriptor() const { return fd_; }
  [[nodiscard]] bool write(const std::string& text) const {
    return ::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }
  [[nodiscard]] bool read_line(std::string& line) const {
    char c = 0;
    while (line.size() < kMaxAnswer) {
      if (::read(fd_, &c, 1) != 1) return false;
      if (c == '\n') return true;
      line.push_back(c);
    }
    return false;
  }

 private:
  int fd_;
  termios before_{};
  bool silenced_ = false;
};

}  // namespace

void keep_terminal() {
  if (has_terminal()) kept_terminal = open_terminal();
}

bool has_terminal() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1; }

base::Result<std::string> ask_terminal(const std::string& prompt) {
  const Terminal terminal(false);
  std::string line;
  if (!terminal.open() || !terminal.write(prompt) || !terminal.read_line(line)) {
    return fail(Code::kUsage, "terminal: no answer");
  }
  return line;
}

base::Result<crypto::Secret> ask_passphrase(const std::string& prompt) {
  const Terminal terminal(true);
  if (!terminal.silenced() || !terminal.write(prompt)) return fail(Code::kUsage, "terminal: no answer");
  auto secret = read_passphrase(terminal.descriptor());
  static_cast<void>(terminal.write("\n"));
  return secret;
}

}  // namespace stargraph::packcli

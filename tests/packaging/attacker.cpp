// What an attacker who runs code inside the daemon would try first. Labelled as the daemon and started in its unit or
// only in its domain, each attempt must be refused; the acceptance of the appliance reads the lines.
//
// attacker ROW...: each row prints "DONE ROW .", "denied ROW (errno)", or "failed: errno ROW ." for what went wrong in
// another way, which proves nothing about a wall. The exit status is the number of rows that were done.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

// 0: done; else the errno of what refused. That of socket() is negative: there an unknown address family is a wall too.
using Outcome = int;

Outcome outcome(bool success) { return success ? 0 : errno; }

// EOPNOTSUPP is what the kernel says of TCP Fast Open where the machine has it off.
bool is_denial(Outcome outcome) {
  return outcome == EACCES || outcome == EPERM || outcome == -EACCES || outcome == -EPERM || outcome == -EAFNOSUPPORT ||
         outcome == EOPNOTSUPP;
}

Outcome open_it(const char* path, int flags) {
  const int descriptor = ::open(path, flags | O_CLOEXEC);
  const Outcome result = outcome(descriptor >= 0);
  if (descriptor >= 0) ::close(descriptor);
  return result;
}

// In a child, since a success replaces the process, and then closes the pipe unwritten. What fails before the call
// itself is no denial of it.
Outcome execute(const char* path) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ENOSYS;
  const pid_t child = ::fork();
  if (child < 0) return EAGAIN;
  if (child == 0) {
    ::execl(path, path, nullptr);
    const Outcome refused = errno;
    ::_exit(::write(ends[1], &refused, sizeof refused) == sizeof refused ? 0 : 1);
  }
  ::close(ends[1]);
  Outcome refused = 0;
  const ssize_t got = ::read(ends[0], &refused, sizeof refused);
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return got == sizeof refused ? refused : 0;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

Outcome dial() {
  const int made = ::socket(AF_INET, SOCK_STREAM, 0);
  if (made < 0) return -errno;
  const sockaddr_in address = loopback(8443);
  return outcome(::connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

// The inherited listener is descriptor 3. Disconnected from its port it is an ordinary socket of the machine's network.
Outcome dial_through_listener() {
  sockaddr none{};
  none.sa_family = AF_UNSPEC;
  if (::connect(3, &none, sizeof none) != 0) return errno;
  const sockaddr_in address = loopback(8443);
  return outcome(::connect(3, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

// TCP Fast Open: a send that connects, which no hook of the kernel sees as a connect(2).
Outcome fast_open(int socket) {
  const sockaddr_in address = loopback(8443);
  const ssize_t sent = ::sendto(socket, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return outcome(sent == 1 || errno == EINPROGRESS);
}

Outcome dial_by_fast_open() {
  const int made = ::socket(AF_INET, SOCK_STREAM, 0);
  return made < 0 ? -errno : fast_open(made);
}

// Shut down, the inherited listener is a socket that may connect.
Outcome fast_open_through_listener() { return ::shutdown(3, SHUT_RD) != 0 ? errno : fast_open(3); }

Outcome reach(const char* path) {
  const int made = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
  if (made < 0) return -errno;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  return outcome(::connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

Outcome load(const char* path) {
  const int descriptor = ::open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  return outcome(::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, descriptor, 0) != MAP_FAILED);
}

// Brings its own library: a fresh file with a page in it. A folder that takes no file is a wall as well.
Outcome write_and_load(const char* path) {
  const int descriptor = ::open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
  if (descriptor < 0) return errno;
  const Outcome grown = outcome(::ftruncate(descriptor, 4096) == 0);
  ::close(descriptor);
  const Outcome loaded = grown == 0 ? load(path) : EIO;
  ::unlink(path);
  return loaded;
}

Outcome write_and_run_memory() {
  return outcome(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                 MAP_FAILED);
}

Outcome attempt(const std::string& row, const char* argument) {
  if (row == "execute") return execute(argument);
  if (row == "dial") return dial();
  if (row == "dial-through-listener") return dial_through_listener();
  if (row == "fastopen") return dial_by_fast_open();
  if (row == "fastopen-through-listener") return fast_open_through_listener();
  if (row == "reach") return reach(argument);
  if (row == "read") return open_it(argument, O_RDONLY);
  if (row == "append") return open_it(argument, O_WRONLY | O_APPEND);
  if (row == "load") return load(argument);
  if (row == "write-and-load") return write_and_load(argument);
  if (row == "write-and-run-memory") return write_and_run_memory();
  if (row == "trace") return outcome(::ptrace(PTRACE_SEIZE, 1, nullptr, nullptr) == 0);  // stops nobody
  if (row == "udp") return ::socket(AF_INET, SOCK_DGRAM, 0) >= 0 ? 0 : -errno;
  std::fprintf(stderr, "attacker: no such row: %s\n", row.c_str());
  ::_exit(125);
}

}  // namespace

int main(int argc, char** argv) {
  int done = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string row(argv[i], std::strcspn(argv[i], "="));
    const char* const argument = argv[i] + row.size() + (argv[i][row.size()] == '=' ? 1 : 0);
    const Outcome seen = attempt(row, argument);
    const char* const name = ::strerrorname_np(seen < 0 ? -seen : seen);
    if (seen == 0) {
      ++done;
      std::printf("DONE %s .\n", argv[i]);
    } else if (is_denial(seen)) {
      std::printf("denied %s (%s)\n", argv[i], name);
    } else {
      std::printf("failed: %s %s .\n", name != nullptr ? name : "?", argv[i]);
    }
    std::fflush(stdout);
  }
  return done;
}

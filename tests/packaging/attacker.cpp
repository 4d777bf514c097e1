// What an attacker who runs code inside the daemon would try first. Labelled as the daemon and started in its unit or
// only in its domain, each attempt must be refused; the acceptance of the appliance reads the lines.
//
// attacker ROW...: each row prints "denied ROW (errno)" or "DONE ROW"; the exit status is the number of rows that were
// done.
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

bool can_open(const char* path, int flags) {
  const int descriptor = ::open(path, flags | O_CLOEXEC);
  if (descriptor >= 0) ::close(descriptor);
  return descriptor >= 0;
}

// In a child, since a success replaces the process. 42: the call came back.
bool can_execute(const char* path) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl(path, path, nullptr);
    ::_exit(errno == EACCES || errno == EPERM ? 42 : 43);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  errno = EACCES;
  return !(WIFEXITED(status) && (WEXITSTATUS(status) == 42 || WEXITSTATUS(status) == 43));
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool can_dial() {
  const int made = ::socket(AF_INET, SOCK_STREAM, 0);
  if (made < 0) return false;
  const sockaddr_in address = loopback(8443);
  return ::connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// The inherited listener is descriptor 3. Disconnected from its port it is an ordinary socket of the machine's network.
bool can_dial_through_listener() {
  sockaddr none{};
  none.sa_family = AF_UNSPEC;
  if (::connect(3, &none, sizeof none) != 0) return false;
  const sockaddr_in address = loopback(8443);
  return ::connect(3, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool can_reach(const char* path) {
  const int made = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
  if (made < 0) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  return ::connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool can_load(const char* path) {
  const int descriptor = ::open(path, O_RDONLY | O_CLOEXEC);
  return descriptor >= 0 && ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, descriptor, 0) != MAP_FAILED;
}

bool can_write_and_run_memory() {
  return ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

bool attempt(const std::string& row, const char* argument) {
  if (row == "execute") return can_execute(argument);
  if (row == "dial") return can_dial();
  if (row == "dial-through-listener") return can_dial_through_listener();
  if (row == "reach") return can_reach(argument);
  if (row == "read") return can_open(argument, O_RDONLY);
  if (row == "append") return can_open(argument, O_WRONLY | O_APPEND);
  if (row == "load") return can_load(argument);
  if (row == "write-and-run-memory") return can_write_and_run_memory();
  if (row == "trace") return ::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr) == 0;
  if (row == "udp") return ::socket(AF_INET, SOCK_DGRAM, 0) >= 0;
  std::fprintf(stderr, "attacker: no such row: %s\n", row.c_str());
  ::_exit(125);
}

}  // namespace

int main(int argc, char** argv) {
  int done = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string row(argv[i], std::strcspn(argv[i], "="));
    const char* const argument = argv[i] + row.size() + (argv[i][row.size()] == '=' ? 1 : 0);
    errno = 0;
    const bool success = attempt(row, argument);
    if (success) ++done;
    std::printf("%s %s (%s)\n", success ? "DONE" : "denied", argv[i], std::strerror(errno));
    std::fflush(stdout);
  }
  return done;
}

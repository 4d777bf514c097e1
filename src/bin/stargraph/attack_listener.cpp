#include "attack_listener.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <set>
#include <sstream>

#include "process.hpp"
#include "stargraph/base/descriptor.hpp"
#include "stargraph/client/knock.hpp"

namespace stargraph::cli {
namespace {

constexpr int kSeconds = 3;
constexpr const char* kListening = "0A";  // TCP_LISTEN in /proc/net/tcp
constexpr std::uint8_t kAlert = 21;
constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kServerHello = 2;
constexpr std::uint8_t kProtocolVersion = 70;

// The inodes of a process's sockets; nothing when not all of them could be seen.
std::optional<std::set<std::string>> sockets_of(pid_t pid) {
  std::set<std::string> inodes;
  std::error_code error;
  std::filesystem::directory_iterator at("/proc/" + std::to_string(pid) + "/fd", error);
  for (const std::filesystem::directory_iterator end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(at->path(), gone).string();
    constexpr std::string_view kStart = "socket:[";
    if (target.starts_with(kStart)) inodes.insert(target.substr(kStart.size(), target.size() - kStart.size() - 1));
  }
  return error ? std::nullopt : std::optional(std::move(inodes));
}

// /proc/net/tcp writes an address as words in the machine's order: "0100007F:20FB".
std::optional<Listener> parse_address(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos || (colon != 8 && colon != 32)) return std::nullopt;
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < colon / 8; ++i) {
    if (std::from_chars(text.data() + i * 8, text.data() + i * 8 + 8, words.at(i), 16).ec != std::errc())
      return std::nullopt;
  }
  Listener listener{colon == 8 ? AF_INET : AF_INET6, "", 0};
  const char* const port = text.data() + colon + 1;
  if (std::from_chars(port, text.data() + text.size(), listener.port, 16).ec != std::errc()) return std::nullopt;
  const bool everywhere = std::ranges::all_of(words, [](std::uint32_t word) { return word == 0; });
  if (everywhere) words = {};
  if (everywhere && listener.family == AF_INET) words[0] = htonl(INADDR_LOOPBACK);
  if (everywhere && listener.family == AF_INET6) words[3] = htonl(1);
  std::array<char, INET6_ADDRSTRLEN> host{};
  if (::inet_ntop(listener.family, words.data(), host.data(), host.size()) == nullptr) return std::nullopt;
  listener.host = host.data();
  return listener;
}

base::Descriptor dial(const Listener& listener) {
  base::Descriptor socket(::socket(listener.family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{.tv_sec = kSeconds, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);  // of connect(2), too
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_storage to{};
  socklen_t size = sizeof(sockaddr_in6);
  if (listener.family == AF_INET) {
    sockaddr_in four{};
    size = sizeof four;
    four.sin_family = AF_INET;
    four.sin_port = htons(listener.port);
    ::inet_pton(AF_INET, listener.host.c_str(), &four.sin_addr);
    std::memcpy(&to, &four, sizeof four);
  } else {
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(listener.port);
    ::inet_pton(AF_INET6, listener.host.c_str(), &six.sin6_addr);
    std::memcpy(&to, &six, sizeof six);
  }
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), size) != 0) return base::Descriptor();
  return socket;
}

// RFC 5246 7.4.1.2: version 1.2, no session, six AEAD suites, no compression, every curve and signature that a server
// of today may be bound to (RFC 8422), and no supported_versions, so that there is nothing better to choose.
constexpr auto kHello = std::to_array<std::uint8_t>({
    kHandshake, 3,    1,    0,    107,                                                         // record of 107 bytes
    1,          0,    0,    103,  3,    3,                                                     // ClientHello, TLS 1.2
    1,          2,    3,    4,    5,    6,    7,    8,    9,    10,   11, 12, 13, 14, 15, 16,  // random, which nobody
    17,         18,   19,   20,   21,   22,   23,   24,   25,   26,   27, 28, 29, 30, 31, 32,  // relies on here
    0,                                                                                         // session
    0,          12,   0xc0, 0x2c, 0xc0, 0x30, 0xc0, 0x2b, 0xc0, 0x2f,                          // ECDHE with AES-GCM
    0xcc,       0xa9, 0xcc, 0xa8,                                                              // and ChaCha20-Poly1305
    1,          0,                                                                             // compression: none
    0,          50,                                                                            // extensions
    0,          10,   0,    10,   0,    8,    0,    29,   0,    25,   0,  24, 0,  23,  // X25519, P-521, -384, -256
    0,          11,   0,    2,    1,    0,                                             // point format
    0,          13,   0,    22,   0,    20,                                            // signature algorithms:
    8,          7,    6,    3,    5,    3,    4,    3,                                 // Ed25519, ECDSA
    8,          6,    8,    5,    8,    4,    6,    1,    5,    1,    4,  1,           // RSA-PSS, RSA
    0,          23,   0,    0,                                                         // extended master secret
});
static_assert(kHello.size() == 5 + 107);

Wall wall(const char* name, WallState state, std::string detail) {
  return {std::string("attack.listener.") + name, state, std::move(detail), true};
}

// Only the alert for the version speaks of the version: a server that likes no suite or signature of ours may speak
// TLS 1.2 with others.
Wall tls12(const Listener& listener) {
  switch (say_tls12_hello(listener)) {
    case Tls12Answer::kRefused: return wall("tls12", WallState::kHeld, "TLS 1.2 is refused for its version");
    case Tls12Answer::kAccepted: return wall("tls12", WallState::kAbsent, "TLS 1.2 is spoken at " + listener.url());
    case Tls12Answer::kOther: return wall("tls12", WallState::kUntested, "refused, but not for its version");
    case Tls12Answer::kClosed: return wall("tls12", WallState::kUntested, "hung up at " + listener.url());
    case Tls12Answer::kNone: break;
  }
  return wall("tls12", WallState::kUntested, "nobody answers at " + listener.url());
}

Wall certificate(const Listener& listener) {
  const auto welcome = client::knock(listener.url(), std::chrono::seconds(kSeconds));
  switch (welcome ? *welcome : client::Welcome::kUnknown) {
    case client::Welcome::kSentAway:
      return wall("certificate", WallState::kHeld, "TLS 1.3 without a certificate gets no byte of an answer");
    case client::Welcome::kAnswered:
      return wall("certificate", WallState::kAbsent,
                  "a request without a certificate is answered at " + listener.url());
    case client::Welcome::kUnknown: break;
  }
  return wall("certificate", WallState::kUntested, "no TLS 1.3 handshake at " + listener.url());
}

// A wall with a hole has one.
void keep_the_worse(std::optional<Wall>& kept, Wall wall) {
  const auto badness = [](const Wall& one) {
    return one.state == WallState::kAbsent ? 2 : one.state == WallState::kHeld ? 0 : 1;
  };
  if (!kept || badness(wall) > badness(*kept)) kept = std::move(wall);
}

}  // namespace

std::string Listener::url() const {
  return "https://" + (family == AF_INET6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<std::vector<Listener>> listeners_of(pid_t pid) {
  const std::optional<std::set<std::string>> inodes = sockets_of(pid);
  if (!inodes) return std::nullopt;
  std::vector<Listener> found;
  for (const char* table : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    std::istringstream lines(read_text("/", table).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
      std::istringstream words(line);
      std::array<std::string, 10> word;
      for (std::string& each : word) words >> each;
      if (word[3] != kListening || !inodes->contains(word[9])) continue;
      const auto listener = parse_address(word[1]);
      if (!listener) return std::nullopt;
      found.push_back(*listener);
    }
  }
  return found;
}

Tls12Answer say_tls12_hello(const Listener& listener) {
  const base::Descriptor socket = dial(listener);
  if (!socket.open()) return Tls12Answer::kNone;
  if (::send(socket.get(), kHello.data(), kHello.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kHello.size()))
    return Tls12Answer::kNone;
  std::array<std::uint8_t, 7> answer{};  // a record's head, and the two bytes that tell alert from handshake
  std::size_t have = 0;
  while (have < answer.size()) {
    const ssize_t got = ::recv(socket.get(), answer.data() + have, answer.size() - have, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != ECONNRESET) return Tls12Answer::kNone;
    if (got <= 0) return Tls12Answer::kClosed;
    have += static_cast<std::size_t>(got);
  }
  if (answer[0] == kHandshake && answer[5] == kServerHello) return Tls12Answer::kAccepted;
  return answer[0] == kAlert && answer[6] == kProtocolVersion ? Tls12Answer::kRefused : Tls12Answer::kOther;
}

std::vector<Wall> attack_listener(pid_t pid) {
  const auto listeners = pid == 0 ? std::nullopt : listeners_of(pid);
  if (!listeners || listeners->empty()) {
    const char* const why = pid == 0     ? "daemon does not run"
                            : !listeners ? "the daemon's sockets cannot be seen"
                                         : "the daemon listens nowhere in this network";
    return {wall("certificate", WallState::kUntested, why), wall("tls12", WallState::kUntested, why)};
  }
  std::optional<Wall> asks;
  std::optional<Wall> speaks;
  for (const Listener& listener : *listeners) {
    keep_the_worse(asks, certificate(listener));
    keep_the_worse(speaks, tls12(listener));
  }
  return {*std::move(asks), *std::move(speaks)};
}

}  // namespace stargraph::cli

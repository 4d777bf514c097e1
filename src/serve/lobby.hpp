// Lobby: where connections wait before they cost a thread, and where every connection's deadlines are kept.
//
// One thread owns the inherited listener. A fresh connection stays here until its whole first TLS record, which must
// be a handshake record, has arrived; then it goes to CivetWeb through `door`, an eventfd that counts the
// connections that are ready (see adopt.hpp). Who sends nothing, or a byte a second, costs one descriptor until
// its time is up. Bounds: all waiting connections together (the oldest silent one makes room), connections of one
// address that have not finished their handshake, handshakes that hold a thread (who dawdles makes room), and
// connections of one certificate from the end of its handshake on, whether it asks anything or not.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "stargraph/base/result.hpp"
#include "stargraph/base/time.hpp"

namespace stargraph::serve {

// How the lobby and CivetWeb's callbacks name one connection: its descriptor. CivetWeb tells it to nobody, but a worker
// thread serves one connection at a time, and TLS knows it (Tls::current_connection).
using ConnectionKey = int;

// Why a connection ended before it was heard.
enum class Cause : std::uint8_t {
  kCrowded,      // too many of its address, or altogether, wait already
  kEvicted,      // it was silent, or in its handshake, the longest when another needed room
  kForeign,      // what it sent is no TLS handshake
  kLeft,         // it went before it had said anything whole
  kLate,         // its time was up
  kHandshake,    // the handshake failed: no certificate, or none of our CA that still stands
  kCertificate,  // its certificate has as many connections as it may
};
inline constexpr std::size_t kCauseCount = 7;
[[nodiscard]] std::string_view cause_name(Cause cause);  // as it stands in `handshakes.refused`

// What a peer's connections are counted by before they have a name: its address without port; of IPv6 the /64, since
// one host has as many addresses of it as it likes. An IPv4 address stays one in either family.
[[nodiscard]] std::string counted_as(const sockaddr_storage& peer);

class Lobby {
 public:
  using Refused = std::array<std::uint64_t, kCauseCount>;
  struct Limits {
    std::size_t waiting = 4096;  // accepted, handshake not finished
    std::size_t waiting_per_address = 32;
    std::size_t handshakes = 128;    // of those that wait, how many hold a thread
    std::size_t per_principal = 64;  // connections of one principal, and of one certificate
    base::Duration request{0};       // handshake, headers and body together
    base::Duration idle{0};          // between two requests of one connection
  };

  // `listener` is not owned; it is made non-blocking. Starts the thread. kIo.
  [[nodiscard]] static base::Result<std::unique_ptr<Lobby>> open(int listener, const Limits& limits);
  ~Lobby();  // closes what waits and ends the thread
  void stop();

  [[nodiscard]] int door() const { return door_; }
  [[nodiscard]] int listener() const { return listener_; }
  // A ready connection and its peer, as accept(2): -1 and EAGAIN when there is none.
  [[nodiscard]] int take(sockaddr* address, socklen_t* length);

  // What becomes of a connection that was taken. A connection that is late is shut down, which wakes the thread that
  // reads from it.
  // TLS is up: the peer has a certificate of our CA, whose fingerprint this is. When that has as many connections as it
  // may, no more is read from this one, and claim() refuses what was already sent.
  void established(ConnectionKey key, const std::string& certificate);
  void request_read(ConnectionKey key);
  void request_done(ConnectionKey key);
  // False when the principal has as many connections as it may. Once for each connection counts.
  [[nodiscard]] bool claim(ConnectionKey key, const std::string& principal);
  void closed(ConnectionKey key);

  [[nodiscard]] Refused refused_by_cause() const;
  [[nodiscard]] std::uint64_t refused() const;  // all of them
  [[nodiscard]] std::size_t waiting() const;

 private:
  enum class Phase : std::uint8_t { kSilent, kReady, kHandshake, kOpen };
  struct Connection {
    int descriptor = -1;
    Phase phase = Phase::kSilent;
    sockaddr_storage peer{};
    socklen_t peer_length = 0;
    std::string address;      // counted_as
    std::string certificate;  // once it is counted
    std::string principal;
    bool refused = false;             // its certificate had too many
    base::Duration deadline{0};       // on the monotonic clock; none while a request is being answered
    base::Duration begun{0};          // its handshake
    Cause cause = Cause::kHandshake;  // of its end, when it does not get through it
  };
  using Serial = std::uint64_t;  // in the order they came
  using Connections = std::map<Serial, Connection>;

  Lobby(int listener, const Limits& limits) : listener_(listener), limits_(limits) {}
  [[nodiscard]] base::Result<> prepare();
  void run();
  void accept_all();
  void admit(int descriptor, const sockaddr_storage& peer, socklen_t length);
  void look_at(Serial serial, bool at_end);  // at_end: the peer sends no more
  void drop(Connections::iterator connection, Cause cause);
  void count(Cause cause) { refused_[static_cast<std::size_t>(cause)].fetch_add(1, std::memory_order_relaxed); }
  bool evict_oldest_silent();
  void let_in();
  void end_handshake(Connection& connection);
  void forget(ConnectionKey key);
  void end_late(base::Duration at);
  void end_slow_handshakes(base::Duration at);
  Connections::iterator find(ConnectionKey key);

  int listener_;
  Limits limits_;
  int door_ = -1;
  int poll_ = -1;
  int wake_ = -1;
  mutable std::mutex mutex_;
  Connections connections_;
  std::map<ConnectionKey, Serial> taken_;
  std::map<std::string, std::size_t> strangers_;  // connections an address has before its handshake is done
  std::map<std::string, std::size_t> certificates_;
  std::map<std::string, std::size_t> principals_;
  std::size_t stranger_count_ = 0;
  std::size_t handshakes_ = 0;  // taken and not finished
  std::size_t tickets_ = 0;     // written to the door and not taken
  std::deque<Serial> ready_;
  Serial next_ = 1;
  std::array<std::atomic<std::uint64_t>, kCauseCount> refused_{};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// The first TLS record: nothing yet, whole, or no handshake at all.
enum class Hello : std::uint8_t { kPartial, kWhole, kForeign };
// `head` is what can be seen of its first five bytes, `available` how many bytes have arrived in all.
[[nodiscard]] Hello judge_hello(const unsigned char* head, std::size_t seen, std::size_t available);

}  // namespace stargraph::serve

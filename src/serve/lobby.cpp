#include "serve/lobby.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <numeric>

#include "stargraph/base/env.hpp"

namespace stargraph::serve {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::uint64_t kListenerTag = 0;  // serials begin at 1
constexpr std::uint64_t kWakeTag = ~std::uint64_t{0};
constexpr int kTurnMs = 250;  // how exactly deadlines are kept
constexpr std::size_t kMaxRecord = 16'384;
constexpr std::size_t kRecordHeader = 5;

base::Duration now() { return base::real_env().monotonic(); }

bool watch(int poll, int descriptor, std::uint32_t events, std::uint64_t tag) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  return ::epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void count_down(std::map<std::string, std::size_t>& counts, const std::string& name) {
  const auto found = counts.find(name);
  if (found != counts.end() && --found->second == 0) counts.erase(found);
}

}  // namespace

std::string_view cause_name(Cause cause) {
  constexpr std::array<std::string_view, kCauseCount> kNames = {"crowded", "evicted",   "foreign",    "left",
                                                                "late",    "handshake", "certificate"};
  return kNames.at(static_cast<std::size_t>(cause));
}

std::string counted_as(const sockaddr_storage& peer) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (peer.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer);
    return ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  }
  if (peer.ss_family != AF_INET6) return {};
  in6_addr address = reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
  constexpr std::size_t kNetwork = 8;  // bytes of a /64
  constexpr std::size_t kMapped = 12;  // ::ffff:a.b.c.d
  if (IN6_IS_ADDR_V4MAPPED(&address)) return ::inet_ntop(AF_INET, address.s6_addr + kMapped, text.data(), text.size());
  std::fill(address.s6_addr + kNetwork, address.s6_addr + sizeof address, std::uint8_t{0});
  const std::string network = ::inet_ntop(AF_INET6, &address, text.data(), text.size());
  return network + "/64";
}

Hello judge_hello(const unsigned char* head, std::size_t seen, std::size_t available) {
  constexpr unsigned char kHandshake = 22;
  constexpr unsigned char kVersionMajor = 3;
  if (seen >= 1 && head[0] != kHandshake) return Hello::kForeign;
  if (seen >= 2 && head[1] != kVersionMajor) return Hello::kForeign;
  if (seen < kRecordHeader) return Hello::kPartial;
  const std::size_t length = static_cast<std::size_t>(head[3]) << 8U | head[4];
  if (length == 0 || length > kMaxRecord) return Hello::kForeign;
  return available >= kRecordHeader + length ? Hello::kWhole : Hello::kPartial;
}

Result<std::unique_ptr<Lobby>> Lobby::open(int listener, const Limits& limits) {
  auto lobby = std::unique_ptr<Lobby>(new Lobby(listener, limits));
  SG_TRY(lobby->prepare());
  lobby->thread_ = std::thread([raw = lobby.get()] { raw->run(); });
  return lobby;
}

Result<> Lobby::prepare() {
  const int flags = ::fcntl(listener_, F_GETFL);
  door_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  poll_ = ::epoll_create1(EPOLL_CLOEXEC);
  const bool ready = flags >= 0 && ::fcntl(listener_, F_SETFL, flags | O_NONBLOCK) == 0 && door_ >= 0 && wake_ >= 0 &&
                     poll_ >= 0 && watch(poll_, listener_, EPOLLIN, kListenerTag) &&
                     watch(poll_, wake_, EPOLLIN, kWakeTag);
  if (!ready) return fail(Code::kIo, std::string("serve: lobby: ") + std::strerror(errno));
  return {};
}

void Lobby::stop() {
  if (stopping_.exchange(true)) return;
  static_cast<void>(::eventfd_write(wake_, 1));
  static_cast<void>(::eventfd_write(door_, 1));
  if (thread_.joinable()) thread_.join();
  const std::scoped_lock lock(mutex_);
  for (auto at = connections_.begin(); at != connections_.end();) {
    const auto next = std::next(at);
    if (at->second.phase == Phase::kSilent || at->second.phase == Phase::kReady)
      drop(at, Cause::kLeft);
    else
      ::shutdown(at->second.descriptor, SHUT_RD);  // wakes who waits for a request; replies still go out
    at = next;
  }
}

Lobby::~Lobby() {
  stop();
  for (const int descriptor : {door_, wake_, poll_}) {
    if (descriptor >= 0) ::close(descriptor);
  }
}

void Lobby::run() {
  base::Duration swept = now();
  while (!stopping_.load()) {
    std::array<epoll_event, 64> events{};
    const int count = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()), kTurnMs);
    for (int i = 0; i < count; ++i) {
      const std::uint64_t tag = events[static_cast<std::size_t>(i)].data.u64;
      if (tag == kListenerTag)
        accept_all();
      else if (tag != kWakeTag)
        look_at(tag, (events[static_cast<std::size_t>(i)].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
    }
    if (const base::Duration at = now(); at - swept >= std::chrono::milliseconds(kTurnMs)) {
      end_late(at);
      swept = at;
    }
  }
}

void Lobby::accept_all() {
  for (int i = 0; i < 64; ++i) {  // then those that wait get their turn
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    const int descriptor =
        ::accept4(listener_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor >= 0) {
      admit(descriptor, peer, length);
      continue;
    }
    if (errno == ECONNABORTED || errno == EINTR) continue;
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return;
    // Out of descriptors: the listener stays readable, so something must go or this thread would spin.
    const std::scoped_lock lock(mutex_);
    if (!evict_oldest_silent()) {
      ::usleep(10'000);
      return;
    }
  }
}

void Lobby::admit(int descriptor, const sockaddr_storage& peer, socklen_t length) {
  const std::string address = counted_as(peer);
  const std::scoped_lock lock(mutex_);
  forget(descriptor);  // who had this number is gone, also when nobody told: its handshake never began
  const auto strangers = strangers_.find(address);
  const bool too_many = strangers != strangers_.end() && strangers->second >= limits_.waiting_per_address;
  if (too_many || (stranger_count_ >= limits_.waiting && !evict_oldest_silent())) {
    count(Cause::kCrowded);
    ::close(descriptor);
    return;
  }
  const Serial serial = next_++;
  Connection& connection = connections_[serial];
  connection.descriptor = descriptor;
  connection.peer = peer;
  connection.peer_length = length;
  connection.address = address;
  connection.deadline = now() + limits_.request;
  ++strangers_[address];
  ++stranger_count_;
  // Edge-triggered: a byte at a time wakes us once a byte, not all the time. Data that came before is told too.
  if (!watch(poll_, descriptor, EPOLLIN | EPOLLRDHUP | EPOLLET, serial))
    drop(connections_.find(serial), Cause::kCrowded);
}

void Lobby::look_at(Serial serial, bool at_end) {
  const std::scoped_lock lock(mutex_);
  const auto found = connections_.find(serial);
  if (found == connections_.end() || found->second.phase != Phase::kSilent) return;
  Connection& connection = found->second;
  std::array<unsigned char, kRecordHeader> head{};
  // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection): MSG_DONTWAIT does not block
  const ssize_t seen = ::recv(connection.descriptor, head.data(), head.size(), MSG_PEEK | MSG_DONTWAIT);
  if (seen < 0 && (errno == EAGAIN || errno == EINTR)) return;
  int available = 0;
  if (seen <= 0 || ::ioctl(connection.descriptor, FIONREAD, &available) != 0) return drop(found, Cause::kLeft);
  switch (judge_hello(head.data(), static_cast<std::size_t>(seen), static_cast<std::size_t>(available))) {
    case Hello::kPartial:
      if (at_end) drop(found, Cause::kLeft);  // the rest never comes
      return;
    case Hello::kForeign: return drop(found, Cause::kForeign);
    case Hello::kWhole: break;
  }
  ::epoll_ctl(poll_, EPOLL_CTL_DEL, connection.descriptor, nullptr);
  connection.phase = Phase::kReady;
  ready_.push_back(serial);
  let_in();
}

// Rings the door for as many as may be in their handshake at once. Callers hold the lock.
void Lobby::let_in() {
  while (tickets_ < ready_.size() && tickets_ + handshakes_ < limits_.handshakes) {
    ++tickets_;
    static_cast<void>(::eventfd_write(door_, 1));
  }
}

int Lobby::take(sockaddr* address, socklen_t* length) {
  eventfd_t ticket = 0;
  if (stopping_.load()) {  // the door stays readable, so that CivetWeb's master thread sees at once that it is to end
    errno = EAGAIN;
    return -1;
  }
  if (::eventfd_read(door_, &ticket) != 0) return -1;  // EAGAIN
  const std::scoped_lock lock(mutex_);
  if (tickets_ > 0) --tickets_;  // stop() rings once besides
  while (!ready_.empty()) {
    const Serial serial = ready_.front();
    ready_.pop_front();
    const auto found = connections_.find(serial);
    if (found == connections_.end()) continue;  // its time was up
    Connection& connection = found->second;
    connection.phase = Phase::kHandshake;
    connection.begun = now();
    ++handshakes_;
    taken_[connection.descriptor] = serial;
    std::memcpy(address, &connection.peer, std::min(*length, connection.peer_length));
    *length = connection.peer_length;
    return connection.descriptor;
  }
  errno = EAGAIN;
  return -1;
}

// Closes a connection that CivetWeb never had. Callers hold the lock.
void Lobby::drop(Connections::iterator connection, Cause cause) {
  ::close(connection->second.descriptor);
  count_down(strangers_, connection->second.address);
  --stranger_count_;
  connections_.erase(connection);
  count(cause);
}

bool Lobby::evict_oldest_silent() {
  const auto oldest =
      std::ranges::find_if(connections_, [](const auto& entry) { return entry.second.phase == Phase::kSilent; });
  if (oldest == connections_.end()) return false;
  drop(oldest, Cause::kEvicted);
  return true;
}

void Lobby::end_late(base::Duration at) {
  const std::scoped_lock lock(mutex_);
  for (auto entry = connections_.begin(); entry != connections_.end();) {
    const auto next = std::next(entry);
    Connection& connection = entry->second;
    if (connection.deadline != base::Duration::zero() && at >= connection.deadline) {
      if (connection.phase == Phase::kSilent || connection.phase == Phase::kReady) {
        drop(entry, Cause::kLate);
      } else {
        connection.cause = Cause::kLate;
        ::shutdown(connection.descriptor, SHUT_RDWR);  // CivetWeb closes it; closed() tells us before it does
      }
    }
    entry = next;
  }
  end_slow_handshakes(at);
}

// While others wait to begin theirs, a handshake has a fifth of its time: else a few who never end theirs would keep
// everybody out. Callers hold the lock.
void Lobby::end_slow_handshakes(base::Duration at) {
  if (handshakes_ < limits_.handshakes) return;
  std::size_t wanted = ready_.size();
  for (auto& [serial, connection] : connections_) {
    if (wanted == 0) return;
    const bool slow = connection.phase == Phase::kHandshake && at - connection.begun >= limits_.request / 5;
    if (!slow || connection.cause != Cause::kHandshake) continue;
    connection.cause = Cause::kEvicted;
    ::shutdown(connection.descriptor, SHUT_RDWR);
    --wanted;
  }
}

Lobby::Connections::iterator Lobby::find(ConnectionKey key) {
  const auto found = taken_.find(key);
  return found == taken_.end() ? connections_.end() : connections_.find(found->second);
}

// Its address and a thread are free again. Callers hold the lock.
void Lobby::end_handshake(Connection& connection) {
  connection.phase = Phase::kOpen;
  count_down(strangers_, connection.address);
  --stranger_count_;
  --handshakes_;
  let_in();
}

void Lobby::established(ConnectionKey key, const std::string& certificate) {
  const std::scoped_lock lock(mutex_);
  const auto found = find(key);
  if (found == connections_.end() || found->second.phase != Phase::kHandshake) return;
  Connection& connection = found->second;
  end_handshake(connection);
  const auto counted = certificates_.find(certificate);
  const bool full = counted != certificates_.end() && counted->second >= limits_.per_principal;
  if (!full && !certificate.empty()) {
    ++certificates_[certificate];
    connection.certificate = certificate;
    return;
  }
  connection.refused = true;
  count(Cause::kCertificate);
  ::shutdown(connection.descriptor, SHUT_RD);  // what was sent before may still be read, and is refused
}

void Lobby::request_read(ConnectionKey key) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = find(key); found != connections_.end()) found->second.deadline = base::Duration::zero();
}

void Lobby::request_done(ConnectionKey key) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = find(key); found != connections_.end()) found->second.deadline = now() + limits_.idle;
}

bool Lobby::claim(ConnectionKey key, const std::string& principal) {
  const std::scoped_lock lock(mutex_);
  const auto found = find(key);
  if (found != connections_.end() && found->second.refused) return false;
  if (found == connections_.end() || found->second.principal == principal) return true;
  std::size_t& count = principals_[principal];
  if (count >= limits_.per_principal) return false;
  ++count;
  found->second.principal = principal;
  return true;
}

void Lobby::closed(ConnectionKey key) {
  const std::scoped_lock lock(mutex_);
  forget(key);
}

// Callers hold the lock.
void Lobby::forget(ConnectionKey key) {
  const auto found = find(key);
  if (found == connections_.end()) return;
  if (found->second.phase == Phase::kHandshake) {
    count(found->second.cause);
    end_handshake(found->second);
  }
  if (!found->second.certificate.empty()) count_down(certificates_, found->second.certificate);
  if (!found->second.principal.empty()) count_down(principals_, found->second.principal);
  connections_.erase(found);
  taken_.erase(key);
}

Lobby::Refused Lobby::refused_by_cause() const {
  Refused all{};
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = refused_[i].load(std::memory_order_relaxed);
  return all;
}

std::uint64_t Lobby::refused() const {
  const Refused all = refused_by_cause();
  return std::accumulate(all.begin(), all.end(), std::uint64_t{0});
}

std::size_t Lobby::waiting() const {
  const std::scoped_lock lock(mutex_);
  return stranger_count_;
}

}  // namespace stargraph::serve

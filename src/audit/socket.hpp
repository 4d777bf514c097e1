// One SOCK_SEQPACKET descriptor: whole packets in, whole packets out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "stargraph/base/descriptor.hpp"
#include "stargraph/base/result.hpp"
#include "stargraph/base/time.hpp"

namespace stargraph::audit {

// Owns the descriptor, which it makes non-blocking.
class PacketSocket {
 public:
  explicit PacketSocket(int descriptor);
  PacketSocket(PacketSocket&& other) noexcept;
  PacketSocket& operator=(PacketSocket&& other) noexcept;
  ~PacketSocket();

  [[nodiscard]] static base::Result<PacketSocket> connect(const std::string& path, base::Duration timeout);

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] int release() { return std::exchange(descriptor_, -1); }
  // kTimedOut when there was no room for it in time; kAuditUnavailable when the other side is gone.
  [[nodiscard]] base::Result<> send(std::string_view packet, base::Duration timeout);
  // The same with a descriptor of ours, which the other side gets a copy of.
  [[nodiscard]] base::Result<> send_with(std::string_view packet, int descriptor, base::Duration timeout);
  // Nothing when no packet is there. kAuditUnavailable at the end, kTooLarge for one over `max_bytes`.
  [[nodiscard]] base::Result<std::optional<std::string>> receive(std::size_t max_bytes);
  // The same, and the descriptor that came with the packet. Without this call descriptors that come are dropped.
  [[nodiscard]] base::Result<std::optional<std::string>> receive_with(std::size_t max_bytes, base::Descriptor& came);
  // Until something is there to receive, or the end of the connection; false after `timeout`.
  [[nodiscard]] bool wait_readable(base::Duration timeout) const;

 private:
  int descriptor_ = -1;
  std::string buffer_;
};

}  // namespace stargraph::audit

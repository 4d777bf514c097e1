#include "audit/peer.hpp"

#include <sys/socket.h>

#include <array>

namespace stargraph::audit {

std::optional<std::uint32_t> peer_uid(int descriptor) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return credentials.uid;
}

std::string peer_label(int descriptor) {
  std::array<char, 1024> label{};
  socklen_t size = label.size();
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERSEC, label.data(), &size) != 0) return {};
  const std::string_view text(label.data(), size);
  return std::string(text.substr(0, text.find('\0')));
}

bool label_fits(std::string_view label, std::string_view wanted) {
  if (wanted.empty() || label.empty()) return false;
  if (wanted.find(':') != std::string_view::npos) return label == wanted;
  // user:role:type:level, where the level may hold further colons.
  const std::size_t role = label.find(':');
  const std::size_t type = role == std::string_view::npos ? role : label.find(':', role + 1);
  if (type == std::string_view::npos) return false;
  const std::string_view rest = label.substr(type + 1);
  return rest.substr(0, rest.find(':')) == wanted;
}

}  // namespace stargraph::audit

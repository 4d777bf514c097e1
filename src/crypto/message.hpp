// What is signed: domain || 0x00 || bytes.
#pragma once

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/check.hpp"

namespace stargraph::crypto {

[[nodiscard]] inline base::Bytes message_of(std::string_view domain, base::BytesView bytes) {
  SG_CHECK(!domain.empty() && domain.find('\0') == std::string_view::npos);
  base::Bytes message = base::to_bytes(domain);
  message.reserve(domain.size() + 1 + bytes.size());
  message.push_back(std::byte{0});
  message.insert(message.end(), bytes.begin(), bytes.end());
  return message;
}

}  // namespace stargraph::crypto

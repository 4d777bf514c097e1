// Bytes and keys the crypto tests share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/bytes.hpp"
#include "stargraph/crypto/signature.hpp"
#include "support/command.hpp"

namespace stargraph::crypto {

inline base::Bytes unhex(std::string_view hex) { return base::from_hex(hex).value(); }

inline constexpr std::string_view kEd25519SpkiHead = "302a300506032b6570032100";

inline base::Bytes ed25519_spki(std::string_view point_hex) {
  return unhex(std::string(kEd25519SpkiHead) + std::string(point_hex));
}

inline Secret secret(std::string_view text) { return Secret::copy(base::as_bytes(text)); }

// The openssl program, as the other implementation; its failure is the test's.
inline std::string openssl(std::vector<std::string> arguments, std::string input = {}) {
  arguments.insert(arguments.begin(), "openssl");
  const auto result = test::run_command(arguments, {.input = std::move(input), .directory = {}, .environment = {}});
  EXPECT_EQ(result.exit_code, 0) << arguments.at(1) << ": " << result.err;
  return result.out;
}

template <class T>
base::Code code_of(const base::Result<T>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? base::Code::kInternal : result.error().code;
}

}  // namespace stargraph::crypto

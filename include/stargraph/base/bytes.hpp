// Bytes and their text forms: hex, base64 (RFC 4648), base64url without padding, UTF-8 check.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/result.hpp"

namespace stargraph::base {

using Bytes = std::vector<std::byte>;
using BytesView = std::span<const std::byte>;

// Views of the same memory; the argument must outlive the result.
[[nodiscard]] BytesView as_bytes(std::string_view text);
[[nodiscard]] std::string_view as_text(BytesView bytes);
[[nodiscard]] Bytes to_bytes(std::string_view text);
[[nodiscard]] std::string to_text(BytesView bytes);

[[nodiscard]] std::string to_hex(BytesView bytes);  // lower case
// Even length, [0-9a-fA-F] only; else kMalformed.
[[nodiscard]] Result<Bytes> from_hex(std::string_view hex);
[[nodiscard]] std::string to_base64(BytesView bytes);  // with padding
// Strict: padding required, no white space, unused bits zero; else kMalformed.
[[nodiscard]] Result<Bytes> from_base64(std::string_view text);
[[nodiscard]] std::string to_base64url(BytesView bytes);  // no padding
[[nodiscard]] Result<Bytes> from_base64url(std::string_view text);

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text);

// Big-endian integers, as in docs/formats/pack.md.
void append_u32_be(Bytes& out, std::uint32_t value);
void append_u64_be(Bytes& out, std::uint64_t value);
[[nodiscard]] std::uint32_t read_u32_be(BytesView four_bytes);  // takes the first four
[[nodiscard]] std::uint64_t read_u64_be(BytesView eight_bytes);

}  // namespace stargraph::base

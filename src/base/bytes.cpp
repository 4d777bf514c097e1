#include "stargraph/base/bytes.hpp"

#include <array>
#include <cstring>

#include "stargraph/base/check.hpp"

namespace stargraph::base {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string encode_base64(BytesView bytes, std::string_view alphabet, bool padding) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (const std::byte byte : bytes) {
    bits = (bits << 8) | std::to_integer<std::uint32_t>(byte);
    count += 8;
    while (count >= 6) {
      count -= 6;
      out.push_back(alphabet[(bits >> count) & 0x3F]);
    }
  }
  if (count > 0) out.push_back(alphabet[(bits << (6 - count)) & 0x3F]);
  while (padding && out.size() % 4 != 0) out.push_back('=');
  return out;
}

Result<Bytes> decode_base64(std::string_view text, std::string_view alphabet, bool padding) {
  if (padding) {
    if (text.size() % 4 != 0) return fail(Code::kMalformed, "base64: length: not a multiple of four");
    for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return fail(Code::kMalformed, "base64: length: impossible");
  Bytes out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::size_t value = alphabet.find(c);
    if (value == std::string_view::npos) return fail(Code::kMalformed, "base64: character: not in the alphabet");
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<std::byte>((bits >> count) & 0xFF));
    }
  }
  const std::uint32_t unused = (1U << count) - 1U;
  if ((bits & unused) != 0) return fail(Code::kMalformed, "base64: unused bits: not zero");
  return out;
}

// How many bytes at the front are ASCII, in whole words of eight: most text is, and this is asked often.
std::size_t ascii_words(std::string_view text) {
  std::size_t i = 0;
  for (std::uint64_t word = 0; text.size() - i >= sizeof word; i += sizeof word) {
    std::memcpy(&word, text.data() + i, sizeof word);
    if ((word & 0x8080808080808080U) != 0) break;
  }
  return i;
}

}  // namespace

BytesView as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

std::string_view as_text(BytesView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

Bytes to_bytes(std::string_view text) {
  const BytesView view = as_bytes(text);
  return {view.begin(), view.end()};
}

std::string to_text(BytesView bytes) { return std::string(as_text(bytes)); }

std::string to_hex(BytesView bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    const auto value = std::to_integer<unsigned>(byte);
    out.push_back(kHexDigits[value >> 4]);
    out.push_back(kHexDigits[value & 0x0F]);
  }
  return out;
}

Result<Bytes> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return fail(Code::kMalformed, "hex: length: odd");
  Bytes out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = hex_value(hex[i]);
    const int low = hex_value(hex[i + 1]);
    if (high < 0 || low < 0) return fail(Code::kMalformed, "hex: character: not a hex digit");
    out.push_back(static_cast<std::byte>(high * 16 + low));
  }
  return out;
}

std::string to_base64(BytesView bytes) { return encode_base64(bytes, kBase64, true); }
Result<Bytes> from_base64(std::string_view text) { return decode_base64(text, kBase64, true); }
std::string to_base64url(BytesView bytes) { return encode_base64(bytes, kBase64Url, false); }
Result<Bytes> from_base64url(std::string_view text) { return decode_base64(text, kBase64Url, false); }

bool is_utf8(std::string_view text) {
  const auto byte_at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t i = 0;
  while (i < text.size()) {
    i += ascii_words(text.substr(i));
    if (i == text.size()) return true;
    const unsigned lead = byte_at(i);
    std::size_t more = 0;
    unsigned low = 0x80;  // range of the second byte; narrower after some leads (RFC 3629 section 4)
    unsigned high = 0xBF;
    if (lead <= 0x7F) {
      more = 0;
    } else if (lead >= 0xC2 && lead <= 0xDF) {
      more = 1;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      more = 2;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      more = 3;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    } else {
      return false;
    }
    if (more > text.size() - i - 1) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      const unsigned next = byte_at(i + k);
      if (next < (k == 1 ? low : 0x80U) || next > (k == 1 ? high : 0xBFU)) return false;
    }
    i += more + 1;
  }
  return true;
}

void append_u32_be(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>((value >> shift) & 0xFF));
}

void append_u64_be(Bytes& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>((value >> shift) & 0xFF));
}

std::uint32_t read_u32_be(BytesView four_bytes) {
  SG_CHECK(four_bytes.size() >= 4);
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = (value << 8) | std::to_integer<std::uint32_t>(four_bytes[i]);
  return value;
}

std::uint64_t read_u64_be(BytesView eight_bytes) {
  SG_CHECK(eight_bytes.size() >= 8);
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = (value << 8) | std::to_integer<std::uint64_t>(eight_bytes[i]);
  return value;
}

}  // namespace stargraph::base

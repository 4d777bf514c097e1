#include "columns.hpp"

#include "stargraph/json/parse.hpp"

namespace stargraph::engine {

using base::Code;
using base::fail;
using base::Result;

std::optional<std::int64_t> micros(const std::optional<base::Timestamp>& time) {
  if (!time) return std::nullopt;
  return base::to_micros(*time);
}

std::optional<base::Timestamp> time_of(const std::optional<std::int64_t>& number) {
  if (!number) return std::nullopt;
  return base::from_micros(*number);
}

std::int64_t held_by(std::size_t text_bytes) { return kRowBytes + static_cast<std::int64_t>(text_bytes); }

// Larger and deeper than what we take from outside.
Result<json::Value> stored_json(const std::string& text) {
  json::ParseLimits limits;
  limits.max_bytes = std::size_t{64} << 20;
  limits.max_depth = 64;
  auto value = json::parse(text, limits);
  if (!value) return fail(Code::kInternal, "database: stored JSON: " + value.error().message);
  return value;
}

Result<json::Object> stored_object(const std::string& text) {
  SG_TRY(json::Value value, stored_json(text));
  if (value.object() == nullptr) return fail(Code::kInternal, "database: stored JSON: not an object");
  return std::move(*value.object());
}

Result<crypto::Digest> stored_digest(const std::string& hex) {
  auto digest = crypto::Digest::from_hex(hex);
  if (!digest) return fail(Code::kInternal, "database: stored digest: malformed");
  return digest;
}

Result<std::vector<RunKey>> keys(store::Statement& rows) {
  std::vector<RunKey> out;
  while (true) {
    SG_TRY(const bool more, rows.step());
    if (!more) return out;
    out.emplace_back(base::TenantId(rows.text(0)), base::RunId(rows.text(1)));
  }
}

std::string places(int first, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "?" : ",?") + std::to_string(first + static_cast<int>(i));
  return out;
}

}  // namespace stargraph::engine

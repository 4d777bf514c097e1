// Any bytes as a line of the audit log, a record and a packet. What a decoder takes, its encoder writes byte for
// byte; nothing it takes holds a line's end.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "audit/line_scan.hpp"
#include "stargraph/audit/packet.hpp"
#include "stargraph/base/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace audit = stargraph::audit;
  const std::string_view text = stargraph::base::as_text(std::as_bytes(std::span(data, size)));
  if (auto entry = audit::decode_entry(text)) {
    SG_CHECK(text.find('\n') == std::string_view::npos);
    const bool is_signed = entry->signature.has_value();
    const auto line = audit::encode_entry(*entry);
    SG_CHECK(line.has_value());
    SG_CHECK(is_signed ? text.starts_with(*line) : text == *line);
  }
  // The plain case takes no more than the decoder does, and as the same entry.
  if (const auto scanned = audit::scan_line(text)) {
    const auto decoded = audit::decode_entry(text);
    SG_CHECK(decoded.has_value() && scanned->seq == decoded->seq && scanned->event.name == decoded->event.name);
    SG_CHECK(scanned->entry_hash == decoded->entry_hash && scanned->event.tenant == decoded->event.tenant);
  }
  if (const auto record = audit::decode_record(text)) SG_CHECK(*audit::encode_record(*record) == text);
  if (const auto receipt = audit::decode_receipt(text)) SG_CHECK(audit::encode_receipt(*receipt) == text);
  static_cast<void>(audit::decode_hello(text));
  static_cast<void>(audit::decode_submission(text));
  return 0;
}

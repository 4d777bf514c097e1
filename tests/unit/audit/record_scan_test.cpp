// scan_record takes nothing that decode_record refuses, and both ways into the log write the same line.
#include "audit/event_fields.hpp"
#include "audit/line_scan.hpp"
#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit {
namespace {

using test::make_event;
using test::make_record;

std::vector<std::string> samples() {
  std::vector<std::string> texts;
  const std::vector<json::Object> data = {
      {},
      {{"status", 200}, {"route", "/v1/runs/{id}"}, {"ok", true}, {"none", nullptr}},
      {{"text", "with \"quotes\", \\ and \n newline"}, {"utf8", "é中"}, {"minus", -7}, {"zero", 0}},
      {{"list", json::Array{1, "two", json::Object{{"three", json::Array{}}}}}},
      {{"control", std::string("\x01")}, {"wide", json::kMaxInteger}},
      {{"data", "\",\"run_id\":null,\"source_seq\":9,\"tenant\":\"lab\""}},
  };
  std::int64_t number = 0;
  for (const json::Object& one : data) {
    ++number;
    Record record = make_record(number, make_event(EventName::kRequest, number % 2 == 0 ? "lab" : "soc", one));
    if (number % 3 == 0) record.event.run.reset();
    texts.push_back(*encode_record(record));
  }
  return texts;
}

void expect_same(const ScannedRecord& scanned, const Record& decoded) {
  EXPECT_EQ(scanned.head, encode_head_fields(decoded.event));
  EXPECT_EQ(record_identity_after(std::string(scanned.head), scanned.record.event), record_identity(decoded.event));
  EXPECT_EQ(scanned.record.event.name, decoded.event.name);
  EXPECT_EQ(scanned.record.event.tenant, decoded.event.tenant);
  EXPECT_EQ(scanned.record.event.run, decoded.event.run);
  EXPECT_EQ(scanned.record.source_seq, decoded.source_seq);
  EXPECT_EQ(scanned.record.time, decoded.time);
}

TEST(RecordScan, TakesThePlainOnesAsTheyAre) {
  int taken = 0;
  for (const std::string& text : samples()) {
    const auto scanned = scan_record(text);
    if (!scanned) continue;
    ++taken;
    expect_same(*scanned, *decode_record(text));
  }
  EXPECT_EQ(taken, 5) << "all but the one that needs a \\u escape and the widest integer";
}

TEST(RecordScan, RC_T_AUDIT_TakesNoChangedTextThatTheDecoderRefuses) {
  constexpr std::string_view kBytes("\"\\{}[],:0-19ax \n\x00\x7f\xc3\xff", 20);
  int tried = 0;
  for (const std::string& text : samples()) {
    for (std::size_t at = 0; at < text.size(); ++at) {
      for (const char byte : kBytes) {
        for (const bool insert : {true, false}) {
          std::string changed = text;
          if (insert) {
            changed.insert(at, 1, byte);
          } else {
            changed[at] = byte;
          }
          const auto scanned = scan_record(changed);
          ++tried;
          if (!scanned) continue;
          const auto decoded = decode_record(changed);
          ASSERT_TRUE(decoded.has_value()) << changed;
          expect_same(*scanned, *decoded);
        }
      }
    }
    for (std::size_t size = 0; size < text.size(); ++size) EXPECT_FALSE(scan_record(text.substr(0, size)).has_value());
  }
  EXPECT_GT(tried, 40'000);
}

TEST(RecordScan, BothWaysWriteTheSameLog) {
  test::Log as_text;
  test::Log as_values;
  auto one = as_text.open();
  auto two = as_values.open();
  for (const std::string& text : samples()) {
    const auto first = (*one)->append_text(Source::kDaemon, text);
    const auto second = (*two)->append(Source::kDaemon, *decode_record(text));
    ASSERT_TRUE(first.has_value() && second.has_value());
    EXPECT_EQ(decode_entry(first->line)->event.data, decode_entry(second->line)->event.data);
    // Each knows the other's act again.
    EXPECT_TRUE((*one)->append(Source::kDaemon, *decode_record(text))->repeat);
    EXPECT_TRUE((*two)->append_text(Source::kDaemon, text)->repeat);
  }
  ASSERT_TRUE((*one)->stop().has_value());
  EXPECT_TRUE(test::verify_text(as_text.segment()).good());
  EXPECT_EQ((*one)->append_text(Source::kDaemon, "{}").error().code, decode_record("{}").error().code);
}

}  // namespace
}  // namespace stargraph::audit

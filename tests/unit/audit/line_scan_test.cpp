// The plain case of decode_entry must never say more than decode_entry: every line it takes, that one takes, as the
// same entry.
#include "audit/line_scan.hpp"

#include "stargraph/json/write.hpp"
#include "unit/audit/saved_log.hpp"

namespace stargraph::audit {
namespace {

using test::rehashed;

void expect_same(const Entry& scanned, const Entry& decoded, std::string_view line) {
  Entry with_data = scanned;
  with_data.event.data = decoded.event.data;
  const auto written = encode_entry(with_data);
  ASSERT_TRUE(written.has_value()) << line;
  EXPECT_EQ(*written, line);
  EXPECT_EQ(with_data.entry_hash, decoded.entry_hash);
  EXPECT_TRUE(scanned.event.data.empty());
  EXPECT_EQ(scanned.source, decoded.source);
}

// Whether the scan took it.
bool hold_together(std::string_view line) {
  const auto scanned = scan_line(line);
  if (!scanned) return false;
  const auto decoded = decode_entry(line);
  EXPECT_TRUE(decoded.has_value()) << line;
  if (decoded) expect_same(*scanned, *decoded, line);
  return true;
}

TEST(LineScan, TakesWhatTheDaemonWritesAndLeavesTheRest) {
  test::SavedLog log(60);
  std::size_t taken = 0;
  for (const std::string& line : log.lines()) {
    const bool daemons = line.find("\"source\":\"stargraphd\"") != std::string::npos;
    EXPECT_EQ(hold_together(line), daemons) << line;
    taken += daemons ? 1U : 0U;
  }
  EXPECT_EQ(taken, 60U);
}

TEST(LineScan, RC_T_AUDIT_TakesNoChangedLine) {
  test::SavedLog log(40);
  std::size_t tried = 0;
  for (const std::string& line : log.lines()) {
    if (line.find("\"source\":\"stargraphd\"") == std::string::npos) continue;
    for (std::size_t i = 0; i < line.size(); ++i, ++tried) {
      std::string changed = line;
      changed[i] = static_cast<char>(changed[i] ^ 0x01);
      EXPECT_FALSE(scan_line(changed).has_value()) << i << " " << changed;
    }
    EXPECT_FALSE(scan_line(line.substr(0, line.size() - 1)).has_value());
    EXPECT_FALSE(scan_line(line + " ").has_value());
  }
  EXPECT_GT(tried, 20'000U);
}

// The hash is no secret: whoever changes a line makes it right again, so form alone has to hold.
TEST(LineScan, RC_T_AUDIT_WithItsHashMadeRightAChangedLineIsTakenOnlyWhereTheDecoderTakesIt) {
  test::SavedLog log(3);
  constexpr std::string_view kBytes = "\"\\{}[]:,0-9az \x1f\x7f\xc3\xff.uTZ";
  std::size_t taken = 0;
  std::size_t tried = 0;
  for (const std::string& line : log.lines()) {
    const std::size_t body = line.rfind(",\"entry_hash\"");
    if (line.find("\"source\":\"stargraphd\"") == std::string::npos) continue;
    for (std::size_t i = 0; i < body; i += 2) {
      for (const char byte : kBytes) {
        std::string replaced = line;
        replaced[i] = byte;
        std::string inserted = line;
        inserted.insert(i, 1, byte);
        taken += hold_together(rehashed(replaced)) ? 1U : 0U;
        taken += hold_together(rehashed(inserted)) ? 1U : 0U;
        tried += 2;
      }
      std::string removed = line;
      removed.erase(i, 1);
      taken += hold_together(rehashed(removed)) ? 1U : 0U;
    }
  }
  EXPECT_GT(tried, 30'000U);
  EXPECT_GT(taken, 500U);  // other actors, numbers, texts: lines in good form
}

TEST(LineScan, RC_T_AUDIT_LeavesFormsThatAreNotCanonical) {
  test::SavedLog log(12);
  std::string line;
  for (const std::string& each : log.lines()) {
    if (scan_line(each)) line = each;
  }
  const std::size_t begin = line.find("\"data\":") + 7;
  const std::size_t end = line.find(",\"event\":");
  const auto with = [&](std::string_view data) {
    std::string changed = line;
    changed.replace(begin, end - begin, data);
    return rehashed(changed);
  };
  for (const std::string_view data : {R"({"a":1})", R"({"a":[],"b":{}})", R"({"a":"\n\t\"\\"})", R"({"a":-1,"b":0})",
                                      R"({})", R"({"a":{"b":{"c":[[[[[[[[[]]]]]]]]]}}})", "{\"a\":\"\x7f\u2028\"}"}) {
    EXPECT_TRUE(hold_together(with(data))) << data;
  }
  for (const std::string_view data : {R"({"b":1,"a":1})",
                                      R"({"a":1,"a":1})",
                                      R"({"a":1.5})",
                                      R"({"a":1e3})",
                                      R"({"a":-0})",
                                      R"({"a":01})",
                                      R"({"a": 1})",
                                      R"({"a":"\u0041"})",
                                      R"({"a":"\/"})",
                                      R"({"a":"\u0000"})",
                                      R"({"entry_hash":"x"})",
                                      R"({"a":9007199254740992})",
                                      R"({"":1})",
                                      R"({"ä":1})",
                                      R"({"a":nul})",
                                      R"({"a":1,})",
                                      R"({"a":[1,]})",
                                      R"([])",
                                      "{\"a\":\"\xff\"}",
                                      R"({"a":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]})"}) {
    EXPECT_FALSE(hold_together(with(data))) << data;
  }
}

}  // namespace
}  // namespace stargraph::audit

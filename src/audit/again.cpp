#include "stargraph/audit/again.hpp"

#include "stargraph/audit/writer.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kEnd = ",\"type\":\"again\",\"v\":1}";
constexpr json::ParseLimits kParse{.max_bytes = 256, .max_depth = 2};

// Whether `line` is that entry. `mark` is what every such line holds; it may stand inside another entry's text too, so
// the line is read before it is believed.
bool is_entry(std::string_view line, std::string_view mark, Source source, SourceSeq number) {
  if (line.find(mark) == std::string_view::npos) return false;
  const auto entry = decode_entry(line);
  return entry && entry->source == source && entry->source_seq == number;
}

// The line in one segment; empty when it is not there.
Result<std::string> find_in(const base::Path& path, std::string_view mark, Source source, SourceSeq number) {
  SG_TRY(LineReader lines, LineReader::open(path));
  while (true) {
    std::string_view line;
    SG_TRY(const LineReader::What what, lines.next(line));
    if (what != LineReader::What::kLine) return std::string();
    if (is_entry(line, mark, source, number)) return std::string(line);
  }
}

}  // namespace

std::string encode_again(SourceSeq number) {
  return json::canonical(json::Object{{"source_seq", number.value()}, {"type", "again"}, {"v", 1}});
}

bool is_again(std::string_view packet) { return packet.ends_with(kEnd); }

Result<SourceSeq> decode_again(std::string_view packet) {
  SG_TRY(const json::Value value, json::parse(packet, kParse));
  json::Reader in(value, "audit: again");
  const SourceSeq number(in.integer("source_seq", 0, json::kMaxInteger));
  if (in.text("type") != "again") in.refuse("type", Code::kMalformed, "not the packet expected here");
  if (in.integer("v", 1, 1) != 1) in.refuse("v", Code::kUnsupportedVersion, "not 1");
  SG_TRY(in.finish());
  return number;
}

// From the newest segment backwards: what is asked for was made a moment ago, as a rule. One that was archived is gone.
Result<std::string> Writer::line_of(Source source, SourceSeq number) const {
  if (number > chain_.last_of(source))
    return fail(Code::kNotFound, "audit: an entry that is asked for again never was");
  const std::string mark =
      R"("source":")" + std::string(source_name(source)) + R"(","source_seq":)" + std::to_string(number.value()) + ",";
  for (std::string_view rest = pending_; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    if (is_entry(rest.substr(0, end), mark, source, number)) return std::string(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  for (std::uint32_t segment = segment_->number(); segment > 0; --segment) {
    auto line = find_in(options_.log_directory / segment_name(segment), mark, source, number);
    if (!line && line.error().code == Code::kNotFound) break;
    if (!line || !line->empty()) return line;
  }
  return fail(Code::kNotFound, "audit: an entry that is asked for again is not on this disk any more");
}

}  // namespace stargraph::audit

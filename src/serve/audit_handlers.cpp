// The audit log over HTTP: a tenant's own entries for its auditor, whole segments for the site's, checkpoints and
// proofs for both. What is shown is verbatim; a proof is worth what the checkpoint it is held against is worth.
#include <algorithm>
#include <charconv>

#include "serve/api.hpp"
#include "stargraph/audit/segment.hpp"

namespace stargraph::serve {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::int64_t kMaxLines = 1000;
constexpr std::int64_t kUsualLines = 100;
constexpr std::int64_t kMaxSegments = 1000;
constexpr std::string_view kLinesType = "application/jsonl";

Result<std::uint32_t> segment_of(const Request& request) {
  const std::string& text = request.parameter("segment");
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || std::to_string(number) != text)
    return fail(Code::kNotFound, "request: segment: not a number");
  return number;
}

json::Array hex_of(const std::vector<crypto::Digest>& path) {
  json::Array items;
  for (const crypto::Digest& node : path) items.emplace_back(node.hex());
  return items;
}

// The size to prove for: the one that was asked for, or what the last checkpoint covers.
Result<std::uint64_t> size_or_checkpoint(const LogView& log, const std::optional<std::int64_t>& asked) {
  if (asked) return static_cast<std::uint64_t>(*asked);
  SG_TRY(const LogView::Checkpoint last, log.last_checkpoint());
  return last.size;
}

// Names of the two numbers that a proof is asked for with, in query and reply.
struct ProofOf {
  const char* first;
  const char* size;
  const char* too_young;
};

template <class Path>
Result<Response> prove(Api& api, const Request& request, const ProofOf& of, const Path& path_of) {
  Query query = request.query;
  const auto first = query.integer(of.first, 1, json::kMaxInteger);
  const auto asked = query.integer(of.size, 1, json::kMaxInteger);
  SG_TRY(query.finish());
  if (!first) return fail(Code::kBadRequest, std::string("query: ") + of.first + ": missing");
  const Api::LogReader reader(api);
  SG_TRY(reader.check());
  SG_TRY(const std::uint64_t size, size_or_checkpoint(api.log(), asked));
  if (static_cast<std::uint64_t>(*first) > size) return fail(Code::kNotFound, of.too_young);
  SG_TRY(const auto path, path_of(static_cast<std::uint64_t>(*first), size));
  return json_response(
      200, json::Object{{of.first, *first}, {of.size, static_cast<std::int64_t>(size)}, {"path", hex_of(path)}});
}

}  // namespace

Result<Response> get_audit_segments(Api& api, const Request& request) {
  Query query = request.query;
  const audit::LogShape shape = api.log().shape();
  const auto from = query.integer("from", 1, UINT32_MAX).value_or(shape.first_segment);
  const std::int64_t limit = query.integer("limit", 1, kMaxSegments).value_or(kMaxSegments);
  SG_TRY(query.finish());
  json::Array items;
  const std::int64_t first = std::max<std::int64_t>(from, shape.first_segment);
  const std::int64_t last = std::min<std::int64_t>(shape.last_segment, first + limit - 1);
  for (std::int64_t number = first; number <= last; ++number)
    items.emplace_back(json::Object{{"segment", number},
                                    {"name", audit::segment_name(static_cast<std::uint32_t>(number))},
                                    {"closed", number < shape.last_segment}});
  return json_response(200, json::Object{{"items", std::move(items)},
                                         {"first_segment", std::int64_t{shape.first_segment}},
                                         {"last_segment", std::int64_t{shape.last_segment}},
                                         {"entries", shape.seq.value()},
                                         {"next", last < shape.last_segment ? json::Value(last + 1) : json::Value()}});
}

Result<Response> get_audit_segment(Api& api, const Request& request) {
  Query query = request.query;
  constexpr auto kMost = static_cast<std::int64_t>(LogView::kPageBytes);
  const std::int64_t offset = query.integer("offset", 0, json::kMaxInteger).value_or(0);
  const std::int64_t limit = query.integer("limit", 1, kMost).value_or(kMost);
  SG_TRY(query.finish());
  SG_TRY(const std::uint32_t number, segment_of(request));
  const Api::LogReader reader(api);
  SG_TRY(reader.check());
  SG_TRY(LogView::Page page,
         api.log().page(number, static_cast<std::uint64_t>(offset), static_cast<std::size_t>(limit)));
  Response response;
  response.body = std::move(page.bytes);
  response.content_type = kLinesType;
  response.total_bytes = static_cast<std::int64_t>(page.total);
  return response;
}

Result<Response> get_audit_entries(Api& api, const Request& request) {
  Query query = request.query;
  const std::int64_t after = query.integer("after", 0, json::kMaxInteger).value_or(0);
  const std::int64_t limit = query.integer("limit", 1, kMaxLines).value_or(kUsualLines);
  const auto cursor = query.text("cursor");
  SG_TRY(query.finish());
  std::optional<LogCursor> from;
  if (cursor) {
    from = cursor_from_text(*cursor);
    if (!from) return fail(Code::kBadRequest, "query: cursor: not one of ours");
  }
  const Api::LogReader reader(api);
  SG_TRY(reader.check());
  SG_TRY(TenantLines found, api.log().tenant_lines(request.principal->tenant, audit::TenantSeq(after),
                                                   static_cast<std::size_t>(limit), from));
  json::Array lines;
  for (std::string& line : found.lines) lines.emplace_back(std::move(line));
  return json_response(200, json::Object{{"tenant", request.principal->tenant.str()},
                                         {"lines", std::move(lines)},
                                         {"after", found.last.value()},
                                         {"cursor", cursor_text(found.next)},
                                         {"more", found.more}});
}

Result<Response> get_audit_checkpoint(Api& api, const Request& request) {
  Query query = request.query;
  SG_TRY(query.finish());
  const Api::LogReader reader(api);
  SG_TRY(reader.check());
  SG_TRY(LogView::Checkpoint last, api.log().last_checkpoint());
  Response response;
  response.body = std::move(last.line) + "\n";
  response.content_type = kLinesType;
  return response;
}

Result<Response> get_audit_proof(Api& api, const Request& request) {
  return prove(api, request, {.first = "seq", .size = "size", .too_young = "request: proof: no such entry yet"},
               [&](std::uint64_t seq, std::uint64_t size) {
                 return api.log().inclusion(audit::LogSeq(static_cast<std::int64_t>(seq)), size);
               });
}

Result<Response> get_audit_consistency(Api& api, const Request& request) {
  return prove(api, request, {.first = "from", .size = "to", .too_young = "request: proof: the log is not so long yet"},
               [&](std::uint64_t from, std::uint64_t to) { return api.log().consistency(from, to); });
}

}  // namespace stargraph::serve

// Requests and replies as handlers see them: parsed, bounded and free of CivetWeb.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stargraph/json/reader.hpp"
#include "stargraph/json/value.hpp"
#include "stargraph/policy/principal.hpp"
#include "stargraph/serve/route.hpp"

namespace stargraph::serve {

inline constexpr std::string_view kJsonType = "application/json";

struct Response {
  int status = 200;
  std::string body;
  std::string_view content_type = kJsonType;
  std::int64_t retry_after = 0;             // seconds; 0: no header
  std::string code;                         // of a refusal, for the audit entry
  std::optional<std::int64_t> total_bytes;  // X-Total-Bytes: of what the body is a page of
};

[[nodiscard]] Response json_response(int status, const json::Value& body);
// {"code","detail","request_id"}; the detail is a fixed text of the code, never a part of the request. What passes by
// itself says when to come back.
[[nodiscard]] Response error_response(base::Code code, const std::string& request_id);
// The same; of kTenantFull the detail is the error's message: figures of the caller's tenant, nothing of the request.
[[nodiscard]] Response error_response(const base::Error& error, const std::string& request_id);
// One sentence for each code that can be answered.
[[nodiscard]] std::string_view detail_text(base::Code code);

// "a=b&c=d" read strictly: each name once, only names that are asked for. Like json::Reader the first error
// sticks: kBadRequest.
class Query {
 public:
  // At most 32 pairs; %XX and nothing else is decoded; valid UTF-8 without control characters.
  [[nodiscard]] static base::Result<Query> parse(std::string_view text);
  [[nodiscard]] std::optional<std::string> text(std::string_view name);
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
  [[nodiscard]] base::Result<> finish();

 private:
  struct Pair {
    std::string name;
    std::string value;
    bool asked = false;
  };
  std::vector<Pair> pairs_;
  bool failed_ = false;
};

struct Request {
  const Route* route = nullptr;
  Parameters parameters;
  Query query;
  json::Value body;                              // an object for POST (an empty body is an empty object)
  std::optional<std::string> idempotency_key;    // the header
  std::shared_ptr<const policy::Gate> gate;      // in force when it is carried out
  const policy::Principal* principal = nullptr;  // of that gate
  std::string request_id;

  [[nodiscard]] const std::string& parameter(std::string_view name) const;  // must be in the pattern
};

}  // namespace stargraph::serve

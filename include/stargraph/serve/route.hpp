// Routes: the one table of what can be asked over HTTP. The router, the audit log, docs/openapi.json and the
// tests read it; a path that is not in it does not exist.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stargraph/base/result.hpp"
#include "stargraph/policy/capability.hpp"

namespace stargraph::serve {

class Api;
struct Request;
struct Response;

enum class Method : std::uint8_t { kGet, kPost };
[[nodiscard]] std::string_view method_name(Method method);

// What a grant's scope is compared with.
enum class Scope : std::uint8_t {
  kNone,   // only a grant without scope counts
  kGraph,  // the graph that the body names
  kRun,    // the graph of the run in the path
  kKinds,  // every worker kind that the body names
};

// Each has a rate of its own (src/serve/rates.hpp); what a read answers may be audited after the reply (`reads:
// relaxed`).
enum class Act : std::uint8_t {
  kRead,
  kChange,
  kSettle,  // a change that keeps or ends what was leased: never starved by leasing
};

struct Route {
  Method method;
  std::string_view pattern;                      // "/v1/runs/{run}/steps"; the name in audit entries
  std::optional<policy::Capability> capability;  // none: any principal
  Scope scope;
  Act act;
  base::Result<Response> (*handler)(Api&, const Request&);
};

[[nodiscard]] std::span<const Route> routes();

using Parameters = std::vector<std::pair<std::string_view, std::string>>;  // name in the pattern, text in the path

struct Match {
  const Route* route = nullptr;
  Parameters parameters;
};
// kNotFound, also for a path with anything but [A-Za-z0-9._-] between its slashes, an empty, "." or ".." part, or more
// than 512 bytes; kMethodNotAllowed when the path is there for another method.
[[nodiscard]] base::Result<Match> match_route(std::string_view method, std::string_view path);

}  // namespace stargraph::serve

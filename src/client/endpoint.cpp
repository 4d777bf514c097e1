#include <cstdlib>

#include "stargraph/client/client.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/yaml/parse.hpp"

namespace stargraph::client {
namespace {

using base::Code;
using base::fail;
using base::Path;
using base::Result;

constexpr std::uint64_t kMaxFileBytes = 64 << 10;

Path from_environment(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets it
  return value == nullptr ? Path() : Path(value);
}

}  // namespace

Result<Endpoint> load_endpoint(base::Env& env, const Path& file) {
  SG_TRY(const base::Bytes bytes, env.read_file(file, kMaxFileBytes));
  auto document = yaml::parse(base::as_text(bytes));
  if (!document) return fail(Code::kConfigInvalid, file.string() + ": " + document.error().message);
  json::Reader in(document->value, file.string());
  Endpoint endpoint;
  endpoint.url = in.text("url", 1, 1024);
  endpoint.certificate = in.text("certificate", 1, 4096);
  endpoint.key = in.text("key", 1, 4096);
  endpoint.ca = in.text("ca", 1, 4096);
  if (auto done = in.finish(); !done) return fail(Code::kConfigInvalid, std::move(done.error().message));
  return endpoint;
}

Path default_endpoint_file() {
  const Path own = "stargraph/client.yaml";
  Path directory = from_environment("XDG_CONFIG_HOME");
  if (directory.empty() && !from_environment("HOME").empty()) directory = from_environment("HOME") / ".config";
  if (std::error_code error; !directory.empty() && std::filesystem::exists(directory / own, error))
    return directory / own;
  return "/etc/stargraph/client.yaml";
}

Result<> check_endpoint(const Endpoint& endpoint) {
  constexpr std::string_view kScheme = "https://";
  if (!endpoint.url.starts_with(kScheme)) return fail(Code::kConfigInvalid, "endpoint: url: not https://HOST:PORT");
  const std::string_view rest = std::string_view(endpoint.url).substr(kScheme.size());
  if (rest.empty() || rest.find_first_of("/?#@ \t\r\n") != std::string_view::npos) {
    return fail(Code::kConfigInvalid, "endpoint: url: not https://HOST:PORT");
  }
  if (endpoint.certificate.empty() || endpoint.key.empty() || endpoint.ca.empty()) {
    return fail(Code::kConfigMissing, "endpoint: certificate, key and ca are all needed");
  }
  return {};
}

}  // namespace stargraph::client

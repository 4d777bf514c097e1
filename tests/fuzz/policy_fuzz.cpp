// policy.json: what is accepted must be written back as the same, and every decision under it must be made.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "stargraph/base/bytes.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/policy/decision.hpp"

namespace json = stargraph::json;
namespace policy = stargraph::policy;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bundle = policy::parse_bundle(stargraph::base::as_text(std::as_bytes(std::span(data, size))));
  if (!bundle) {
    if (bundle.error().code != stargraph::base::Code::kPolicyInvalid) std::abort();
    return 0;
  }
  const auto again = policy::parse_bundle(json::canonical(policy::encode_bundle(*bundle)));
  if (!again || !(*again == *bundle)) std::abort();
  policy::ExecutionInput input;
  input.requested_permissions = bundle->org.allowed_permissions;
  const policy::Decision decision = policy::decide(*bundle, stargraph::crypto::Digest(), input);
  if (decision.allowed || decision.allowed != decision.reasons.empty()) std::abort();  // nothing here is signed
  return 0;
}

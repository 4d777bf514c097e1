#include "stargraph/policy/in_force.hpp"

namespace stargraph::policy {

using base::Code;
using base::fail;
using base::Result;

Result<std::shared_ptr<const InForce>> find_policy(std::span<const trust::LoadedPack> active, config::Profile profile) {
  std::shared_ptr<InForce> found;
  for (const trust::LoadedPack& pack : active) {
    if (pack.ref().kind != pack::PackKind::kPolicy) continue;
    const std::string context = "pack " + pack.ref().id.str();
    if (found) {
      return fail(Code::kConflict,
                  context + ": a second active policy pack beside " + found->pack.id.str() + "; retire one of them");
    }
    const pack::File* const file = pack.find(kPolicyFile);
    if (file == nullptr) return fail(Code::kPolicyInvalid, context + ": no policy.json");
    auto bundle = parse_bundle(base::as_text(file->bytes));
    if (!bundle) return std::unexpected(in_context(context, std::move(bundle).error()));
    if (bundle->mode == Mode::kWarn && profile == config::Profile::kCleared) {
      return fail(Code::kPolicyMode, context + ": mode warn: profile cleared obeys its policy, and only that");
    }
    found = std::make_shared<InForce>(InForce{pack.ref(), *std::move(bundle)});
  }
  return std::shared_ptr<const InForce>(std::move(found));
}

}  // namespace stargraph::policy

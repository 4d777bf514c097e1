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
    auto bundle = decode_bundle(base::as_text(file->bytes));
    if (!bundle) return std::unexpected(in_context(context, std::move(bundle).error()));
    if (bundle->mode == Mode::kWarn && profile == config::Profile::kCleared) {
      return fail(Code::kPolicyMode, context + ": mode warn: profile cleared obeys its policy, and only that");
    }
    found = std::make_shared<InForce>(InForce{pack.ref(), *std::move(bundle)});
  }
  return std::shared_ptr<const InForce>(std::move(found));
}

Result<> check_succession(const LastPolicy& last, const InForce& next) {
  if (next.digest() == last.digest) return {};
  const std::string context = "pack " + next.pack.id.str();
  if (next.pack.id == last.id) {
    if (next.pack.epoch > last.epoch) return {};
    return fail(Code::kPolicyRollback, context + ": epoch " + std::to_string(next.pack.epoch.value()) +
                                           " is not above " + std::to_string(last.epoch.value()) +
                                           ", which was in force last");
  }
  if (next.bundle.supersedes == last.digest) return {};
  return fail(Code::kPolicyRollback, context + ": does not name the policy that was in force last, " + last.id.str() +
                                         ", as the one it supersedes");
}

}  // namespace stargraph::policy

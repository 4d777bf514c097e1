// The packs that took effect by acts of their own, held against those acts.
#include "effect.hpp"

#include "stargraph/pack/layout.hpp"
#include "stargraph/trust/trust_store.hpp"

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;

Result<std::string_view> text_of(const pack::Contents& contents, std::string_view path) {
  const pack::File* const file = contents.find(path);
  if (file == nullptr) return fail(Code::kFileMissing, "pack: " + std::string(path) + ": missing");
  return base::as_text(file->bytes);
}

Result<bool> says(const pack::Contents& contents, const Revoked& act) {
  SG_TRY(const Revocations list, revocations_in(contents));
  return list == act.list;
}

Result<bool> says(const pack::Contents& contents, const Rotated& act) {
  SG_TRY(const Rotation rotation, rotation_in(contents));
  return rotation.scope == act.scope && rotation.old_key == act.old_key && rotation.new_key.key_id() == act.new_key;
}

template <class ByPack>
Result<> check_effect(const PackSource& source, const TrustState& state, const ByPack& act) {
  const ImportedPack* const imported = state.find(act.pack);
  if (imported == nullptr) return fail(Code::kPackUnknown, "trust store: an act of a pack that was not imported");
  Result<base::Bytes> bytes = source(*imported);
  if (!bytes && bytes.error().code == Code::kPackUnknown && imported->before_repair) return {};
  const std::string context = imported->ref.id.str();
  if (!bytes) return std::unexpected(base::in_context(context, std::move(bytes).error()));
  SG_TRY(const LoadedPack pack, LoadedPack::reread(*std::move(bytes), *imported));
  SG_TRY(const bool same, says(pack.contents(), act));
  if (!same) return fail(Code::kReceiptInvalid, "trust store: " + context + ": the act on record is not what it says");
  return {};
}

}  // namespace

Result<Revocations> revocations_in(const pack::Contents& contents) {
  SG_TRY(const std::string_view text, text_of(contents, pack::kRevocationsPath));
  return parse_revocation_list(text);
}

Result<Rotation> rotation_in(const pack::Contents& contents) {
  SG_TRY(const std::string_view text, text_of(contents, pack::kRotationPath));
  return parse_rotation(text);
}

Result<> check_effects(const PackSource& source, const TrustState& state) {
  for (const Effect& effect : state.effects()) {
    SG_TRY(std::visit([&](const auto& act) { return check_effect(source, state, act); }, effect));
  }
  return {};
}

}  // namespace stargraph::trust

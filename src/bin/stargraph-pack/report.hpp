// How packs, differences and requests are shown: the same by every command.
#pragma once

#include <string>
#include <vector>

#include "commands.hpp"
#include "stargraph/trust/importer.hpp"

namespace stargraph::packcli {

[[nodiscard]] json::Object describe(const trust::PackRef& pack);
[[nodiscard]] std::string name_of(const trust::PackRef& pack);  // "soc.triage 1.0.0 epoch 3"
// One line for each thing that changes; growth, which an approver has to look at, is marked with "!".
[[nodiscard]] std::string text_of(const trust::Difference& difference);
[[nodiscard]] json::Object describe(const trust::Step& step);
[[nodiscard]] std::string text_of(const trust::Step& step);

// Tokens as they were typed. kApprovalInvalid.
[[nodiscard]] base::Result<std::vector<trust::Approval>> read_tokens(const std::vector<std::string>& tokens);
// After kApprovalMissing and its like: what an approver has to sign, beside the error.
void show_requests(const Context& context, const std::vector<std::string>& requests);

// "2027-01-31" or RFC 3339. kUsage.
[[nodiscard]] base::Result<base::Timestamp> read_date(const std::string& text);
// What --fingerprint gave; what is none becomes one that fits no key, so that it is refused and on record like a
// wrong one.
[[nodiscard]] std::vector<crypto::Digest> read_fingerprints(const std::vector<std::string>& typed);
// A known key by its id or the beginning of it, at least twelve digits of which only one has. kNotFound.
[[nodiscard]] base::Result<base::KeyId> find_key(const trust::TrustState& state, const std::string& text);

}  // namespace stargraph::packcli

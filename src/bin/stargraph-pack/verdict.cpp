// What the checker finds out about a pack, and how it says so.
#include "checker.hpp"
#include "commands.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/policy/bundle.hpp"

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMaxMessageBytes = 4096;

Result<trust::Findings> find(rules::Jail* jail, const pack::Contents& contents) {
  SG_TRY(check_meaning(jail, contents.manifest, contents.files));
  const pack::File* const policy = contents.find(policy::kPolicyFile);
  if (pack::kind_of(contents.manifest) != pack::PackKind::kPolicy || policy == nullptr) return trust::Findings{};
  SG_TRY(const policy::Bundle bundle, policy::parse_bundle(base::as_text(policy->bytes)));
  const auto counts = policy::check_time(bundle, base::real_env().now());
  // One of tomorrow is stored and waits; one of yesterday is of no use any more.
  if (!counts && counts.error().code != Code::kPolicyNotYet) return std::unexpected(counts.error());
  return trust::Findings{trust::PolicyView{counts.has_value(), bundle.supersedes, bundle.mode == policy::Mode::kWarn}};
}

// A message that fits on a line of the log whatever a pack put into it.
std::string bounded(const std::string& text) {
  std::string out = printable(text.substr(0, kMaxMessageBytes));
  return base::is_utf8(out) ? out : "(not text)";
}

}  // namespace

Verdict look_at(rules::Jail* jail, base::BytesView pack) {
  Verdict verdict;
  verdict.stage = Stage::kContainer;
  const auto container = pack::parse(pack);
  if (!container) {
    verdict.refused = container.error();
    return verdict;
  }
  for (const pack::SignatureEntry& entry : container->signatures) {
    // What cannot be a key's id is nobody's claim; check_signatures refuses it.
    if (crypto::Digest::from_hex(entry.key_id.str())) verdict.claimed.push_back(entry.key_id);
  }
  if (const auto signers = pack::check_signatures(*container); !signers) {
    verdict.refused = signers.error();
    return verdict;
  }
  verdict.stage = Stage::kContents;
  const auto contents = pack::check_contents(*container);
  if (!contents) {
    verdict.refused = contents.error();
    return verdict;
  }
  verdict.stage = Stage::kMeaning;
  const auto findings = find(jail, *contents);
  if (!findings) {
    verdict.refused = findings.error();
    return verdict;
  }
  verdict.stage = Stage::kDone;
  verdict.findings = *findings;
  return verdict;
}

std::string encode_verdict(const Verdict& verdict) {
  json::Array claimed;
  for (const base::KeyId& id : verdict.claimed) claimed.emplace_back(id.str());
  json::Object out{{"claimed", std::move(claimed)}, {"stage", static_cast<int>(verdict.stage)}};
  if (verdict.refused) {
    out.set("code", verdict.refused->name());
    out.set("message", bounded(verdict.refused->message));
  }
  if (verdict.findings.policy) {
    out.set("counts_now", verdict.findings.policy->counts_now);
    out.set("warns", verdict.findings.policy->warns);
    if (verdict.findings.policy->supersedes) out.set("supersedes", verdict.findings.policy->supersedes->hex());
  }
  return json::canonical(std::move(out));
}

Result<Verdict> decode_verdict(std::string_view text) {
  SG_TRY(const json::Value value, json::parse(base::as_bytes(text)));
  json::Reader in(value, "checker");
  Verdict verdict;
  for (std::string& id : in.texts("claimed", pack::kMaxSignatures)) {
    if (!crypto::Digest::from_hex(id)) in.refuse("claimed", Code::kMalformed, "not a key id");
    verdict.claimed.emplace_back(std::move(id));
  }
  verdict.stage = static_cast<Stage>(in.integer("stage", 0, static_cast<int>(Stage::kDone)));
  const auto code = in.optional_text("code", 1, 64);
  const auto message = in.optional_text("message", 0, 4 * kMaxMessageBytes);
  const auto counts = in.optional_boolean("counts_now");
  const auto supersedes = in.optional_text("supersedes", 96, 96);
  const auto warns = in.optional_boolean("warns");
  SG_TRY(in.finish());
  const bool refused = verdict.stage != Stage::kDone;
  const auto known = code ? base::code_from_name(*code) : std::nullopt;
  if (refused != known.has_value() || refused != message.has_value() || (refused && counts) ||
      counts.has_value() != warns.has_value()) {
    return fail(Code::kMalformed, "checker: an answer that says two things");
  }
  if (refused) verdict.refused = base::Error{*known, *message};
  if (counts) verdict.findings.policy = trust::PolicyView{*counts, {}, *warns};
  if (supersedes) {
    SG_TRY(const crypto::Digest digest, crypto::Digest::from_hex(*supersedes));
    if (!counts) return fail(Code::kMalformed, "checker: a policy's digest without a policy");
    verdict.findings.policy->supersedes = digest;
  }
  return verdict;
}

}  // namespace stargraph::packcli

#include "stargraph/trust/act.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include "stargraph/json/reader.hpp"

namespace stargraph::trust {
namespace {

using audit::EventName;
using base::Code;
using base::fail;
using base::Result;

// In the order of ActKind.
constexpr std::array<EventName, 11> kEvents{
    EventName::kTrustKeyAdded, EventName::kTrustPinned,   EventName::kPackImported,      EventName::kPackActivated,
    EventName::kPackRetired,   EventName::kTrustRepinned, EventName::kTrustThresholdSet, EventName::kTrustKeyRotated,
    EventName::kTrustRevoked,  EventName::kApprovalGiven, EventName::kTrustRepaired};
static_assert(kEvents.size() == std::variant_size_v<Body>);
constexpr std::size_t kMaxReasonBytes = 1024;
constexpr std::string_view kWildcard = ".*";

bool is_wildcard(std::string_view scope) { return scope.ends_with(kWildcard); }
// "soc.*" -> "soc."
std::string_view prefix_of(std::string_view scope) { return scope.substr(0, scope.size() - 1); }

base::KeyId key_id(json::Reader& in, std::string_view member) {
  std::string text = in.text(member, 1, 96);
  if (!crypto::Digest::from_hex(text)) in.refuse(member, Code::kMalformed, "not a key id");
  return base::KeyId(std::move(text));
}

void encode_pack(const PackRef& pack, json::Object& out) {
  out.set("digest", pack.digest.hex());
  out.set("epoch", pack.epoch.value());
  out.set("kind", pack::kind_name(pack.kind));
  out.set("pack", pack.id.str());  // the audit writer follows floors by "pack" and "epoch"
  out.set("version", pack.version);
}

PackRef decode_pack(json::Reader& in) {
  PackRef pack;
  if (const auto digest = crypto::Digest::from_hex(in.text("digest", 96, 96))) {
    pack.digest = *digest;
  } else {
    in.refuse("digest", Code::kMalformed, "not a digest");
  }
  pack.epoch = base::Epoch(in.integer("epoch", 1, json::kMaxInteger));
  pack.id = base::PackId(in.text("pack", 1, 128));
  if (!pack::is_pack_id(pack.id.str())) in.refuse("pack", Code::kMalformed, "not a pack id");
  const auto kind = pack::kind_from_name(in.text("kind", 1, 32));
  if (!kind) in.refuse("kind", Code::kMalformed, "not a kind of pack");
  pack.kind = kind.value_or(pack::PackKind::kRules);
  pack.version = in.text("version", 1, 128);
  return pack;
}

void encode_pin(const Pin& pin, json::Object& out) {
  out.set("keys", encode_key_ids(pin.keys));
  out.set("scope", pin.scope);
  out.set("threshold", pin.threshold);
}

std::vector<base::KeyId> key_ids(json::Reader& in, std::string_view member) {
  std::vector<base::KeyId> keys;
  for (std::string& text : in.texts(member, pack::kMaxSignatures)) {
    if (!crypto::Digest::from_hex(text)) in.refuse(member, Code::kMalformed, "not a key id");
    base::KeyId key(std::move(text));
    if (std::ranges::find(keys, key) != keys.end()) in.refuse(member, Code::kMalformed, "a key twice");
    keys.push_back(std::move(key));
  }
  return keys;
}

Result<Pin> read_pin(json::Reader& in) {
  Pin pin;
  pin.scope = in.text("scope", 1, 130);
  pin.keys = key_ids(in, "keys");
  pin.threshold = static_cast<int>(in.integer("threshold", 1, static_cast<std::int64_t>(pack::kMaxSignatures)));
  SG_TRY(check_scope(pin.scope));
  const bool sorted = std::ranges::adjacent_find(pin.keys, std::greater_equal<>()) == pin.keys.end();
  if (!sorted || pin.keys.empty() || pin.threshold > static_cast<int>(pin.keys.size())) {
    return fail(Code::kMalformed, "act: a pin's keys are sorted, each once, and at least as many as its threshold");
  }
  return pin;
}

void encode_approval_of(const std::optional<crypto::Digest>& approval, json::Object& out) {
  if (approval) out.set("approval", approval->hex());
}

std::optional<crypto::Digest> optional_digest(json::Reader& in, std::string_view member) {
  const auto text = in.optional_text(member, 96, 96);
  if (!text) return std::nullopt;
  const auto digest = crypto::Digest::from_hex(*text);
  if (!digest) in.refuse(member, Code::kMalformed, "not a digest");
  return digest ? std::optional(*digest) : std::nullopt;
}

crypto::Digest read_digest(json::Reader& in, std::string_view member) {
  const auto digest = crypto::Digest::from_hex(in.text(member, 96, 96));
  if (!digest) in.refuse(member, Code::kMalformed, "not a digest");
  return digest.value_or(crypto::Digest());
}

struct Encoder {
  json::Object& out;
  void operator()(const KeyAdded& act) const {
    const crypto::PublicKey& key = act.key.key;
    encode_approval_of(act.approval, out);
    out.set("fingerprint", key.fingerprint().hex());  // known from here on: a person compared it
    if (!act.key.holder.empty()) out.set("holder", act.key.holder);
    out.set("how", confirmation_name(act.key.how));
    out.set("key_id", key.key_id().str());
    if (act.key.review_by) out.set("review_by", base::format_rfc3339(*act.key.review_by));
    out.set("role", role_name(act.key.role));
    out.set("spki", base::to_base64(key.der()));
  }
  void operator()(const Pinned& act) const { encode_pin(act.pin, out); }
  void operator()(const Imported& act) const {
    encode_pack(act.pack, out);
    out.set("signers", encode_key_ids(act.signers));
  }
  void operator()(const Activated& act) const {
    encode_pack(act.pack, out);
    encode_approval_of(act.approval, out);
    if (act.below_floor) out.set("below_floor", true);
    if (!act.reason.empty()) out.set("reason", act.reason);
    if (act.supersedes) out.set("supersedes", act.supersedes->hex());
  }
  void operator()(const Retired& act) const { encode_pack(act.pack, out); }
  void operator()(const Repinned& act) const {
    encode_pin(act.pin, out);
    encode_approval_of(act.approval, out);
    out.set("reason", act.reason);
  }
  void operator()(const ThresholdSet& act) const {
    encode_approval_of(act.approval, out);
    if (!act.reason.empty()) out.set("reason", act.reason);
    out.set("scope", act.scope);
    out.set("threshold", act.threshold);
  }
  void operator()(const Rotated& act) const {
    out.set("digest", act.pack.hex());
    out.set("new_key", act.new_key.str());
    out.set("old_key", act.old_key.str());
    out.set("scope", act.scope);
  }
  void operator()(const Revoked& act) const {
    out.set("digest", act.pack.hex());
    out.set("number", act.list.number);  // where the audit writer follows it
    out.set("revoked", encode_revocations(act.list));
  }
  void operator()(const Approved& act) const {
    out.set("approval", encode_approval(act.approval));
    out.set("digest", act.approval.digest().hex());
  }
  void operator()(const Repaired& act) const {
    out.set("acts", act.acts);
    if (act.daemon_seq) out.set("daemon_seq", act.daemon_seq->value());
    out.set("reason", act.reason);
  }
};

Result<Body> decode_key_added(json::Reader& in) {
  const auto approval = optional_digest(in, "approval");
  const std::string fingerprint = in.text("fingerprint", 96, 96);
  std::string holder = in.optional_text("holder", 1, kMaxHolderBytes).value_or("");
  const auto how = confirmation_from_name(in.text("how", 1, 32));
  if (!how) in.refuse("how", Code::kMalformed, "not a way to confirm a key");
  const base::KeyId id = key_id(in, "key_id");
  const auto review_by = in.optional_text("review_by", 1, 64);
  const auto role = role_from_name(in.text("role", 1, 32));
  if (!role) in.refuse("role", Code::kMalformed, "not a role");
  const std::string spki = in.text("spki", 1, 1024);
  SG_TRY(in.finish());
  SG_TRY(const base::Bytes der, base::from_base64(spki));
  SG_TRY(crypto::PublicKey key, crypto::PublicKey::from_der(der));
  if (key.key_id() != id || key.fingerprint().hex() != fingerprint) {
    return fail(Code::kKeyIdMismatch, "act: key_id or fingerprint is not of this key");
  }
  ConfirmedKey confirmed{std::move(key), *role, std::move(holder), *how, {}};
  if (review_by) {
    SG_TRY(confirmed.review_by, base::parse_rfc3339(*review_by));
  }
  return KeyAdded{std::move(confirmed), approval};
}

Result<Body> decode_pinned(json::Reader& in) {
  SG_TRY(Pin pin, read_pin(in));
  SG_TRY(in.finish());
  return Pinned{std::move(pin)};
}

Result<Body> decode_imported(json::Reader& in) {
  Imported act;
  act.pack = decode_pack(in);
  act.signers = key_ids(in, "signers");
  SG_TRY(in.finish());
  return act;
}

Result<Body> decode_activated(json::Reader& in) {
  Activated act;
  act.pack = decode_pack(in);
  act.approval = optional_digest(in, "approval");
  act.below_floor = in.optional_boolean("below_floor").value_or(false);
  act.reason = in.optional_text("reason", 1, kMaxReasonBytes).value_or("");
  act.supersedes = optional_digest(in, "supersedes");
  SG_TRY(in.finish());
  return act;
}

Result<Body> decode_retired(json::Reader& in) {
  Retired act{decode_pack(in)};
  SG_TRY(in.finish());
  return act;
}

Result<Body> decode_repinned(json::Reader& in) {
  Repinned act;
  SG_TRY(act.pin, read_pin(in));
  act.approval = optional_digest(in, "approval");
  act.reason = in.text("reason", 1, kMaxReasonBytes);
  SG_TRY(in.finish());
  return act;
}

Result<Body> decode_threshold_set(json::Reader& in) {
  ThresholdSet act;
  act.approval = optional_digest(in, "approval");
  act.reason = in.optional_text("reason", 1, kMaxReasonBytes).value_or("");
  act.scope = in.text("scope", 1, 130);
  act.threshold = static_cast<int>(in.integer("threshold", 1, static_cast<std::int64_t>(pack::kMaxSignatures)));
  SG_TRY(in.finish());
  if (act.scope != kGovernorsScope) SG_TRY(check_scope(act.scope));
  return act;
}

Result<Body> decode_rotated(json::Reader& in) {
  Rotated act;
  act.pack = read_digest(in, "digest");
  act.new_key = key_id(in, "new_key");
  act.old_key = key_id(in, "old_key");
  act.scope = in.text("scope", 1, 130);
  SG_TRY(in.finish());
  SG_TRY(check_scope(act.scope));
  return act;
}

Result<Body> decode_revoked(json::Reader& in) {
  Revoked act;
  act.pack = read_digest(in, "digest");
  const std::int64_t number = in.integer("number", 1, json::kMaxInteger);
  const json::Value& list = in.value("revoked");
  SG_TRY(in.finish());
  SG_TRY(act.list, decode_revocations(list));
  if (act.list.number != number) return fail(Code::kMalformed, "act: two numbers of one list");
  return act;
}

Result<Body> decode_approved(json::Reader& in) {
  const json::Value& approval = in.value("approval");
  const crypto::Digest digest = read_digest(in, "digest");
  SG_TRY(in.finish());
  Approved act;
  SG_TRY(act.approval, decode_approval(approval));
  if (act.approval.digest() != digest) return fail(Code::kMalformed, "act: not the digest of this approval");
  return act;
}

Result<Body> decode_repaired(json::Reader& in) {
  Repaired act;
  act.acts = in.integer("acts", 0, json::kMaxInteger);
  if (const auto number = in.optional_integer("daemon_seq", 0, json::kMaxInteger)) {
    act.daemon_seq = audit::SourceSeq(*number);
  }
  act.reason = in.text("reason", 1, kMaxReasonBytes);
  if (act.acts == 0 && !act.daemon_seq) in.refuse("acts", Code::kNumberRange, "repairs nothing");
  SG_TRY(in.finish());
  return act;
}

Result<Body> decode_body(ActKind kind, json::Reader& in) {
  switch (kind) {
    case ActKind::kKeyAdded: return decode_key_added(in);
    case ActKind::kPinned: return decode_pinned(in);
    case ActKind::kImported: return decode_imported(in);
    case ActKind::kActivated: return decode_activated(in);
    case ActKind::kRetired: return decode_retired(in);
    case ActKind::kRepinned: return decode_repinned(in);
    case ActKind::kThresholdSet: return decode_threshold_set(in);
    case ActKind::kRotated: return decode_rotated(in);
    case ActKind::kRevoked: return decode_revoked(in);
    case ActKind::kApproved: return decode_approved(in);
    case ActKind::kRepaired: return decode_repaired(in);
  }
  return fail(Code::kInternal, "act: no such kind");
}

}  // namespace

json::Array encode_key_ids(std::span<const base::KeyId> keys) {
  json::Array out;
  for (const base::KeyId& key : keys) out.emplace_back(key.str());
  return out;
}

bool Pin::holds(const base::KeyId& key) const { return std::ranges::binary_search(keys, key); }

audit::EventName event_of(const Act& act) {
  const auto* const activated = std::get_if<Activated>(&act.body);
  if (activated != nullptr && activated->pack.kind == pack::PackKind::kPolicy) return EventName::kPolicyActivated;
  return kEvents.at(act.body.index());
}

std::optional<ActKind> act_of(audit::EventName event) {
  if (event == EventName::kPolicyActivated) return ActKind::kActivated;
  const auto* found = std::ranges::find(kEvents, event);
  if (found == kEvents.end()) return std::nullopt;
  return static_cast<ActKind>(found - kEvents.begin());
}

json::Object encode_act(const Act& act) {
  json::Object out;
  out.set("act", act.number);
  out.set("previous", act.previous.value());
  std::visit(Encoder{out}, act.body);
  return out;
}

Result<Act> decode_act(ActKind kind, const json::Object& data) {
  const json::Value value(data);
  json::Reader in(value, "trust act");
  const std::int64_t number = in.integer("act", 1, json::kMaxInteger);
  const audit::SourceSeq previous(in.integer("previous", 0, json::kMaxInteger));
  SG_TRY(Body body, decode_body(kind, in));
  Act act{number, std::move(body)};
  act.previous = previous;
  return act;
}

Result<> check_scope(std::string_view scope) {
  if (pack::is_pack_id(scope)) return {};
  if (is_wildcard(scope)) {
    const std::string_view parts = scope.substr(0, scope.size() - kWildcard.size());
    if (pack::is_pack_id(parts) && !parts.ends_with('.')) return {};
  }
  return fail(Code::kScopeInvalid,
              "scope: expected a pack id or \"part.*\"; \"*\" alone would trust a key for everything");
}

bool covers(std::string_view scope, const base::PackId& id) {
  if (!is_wildcard(scope)) return scope == id.str();
  const std::string_view prefix = prefix_of(scope);
  return id.str().starts_with(prefix) && id.str().size() > prefix.size();
}

bool contains_scope(std::string_view outer, std::string_view inner) {
  if (!is_wildcard(outer)) return outer == inner;
  if (!is_wildcard(inner)) return covers(outer, base::PackId(std::string(inner)));
  return prefix_of(inner).starts_with(prefix_of(outer));
}

bool overlap(std::string_view a, std::string_view b) {
  if (!is_wildcard(a)) return covers(b, base::PackId(std::string(a)));
  if (!is_wildcard(b)) return covers(a, base::PackId(std::string(b)));
  return prefix_of(a).starts_with(prefix_of(b)) || prefix_of(b).starts_with(prefix_of(a));
}

}  // namespace stargraph::trust

#include "stargraph/trust/act.hpp"

#include <algorithm>
#include <array>

#include "stargraph/json/reader.hpp"

namespace stargraph::trust {
namespace {

using audit::EventName;
using base::Code;
using base::fail;
using base::Result;

// In the order of ActKind.
constexpr std::array<EventName, 5> kEvents{EventName::kTrustKeyAdded, EventName::kTrustPinned, EventName::kPackImported,
                                           EventName::kPackActivated, EventName::kPackRetired};
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

struct Encoder {
  json::Object& out;
  void operator()(const KeyAdded& act) const {
    const crypto::PublicKey& key = act.key.key;
    out.set("fingerprint", key.fingerprint().hex());  // known from here on: a person compared it
    out.set("key_id", key.key_id().str());
    out.set("role", act.key.role);
    out.set("spki", base::to_base64(key.der()));
  }
  void operator()(const Pinned& act) const {
    out.set("key_id", act.pin.key_id.str());
    out.set("scope", act.pin.scope);
  }
  void operator()(const Imported& act) const {
    encode_pack(act.pack, out);
    json::Array signers;
    for (const base::KeyId& signer : act.signers) signers.emplace_back(signer.str());
    out.set("signers", std::move(signers));
  }
  void operator()(const Activated& act) const { encode_pack(act.pack, out); }
  void operator()(const Retired& act) const { encode_pack(act.pack, out); }
};

Result<Body> decode_key_added(json::Reader& in) {
  const std::string fingerprint = in.text("fingerprint", 96, 96);
  const base::KeyId id = key_id(in, "key_id");
  std::string role = in.text("role", 1, 32);
  if (role != kPublisherRole) in.refuse("role", Code::kMalformed, "not a role");
  const std::string spki = in.text("spki", 1, 1024);
  SG_TRY(in.finish());
  SG_TRY(const base::Bytes der, base::from_base64(spki));
  SG_TRY(crypto::PublicKey key, crypto::PublicKey::from_der(der));
  if (key.key_id() != id || key.fingerprint().hex() != fingerprint) {
    return fail(Code::kKeyIdMismatch, "act: key_id or fingerprint is not of this key");
  }
  return KeyAdded{{std::move(key), std::move(role)}};
}

Result<Body> decode_pinned(json::Reader& in) {
  Pin pin;
  pin.key_id = key_id(in, "key_id");
  pin.scope = in.text("scope", 1, 130);
  SG_TRY(in.finish());
  SG_TRY(check_scope(pin.scope));
  return Pinned{std::move(pin)};
}

Result<Body> decode_imported(json::Reader& in) {
  Imported act;
  act.pack = decode_pack(in);
  for (std::string& signer : in.texts("signers", pack::kMaxSignatures)) {
    if (!crypto::Digest::from_hex(signer)) in.refuse("signers", Code::kMalformed, "not a key id");
    act.signers.emplace_back(std::move(signer));
  }
  SG_TRY(in.finish());
  return act;
}

template <class BodyType>
Result<Body> decode_pack_act(json::Reader& in) {
  BodyType act{decode_pack(in)};
  SG_TRY(in.finish());
  return act;
}

Result<Body> decode_body(ActKind kind, json::Reader& in) {
  switch (kind) {
    case ActKind::kKeyAdded: return decode_key_added(in);
    case ActKind::kPinned: return decode_pinned(in);
    case ActKind::kImported: return decode_imported(in);
    case ActKind::kActivated: return decode_pack_act<Activated>(in);
    case ActKind::kRetired: return decode_pack_act<Retired>(in);
  }
  return fail(Code::kInternal, "act: no such kind");
}

}  // namespace

audit::EventName event_of(ActKind kind) { return kEvents[static_cast<std::size_t>(kind)]; }

std::optional<ActKind> act_of(audit::EventName event) {
  const auto* found = std::ranges::find(kEvents, event);
  if (found == kEvents.end()) return std::nullopt;
  return static_cast<ActKind>(found - kEvents.begin());
}

json::Object encode_act(const Act& act) {
  json::Object out;
  out.set("act", act.number);
  std::visit(Encoder{out}, act.body);
  return out;
}

Result<Act> decode_act(ActKind kind, const json::Object& data) {
  const json::Value value(data);
  json::Reader in(value, "trust act");
  const std::int64_t number = in.integer("act", 1, json::kMaxInteger);
  SG_TRY(Body body, decode_body(kind, in));
  return Act{number, std::move(body)};
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

bool overlap(std::string_view a, std::string_view b) {
  if (!is_wildcard(a)) return covers(b, base::PackId(std::string(a)));
  if (!is_wildcard(b)) return covers(a, base::PackId(std::string(b)));
  return prefix_of(a).starts_with(prefix_of(b)) || prefix_of(b).starts_with(prefix_of(a));
}

}  // namespace stargraph::trust

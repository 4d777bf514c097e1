#include "stargraph/audit/position.hpp"

#include <limits>

#include "audit/signed_text.hpp"
#include "stargraph/audit/segment.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMaxTenants = 1'000'000;
constexpr std::size_t kMaxPeaks = 64;
constexpr std::size_t kMaxPacks = 1'000'000;
constexpr std::size_t kMaxRecent = 1'024;

constexpr std::array<Source, kSourceCount> kSources = {Source::kWriter, Source::kDaemon, Source::kTrust};

json::Value optional_hex(const std::optional<crypto::Digest>& digest) {
  return digest ? json::Value(digest->hex()) : json::Value(nullptr);
}

Result<std::optional<crypto::Digest>> read_optional_digest(const json::Value& value) {
  if (value.is_null()) return std::optional<crypto::Digest>();
  if (value.string() == nullptr) return fail(Code::kMalformed, "expected text or null");
  SG_TRY(const crypto::Digest digest, crypto::Digest::from_hex(*value.string()));
  return std::optional<crypto::Digest>(digest);
}

json::Value encode_tenants(const TenantHeads& heads) {
  json::Array tenants;
  for (const auto& [tenant, head] : heads) {
    json::Object one;
    one.append_new("hash", head.hash.hex());
    one.append_new("tenant", tenant.str());
    one.append_new("tenant_seq", head.seq.value());
    tenants.emplace_back(std::move(one));
  }
  return tenants;
}

Result<TenantHeads> read_tenants(const json::Array& tenants) {
  TenantHeads heads;
  for (const json::Value& value : tenants) {
    json::Reader in(value, "tenant");
    TenantHead head;
    const std::string hash = in.text("hash");
    const base::TenantId tenant(in.text("tenant", 1, 64));
    head.seq = TenantSeq(in.integer("tenant_seq", 1, json::kMaxInteger));
    SG_TRY(in.finish());
    SG_TRY(head.hash, crypto::Digest::from_hex(hash));
    heads.emplace(tenant, head);
  }
  return heads;
}

Result<Floors> read_floors(const json::Value& value) {
  const json::Object* object = value.object();
  if (object == nullptr || object->size() > kMaxPacks) return fail(Code::kMalformed, "floors: expected object");
  Floors floors;
  for (const auto& [pack, epoch] : *object) {
    if (epoch.integer() == nullptr) return fail(Code::kMalformed, "floors: expected integer");
    floors.emplace(pack, *epoch.integer());
  }
  return floors;
}

json::Value encode_pruned(const std::optional<Chain::Pruned>& pruned) {
  if (!pruned) return nullptr;
  json::Object object;
  object.set("checkpoint", pruned->checkpoint.hex());
  object.set("last_segment", std::int64_t{pruned->last_segment});
  object.set("last_seq", pruned->last_seq.value());
  return object;
}

Result<std::optional<Chain::Pruned>> read_pruned(const json::Value& value) {
  if (value.is_null()) return std::optional<Chain::Pruned>();
  json::Reader in(value, "pruned");
  Chain::Pruned pruned;
  const std::string checkpoint = in.text("checkpoint");
  pruned.last_segment =
      static_cast<std::uint32_t>(in.integer("last_segment", 1, std::numeric_limits<std::int32_t>::max()));
  pruned.last_seq = LogSeq(in.integer("last_seq", 1, json::kMaxInteger));
  SG_TRY(in.finish());
  SG_TRY(pruned.checkpoint, crypto::Digest::from_hex(checkpoint));
  return std::optional<Chain::Pruned>(pruned);
}

json::Object encode_recent(const RecentRecords& recent) {
  base::Bytes identities;
  for (const crypto::Digest& one : recent.identities) {
    identities.insert(identities.end(), one.bytes().begin(), one.bytes().end());
  }
  json::Object object;
  object.set("identities", base::to_base64(identities));
  object.set("last_line", recent.last_line);
  return object;
}

Result<RecentRecords> read_recent(const json::Value& value) {
  json::Reader in(value, "recent");
  RecentRecords recent;
  const std::string base64 = in.text("identities", 0, kMaxRecent * 64);
  recent.last_line = in.text("last_line", 0, kMaxLineBytes);
  SG_TRY(in.finish());
  SG_TRY(const base::Bytes bytes, base::from_base64(base64));
  constexpr std::size_t kSize = crypto::Digest::kSize;
  if (bytes.size() % kSize != 0) return fail(Code::kMalformed, "identities: not whole digests");
  for (std::size_t at = 0; at < bytes.size(); at += kSize) {
    SG_TRY(const crypto::Digest one, crypto::Digest::from_bytes(base::BytesView(bytes).subspan(at, kSize)));
    recent.identities.push_back(one);
  }
  return recent;
}

std::string encode_body(const Position& position) {
  json::Object recent;
  for (const Source source : kSources) {
    const RecentRecords& records = position.recent.at(static_cast<std::size_t>(source));
    if (!records.identities.empty()) recent.set(std::string(source_name(source)), encode_recent(records));
  }
  json::Object body;
  body.set("chain", position.chain.encode());
  body.set("format", kPositionDomain);
  body.set("offset", static_cast<std::int64_t>(position.offset));
  body.set("recent", std::move(recent));
  body.set("segment", std::int64_t{position.segment});
  std::string text = json::canonical(std::move(body));
  text.pop_back();  // "}"
  return text;
}

Result<> read_body(json::Reader& in, const base::KeyId& key_id, Position& position) {
  const json::Value& chain = in.value("chain");
  if (in.text("format") != kPositionDomain) in.refuse("format", Code::kUnsupportedVersion, "not known");
  position.offset = static_cast<std::uint64_t>(in.integer("offset", 0, json::kMaxInteger));
  const json::Value& recent = in.value("recent");
  position.segment = static_cast<std::uint32_t>(in.integer("segment", 1, std::numeric_limits<std::int32_t>::max()));
  if (in.failed()) return in.finish();
  SG_TRY(position.chain, Chain::restore(chain, key_id));
  json::Reader records(recent, "recent");
  for (const Source source : kSources) {
    const json::Value* found = records.optional_value(source_name(source));
    if (found == nullptr) continue;
    SG_TRY(position.recent.at(static_cast<std::size_t>(source)), read_recent(*found));
  }
  return records.finish();
}

// The signature is checked before anything of the body is believed.
Result<Position> read(std::string_view text, const crypto::PublicKey& key) {
  const json::ParseLimits limits{.max_bytes = kMaxPositionBytes, .max_depth = 8};
  if (!text.ends_with("}\n")) return fail(Code::kMalformed, "does not end as a position does");
  text.remove_suffix(1);
  SG_TRY(const json::Value value, json::parse(text, limits));
  json::Reader in(value, "position");
  SG_TRY(const std::string_view covered, covered_text(in, text, kPositionDomain, key, "audit: position"));
  Position position;
  SG_TRY(read_body(in, key.key_id(), position));
  SG_TRY(in.finish());
  if (encode_body(position) != covered) return fail(Code::kMalformed, "not in canonical form");
  return position;
}

}  // namespace

json::Object Chain::encode() const {
  json::Object floors;
  for (const auto& [pack, epoch] : floors_) floors.append_new(pack, epoch);
  json::Array frontier;
  for (const crypto::Digest& peak : tree_.peaks()) frontier.emplace_back(peak.hex());
  json::Object sources;
  for (const Source source : kSources) sources.set(std::string(source_name(source)), last_of(source).value());
  json::Object state;
  state.set("floors", std::move(floors));
  state.set("frontier", std::move(frontier));
  state.set("install_id", install_id_);
  state.set("last_checkpoint", optional_hex(last_checkpoint_));
  state.set("last_checkpoint_seq", last_checkpoint_seq_.value());
  state.set("last_hash", last_hash_.hex());
  state.set("pruned", encode_pruned(pruned_));
  state.set("revocation_number", revocation_number_);
  state.set("seq", seq_.value());
  state.set("sources", std::move(sources));
  state.set("tenants", encode_tenants(tenants_));
  state.set("trust_act", trust_act_.value());
  state.set("trust_acts", trust_acts_);
  state.set("ts", base::format_rfc3339(last_time_));
  state.set("uncovered", static_cast<std::int64_t>(uncovered_));
  return state;
}

Result<Chain> Chain::restore(const json::Value& state, const base::KeyId& key_id) {
  json::Reader in(state, "audit: chain");
  Chain chain;
  const json::Value& floors = in.value("floors");
  const std::vector<std::string> frontier = in.texts("frontier", kMaxPeaks);
  chain.install_id_ = in.text("install_id", 1, 64);
  const json::Value& last_checkpoint = in.value("last_checkpoint");
  chain.last_checkpoint_seq_ = LogSeq(in.integer("last_checkpoint_seq", 0, json::kMaxInteger));
  const std::string last_hash = in.text("last_hash");
  const json::Value& pruned = in.value("pruned");
  chain.revocation_number_ = in.integer("revocation_number", 0, json::kMaxInteger);
  chain.seq_ = LogSeq(in.integer("seq", 1, json::kMaxInteger));
  const json::Value& sources = in.value("sources");
  const json::Array& tenants = in.array("tenants", kMaxTenants);
  chain.trust_act_ = SourceSeq(in.integer("trust_act", 0, json::kMaxInteger));
  chain.trust_acts_ = in.integer("trust_acts", 0, json::kMaxInteger);
  const std::string time = in.text("ts");
  chain.uncovered_ = static_cast<std::uint64_t>(in.integer("uncovered", 0, kCheckpointEntries));
  SG_TRY(in.finish());
  json::Reader numbers(sources, "audit: chain: sources");
  for (const Source source : kSources) {
    chain.sources_.at(static_cast<std::size_t>(source)) =
        SourceSeq(numbers.integer(source_name(source), 0, json::kMaxInteger));
  }
  SG_TRY(numbers.finish());
  std::vector<crypto::Digest> peaks;
  for (const std::string& text : frontier) {
    SG_TRY(const crypto::Digest peak, crypto::Digest::from_hex(text));
    peaks.push_back(peak);
  }
  SG_TRY(chain.tree_, crypto::MerkleFrontier::restore(static_cast<std::uint64_t>(chain.seq_.value()), peaks));
  SG_TRY(chain.floors_, read_floors(floors));
  SG_TRY(chain.last_checkpoint_, read_optional_digest(last_checkpoint));
  SG_TRY(chain.last_hash_, crypto::Digest::from_hex(last_hash));
  SG_TRY(chain.pruned_, read_pruned(pruned));
  SG_TRY(chain.tenants_, read_tenants(tenants));
  SG_TRY(chain.last_time_, base::parse_rfc3339(time));
  chain.genesis_ = genesis_hash(chain.install_id_, key_id);
  return chain;
}

Result<std::string> encode_position(const Position& position, const crypto::PrivateKey& key) {
  std::string text = encode_body(position);
  SG_TRY(append_signature(text, kPositionDomain, key));
  return text + "\n";
}

Result<Position> decode_position(std::string_view text, const crypto::PublicKey& key) {
  Result<Position> position = read(text, key);
  if (position) return position;
  const Code code = position.error().code;
  if (code == Code::kAuditUnknownKey || code == Code::kAuditBadSignature) return position;
  return fail(Code::kAuditMalformed, "audit: position: " + std::string(position.error().name()));
}

std::string state_note_name(std::uint32_t segment) {
  std::string name = segment_name(segment);
  name.replace(name.rfind('.'), std::string::npos, ".state");
  return name;
}

}  // namespace stargraph::audit

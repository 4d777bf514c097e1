#include "stargraph/trust/revocation.hpp"

#include <algorithm>

#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/pack/header.hpp"

namespace stargraph::trust {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMaxReasonBytes = 1024;

bool is_date(std::string_view text) {
  return text.size() == 10 && base::parse_rfc3339(std::string(text) + "T00:00:00Z").has_value();
}

// The words about an entry: for people, checked for form only.
void read_words(json::Reader& in) {
  static_cast<void>(in.text("reason", 1, kMaxReasonBytes));
  if (!is_date(in.text("date", 10, 10))) in.refuse("date", Code::kMalformed, "expected YYYY-MM-DD");
}

std::string read_digest(json::Reader& in, std::string_view member) {
  std::string text = in.text(member, 96, 96);
  if (!crypto::Digest::from_hex(text)) in.refuse(member, Code::kMalformed, "expected 96 hex digits");
  return text;
}

EpochRange read_range(json::Reader& in) {
  EpochRange range;
  range.id = base::PackId(in.text("pack", 1, 128));
  if (!pack::is_pack_id(range.id.str())) in.refuse("pack", Code::kMalformed, "not a pack id");
  range.first = base::Epoch(in.integer("first", 1, json::kMaxInteger));
  range.last = base::Epoch(in.integer("last", 1, json::kMaxInteger));
  if (range.last < range.first) in.refuse("last", Code::kNumberRange, "below first");
  return range;
}

// Each item of the array `name`, by `read`, which gives whether it is a new one.
template <class Read>
Result<> read_items(json::Reader& in, std::string_view name, const Read& read) {
  const json::Array& items = in.optional_array(name, kMaxRevocations);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string pointer = in.pointer_of(name) + json::pointer_step(i);
    json::Reader item(items[i], "revocations", pointer);
    const bool is_new = read(item);
    read_words(item);
    SG_TRY(item.finish());
    if (!is_new) return fail(Code::kDuplicateKey, "revocations: " + pointer + ": stands twice");
  }
  return {};
}

Result<> check_size(const Revocations& list) {
  if (list.size() == 0) return fail(Code::kMalformed, "revocations: revokes nothing");
  if (list.size() > kMaxRevocations || json::canonical(encode_revocations(list)).size() > kMaxRevocationBytes) {
    return fail(Code::kTooLarge, "revocations: more than one list may hold: make a second one with the next number");
  }
  return {};
}

// One range of an act: [id, first, last].
Result<EpochRange> decode_range(const json::Value& value) {
  const json::Array* const parts = value.array();
  const bool three = parts != nullptr && parts->size() == 3;
  if (!three || (*parts)[0].string() == nullptr || (*parts)[1].integer() == nullptr ||
      (*parts)[2].integer() == nullptr) {
    return fail(Code::kMalformed, "revocations: a range is [id, first, last]");
  }
  EpochRange range{base::PackId(*(*parts)[0].string()), base::Epoch(*(*parts)[1].integer()),
                   base::Epoch(*(*parts)[2].integer())};
  if (!pack::is_pack_id(range.id.str()) || range.first.value() < 1 || range.last < range.first) {
    return fail(Code::kMalformed, "revocations: not a range of epochs");
  }
  return range;
}

}  // namespace

void Revocations::add(const Revocations& list) {
  number = std::max(number, list.number);
  keys.insert(list.keys.begin(), list.keys.end());
  digests.insert(list.digests.begin(), list.digests.end());
  ranges.insert(list.ranges.begin(), list.ranges.end());
}

Result<Revocations> decode_revocation_list(const json::Value& value) {
  json::Reader in(value, "revocations");
  if (in.text("format", 1, 64) != kRevocationsFormat) in.refuse("format", Code::kUnsupportedVersion, "not known");
  Revocations list;
  list.number = in.integer("number", 1, json::kMaxInteger);
  SG_TRY(read_items(in, "keys", [&](json::Reader& item) {
    return list.keys.insert(base::KeyId(read_digest(item, "key_id"))).second;
  }));
  SG_TRY(read_items(in, "digests", [&](json::Reader& item) {
    return list.digests.insert(crypto::Digest::from_hex(read_digest(item, "digest")).value_or(crypto::Digest())).second;
  }));
  SG_TRY(read_items(in, "ranges", [&](json::Reader& item) { return list.ranges.insert(read_range(item)).second; }));
  SG_TRY(in.finish());
  SG_TRY(check_size(list));
  return list;
}

Result<Revocations> parse_revocation_list(std::string_view text) {
  SG_TRY(const json::Value value, json::parse(base::as_bytes(text)));
  return decode_revocation_list(value);
}

json::Object encode_revocations(const Revocations& revocations) {
  json::Array keys;
  json::Array digests;
  json::Array ranges;
  for (const base::KeyId& key : revocations.keys) keys.emplace_back(key.str());
  for (const crypto::Digest& digest : revocations.digests) digests.emplace_back(digest.hex());
  for (const EpochRange& range : revocations.ranges) {
    ranges.emplace_back(json::Array{range.id.str(), range.first.value(), range.last.value()});
  }
  return json::Object{{"digests", std::move(digests)},
                      {"keys", std::move(keys)},
                      {"number", revocations.number},
                      {"ranges", std::move(ranges)}};
}

Result<Revocations> decode_revocations(const json::Value& value) {
  json::Reader in(value, "revocations");
  Revocations revocations;
  revocations.number = in.integer("number", 1, json::kMaxInteger);
  const std::vector<std::string> digests = in.texts("digests", kMaxRevocations);
  const std::vector<std::string> keys = in.texts("keys", kMaxRevocations);
  const json::Array& ranges = in.array("ranges", kMaxRevocations);
  SG_TRY(in.finish());
  for (const std::string& text : digests) {
    SG_TRY(const crypto::Digest digest, crypto::Digest::from_hex(text));
    revocations.digests.insert(digest);
  }
  for (const std::string& text : keys) {
    SG_TRY(crypto::Digest::from_hex(text));
    revocations.keys.insert(base::KeyId(text));
  }
  for (const json::Value& item : ranges) {
    SG_TRY(EpochRange range, decode_range(item));
    revocations.ranges.insert(std::move(range));
  }
  SG_TRY(check_size(revocations));
  return revocations;
}

}  // namespace stargraph::trust

// Revocations: what revocations.json of a revocation pack says (docs/formats/trust.md).
//
// A list has a number that only rises and up to 400 entries: keys, digests of packs, and ranges of epochs
// of an id, each with a reason and a date for people. Lists add up: a later list that leaves an entry out
// takes nothing back.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/base/strong.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/json/value.hpp"

namespace stargraph::trust {

inline constexpr std::string_view kRevocationsFormat = "stargraph.revocations.v1";
// So that the act of a list fits into one entry of the audit log, however long its ids are.
inline constexpr std::size_t kMaxRevocations = 400;
inline constexpr std::size_t kMaxRevocationBytes = std::size_t{56} << 10;  // of encode_revocations()

struct EpochRange {
  base::PackId id;
  base::Epoch first;  // both ends are revoked
  base::Epoch last;
  [[nodiscard]] bool covers(const base::PackId& pack, base::Epoch epoch) const {
    return pack == id && first <= epoch && epoch <= last;
  }
  auto operator<=>(const EpochRange&) const = default;
};

// What a list takes away, without the words about it.
struct Revocations {
  std::int64_t number = 0;
  std::set<base::KeyId> keys;
  std::set<crypto::Digest> digests;
  std::set<EpochRange> ranges;
  [[nodiscard]] std::size_t size() const { return keys.size() + digests.size() + ranges.size(); }
  // Takes the entries of `list`, and its number when it is higher.
  void add(const Revocations& list);
  bool operator==(const Revocations&) const = default;
};

// The file of a pack:
//   {"format":"stargraph.revocations.v1","number":n,
//    "keys":[{"key_id","reason","date"}],"digests":[{"digest","reason","date"}],
//    "ranges":[{"pack","first","last","reason","date"}]}
// `date` is YYYY-MM-DD; "keys", "digests" and "ranges" may be left out. kMalformed, kUnknownField, kNumberRange;
// kDuplicateKey for an entry that stands twice; kTooLarge over the limits above.
[[nodiscard]] base::Result<Revocations> decode_revocation_list(const json::Value& value);
[[nodiscard]] base::Result<Revocations> parse_revocation_list(std::string_view text);  // json::parse first

// Inside a trust act: {"digests":[…],"keys":[…],"number":n,"ranges":[[id,first,last],…]}, sorted.
[[nodiscard]] json::Object encode_revocations(const Revocations& revocations);
[[nodiscard]] base::Result<Revocations> decode_revocations(const json::Value& value);

}  // namespace stargraph::trust

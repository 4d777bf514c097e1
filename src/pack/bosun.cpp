#include "stargraph/pack/bosun.hpp"

#include <algorithm>

#include "stargraph/base/check.hpp"
#include "stargraph/crypto/digest.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/pack/build.hpp"

namespace stargraph::pack {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kApprovedHash = "SHA-256";
constexpr std::size_t kMaxRecordBytes = 4096;

std::unexpected<BosunFault> refuse(BosunReason reason, std::string detail) {
  return std::unexpected(BosunFault{reason, std::move(detail)});
}

const SourceFile* find(const std::vector<SourceFile>& files, std::string_view path) {
  const auto found = std::ranges::find(files, path, &SourceFile::path);
  return found == files.end() ? nullptr : &*found;
}

BosunResult<crypto::PublicKey> read_sidecar(const SourceFile& file) {
  auto key = crypto::PublicKey::from_pem(base::as_text(file.bytes));
  if (!key && key.error().code == Code::kMalformed) {
    return refuse(BosunReason::kSidecarUnreadable, "the key beside the token: not one PUBLIC KEY block");
  }
  if (!key || key->algorithm() != crypto::Algorithm::kEd25519) {
    return refuse(BosunReason::kNotEd25519, "the key beside the token: not a safe Ed25519 key");
  }
  return *std::move(key);
}

// The sidecar; without one, the given key under which the token verifies. The sidecar decides nothing: whoever made
// the directory chose it.
BosunResult<crypto::PublicKey> find_key(const std::vector<SourceFile>& files, const BosunToken& token,
                                        const BosunTrust& trust) {
  const SourceFile* sidecar = find(files, token.kid + ".pub.pem");
  if (sidecar != nullptr) return read_sidecar(*sidecar);
  if (trust.keys.empty()) return refuse(BosunReason::kUntrustedKey, "no key is given and none lies beside the token");
  for (const crypto::PublicKey& key : trust.keys) {
    if (open_token(token, key)) return key;
  }
  return trust.keys.front();  // to be refused by it, with the reason
}

BosunResult<> check_tree(const std::vector<SourceFile>& files, const BosunClaims& claims) {
  if (claims.hash_algorithm != kApprovedHash) {
    return refuse(BosunReason::kHashNotApproved, "payload: alg: the tree hash is not SHA-256, and was not computed");
  }
  if (base::to_hex(tree_hash_sha256(files)) != claims.tree_hash) {
    return refuse(BosunReason::kTreeHashMismatch, "the files are not those that were signed");
  }
  return {};
}

BosunResult<> check_record(base::Env& env, const base::Path& records, const std::string& kid,
                           const crypto::PublicKey& key) {
  const auto corrupt = [] { return refuse(BosunReason::kRecordCorrupt, "the record of this key id cannot be read"); };
  const auto bytes = env.read_file(records / (kid + ".json"), kMaxRecordBytes);
  if (!bytes && bytes.error().code == Code::kNotFound) {
    return refuse(BosunReason::kUntrustedKey, "no record of this key id");
  }
  if (!bytes) return corrupt();
  const auto value = json::parse(*bytes);
  if (!value) return corrupt();
  json::Reader in(*value, "record");
  const std::string named = in.text("key_id", 1, 128);
  const std::string fingerprint = in.text("fingerprint", 64, 64);
  static_cast<void>(in.value("first_seen"));
  if (!in.finish() || named != kid || !base::from_hex(fingerprint)) return corrupt();
  if (fingerprint != bosun_fingerprint(key)) {
    return refuse(BosunReason::kFingerprintMismatch, "the record of this key id names another key");
  }
  return {};
}

BosunResult<> check_trust(base::Env& env, const BosunCheck& check, const BosunTrust& trust) {
  if (!trust.keys.empty() && std::ranges::find(trust.keys, *check.key) == trust.keys.end()) {
    return refuse(BosunReason::kUntrustedKey, "the signer is none of the given keys");
  }
  if (trust.records) SG_TRY(check_record(env, *trust.records, check.kid, *check.key));
  return {};
}

// Fills `check` as far as it comes.
BosunResult<> run_checks(base::Env& env, const BosunTrust& trust, BosunCheck& check) {
  const SourceFile* text = find(check.files, kTokenPath);
  SG_CHECK(text != nullptr);
  SG_TRY(const BosunToken token, parse_token(base::as_text(text->bytes)));
  check.kid = token.kid;
  SG_TRY(check.key, find_key(check.files, token, trust));
  SG_TRY(check.claims, open_token(token, *check.key));
  SG_TRY(check_tree(check.files, *check.claims));
  SG_TRY(check_trust(env, check, trust));
  check.trust_decided = !trust.keys.empty() || trust.records.has_value();
  return {};
}

}  // namespace

bool is_bosun(const std::vector<SourceFile>& files) { return find(files, kTokenPath) != nullptr; }

Result<BosunCheck> check_bosun(base::Env& env, const base::Path& directory, const BosunTrust& trust) {
  BosunCheck check;
  SG_TRY(check.files, read_sources(env, directory));
  if (!is_bosun(check.files)) return fail(Code::kSignatureMissing, "bosun: manifest.jwt: missing");
  if (auto ok = run_checks(env, trust, check); !ok) check.fault = std::move(ok).error();
  return check;
}

std::string bosun_fingerprint(const crypto::PublicKey& key) { return base::to_hex(crypto::sha256(key.der())); }

}  // namespace stargraph::pack

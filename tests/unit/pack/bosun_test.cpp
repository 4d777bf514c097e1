// Bosun directories: each of upstream's twelve reasons, what upstream lets pass, upstream's real packs, and packs
// that openssl and a shell made by the scheme's published steps.
#include "stargraph/pack/bosun.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "sample_pack.hpp"
#include "stargraph/base/memory_env.hpp"
#include "stargraph/json/write.hpp"
#include "support/command.hpp"
#include "support/temp_dir.hpp"
#include "support/upstream.hpp"

namespace stargraph::pack {
namespace {

using base::Code;

constexpr std::string_view kBosunManifest =
    "id: soc-policy\nversion: \"1.0\"\nflavor: governance\nrequires: {stargraph_facts_version: \"1.0\", api_version: "
    "\"1\"}\nprovides: [\"stargraph_facts:bosun.violation\"]\n";
constexpr std::string_view kKid = "dev-soc-1cdb9c59";

std::string part(std::string_view text) { return base::to_base64url(base::as_bytes(text)); }

// A directory in memory; each test changes one thing of it.
class Bosun : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(env_.make_directory("/pack", 0755));
    ASSERT_TRUE(env_.make_directory("/records", 0700));
    put("/pack/manifest.yaml", kBosunManifest);
    put("/pack/rules.clp", kSampleRules);
    put("/pack/pack.yaml", "rules_file: rules.clp\n");
    put_sidecar(sample_key().public_key());
    put_token(header(), payload());
  }

  void put(const std::string& path, std::string_view text) {
    ASSERT_TRUE(env_.write_file(path, base::as_bytes(text), 0644));
  }
  void put_sidecar(const crypto::PublicKey& key) { put("/pack/" + std::string(kKid) + ".pub.pem", key.pem()); }

  [[nodiscard]] std::string tree_hash() {
    const auto files = read_sources(env_, "/pack");
    return files ? base::to_hex(tree_hash_sha256(*files)) : "";
  }
  static json::Object header() { return {{"alg", "EdDSA"}, {"kid", kKid}, {"typ", "JWT"}}; }
  json::Object payload() {
    return {{"alg", "SHA-256"}, {"iat", 1'780'857'291}, {"key_id", kKid}, {"tree_hash", tree_hash()}};
  }
  void put_token(const json::Object& header, const json::Object& payload,
                 const crypto::PrivateKey& key = sample_key()) {
    put_raw_token(json::compact(header), json::compact(payload), key);
  }
  void put_raw_token(std::string_view header, std::string_view payload, const crypto::PrivateKey& key = sample_key()) {
    const std::string text = part(header) + "." + part(payload);
    put("/pack/manifest.jwt", text + "." + base::to_base64url(key.sign_raw(base::as_bytes(text)).value()));
  }
  BosunCheck check(const BosunTrust& trust = {}) {
    auto checked = check_bosun(env_, "/pack", trust);
    EXPECT_TRUE(checked) << checked.error().message;
    return checked ? *std::move(checked) : BosunCheck{};
  }
  // "" when nothing is wrong.
  std::string reason(const BosunTrust& trust = {}) {
    const BosunCheck checked = check(trust);
    return checked.fault ? std::string(bosun_reason_name(checked.fault->reason)) : "";
  }
  // With one member of the token's header set.
  std::string reason_with(const std::string& member, json::Value value) {
    json::Object changed = header();
    changed.set(member, std::move(value));
    put_token(changed, payload());
    return reason();
  }
  BosunTrust records() { return {{}, "/records"}; }
  void put_record(const crypto::PublicKey& key, std::string_view kid = kKid) {
    put("/records/" + std::string(kKid) + ".json",
        json::compact(json::Object{
            {"key_id", kid}, {"fingerprint", bosun_fingerprint(key)}, {"first_seen", "2026-01-01T00:00:00Z"}}));
  }

  base::MemoryEnv env_;
};

TEST_F(Bosun, AcceptsTheSample) {
  const BosunCheck checked = check();
  EXPECT_FALSE(checked.fault) << checked.fault->detail;
  EXPECT_EQ(checked.kid, kKid);
  ASSERT_TRUE(checked.claims);
  EXPECT_EQ(checked.claims->issued_at, 1'780'857'291);
  EXPECT_FALSE(checked.trust_decided) << "nobody said whom to trust";
  EXPECT_TRUE(check({{sample_key().public_key()}, {}}).trust_decided);
}

TEST_F(Bosun, EveryReasonHasACodeOfOurs) {
  const std::set<std::string_view> upstream{"header-unparseable", "x5c-rejected",       "alg-not-eddsa",
                                            "kid-missing",        "untrusted-key",      "sidecar-unreadable",
                                            "not-ed25519",        "record-corrupt",     "fingerprint-mismatch",
                                            "signature-invalid",  "tree-hash-mismatch", "key-id-mismatch"};
  std::set<std::string_view> ours;
  for (const BosunReasonRow& row : bosun_reasons()) {
    if (row.name != "hash-not-approved") ours.insert(row.name);
    const int exit_code = base::reason(row.code).exit_code;
    EXPECT_TRUE(exit_code == base::kExitTrust || exit_code == base::kExitIntegrity) << row.name;
    EXPECT_NE(to_error({row.reason, "why"}).message.find(row.name), std::string::npos);
  }
  EXPECT_EQ(ours, upstream);
}

TEST_F(Bosun, SG_T_PACK_HeaderUnparseable) {
  const std::string good = base::to_text(env_.read_file("/pack/manifest.jwt", 9000).value());
  for (const std::string& token :
       {std::string(), std::string("."), std::string(".."), good + ".x", good.substr(1), "=" + good, good + "\n" + good,
        good.substr(0, good.rfind('.')), std::string(9000, 'A')}) {
    put("/pack/manifest.jwt", token);
    EXPECT_EQ(reason(), "header-unparseable") << token;
  }
  for (const char* text : {"[]", "\"EdDSA\"", "", "{", R"({"alg":"EdDSA","alg":"EdDSA","kid":"a"})",
                           R"({"alg":"EdDSA","kid":"a","crit":["b64"],"b64":false})",
                           R"({"alg":"EdDSA","kid":"a","typ":"JOSE"})", R"({"alg":"EdDSA","kid":"a","typ":null})",
                           R"({"alg":"EdDSA","kid":"a","zip":"DEF"})", R"({"alg":"EdDSA","kid":"a"}x)"}) {
    put_raw_token(text, json::compact(payload()));
    EXPECT_EQ(reason(), "header-unparseable") << text;
  }
}

TEST_F(Bosun, RC_S_PACK_X5cRejected) {
  for (const char* member : {"x5c", "x5u", "x5t", "x5t#S256", "jwk", "jku"}) {
    EXPECT_EQ(reason_with(member, "anything"), "x5c-rejected") << member;
    EXPECT_EQ(reason_with(member, nullptr), "x5c-rejected") << member;
  }
}

TEST_F(Bosun, RC_S_PACK_AlgNotEddsa) {
  for (const json::Value& alg :
       {json::Value("none"), json::Value("None"), json::Value("HS256"), json::Value("RS256"), json::Value("ES256"),
        json::Value("eddsa"), json::Value("EdDSA "), json::Value("Ed25519"), json::Value(nullptr), json::Value(0),
        json::Value(json::Array{"EdDSA"})}) {
    EXPECT_EQ(reason_with("alg", alg), "alg-not-eddsa");
  }
  put_raw_token(R"({"kid":"a"})", json::compact(payload()));
  EXPECT_EQ(reason(), "alg-not-eddsa");
}

TEST_F(Bosun, RC_S_PACK_AnEmptySignatureIsNone) {
  const std::string text = part(R"({"alg":"none","kid":"a"})") + "." + part(json::compact(payload())) + ".";
  put("/pack/manifest.jwt", text);
  EXPECT_EQ(reason(), "alg-not-eddsa");
  put("/pack/manifest.jwt", part(json::compact(header())) + "." + part(json::compact(payload())) + ".");
  EXPECT_EQ(reason(), "signature-invalid");
}

// The public key as the secret of an HMAC: what a verifier that believes the token's alg would accept.
TEST_F(Bosun, RC_S_PACK_HmacWithThePublicKeyIsRefused) {
  const std::string text =
      part(R"({"alg":"HS256","kid":"dev-soc-1cdb9c59","typ":"JWT"})") + "." + part(json::compact(payload()));
  const std::string pem = sample_key().public_key().pem();
  const crypto::Digest mac = crypto::hmac_sha384(base::as_bytes(pem), base::as_bytes(text));
  put("/pack/manifest.jwt", text + "." + base::to_base64url(mac.bytes().first(32)));
  EXPECT_EQ(reason(), "alg-not-eddsa");
}

TEST_F(Bosun, SG_S_PACK_KidMissing) {
  put_raw_token(R"({"alg":"EdDSA"})", json::compact(payload()));
  EXPECT_EQ(reason(), "kid-missing");
  for (const json::Value& kid :
       {json::Value(""), json::Value(nullptr), json::Value(7), json::Value("../../etc/ssl/key"), json::Value("a/b"),
        json::Value(".hidden"), json::Value("-o"), json::Value("a b"), json::Value("ä"), json::Value("a\n"),
        json::Value(std::string(129, 'a'))}) {
    EXPECT_EQ(reason_with("kid", kid), "kid-missing") << json::compact(kid);
  }
}

TEST_F(Bosun, SG_S_PACK_UntrustedKey) {
  EXPECT_EQ(reason({{sample_key(1).public_key()}, {}}), "untrusted-key") << "the sidecar is none of the given keys";
  ASSERT_TRUE(env_.remove("/pack/" + std::string(kKid) + ".pub.pem"));
  EXPECT_EQ(reason(), "untrusted-key") << "no key at all";
  EXPECT_EQ(reason({{sample_key().public_key()}, {}}), "") << "a given key needs no sidecar";
  EXPECT_EQ(reason({{sample_key(1).public_key(), sample_key().public_key()}, {}}), "");
  EXPECT_EQ(reason({{sample_key(1).public_key()}, {}}), "signature-invalid");
  put_sidecar(sample_key().public_key());
  EXPECT_EQ(reason(records()), "untrusted-key") << "no record of its first use";
}

TEST_F(Bosun, SG_S_PACK_SidecarUnreadable) {
  const std::string path = "/pack/" + std::string(kKid) + ".pub.pem";
  const std::string pem = sample_key().public_key().pem();
  for (const std::string& text : {std::string(), std::string("not a key"), pem + pem, pem + "x", " " + pem}) {
    put(path, text);
    EXPECT_EQ(reason(), "sidecar-unreadable") << text;
  }
}

TEST_F(Bosun, RC_S_PACK_NotEd25519) {
  put_sidecar(sample_key(0, crypto::Algorithm::kEcdsaP384Sha384).public_key());
  EXPECT_EQ(reason(), "not-ed25519");
  // The neutral element: Ed25519 by its form, and a key that "signed" everything.
  base::Bytes spki = base::from_hex("302a300506032b6570032100").value();
  spki.push_back(std::byte{1});
  spki.resize(44);
  put("/pack/" + std::string(kKid) + ".pub.pem",
      "-----BEGIN PUBLIC KEY-----\n" + base::to_base64(spki) + "\n-----END PUBLIC KEY-----\n");
  EXPECT_EQ(reason(), "not-ed25519");
}

TEST_F(Bosun, RC_T_PACK_RecordCorrupt) {
  const std::string path = "/records/" + std::string(kKid) + ".json";
  put_record(sample_key().public_key(), "another-kid");
  EXPECT_EQ(reason(records()), "record-corrupt");
  for (const char* text : {"", "{}", "[]", R"({"key_id":"dev-soc-1cdb9c59","fingerprint":"12","first_seen":1})",
                           R"({"key_id":"dev-soc-1cdb9c59","key_id":"x"})"}) {
    put(path, text);
    EXPECT_EQ(reason(records()), "record-corrupt") << text;
  }
  put(path, std::string(5000, ' '));
  EXPECT_EQ(reason(records()), "record-corrupt");
}

TEST_F(Bosun, SG_S_PACK_FingerprintMismatch) {
  put_record(sample_key().public_key());
  EXPECT_EQ(reason(records()), "");
  put_record(sample_key(1).public_key());
  EXPECT_EQ(reason(records()), "fingerprint-mismatch");
}

// Upstream pins first and checks the signature then: a garbage token could pin a key there.
TEST_F(Bosun, SG_S_PACK_SignatureComesBeforeTrust) {
  put_token(header(), payload(), sample_key(1));
  EXPECT_EQ(reason(records()), "signature-invalid");
  EXPECT_TRUE(env_.list("/records")->empty()) << "nothing is ever recorded";
}

TEST_F(Bosun, SG_T_PACK_SignatureInvalid) {
  const std::string good = base::to_text(env_.read_file("/pack/manifest.jwt", 9000).value());
  put_token(header(), payload(), sample_key(1));
  EXPECT_EQ(reason(), "signature-invalid") << "another key";
  put("/pack/manifest.jwt", good.substr(0, good.size() - 4));
  EXPECT_EQ(reason(), "signature-invalid") << "too short";
  put("/pack/manifest.jwt", good + "\n");
  EXPECT_EQ(reason(), "signature-invalid") << "a token has no line end";
  put("/pack/manifest.jwt", good + "==");
  EXPECT_EQ(reason(), "signature-invalid") << "padding";
}

TEST_F(Bosun, SG_T_PACK_NoByteOfTheTokenMayChange) {
  const std::string good = base::to_text(env_.read_file("/pack/manifest.jwt", 9000).value());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x01);
    put("/pack/manifest.jwt", bad);
    EXPECT_NE(reason(), "") << "byte " << i;
  }
}

TEST_F(Bosun, SG_T_PACK_TreeHashMismatch) {
  put("/pack/rules.clp", std::string(kSampleRules) + " ");
  EXPECT_EQ(reason(), "tree-hash-mismatch") << "a byte more";
  put("/pack/rules.clp", kSampleRules);
  EXPECT_EQ(reason(), "");
  put("/pack/.hidden", "");
  EXPECT_EQ(reason(), "tree-hash-mismatch") << "a file more";
  ASSERT_TRUE(env_.remove("/pack/.hidden"));
  ASSERT_TRUE(env_.remove("/pack/pack.yaml"));
  EXPECT_EQ(reason(), "tree-hash-mismatch") << "a file less";
}

TEST_F(Bosun, SG_T_PACK_PayloadsOfAnotherFormAreNoTreeHash) {
  for (const char* member : {"alg", "iat", "key_id", "tree_hash"}) {
    json::Object less = payload();
    less.erase(member);
    put_token(header(), less);
    EXPECT_EQ(reason(), "tree-hash-mismatch") << member;
  }
  json::Object more = payload();
  more.set("exp", 1);
  put_token(header(), more);
  EXPECT_EQ(reason(), "tree-hash-mismatch");
  json::Object upper = payload();
  upper.set("tree_hash", std::string(64, 'A'));
  put_token(header(), upper);
  EXPECT_EQ(reason(), "tree-hash-mismatch");
  put_raw_token(json::compact(header()), "not json");
  EXPECT_EQ(reason(), "tree-hash-mismatch");
}

TEST_F(Bosun, SG_S_PACK_KeyIdMismatch) {
  json::Object other = payload();
  other.set("key_id", "dev-other-00000000");
  put_token(header(), other);
  EXPECT_EQ(reason(), "key-id-mismatch");
}

TEST_F(Bosun, OtherHashesAreNotApprovedAndTheSignatureIsReported) {
  for (const char* hash : {"BLAKE3", "SHA-1", "sha-256", "SHA-512"}) {
    json::Object other = payload();
    other.set("alg", hash);
    put_token(header(), other);
    const BosunCheck checked = check();
    ASSERT_TRUE(checked.fault);
    EXPECT_EQ(checked.fault->reason, BosunReason::kHashNotApproved);
    EXPECT_EQ(to_error(*checked.fault).code, Code::kHashNotApproved);
    ASSERT_TRUE(checked.claims) << "the signature holds";
    EXPECT_EQ(checked.claims->hash_algorithm, hash);
  }
}

TEST_F(Bosun, WithoutATokenItIsNone) {
  ASSERT_TRUE(env_.remove("/pack/manifest.jwt"));
  EXPECT_EQ(check_bosun(env_, "/pack", {}).error().code, Code::kSignatureMissing);
}

TEST(BosunLinks, SG_T_PACK_SymbolicLinksAreRefused) {
  const test::TempDir directory;
  directory.write("outside", "secret");
  ASSERT_TRUE(base::real_env().make_directory(directory / "pack", 0700));
  directory.write("pack/manifest.jwt", "x");
  std::filesystem::create_symlink(directory / "outside", directory / "pack/rules.clp");
  EXPECT_EQ(check_bosun(base::real_env(), directory / "pack", {}).error().code, Code::kPathInvalid);
  std::filesystem::remove(directory / "pack/rules.clp");
  std::filesystem::create_directory_symlink(directory.path(), directory / "pack/up");
  EXPECT_EQ(check_bosun(base::real_env(), directory / "pack", {}).error().code, Code::kPathInvalid);
}

TEST(BosunTreeHash, FilesAreOrderedByPathComponents) {
  // Bytewise "a.b" and "a-b" stand before "a/b", by components after it.
  const std::vector<SourceFile> sorted{source("a/b", "1"), source("a-b", "2"), source("a.b", "3")};
  std::string message;
  for (const SourceFile& file : sorted) {
    message += file.path + std::string(8, '\0') + '\x01' + base::to_text(file.bytes);
  }
  EXPECT_EQ(tree_hash_sha256(std::vector<SourceFile>{sorted[2], sorted[1], sorted[0]}),
            crypto::sha256(base::as_bytes(message)));
}

TEST(BosunTreeHash, KeysAndTheTokenAreLeftOut) {
  EXPECT_FALSE(is_in_tree_hash("manifest.jwt"));
  EXPECT_FALSE(is_in_tree_hash("x.pub.pem"));
  EXPECT_FALSE(is_in_tree_hash("keys/x.pub.pem"));
  EXPECT_TRUE(is_in_tree_hash("sub/manifest.jwt"));
  EXPECT_TRUE(is_in_tree_hash("pub.pem"));
  EXPECT_TRUE(is_in_tree_hash("x.pub.pem.bak"));
}

// The script that stands in docs/formats/bosun.md: a shell and openssl, so that our reader and our writer are not each
// other's only witness.
std::string published_steps() {
  std::ifstream in(base::Path(STARGRAPH_SOURCE_DIR) / "docs/formats/bosun.md");
  const std::string document{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const auto marker = document.find("<!-- published steps -->");
  const auto begin = document.find("```sh\n", marker) + 6;
  const auto end = document.find("```\n", begin);
  EXPECT_NE(marker, std::string::npos);
  return document.substr(begin, end - begin);
}

class BosunByOpenssl : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(base::real_env().make_directory(directory_ / "pack", 0700));
    ASSERT_TRUE(base::real_env().make_directory(directory_ / "pack/sub", 0700));
    directory_.write("pack/manifest.yaml", std::string(kBosunManifest));
    directory_.write("pack/rules.clp", std::string(kSampleRules));
    directory_.write("pack/pack.yaml", "# only hashed\n");
    directory_.write("pack/sub/more.txt", "more\n");
    directory_.write("pack/sub.txt", "by components after sub/, bytewise before it\n");
    directory_.write("pack/.hidden", "");
    const auto made =
        test::run_command({"openssl", "genpkey", "-algorithm", "ed25519", "-out", (directory_ / "key.pem").string()});
    ASSERT_TRUE(made.ok()) << made.err;
  }
  void sign() {
    test::CommandOptions options;
    options.directory = directory_ / "pack";
    const auto done = test::run_command(
        {"bash", "-c", published_steps(), "steps", "dev-shell-12345678", (directory_ / "key.pem").string()}, options);
    ASSERT_TRUE(done.ok()) << done.err;
  }
  const test::TempDir directory_;
};

TEST_F(BosunByOpenssl, VerifiesAndFallsWithAnyByte) {
  sign();
  const auto checked = check_bosun(base::real_env(), directory_ / "pack", {});
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_FALSE(checked->fault) << checked->fault->detail;
  directory_.write("pack/sub/more.txt", "mode\n");
  const auto changed = check_bosun(base::real_env(), directory_ / "pack", {});
  ASSERT_TRUE(changed && changed->fault);
  EXPECT_EQ(changed->fault->reason, BosunReason::kTreeHashMismatch);
}

TEST_F(BosunByOpenssl, OurWriterWritesTheSameBytes) {
  sign();
  const auto files = read_sources(base::real_env(), directory_ / "pack");
  ASSERT_TRUE(files);
  const auto pem = crypto::read_secret_file(base::real_env(), directory_ / "key.pem", 4096);
  ASSERT_TRUE(pem) << pem.error().message;
  const auto key = crypto::PrivateKey::from_pem(*pem, crypto::Secret());
  ASSERT_TRUE(key);
  const auto ours = sign_bosun(*files, *key, "dev-shell-12345678", 1'780'857'291);
  ASSERT_TRUE(ours) << ours.error().message;
  for (const SourceFile& file : *ours) {
    EXPECT_EQ(base::to_text(file.bytes),
              base::to_text(base::real_env().read_file(directory_ / "pack" / file.path, 9000).value()))
        << file.path << ": Ed25519 is deterministic";
  }
}

TEST(BosunUpstream, ItsPacksHaveAValidSignatureAndAHashThatIsNotApproved) {
  SG_UPSTREAM_OR_SKIP(upstream);
  int seen = 0;
  for (const char* folder : {"packs", "packs-stale"}) {
    for (const auto& entry : std::filesystem::directory_iterator(upstream / "stargraph" / folder)) {
      const auto checked = check_bosun(base::real_env(), entry.path(), {});
      ASSERT_TRUE(checked) << entry.path() << checked.error().message;
      ASSERT_TRUE(checked->fault) << entry.path();
      EXPECT_EQ(bosun_reason_name(checked->fault->reason), "hash-not-approved") << entry.path();
      ASSERT_TRUE(checked->claims) << entry.path() << ": the signature";
      EXPECT_EQ(checked->claims->hash_algorithm, "BLAKE3");
      EXPECT_TRUE(checked->kid.ends_with(bosun_fingerprint(*checked->key).substr(0, 8))) << checked->kid;
      ++seen;
    }
  }
  EXPECT_EQ(seen, 6);
}

TEST(BosunUpstream, ItsPacksCanBeWrapped) {
  SG_UPSTREAM_OR_SKIP(upstream);
  const auto checked = check_bosun(base::real_env(), upstream / "stargraph/packs/soc-policy", {});
  ASSERT_TRUE(checked);
  auto converted = wrap_bosun(*checked);
  ASSERT_TRUE(converted) << converted.error().message;
  const auto compiled = compile_files(std::move(converted->manifest), std::move(converted->files), at_epoch(1));
  ASSERT_TRUE(compiled) << compiled.error().message;
  const auto bytes = sign(*compiled, sample_key());
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(why_refused(*bytes), Code::kInternal);
}

TEST_F(Bosun, IsWrappedWithItsOriginals) {
  auto converted = wrap_bosun(check());
  ASSERT_TRUE(converted) << converted.error().message;
  const auto& manifest = std::get<RulesManifest>(converted->manifest);
  EXPECT_EQ(manifest.id.str(), "soc-policy");
  EXPECT_EQ(manifest.version, "1.0.0");
  EXPECT_EQ(manifest.provides, std::vector<std::string>{"bosun.violation"});
  EXPECT_TRUE(manifest.capabilities.empty());
  const auto compiled = compile_files(std::move(converted->manifest), std::move(converted->files), at_epoch(3));
  ASSERT_TRUE(compiled) << compiled.error().message;
  std::vector<std::string> paths;
  for (const FileEntry& file : compiled->header.files) paths.push_back(file.path);
  EXPECT_EQ(paths,
            (std::vector<std::string>{"manifest.json", "rules.clp", "sbom.cdx.json", "source/dev-soc-1cdb9c59.pub.pem",
                                      "source/manifest.jwt", "source/manifest.yaml", "source/pack.yaml"}));
  EXPECT_EQ(why_refused(sign(*compiled, sample_key(2)).value(), sample_key(2).public_key()), Code::kInternal);
}

TEST_F(Bosun, SG_T_PACK_AWrongSignatureIsNotWrapped) {
  put("/pack/rules.clp", "(defrule other => )");
  EXPECT_EQ(wrap_bosun(check()).error().code, Code::kTreeHashMismatch);
}

TEST_F(Bosun, ManifestIsStrict) {
  EXPECT_TRUE(decode_bosun_manifest(kBosunManifest));
  const std::string base(kBosunManifest);
  for (const std::string& text : {base + "hooks: [x]\n", base + "kind: rules\n", base + "provides: []\n",
                                  std::string("[]"), std::string("id: x\n"), "id: ../up" + base.substr(base.find('\n')),
                                  base + "capabilities: [\"runs:start\"]\n"}) {
    const auto manifest = decode_bosun_manifest(text);
    ASSERT_FALSE(manifest) << text;
    EXPECT_EQ(base::reason(manifest.error().code).exit_code, base::kExitIntegrity) << text;
  }
}

TEST_F(Bosun, SigningNeedsAKeyIdAndAnEd25519Key) {
  const auto files = read_sources(env_, "/pack");
  ASSERT_TRUE(files);
  EXPECT_EQ(sign_bosun(*files, sample_key(), "../x", 1).error().code, Code::kUsage);
  EXPECT_EQ(sign_bosun(*files, sample_key(0, crypto::Algorithm::kEcdsaP384Sha384), "x", 1).error().code,
            Code::kAlgorithmRefused);
  EXPECT_EQ(sign_bosun({files->front()}, sample_key(), "x", 1).error().code, Code::kFileMissing);
}

}  // namespace
}  // namespace stargraph::pack

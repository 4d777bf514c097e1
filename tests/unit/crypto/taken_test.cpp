// Which algorithms a process of ours really took, from whom, and what OpenSSL's FIPS module says of their use. Under
// FIPS each runs in a fresh process (the switch is thrown once): everything this module does, SQLCipher through the
// store, and a TLS 1.3 handshake with certificates on both sides, made as the daemon makes it.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdio>
#include <cstdlib>
#include <set>

#include "crypto/ed25519.hpp"
#include "crypto/openssl.hpp"
#include "keys.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/store/database.hpp"
#include "support/fips_module.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::crypto {
namespace {

constexpr std::string_view kDomain = "stargraph.test.v1";

// Every use of an algorithm that this module has, once.
void use_everything() {
  const base::Bytes message = base::to_bytes("message");
  static_cast<void>(sha384(message));
  static_cast<void>(sha256(message));
  static_cast<void>(hmac_sha384(base::as_bytes("a key of more than 112 bits"), message));
  static_cast<void>(Secret::random(32));
  std::array<std::byte, 16> salt{};
  random_bytes(salt);
  const Secret passphrase = secret("correct horse battery staple");
  for (const Algorithm algorithm : {Algorithm::kEd25519, Algorithm::kEcdsaP384Sha384}) {
    const PrivateKey key = PrivateKey::generate(algorithm).value();
    const base::Bytes signature = key.sign(kDomain, message).value();
    const PublicKey known = PublicKey::from_pem(key.public_key().pem()).value();
    if (!known.verify(algorithm, kDomain, message, signature)) std::exit(20);
    const Secret file = key.to_pem(passphrase).value();
    if (!PrivateKey::from_pem(file, passphrase)) std::exit(21);
  }
}

// Without the provider's name: what the list must hold, no more and no less.
std::set<std::pair<std::string, std::string>> all_uses() {
  std::set<std::pair<std::string, std::string>> uses = {
      {"digest", "SHA2-384"},          {"digest", "SHA2-256"},         {"mac", "HMAC"},
      {"random, private", "CTR-DRBG"}, {"random, public", "CTR-DRBG"}, {"key file", "PBKDF2"},
      {"key file", "AES-256-CBC"}};
  for (const char* use : {"key generation", "private key", "public key", "sign", "verify"}) {
    uses.insert({use, "ED25519"});
    uses.insert({use, "EC"});
  }
  return uses;
}

void print(const std::vector<Taken>& list) {
  for (const Taken& each : list)
    std::fprintf(stderr, "%s: %s from %s\n", each.use.c_str(), each.algorithm.c_str(), each.provider.c_str());
}

bool complete_and_from(std::string_view provider) {
  std::set<std::pair<std::string, std::string>> uses;
  bool all_from = true;
  for (const Taken& each : taken()) {
    uses.insert({each.use, each.algorithm});
    all_from = all_from && each.provider == provider;
  }
  return all_from && uses == all_uses();
}

class TakenDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};
class TakenUnderFipsDeathTest : public TakenDeathTest {
 protected:
  void SetUp() override {
    if (!test::fips_module_installed())
      GTEST_SKIP() << "this machine has no FIPS module; fips: required refuses to start on it";
    TakenDeathTest::SetUp();
  }
};

[[noreturn]] void list_without_fips() {
  if (!initialise(FipsMode::kOff)) std::exit(2);
  if (!taken().empty()) std::exit(3);
  use_everything();
  print(taken());
  std::exit(complete_and_from(fips_state().enforced ? "fips" : "default") ? 0 : 1);
}

TEST_F(TakenDeathTest, TheListIsWhatThisModuleUsesNoMoreAndNoLess) {
  EXPECT_EXIT(list_without_fips(), ::testing::ExitedWithCode(0), "digest: SHA2-384 from");
}

// The module tells of each use that is not approved, whoever in the process makes it (OSSL_INDICATOR_set_callback(3),
// since 3.4; looked up by name, so that a program built with older headers sees it too).
std::vector<std::string> unapproved;

extern "C" int on_unapproved(const char* type, const char* description, const OSSL_PARAM*) {
  unapproved.push_back(std::string(type) + ": " + description);
  return 1;  // go on
}

bool watch() {
  using Callback = int(const char*, const char*, const OSSL_PARAM*);
  using Set = void(OSSL_LIB_CTX*, Callback*);
  void* const found = ::dlsym(RTLD_DEFAULT, "OSSL_INDICATOR_set_callback");
  if (found == nullptr) return false;
  reinterpret_cast<Set*>(found)(nullptr, &on_unapproved);
  return true;
}

// True when uses that are not approved will be seen.
bool begin_fips() {
  const bool watching = watch();
  const auto state = initialise(FipsMode::kRequired);
  if (!state) {
    std::fprintf(stderr, "%s\n", state.error().message.c_str());
    std::exit(10);
  }
  std::fprintf(stderr, "module %s, version %s, indicators: %d\n", state->module.c_str(), state->version.c_str(),
               watching ? 1 : 0);
  unapproved.clear();  // the known answers of the module's self-test: PBKDF2 with few iterations
  return watching;
}

// Nothing came from elsewhere: nothing but `fips` (which computes) and `base` (which reads and writes files) is loaded,
// or, where the system's openssl.cnf activated the default provider, what only that one has cannot be had.
[[noreturn]] void end_fips() {
  for (const std::string& each : unapproved) std::fprintf(stderr, "not approved: %s\n", each.c_str());
  const bool alone = OSSL_PROVIDER_available(nullptr, "default") == 0;
  const bool reachable = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr) != nullptr;
  std::fprintf(stderr, "default provider: %s\n", alone ? "not loaded" : reachable ? "within reach" : "out of reach");
  std::exit((alone || !reachable) && unapproved.empty() ? 0 : 30);
}

[[noreturn]] void list_under_fips() {
  static_cast<void>(begin_fips());
  use_everything();
  print(taken());
  if (!complete_and_from("fips")) std::exit(11);
  end_fips();
}

TEST_F(TakenUnderFipsDeathTest, SG_E_STATE_EverySecurityFunctionComesFromTheFipsModuleAndIsApproved) {
  EXPECT_EXIT(list_under_fips(), ::testing::ExitedWithCode(0), "sign: ED25519 from fips");
}

// SQLCipher gets a raw key, so no password is stretched; it derives the key of its page HMAC from that key by PBKDF2
// with two iterations, which SP 800-132 has no place for (at least 1,000).
[[noreturn]] void store_under_fips() {
  const bool watching = begin_fips();
  const test::TempDir dir;
  std::filesystem::permissions(dir.path(), std::filesystem::perms::owner_all);
  const Secret key = Secret::random(32);
  constexpr store::Migration kTable{"test", 1, "CREATE TABLE kept(value TEXT) STRICT;"};
  auto database = store::Database::open(dir / "state.db", key, std::span(&kTable, 1));
  if (!database || !(*database)->writer()->execute("INSERT INTO kept VALUES('x')")) std::exit(12);
  if (watching && unapproved.empty()) std::exit(13);  // the exception is one no longer: say so in docs/fips.md
  std::erase(unapproved, "PBKDF2: Iteration count");
  end_fips();
}

TEST_F(TakenUnderFipsDeathTest, SG_I_STATE_SqlcipherDerivesItsMacKeyWithTwoIterationsAndNothingElseIsUnapproved) {
  EXPECT_EXIT(store_under_fips(), ::testing::ExitedWithCode(0), "default provider: (not loaded|out of reach)");
}

using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, Free<SSL_free>>;

// One self-signed P-384 certificate is server, client and authority.
Context context(const SSL_METHOD* method, EVP_PKEY* key, X509* certificate) {
  Context made(SSL_CTX_new(method));
  if (!made || SSL_CTX_use_certificate(made.get(), certificate) != 1 || SSL_CTX_use_PrivateKey(made.get(), key) != 1 ||
      X509_STORE_add_cert(SSL_CTX_get_cert_store(made.get()), certificate) != 1 ||
      SSL_CTX_set1_groups_list(made.get(), "P-384:P-256") != 1 ||
      SSL_CTX_set_ciphersuites(made.get(), "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256") != 1 ||
      SSL_CTX_set_min_proto_version(made.get(), TLS1_3_VERSION) != 1)
    std::exit(14);
  SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return made;
}

[[noreturn]] void handshake_under_fips() {
  static_cast<void>(begin_fips());
  EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384");
  X509* const certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("x"), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA2-384", nullptr);
  if (key == nullptr || X509_sign(certificate, key, digest) == 0) std::exit(15);
  const Context server_context = context(TLS_server_method(), key, certificate);
  const Context client_context = context(TLS_client_method(), key, certificate);
  const Connection server(SSL_new(server_context.get()));
  const Connection client(SSL_new(client_context.get()));
  BIO* left = nullptr;
  BIO* right = nullptr;
  if (BIO_new_bio_pair(&left, 0, &right, 0) != 1) std::exit(16);
  SSL_set_bio(server.get(), left, left);
  SSL_set_bio(client.get(), right, right);
  SSL_set_accept_state(server.get());
  SSL_set_connect_state(client.get());
  for (int i = 0; i < 10; ++i) {
    SSL_do_handshake(client.get());
    SSL_do_handshake(server.get());
  }
  char byte = 0;
  if (SSL_write(client.get(), "x", 1) != 1 || SSL_read(server.get(), &byte, 1) != 1 || byte != 'x') std::exit(17);
  std::fprintf(stderr, "%s with %s\n", SSL_get_version(server.get()), SSL_get_cipher_name(server.get()));
  end_fips();
}

TEST_F(TakenUnderFipsDeathTest, SG_I_HTTP_ATls13HandshakeWithBothCertificatesIsApproved) {
  EXPECT_EXIT(handshake_under_fips(), ::testing::ExitedWithCode(0), "TLSv1.3 with TLS_AES_256_GCM_SHA384");
}

TEST(Ed25519Approval, SG_S_PACK_FollowsTheVersionOfTheModule) {
  const auto under = [](const char* version) {
    return ed25519_is_approved({.enforced = true, .module = "OpenSSL FIPS Provider", .version = version});
  };
  EXPECT_TRUE(ed25519_is_approved({}));
  for (const char* version : {"3.4.0", "3.5.7", "3.10.1", "4.0.0-abc"}) EXPECT_TRUE(under(version)) << version;
  for (const char* version : {"3.0.9", "3.1.2", "3.0.7-395c1a240fbfffd8", "", "3", "three", "-3.9"})
    EXPECT_FALSE(under(version)) << version;
}

}  // namespace
}  // namespace stargraph::crypto

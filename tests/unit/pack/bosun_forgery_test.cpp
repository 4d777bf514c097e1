// Tokens as an attacker makes them with openssl: genuine under an algorithm or a key that the token itself names. Each
// would pass a verifier that believes a token's header about how to check the token.
#include <gtest/gtest.h>

#include <fstream>

#include "stargraph/base/env.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/pack/bosun.hpp"
#include "support/command.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::pack {
namespace {

using base::Code;

// $1: the header, in which ATTACKER stands for the attacker's key as a JWK's "x"; $2: who signs, and how. Run in the
// pack's directory, whose token was good; the attacker's keys lie beside it.
constexpr const char* kForge = R"sh(set -eu
kid=dev-shell-12345678
b64() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
[ -e ../attacker.pem ] || openssl genpkey -algorithm ed25519 -out ../attacker.pem
[ -e ../rsa.pem ] || openssl genpkey -algorithm RSA -out ../rsa.pem 2> /dev/null
x=$(openssl pkey -in ../attacker.pem -pubout -outform DER | tail -c 32 | b64)
header=$(printf %s "$1" | sed "s/ATTACKER/$x/")
printf %s "$(printf %s "$header" | b64).$(cut -d . -f 2 manifest.jwt)" > ../text
case $2 in
  nobody) : > ../sig ;;
  hmac) openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(od -An -v -tx1 $kid.pub.pem | tr -d ' \n')" -binary ../text > ../sig ;;
  rsa) openssl dgst -sha256 -sign ../rsa.pem ../text > ../sig ;;
  ed25519) openssl pkeyutl -sign -rawin -inkey ../attacker.pem -in ../text > ../sig ;;
esac
printf %s "$(cat ../text).$(b64 < ../sig)" > manifest.jwt
)sh";

class BosunForged : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(crypto::initialise(crypto::FipsMode::kOff));
    ASSERT_TRUE(base::real_env().make_directory(directory_ / "pack", 0700));
    directory_.write("pack/manifest.yaml", "id: soc\nversion: 1.0.0\n");
    directory_.write("pack/rules.clp", "; none\n");
    shell(published_steps(), {"dev-shell-12345678", key()});
    ASSERT_EQ(reason(), "") << "signed as it should be";
  }
  [[nodiscard]] std::string key() const {
    const std::string path = (directory_ / "key.pem").string();
    const auto made = test::run_command({"openssl", "genpkey", "-algorithm", "ed25519", "-out", path});
    EXPECT_TRUE(made.ok()) << made.err;
    return path;
  }
  void shell(const std::string& script, std::vector<std::string> arguments) const {
    test::CommandOptions options;
    options.directory = directory_ / "pack";
    arguments.insert(arguments.begin(), {"bash", "-c", script, "steps"});
    const auto done = test::run_command(std::move(arguments), options);
    ASSERT_TRUE(done.ok()) << done.err;
  }
  // The reason for this token, "" when it passed; with the sidecar's key, which the attacker may replace too.
  [[nodiscard]] std::string reason() const {
    const auto checked = check_bosun(base::real_env(), directory_ / "pack", {});
    EXPECT_TRUE(checked);
    return checked && checked->fault ? std::string(bosun_reason_name(checked->fault->reason)) : "";
  }
  std::string forged(const std::string& header, const std::string& signer) const {
    shell(kForge, {header, signer});
    return reason();
  }
  static std::string published_steps() {
    std::ifstream in(base::Path(STARGRAPH_SOURCE_DIR) / "docs/formats/bosun.md");
    const std::string document{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const auto begin = document.find("```sh\n", document.find("<!-- published steps -->")) + 6;
    return document.substr(begin, document.find("```\n", begin) - begin);
  }
  const test::TempDir directory_;
};

TEST_F(BosunForged, RC_S_PACK_TheTokenDoesNotChooseItsAlgorithm) {
  const auto header = [](const char* alg) {
    return R"({"alg":")" + std::string(alg) + R"(","kid":"dev-shell-12345678","typ":"JWT"})";
  };
  EXPECT_EQ(forged(header("none"), "nobody"), "alg-not-eddsa");
  EXPECT_EQ(forged(header("HS256"), "hmac"), "alg-not-eddsa") << "the public key as the secret";
  EXPECT_EQ(forged(header("RS256"), "rsa"), "alg-not-eddsa");
  // The right name over the wrong signature.
  EXPECT_EQ(forged(header("EdDSA"), "nobody"), "signature-invalid");
  EXPECT_EQ(forged(header("EdDSA"), "hmac"), "signature-invalid");
  EXPECT_EQ(forged(header("EdDSA"), "rsa"), "signature-invalid");
  // And with the key beside it exchanged for the RSA one that signed.
  shell("openssl pkey -in ../rsa.pem -pubout -out dev-shell-12345678.pub.pem", {});
  EXPECT_EQ(forged(header("RS256"), "rsa"), "alg-not-eddsa");
  EXPECT_EQ(forged(header("EdDSA"), "rsa"), "not-ed25519");
}

TEST_F(BosunForged, RC_S_PACK_TheTokenDoesNotBringItsKey) {
  const auto header = [](const std::string& member) {
    return R"({"alg":"EdDSA",)" + member + R"("kid":"dev-shell-12345678","typ":"JWT"})";
  };
  EXPECT_EQ(forged(header(R"("jwk":{"crv":"Ed25519","kty":"OKP","x":"ATTACKER"},)"), "ed25519"), "x5c-rejected");
  EXPECT_EQ(forged(header(R"("jku":"file:///tmp/keys.json",)"), "ed25519"), "x5c-rejected");
  EXPECT_EQ(forged(header(R"("x5c":["ATTACKER"],)"), "ed25519"), "x5c-rejected");
  EXPECT_EQ(forged(header(R"("x5u":"https://keys.example/a",)"), "ed25519"), "x5c-rejected");
  EXPECT_EQ(forged(header(""), "ed25519"), "signature-invalid") << "without it the key is the one beside the token";
  EXPECT_EQ(to_error({BosunReason::kX5cRejected, ""}).code, Code::kKeyUnsafe);
  EXPECT_EQ(to_error({BosunReason::kAlgNotEddsa, ""}).code, Code::kAlgorithmRefused);
}

}  // namespace
}  // namespace stargraph::pack

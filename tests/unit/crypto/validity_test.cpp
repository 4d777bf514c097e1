// Until when certificates and revocation lists stand: what openssl(1) made, and its own word of when it ends.
#include "stargraph/crypto/validity.hpp"

#include <gtest/gtest.h>

#include "keys.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::crypto {
namespace {

using base::Code;

class ValidityOfPem : public ::testing::Test {
 protected:
  void SetUp() override {
    authority("one", "/O=Site/CN=One");
    authority("two", "/O=Site/CN=Two");
  }
  [[nodiscard]] std::string at(const std::string& name) const { return (directory_ / name).string(); }
  [[nodiscard]] std::string text(const std::string& name) const { return directory_.read(name); }
  void authority(const std::string& name, const std::string& subject) {
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-sha384", "-days", "30",
             "-subj", subject, "-keyout", at(name + ".key"), "-out", at(name + ".pem")});
    directory_.write("index.txt", "");
    directory_.write("ca.cnf", "[ca]\ndefault_ca=site\n[site]\ndatabase=" + at("index.txt") + "\ndefault_md=sha384\n");
    openssl({"ca", "-config", at("ca.cnf"), "-cert", at(name + ".pem"), "-keyfile", at(name + ".key"), "-gencrl",
             "-crl_lastupdate", "20260101000000Z", "-crl_nextupdate", "20260131120000Z", "-out", at(name + ".crl")});
  }
  test::TempDir directory_;
};

TEST_F(ValidityOfPem, GivesEachCertificateAndItsEnd) {
  const auto all = certificate_validity("a text\n" + text("one.pem") + text("one.crl") + text("two.pem"));
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->at(0).name, "CN=One,O=Site");
  EXPECT_EQ(all->at(1).name, "CN=Two,O=Site");
  EXPECT_EQ(*all->at(0).until - all->at(0).from, std::chrono::days(30));
}

TEST_F(ValidityOfPem, GivesEachListWithItsDates) {
  const auto lists = revocation_list_validity(text("one.crl") + text("two.crl"), text("one.pem") + text("two.pem"));
  ASSERT_TRUE(lists) << lists.error().message;
  ASSERT_EQ(lists->size(), 2U);
  EXPECT_EQ(lists->at(1).name, "CN=Two,O=Site");
  EXPECT_EQ(lists->at(0).from, base::parse_rfc3339("2026-01-01T00:00:00Z"));
  EXPECT_EQ(*lists->at(0).until, base::parse_rfc3339("2026-01-31T12:00:00Z"));
}

TEST_F(ValidityOfPem, RefusesAListOfNoneOfTheAuthoritiesAndAnAuthorityWithoutAList) {
  const auto strange = revocation_list_validity(text("two.crl"), text("one.pem"));
  ASSERT_FALSE(strange);
  EXPECT_EQ(strange.error().code, Code::kSignatureInvalid);
  authority("other", "/O=Site/CN=One");  // its name is no signature
  const auto named = revocation_list_validity(text("other.crl"), text("one.pem"));
  ASSERT_FALSE(named);
  EXPECT_EQ(named.error().code, Code::kSignatureInvalid);
  const auto missing = revocation_list_validity(text("one.crl"), text("one.pem") + text("two.pem"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kSignatureMissing);
}

TEST_F(ValidityOfPem, RefusesWhatCannotBeReadOrIsNotThere) {
  std::string broken = text("one.pem");
  broken.replace(100, 1, "!");
  for (const std::string& pem : {std::string(), text("one.key"), text("one.crl"), broken, text("two.pem") + broken}) {
    const auto read = certificate_validity(pem);
    ASSERT_FALSE(read) << pem;
    EXPECT_EQ(read.error().code, Code::kMalformed);
  }
  EXPECT_FALSE(revocation_list_validity(text("one.pem"), text("one.pem")));
}

}  // namespace
}  // namespace stargraph::crypto

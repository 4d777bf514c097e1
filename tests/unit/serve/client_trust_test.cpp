// A verdict on a client certificate is kept for a while, and never past what it was made from.
#include "serve/client_trust.hpp"

#include <openssl/pem.h>

#include <gtest/gtest.h>

#include "stargraph/crypto/fips.hpp"
#include "support/command.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::serve {
namespace {

using base::Timestamp;

struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, FreeCertificate>;

Timestamp at(const char* text) { return *base::parse_rfc3339(text); }

// Times are fixed, so the clock of the machine plays no part: the CA stands for 2030, client and CRL for parts of it.
class ClientTrustTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_TRUE(crypto::initialise(crypto::FipsMode::kOff).has_value());
    directory_ = new test::TempDir;
    directory_->write("ca.cnf",
                      "[ca]\ndefault_ca=one\n[one]\ndir=.\ndatabase=index.txt\nserial=serial\ncrlnumber=crlnumber\n"
                      "new_certs_dir=.\ndefault_md=sha384\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\n"
                      "[client]\nextendedKeyUsage=clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
                      "[authority]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
                      "subjectKeyIdentifier=hash\n");
    make_authority("ca", "20300101000000Z", "20301231000000Z");
    issue("alice", "ca", "20300301000000Z", "20300601000000Z");
    issue("bob", "ca", "20300301000000Z", "20301101000000Z");
    crl("20300501000000Z", "20300801000000Z", "crl.pem");
    openssl({"ca", "-batch", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.pem", "-revoke", "bob.pem"});
    crl("20300501000000Z", "20300801000000Z", "revoked.pem");
    make_authority("other", "20300101000000Z", "20301231000000Z", "/CN=ca");
    issue("mallory", "other", "20300301000000Z", "20301101000000Z", "/CN=alice");
  }
  static void TearDownTestSuite() {
    delete directory_;
    directory_ = nullptr;
  }
  static void openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    const auto done = test::run_command(arguments, {.input = "", .directory = directory_->path(), .environment = {}});
    ASSERT_TRUE(done.ok()) << done.err;
  }
  static void make_authority(const std::string& name, const std::string& from, const std::string& until,
                             const std::string& subject = "/CN=ca") {
    for (const char* file : {"index.txt", "index.txt.attr"}) directory_->write(file, "");
    directory_->write("serial", "10\n");
    directory_->write("crlnumber", "01\n");
    openssl({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-subj", subject,
             "-keyout", name + ".key", "-out", name + ".csr"});
    openssl({"ca", "-batch", "-config", "ca.cnf", "-selfsign", "-keyfile", name + ".key", "-in", name + ".csr", "-out",
             name + ".pem", "-startdate", from, "-enddate", until, "-extensions", "authority", "-notext"});
  }
  static void issue(const std::string& name, const std::string& authority, const std::string& from,
                    const std::string& until, const std::string& subject = "") {
    openssl({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-subj",
             subject.empty() ? "/CN=" + name : subject, "-keyout", name + ".key", "-out", name + ".csr"});
    openssl({"ca", "-batch", "-config", "ca.cnf", "-keyfile", authority + ".key", "-cert", authority + ".pem", "-in",
             name + ".csr", "-out", name + ".pem", "-startdate", from, "-enddate", until, "-extensions", "client",
             "-notext"});
  }
  static void crl(const std::string& from, const std::string& until, const std::string& file) {
    openssl({"ca", "-gencrl", "-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.pem", "-crl_lastupdate", from,
             "-crl_nextupdate", until, "-out", file});
  }
  static std::shared_ptr<const ClientTrust> trust(const char* crl_file = "crl.pem") {
    const std::string ca = directory_->read("ca.pem");
    if (crl_file == nullptr) return *ClientTrust::read({"ca", base::as_bytes(ca)}, nullptr);
    const std::string text = directory_->read(crl_file);
    const ClientTrust::Pem list{"crl", base::as_bytes(text)};
    return *ClientTrust::read({"ca", base::as_bytes(ca)}, &list);
  }
  static Certificate certificate(const std::string& name) {
    const std::string pem = directory_->read(name + ".pem");
    BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    Certificate read(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
    BIO_free(bio);
    EXPECT_NE(read, nullptr) << name;
    return read;
  }

  static inline test::TempDir* directory_ = nullptr;
};

TEST_F(ClientTrustTest, OneVerificationServesManyRequestsForAWhile) {
  const auto trust = ClientTrustTest::trust();
  const Certificate alice = certificate("alice");
  const Timestamp noon = at("2030-05-10T12:00:00Z");
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(trust->trusts(alice.get(), noon + std::chrono::seconds(i)));
  EXPECT_EQ(trust->checks(), 1U);
  EXPECT_TRUE(trust->trusts(certificate("alice").get(), noon)) << "the same bytes, read again";
  EXPECT_EQ(trust->checks(), 1U);
  EXPECT_TRUE(trust->trusts(alice.get(), noon + ClientTrust::kVerdict));
  EXPECT_EQ(trust->checks(), 2U);
}

TEST_F(ClientTrustTest, SG_S_HTTP_AVerdictEndsWithTheCertificate) {
  const auto trust = ClientTrustTest::trust();
  const Certificate alice = certificate("alice");
  const Timestamp end = at("2030-06-01T00:00:00Z");
  EXPECT_TRUE(trust->trusts(alice.get(), end - std::chrono::seconds(20)));
  EXPECT_TRUE(trust->trusts(alice.get(), end - std::chrono::seconds(1)));
  EXPECT_EQ(trust->checks(), 1U);
  EXPECT_FALSE(trust->trusts(alice.get(), end + std::chrono::seconds(1)));
}

TEST_F(ClientTrustTest, SG_S_HTTP_AVerdictEndsWithTheCrlThatItRestsOn) {
  const auto trust = ClientTrustTest::trust();
  const Certificate bob = certificate("bob");
  const Timestamp end = at("2030-08-01T00:00:00Z");
  EXPECT_TRUE(trust->trusts(bob.get(), end - std::chrono::seconds(20)));
  EXPECT_FALSE(trust->trusts(bob.get(), end + std::chrono::seconds(1))) << "a newer CRL may revoke it";
  EXPECT_TRUE(ClientTrustTest::trust(nullptr)->trusts(bob.get(), end)) << "where none is asked for";
}

TEST_F(ClientTrustTest, SG_S_HTTP_AVerdictIsNotTakenAtATimeBeforeIt) {
  const auto trust = ClientTrustTest::trust();
  const Certificate alice = certificate("alice");
  EXPECT_TRUE(trust->trusts(alice.get(), at("2030-05-10T12:00:00Z")));
  EXPECT_FALSE(trust->trusts(alice.get(), at("2030-02-01T00:00:00Z"))) << "it was not valid then";
}

TEST_F(ClientTrustTest, SG_S_HTTP_AnotherCrlKnowsNoOldVerdict) {
  const Certificate bob = certificate("bob");
  const Timestamp noon = at("2030-05-10T12:00:00Z");
  EXPECT_TRUE(ClientTrustTest::trust()->trusts(bob.get(), noon));
  const auto after = ClientTrustTest::trust("revoked.pem");
  EXPECT_FALSE(after->trusts(bob.get(), noon));
  EXPECT_FALSE(after->trusts(bob.get(), noon)) << "and a refusal stays one";
  EXPECT_TRUE(after->trusts(certificate("alice").get(), noon));
}

TEST_F(ClientTrustTest, SG_S_HTTP_ACertificateOfTheSameNamesIsNotTheSame) {
  const auto trust = ClientTrustTest::trust();
  const Timestamp noon = at("2030-05-10T12:00:00Z");
  EXPECT_TRUE(trust->trusts(certificate("alice").get(), noon));
  EXPECT_FALSE(trust->trusts(certificate("mallory").get(), noon));
  EXPECT_FALSE(trust->trusts(nullptr, noon));
  EXPECT_EQ(trust->checks(), 2U);
}

TEST_F(ClientTrustTest, AnErrorNamesTheFileThatCannotBeUsed) {
  const std::string ca = directory_->read("ca.pem");
  const ClientTrust::Pem good{"/etc/ca.pem", base::as_bytes(ca)};
  const ClientTrust::Pem bad{"/etc/crl: pem", base::as_bytes("no PEM")};
  const auto no_ca = ClientTrust::read(bad, &bad);
  ASSERT_FALSE(no_ca);
  EXPECT_EQ(no_ca.error().message, "tls: /etc/crl: pem: holds no certificate");
  const auto no_crl = ClientTrust::read(good, &bad);
  ASSERT_FALSE(no_crl);
  EXPECT_EQ(no_crl.error().message, "tls: /etc/crl: pem: holds no CRL");
  EXPECT_EQ(no_crl.error().code, base::Code::kConfigInvalid);
}

}  // namespace
}  // namespace stargraph::serve

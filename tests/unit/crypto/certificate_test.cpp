// Names in certificates, with certificates that the openssl program made and its own reading of them.
#include "stargraph/crypto/certificate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "keys.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::crypto {
namespace {

using base::as_bytes;
using base::Code;

constexpr std::string_view kUri = "spiffe://site.example/operator/ada";

class Certificate : public ::testing::Test {
 protected:
  // A P-384 authority and a client certificate signed by it with the given subjectAltName line.
  void SetUp() override {
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-sha384", "-nodes", "-keyout",
             at("ca.key"), "-out", at("ca.pem"), "-days", "30", "-subj", "/C=CH/O=Example, Inc./CN=Test \"CA\""});
    client_ = issue("URI:" + std::string(kUri) + ",DNS:ada.example,URI:urn:example:second", "ada");
  }
  std::string at(std::string_view name) const { return (directory_ / name).string(); }
  // DER of a fresh certificate; its PEM is left in <name>.pem.
  base::Bytes issue(const std::string& alternative_names, const std::string& name) {
    openssl({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-keyout",
             at(name + ".key"), "-out", at(name + ".csr"), "-utf8", "-subj", "/O=Example/CN=Ada Löwe+OU=ops"});
    std::vector<std::string> sign{"x509",       "-req",   "-sha384",        "-in",         at(name + ".csr"), "-CA",
                                  at("ca.pem"), "-CAkey", at("ca.key"),     "-set_serial", "0x0a1b2c3d4e5f",  "-days",
                                  "7",          "-out",   at(name + ".pem")};
    if (!alternative_names.empty()) {
      directory_.write("ext", "subjectAltName=" + alternative_names + "\n");
      sign.insert(sign.end(), {"-extfile", at("ext")});
    }
    openssl(sign);
    return certificate_der_from_pem(directory_.read(name + ".pem")).value();
  }
  std::string x509(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"x509", "-noout", "-in", at("ada.pem")});
    std::string out = openssl(arguments);
    return out.substr(out.find('=') + 1, out.find('\n') - out.find('=') - 1);
  }
  test::TempDir directory_;
  base::Bytes client_;
};

TEST_F(Certificate, NamesAreThoseOfOpenssl) {
  const auto names = certificate_names(client_);
  ASSERT_TRUE(names) << names.error().message;
  std::string fingerprint = x509({"-fingerprint", "-sha384"});
  std::erase(fingerprint, ':');
  std::ranges::transform(fingerprint, fingerprint.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  EXPECT_EQ(names->fingerprint.hex(), fingerprint);
  EXPECT_EQ(names->subject, x509({"-subject", "-nameopt", "RFC2253"}));
  EXPECT_EQ(names->issuer, x509({"-issuer", "-nameopt", "RFC2253"}));
  EXPECT_EQ(names->serial, "0a1b2c3d4e5f");
}

TEST_F(Certificate, SubjectIsRfc4514WithEscapes) {
  const auto names = certificate_names(client_).value();
  EXPECT_EQ(names.subject, "CN=Ada L\\C3\\B6we+OU=ops,O=Example");
  EXPECT_EQ(names.issuer, "CN=Test \\\"CA\\\",O=Example\\, Inc.,C=CH");
}

TEST_F(Certificate, UrisStandInOrderAndOtherNamesAreLeftOut) {
  EXPECT_EQ(certificate_names(client_)->san_uris, (std::vector<std::string>{std::string(kUri), "urn:example:second"}));
}

TEST_F(Certificate, NoAlternativeNamesIsNoError) {
  const auto names = certificate_names(issue("", "plain"));
  ASSERT_TRUE(names);
  EXPECT_TRUE(names->san_uris.empty());
}

TEST_F(Certificate, TheAuthorityNamesItself) {
  const auto der = certificate_der_from_pem(directory_.read("ca.pem")).value();
  const auto names = certificate_names(der).value();
  EXPECT_EQ(names.subject, names.issuer);
}

TEST_F(Certificate, ValidityIsThatOfOpenssl) {
  const auto names = certificate_names(client_).value();
  const auto iso = [this](const char* which) {
    std::string text = x509({which, "-dateopt", "iso_8601"});  // "2026-01-01 00:00:00Z"
    text[10] = 'T';
    return base::parse_rfc3339(text).value();
  };
  EXPECT_EQ(names.not_before, iso("-startdate"));
  EXPECT_EQ(names.not_after, iso("-enddate"));
}

TEST_F(Certificate, SG_S_HTTP_NulInAUriIsRefusedAndNotCutOff) {
  base::Bytes forged = client_;
  const base::BytesView uri = as_bytes(kUri);
  const auto found = std::ranges::search(forged, uri);
  ASSERT_FALSE(found.empty());
  for (const std::byte bad : {std::byte{0}, std::byte{'\n'}, std::byte{' '}, std::byte{0x7f}, std::byte{0xc3}}) {
    *(found.begin() + 20) = bad;
    EXPECT_EQ(code_of(certificate_names(forged)), Code::kMalformed);
  }
}

TEST_F(Certificate, SG_S_HTTP_TrailingBytesAreRefused) {
  base::Bytes longer = client_;
  longer.push_back(std::byte{0});
  EXPECT_EQ(code_of(certificate_names(longer)), Code::kTrailingBytes);
}

TEST_F(Certificate, SG_S_HTTP_EveryTruncationIsRefused) {
  for (std::size_t size = 0; size < client_.size(); ++size)
    EXPECT_EQ(code_of(certificate_names(base::BytesView(client_).first(size))), Code::kMalformed) << size;
}

// The outer length written in five bytes: the same certificate under another fingerprint.
TEST_F(Certificate, SG_S_HTTP_ASecondEncodingOfTheSameCertificateIsRefused) {
  ASSERT_EQ(client_[1], std::byte{0x82});
  base::Bytes other = client_;
  other[1] = std::byte{0x83};
  other.insert(other.begin() + 2, std::byte{0});
  EXPECT_EQ(code_of(certificate_names(other)), Code::kMalformed);
}

TEST_F(Certificate, SG_S_HTTP_AlternativeNamesGivenTwiceAreRefused) {
  // issuerAltName (2.5.29.18) becomes a second subjectAltName (2.5.29.17) by one byte.
  base::Bytes forged = issue("URI:urn:example:a\nissuerAltName=URI:urn:example:b", "twice");
  ASSERT_TRUE(certificate_names(forged));
  const base::Bytes issuer_alternative = unhex("0603551d12");
  const auto found = std::ranges::search(forged, issuer_alternative);
  ASSERT_FALSE(found.empty());
  found.back() = std::byte{0x11};
  EXPECT_EQ(code_of(certificate_names(forged)), Code::kMalformed);
}

TEST_F(Certificate, TooLargeAndNotACertificateAreRefused) {
  EXPECT_EQ(code_of(certificate_names(base::Bytes(65 * 1024))), Code::kTooLarge);
  EXPECT_EQ(code_of(certificate_names(as_bytes("hello"))), Code::kMalformed);
  EXPECT_EQ(code_of(certificate_names({})), Code::kMalformed);
}

TEST_F(Certificate, PemTakesTheFirstBlockOfAChain) {
  const std::string chain = "Subject: somebody\n" + directory_.read("ada.pem") + directory_.read("ca.pem");
  EXPECT_EQ(certificate_der_from_pem(chain).value(), client_);
}

TEST_F(Certificate, PemWhoseFirstBlockIsNoCertificateIsRefused) {
  EXPECT_EQ(code_of(certificate_der_from_pem(directory_.read("ada.key") + directory_.read("ada.pem"))),
            Code::kMalformed);
  EXPECT_EQ(code_of(certificate_der_from_pem("")), Code::kMalformed);
  const std::string pem = directory_.read("ada.pem");
  EXPECT_EQ(code_of(certificate_der_from_pem(pem.substr(0, pem.size() / 2))), Code::kMalformed);
}

}  // namespace
}  // namespace stargraph::crypto

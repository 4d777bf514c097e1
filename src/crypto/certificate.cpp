#include "stargraph/crypto/certificate.hpp"

#include <openssl/asn1.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <chrono>
#include <ctime>

#include "crypto/openssl.hpp"
#include "crypto/pem.hpp"

namespace stargraph::crypto {
namespace {

constexpr std::size_t kLargestCertificate = std::size_t{64} * 1024;

using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using GeneralNames = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;

std::unexpected<base::Error> malformed(const char* reason) {
  return base::fail(base::Code::kMalformed, std::string("certificate: ") + reason);
}

base::Result<Certificate> parse(base::BytesView der) {
  if (der.size() > kLargestCertificate) return base::fail(base::Code::kTooLarge, "certificate: over 64 KiB");
  const unsigned char* cursor = octets(der);
  Certificate certificate(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
  if (certificate == nullptr) return malformed("not an X.509 certificate in DER");
  if (cursor != octets(der) + der.size())
    return base::fail(base::Code::kTrailingBytes, "certificate: bytes after its end");
  unsigned char* again = nullptr;
  const int size = i2d_X509(certificate.get(), &again);
  const bool same =
      size > 0 && static_cast<std::size_t>(size) == der.size() && std::equal(again, again + size, octets(der));
  OPENSSL_free(again);
  if (!same) return malformed("not in DER");
  return certificate;
}

base::Result<std::string> rfc4514(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  // RFC 2253's flags also write RFC 4514; everything outside printable ASCII comes out as \XX.
  if (bio == nullptr || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0)
    return malformed("unreadable name");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

// Printable ASCII only: a NUL or control byte in a name is there to make two readers disagree.
bool plain_uri(std::string_view uri) {
  return !uri.empty() && std::ranges::all_of(uri, [](char c) { return c > ' ' && c < '\x7f'; });
}

base::Result<std::vector<std::string>> san_uris(const X509* certificate) {
  int critical = 0;
  const GeneralNames names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
  std::vector<std::string> uris;
  if (names == nullptr && critical == -1) return uris;  // there is none
  if (names == nullptr) return malformed("subject alternative names unreadable or given twice");
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* value = name->d.uniformResourceIdentifier;
    const std::string_view uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                               static_cast<std::size_t>(ASN1_STRING_length(value)));
    if (!plain_uri(uri)) return malformed("a URI name holds bytes that no URI may hold");
    uris.emplace_back(uri);
  }
  return uris;
}

base::Result<std::string> serial_hex(const X509* certificate) {
  const BigNumber number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (number == nullptr || BN_is_negative(number.get()) == 1) return malformed("serial number negative or unreadable");
  base::Bytes bytes(static_cast<std::size_t>(std::max(1, BN_num_bytes(number.get()))));
  BN_bn2binpad(number.get(), writable_octets(bytes), static_cast<int>(bytes.size()));
  return base::to_hex(bytes);
}

base::Result<base::Timestamp> instant(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return malformed("validity unreadable");
  namespace chrono = std::chrono;
  const chrono::year_month_day date{chrono::year(fields.tm_year + 1900),
                                    chrono::month(static_cast<unsigned>(fields.tm_mon) + 1),
                                    chrono::day(static_cast<unsigned>(fields.tm_mday))};
  return base::Timestamp(chrono::sys_days(date) + chrono::hours(fields.tm_hour) + chrono::minutes(fields.tm_min) +
                         chrono::seconds(fields.tm_sec));
}

}  // namespace

base::Result<CertificateNames> certificate_names(base::BytesView der) {
  const ErrorScope errors;
  SG_TRY(const Certificate certificate, parse(der));
  CertificateNames names;
  names.fingerprint = sha384(der);
  SG_TRY(names.san_uris, san_uris(certificate.get()));
  SG_TRY(names.subject, rfc4514(X509_get_subject_name(certificate.get())));
  SG_TRY(names.issuer, rfc4514(X509_get_issuer_name(certificate.get())));
  SG_TRY(names.serial, serial_hex(certificate.get()));
  SG_TRY(names.not_before, instant(X509_get0_notBefore(certificate.get())));
  SG_TRY(names.not_after, instant(X509_get0_notAfter(certificate.get())));
  return names;
}

base::Result<base::Bytes> certificate_der_from_pem(std::string_view pem) { return pem_first_block(pem, "CERTIFICATE"); }

}  // namespace stargraph::crypto

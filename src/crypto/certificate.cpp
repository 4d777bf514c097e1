#include "stargraph/crypto/certificate.hpp"

#include <openssl/x509v3.h>

#include <algorithm>

#include "crypto/openssl.hpp"
#include "crypto/pem.hpp"
#include "crypto/x509.hpp"

namespace stargraph::crypto {
namespace {

constexpr std::size_t kLargestCertificate = std::size_t{64} * 1024;

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

#include "stargraph/crypto/validity.hpp"

#include <openssl/pem.h>

#include <algorithm>
#include <climits>

#include "crypto/x509.hpp"

namespace stargraph::crypto {
namespace {

using base::Code;
using base::Result;
using List = std::unique_ptr<X509_CRL, Free<X509_CRL_free>>;

// An encrypted block is no certificate: nobody is asked for a passphrase.
int no_passphrase(char* /*out*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

// All that `read` takes from the text, up to where there is no further block.
template <class Owner, auto read>
Result<std::vector<Owner>> read_all(std::string_view pem, const std::string& what) {
  if (pem.size() > INT_MAX) return base::fail(Code::kTooLarge, what + ": too large");
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<Owner> found;
  for (;;) {
    Owner next(bio == nullptr ? nullptr : read(bio.get(), nullptr, no_passphrase, nullptr));
    if (next == nullptr) break;
    found.push_back(std::move(next));
  }
  const unsigned long last = ERR_peek_last_error();
  if (ERR_GET_LIB(last) != ERR_LIB_PEM || ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
    return base::fail(Code::kMalformed, what + ": one cannot be read");
  if (found.empty()) return base::fail(Code::kMalformed, what + ": there is none");
  return found;
}

Result<std::vector<Certificate>> certificates(std::string_view pem) {
  return read_all<Certificate, PEM_read_bio_X509>(pem, "certificate");
}

bool signed_by(X509_CRL* list, X509* authority) {
  EVP_PKEY* const key = X509_get0_pubkey(authority);
  return key != nullptr && X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(authority)) == 0 &&
         X509_CRL_verify(list, key) == 1;
}

}  // namespace

Result<std::vector<Validity>> certificate_validity(std::string_view pem) {
  const ErrorScope errors;
  SG_TRY(const std::vector<Certificate> all, certificates(pem));
  std::vector<Validity> found;
  for (const Certificate& each : all) {
    Validity one;
    SG_TRY(one.name, rfc4514(X509_get_subject_name(each.get())));
    SG_TRY(one.from, instant(X509_get0_notBefore(each.get())));
    SG_TRY(one.until, instant(X509_get0_notAfter(each.get())));
    found.push_back(std::move(one));
  }
  return found;
}

Result<std::vector<Validity>> revocation_list_validity(std::string_view pem, std::string_view authorities) {
  const ErrorScope errors;
  SG_TRY(const std::vector<Certificate> signers, certificates(authorities));
  SG_TRY(const auto lists, (read_all<List, PEM_read_bio_X509_CRL>(pem, "revocation list")));
  std::vector<Validity> found;
  for (const List& each : lists) {
    Validity one;
    SG_TRY(one.name, rfc4514(X509_CRL_get_issuer(each.get())));
    SG_TRY(one.from, instant(X509_CRL_get0_lastUpdate(each.get())));
    if (const ASN1_TIME* const next = X509_CRL_get0_nextUpdate(each.get()); next != nullptr) {
      SG_TRY(one.until, instant(next));
    }
    if (std::ranges::none_of(signers, [&](const Certificate& signer) { return signed_by(each.get(), signer.get()); }))
      return base::fail(Code::kSignatureInvalid, "revocation list: " + one.name + ": signed by no client CA");
    found.push_back(std::move(one));
  }
  for (const Certificate& signer : signers) {
    if (std::ranges::any_of(lists, [&](const List& each) { return signed_by(each.get(), signer.get()); })) continue;
    SG_TRY(const std::string name, rfc4514(X509_get_subject_name(signer.get())));
    return base::fail(Code::kSignatureMissing, "revocation list: " + name + ": this client CA has none");
  }
  return found;
}

}  // namespace stargraph::crypto

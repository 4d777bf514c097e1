#include "serve/client_trust.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <ctime>

namespace stargraph::serve {
namespace {

using base::Code;
using base::fail;
using base::Result;

// The past for a time that is none.
base::Timestamp time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return base::Timestamp::min();
  return base::Timestamp(std::chrono::seconds(::timegm(&parts)));
}

std::optional<crypto::Digest> digest_of(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha384(), bytes.data(), &size) != 1) return std::nullopt;
  const auto digest = crypto::Digest::from_bytes(std::as_bytes(std::span(bytes).first(size)));
  return digest ? std::optional(*digest) : std::nullopt;
}

}  // namespace

Result<std::shared_ptr<const ClientTrust>> ClientTrust::read(const Pem& ca, const Pem* crl) {
  std::shared_ptr<ClientTrust> trust(new ClientTrust);
  trust->store_.reset(X509_STORE_new());
  X509_STORE* const store = trust->store_.get();
  const auto unusable = [](const Pem& file, const char* why) {
    ERR_clear_error();
    return fail(Code::kConfigInvalid, "tls: " + file.name + ": " + why);
  };
  std::size_t authorities = 0;
  for (const Bio bio = reader(ca.text); X509* next = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr);) {
    const Certificate owned(next);
    if (X509_STORE_add_cert(store, next) != 1) return unusable(ca, "refused");
    ++authorities;
  }
  if (authorities == 0) return unusable(ca, "holds no certificate");
  unsigned long flags = X509_V_FLAG_X509_STRICT;
  if (crl != nullptr) {
    std::size_t count = 0;
    for (const Bio bio = reader(crl->text);
         X509_CRL* next = PEM_read_bio_X509_CRL(bio.get(), nullptr, no_passphrase, nullptr);) {
      const std::unique_ptr<X509_CRL, Free<X509_CRL_free>> owned(next);
      if (X509_STORE_add_crl(store, next) != 1) return unusable(*crl, "refused");
      if (const ASN1_TIME* until = X509_CRL_get0_nextUpdate(next); until != nullptr) {
        trust->crl_until_ = std::min(trust->crl_until_, time_of(until));
      }
      ++count;
    }
    if (count == 0) return unusable(*crl, "holds no CRL");
    flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
  }
  ERR_clear_error();  // "no start line": the end
  if (X509_STORE_set_flags(store, flags) != 1)
    return fail(Code::kCrypto, "tls: " + ca.name + ": trust store: flags refused");
  return trust;
}

// Until when the certificate stands; nothing when it does not.
std::optional<base::Timestamp> ClientTrust::check(X509* certificate, base::Timestamp now) const {
  ++checks_;
  const std::unique_ptr<X509_STORE_CTX, Free<X509_STORE_CTX_free>> check(X509_STORE_CTX_new());
  bool trusted = check && X509_STORE_CTX_init(check.get(), store_.get(), certificate, nullptr) == 1 &&
                 X509_STORE_CTX_set_default(check.get(), "ssl_client") == 1;
  if (trusted) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
    X509_STORE_CTX_set_time(check.get(), 0, seconds);
    trusted = X509_verify_cert(check.get()) == 1;
  }
  base::Timestamp until = std::min(now + kVerdict, crl_until_);
  const STACK_OF(X509)* const chain = trusted ? X509_STORE_CTX_get0_chain(check.get()) : nullptr;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    until = std::min(until, time_of(X509_get0_notAfter(sk_X509_value(chain, i))));
  }
  ERR_clear_error();
  return trusted ? std::optional(until) : std::nullopt;
}

bool ClientTrust::trusts(X509* certificate, base::Timestamp now) const {
  if (certificate == nullptr) return false;
  const std::optional<crypto::Digest> name = digest_of(certificate);
  if (!name) return false;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = verdicts_.find(*name);
    if (found != verdicts_.end() && found->second.from <= now && now < found->second.until) return true;
  }
  const std::optional<base::Timestamp> until = check(certificate, now);
  const std::scoped_lock lock(mutex_);
  if (!until) {
    verdicts_.erase(*name);
    return false;
  }
  if (verdicts_.size() >= kMaxVerdicts) verdicts_.clear();
  verdicts_.insert_or_assign(*name, Verdict{now, *until});
  return true;
}

}  // namespace stargraph::serve

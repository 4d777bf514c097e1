// ClientTrust: the client CA and the CRL as one thing that certificates are held against, and what it found.
//
// A signature on P-384 takes most of a millisecond to verify, and a certificate has two (its own and the CRL's), which
// each request paid for. So a certificate that stood is not verified again for a while: a look-up takes a thousandth of
// that. What a verdict was made from cannot change under it: another CRL is another ClientTrust.
#pragma once

#include <openssl/x509_vfy.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "serve/openssl.hpp"
#include "stargraph/base/result.hpp"
#include "stargraph/base/time.hpp"
#include "stargraph/crypto/digest.hpp"

namespace stargraph::serve {

class ClientTrust {
 public:
  // A verdict lasts no longer than this, nor than any certificate of its chain or the CRL; nor is it taken at a time
  // before the one it was made at.
  static constexpr base::Duration kVerdict = std::chrono::seconds(60);
  static constexpr std::size_t kMaxVerdicts = 1'024;

  struct Pem {
    std::string name;  // as errors give it
    base::BytesView text;
  };
  // `crl` is null where the configuration names none. The error says which of the two is unusable and why.
  [[nodiscard]] static base::Result<std::shared_ptr<const ClientTrust>> read(const Pem& ca, const Pem* crl);

  [[nodiscard]] X509_STORE* store() const { return store_.get(); }
  // Signatures, time, purpose and CRL. Any thread.
  [[nodiscard]] bool trusts(X509* certificate, base::Timestamp now) const;
  [[nodiscard]] std::uint64_t checks() const { return checks_; }  // chains that were verified, for tests

 private:
  struct Verdict {
    base::Timestamp from;
    base::Timestamp until;
  };
  ClientTrust() = default;
  [[nodiscard]] std::optional<base::Timestamp> check(X509* certificate, base::Timestamp now) const;

  std::unique_ptr<X509_STORE, Free<X509_STORE_free>> store_;
  base::Timestamp crl_until_ = base::Timestamp::max();  // the earliest nextUpdate
  mutable std::atomic<std::uint64_t> checks_{0};
  mutable std::mutex mutex_;
  mutable std::map<crypto::Digest, Verdict> verdicts_;  // by the SHA-384 of the certificate's DER; only good ones
};

}  // namespace stargraph::serve

#include "serve/tls.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <span>

#include "stargraph/crypto/fips.hpp"
#include "stargraph/crypto/secret.hpp"

namespace stargraph::serve {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::uint64_t kMaxPemBytes = 1 << 20;
constexpr std::uint64_t kMaxCrlBytes = 8 << 20;
constexpr int kMaxChain = 4;

std::unexpected<base::Error> unusable(const base::Path& file, std::string_view why) {
  ERR_clear_error();
  return fail(Code::kConfigInvalid, "tls: " + file.string() + ": " + std::string(why));
}

thread_local int current = -1;
thread_local const SSL* current_tls = nullptr;  // CivetWeb frees it after the connection's close callback

std::vector<Certificate> read_certificates(base::BytesView pem) {
  std::vector<Certificate> certificates;
  const Bio bio = reader(pem);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr))
    certificates.emplace_back(certificate);
  ERR_clear_error();  // "no start line": the end
  return certificates;
}

}  // namespace

Result<std::unique_ptr<Tls>> Tls::make(base::Env& env, const config::Tls& files) {
  auto tls = std::unique_ptr<Tls>(new Tls(env, files));
  SG_TRY(tls->prepare());
  return tls;
}

Result<> Tls::prepare() {
  context_.reset(SSL_CTX_new(TLS_server_method()));
  if (!context_) return fail(Code::kCrypto, "tls: context: cannot be made");
  SSL_CTX* const context = context_.get();
  const char* const groups = crypto::fips_state().enforced ? "P-384:P-256" : "P-384:P-256:X25519";
  const bool set = SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
                   SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
                   SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256") == 1 &&
                   SSL_CTX_set1_groups_list(context, groups) == 1 && SSL_CTX_set_num_tickets(context, 0) == 1;
  if (!set) return fail(Code::kCrypto, "tls: context: parameters refused");
  SSL_CTX_set_options(
      context, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // an idle connection keeps no record buffers
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_verify_depth(context, kMaxChain);
  SSL_CTX_set_info_callback(context, &Tls::on_progress);
  SSL_CTX_set_client_hello_cb(context, &Tls::on_hello, this);
  SG_TRY(use_chain());
  SG_TRY(use_key());
  SG_TRY(ca_, env_.read_file(files_.client_ca, kMaxPemBytes));
  for (const Certificate& ca : read_certificates(ca_)) SSL_CTX_add_client_CA(context, ca.get());
  SG_TRY(crl_, read_crl());
  SG_TRY(trust_, read_trust(crl_));
  return {};
}

Result<> Tls::use_chain() {
  SG_TRY(const base::Bytes pem, env_.read_file(files_.certificate, kMaxPemBytes));
  std::vector<Certificate> chain = read_certificates(pem);
  if (chain.empty()) return unusable(files_.certificate, "holds no certificate");
  if (SSL_CTX_use_certificate(context_.get(), chain.front().get()) != 1) return unusable(files_.certificate, "refused");
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context_.get(), chain[i].get()) != 1)
      return unusable(files_.certificate, "chain refused");
  }
  return {};
}

Result<> Tls::use_key() {
  SG_TRY(const base::Path file, files_.key.locate());
  SG_TRY(const crypto::Secret pem, crypto::read_secret_file(env_, file, kMaxPemBytes));
  const Bio bio = reader(pem.view());
  const std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) return unusable(file, "holds no private key without passphrase");
  if (SSL_CTX_use_PrivateKey(context_.get(), key.get()) != 1 || SSL_CTX_check_private_key(context_.get()) != 1) {
    return unusable(file, "does not belong to the certificate");
  }
  return {};
}

Result<base::Bytes> Tls::read_crl() const {
  if (files_.crl.empty()) return base::Bytes();
  return env_.read_file(files_.crl, kMaxCrlBytes);
}

Result<std::shared_ptr<const ClientTrust>> Tls::read_trust(const base::Bytes& crl) const {
  const ClientTrust::Pem list{files_.crl.string(), crl};
  return ClientTrust::read({files_.client_ca.string(), ca_}, files_.crl.empty() ? nullptr : &list);
}

Result<bool> Tls::refresh() {
  if (files_.crl.empty()) return false;
  SG_TRY(base::Bytes crl, read_crl());
  if (crl == crl_) return false;
  SG_TRY(std::shared_ptr<const ClientTrust> trust, read_trust(crl));
  const std::scoped_lock lock(mutex_);
  crl_ = std::move(crl);
  trust_ = std::move(trust);
  return true;
}

int Tls::current_connection() { return current; }
void Tls::forget_connection() {
  current = -1;
  current_tls = nullptr;
}

std::string Tls::current_certificate() {
  X509* const certificate = current_tls == nullptr ? nullptr : SSL_get0_peer_certificate(current_tls);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (certificate == nullptr || X509_digest(certificate, EVP_sha384(), digest.data(), &size) != 1) return {};
  return base::to_hex(std::as_bytes(std::span(digest).first(size)));
}

void Tls::on_progress(const SSL* connection, int where, int) {
  if ((where & SSL_CB_HANDSHAKE_START) == 0) return;
  current = SSL_get_fd(connection);
  current_tls = connection;
}

// Each connection verifies against the trust store of its ClientHello's moment; the reference is its own.
int Tls::on_hello(SSL* connection, int*, void* self) {
  const auto* tls = static_cast<const Tls*>(self);
  const std::scoped_lock lock(tls->mutex_);
  return SSL_set1_verify_cert_store(connection, tls->trust_->store()) == 1 ? SSL_CLIENT_HELLO_SUCCESS
                                                                           : SSL_CLIENT_HELLO_ERROR;
}

std::shared_ptr<const ClientTrust> Tls::trust() const {
  const std::scoped_lock lock(mutex_);
  return trust_;
}

bool Tls::still_trusted(X509* certificate) const { return trust()->trusts(certificate, env_.now()); }

}  // namespace stargraph::serve

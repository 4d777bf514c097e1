#include "stargraph/trust/notary.hpp"

#include <chrono>

namespace stargraph::trust {
namespace {

using base::Result;

constexpr base::Duration kTimeout = std::chrono::seconds(5);

class SocketNotary final : public Notary {
 public:
  SocketNotary(base::Env& env, base::Path socket, const crypto::PublicKey& audit_key)
      : env_(env), socket_(std::move(socket)), audit_key_(audit_key) {}

  Result<audit::Receipt> record(const audit::Event& event) override {
    auto receipt = attempt(event);
    // Another importer took the number in between: it is told only once, a new connection knows the next.
    if (!receipt && receipt.error().code == base::Code::kConflict) receipt = attempt(event);
    return receipt;
  }

 private:
  Result<audit::Receipt> attempt(const audit::Event& event) {
    if (!client_) {
      SG_TRY(client_, audit::Client::connect(socket_, audit::Source::kTrust, audit_key_, kTimeout));
    }
    auto receipt = client_->record(event, env_.now(), kTimeout);
    if (!receipt) client_.reset();  // a client whose call failed is lost
    return receipt;
  }

  base::Env& env_;
  base::Path socket_;
  const crypto::PublicKey& audit_key_;
  std::unique_ptr<audit::Client> client_;
};

}  // namespace

std::unique_ptr<Notary> socket_notary(base::Env& env, base::Path trust_socket, const crypto::PublicKey& audit_key) {
  return std::make_unique<SocketNotary>(env, std::move(trust_socket), audit_key);
}

}  // namespace stargraph::trust

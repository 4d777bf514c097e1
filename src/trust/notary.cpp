#include "stargraph/trust/notary.hpp"

#include <chrono>

namespace stargraph::trust {
namespace {

using base::Result;

constexpr base::Duration kTimeout = std::chrono::seconds(5);
constexpr base::Duration kReadingTimeout = std::chrono::minutes(2);  // the writer looks through its files

class SocketNotary final : public Notary {
 public:
  SocketNotary(base::Env& env, base::Path socket, const crypto::PublicKey& audit_key)
      : env_(env), socket_(std::move(socket)), audit_key_(audit_key), client_(connect()) {}

  Result<audit::Receipt> record(const audit::Event& event) override {
    if (!client_) return std::unexpected(client_.error());
    auto receipt = (*client_)->record(event, env_.now(), kTimeout);
    if (receipt) return receipt;
    // The connection is lost. Another importer took the number in between: that is worth one more try,
    // since a new connection knows the next number. Who was root and gave it up cannot connect again; then
    // the command fails, nothing is stored, and it has to be given again.
    client_ = connect();
    if (receipt.error().code != base::Code::kConflict || !client_) return receipt;
    return (*client_)->record(event, env_.now(), kTimeout);
  }

  Result<audit::Head> head() override {
    if (!client_) return std::unexpected(client_.error());
    return (*client_)->look(kTimeout);
  }

  Result<audit::Receipt> again(audit::SourceSeq number) override {
    if (!client_) return std::unexpected(client_.error());
    return (*client_)->again(number, kReadingTimeout);
  }

 private:
  Result<std::unique_ptr<audit::Client>> connect() {
    return audit::Client::connect(socket_, audit::Source::kTrust, audit_key_, kTimeout);
  }

  base::Env& env_;
  base::Path socket_;
  const crypto::PublicKey& audit_key_;
  Result<std::unique_ptr<audit::Client>> client_;
};

}  // namespace

std::unique_ptr<Notary> socket_notary(base::Env& env, base::Path trust_socket, const crypto::PublicKey& audit_key) {
  return std::make_unique<SocketNotary>(env, std::move(trust_socket), audit_key);
}

}  // namespace stargraph::trust

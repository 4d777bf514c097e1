#include "stargraph/trust/notary.hpp"

#include <chrono>
#include <utility>

namespace stargraph::trust {
namespace {

using base::Result;

constexpr base::Duration kTimeout = std::chrono::seconds(5);
constexpr base::Duration kReadingTimeout = std::chrono::minutes(2);  // the writer looks through its files

class SocketNotary final : public Notary {
 public:
  SocketNotary(base::Env& env, const base::Path& socket, const crypto::PublicKey& audit_key)
      : env_(env), client_(audit::Client::connect(socket, audit::Source::kTrust, audit_key, kTimeout)) {}

  Result<audit::Receipt> record(const audit::Event& event) override {
    return asked([&](audit::Client& client) { return client.record(event, env_.now(), kTimeout); });
  }
  Result<audit::Head> head() override {
    return asked([](audit::Client& client) { return client.look(kTimeout); });
  }
  Result<audit::Receipt> again(audit::SourceSeq number) override {
    return asked([&](audit::Client& client) { return client.again(number, kReadingTimeout); });
  }

 private:
  // After an error this connection is over: the writer ends it with a refusal, and what comes after an answer that was
  // late would be taken for another's. Nobody connects again: who was root has given it up by then, and may make no
  // socket any more. What was asked is told by its own error, all that follows by kAuditUnavailable.
  template <class Ask>
  auto asked(const Ask& ask) -> decltype(ask(std::declval<audit::Client&>())) {
    if (!client_) return std::unexpected(client_.error());
    auto answer = ask(**client_);
    if (answer) return answer;
    base::Error error = answer.error();
    if (error.code == base::Code::kConflict) {
      error = {base::Code::kAuditUnavailable,
               "audit: another importer put something on record at the same moment: give the command again"};
    }
    client_ = base::fail(base::Code::kAuditUnavailable, "audit: the connection to the audit writer is lost (" +
                                                            error.message + "): give the command again");
    return std::unexpected(std::move(error));
  }

  base::Env& env_;
  Result<std::unique_ptr<audit::Client>> client_;
};

}  // namespace

std::unique_ptr<Notary> socket_notary(base::Env& env, const base::Path& trust_socket,
                                      const crypto::PublicKey& audit_key) {
  return std::make_unique<SocketNotary>(env, trust_socket, audit_key);
}

}  // namespace stargraph::trust

// Journal: the audit entries of requests, as many as they deserve.
//
// Each request of an authenticated caller has exactly one `request` entry, unless its caller is refused so often that
// the log would be his to fill: of one principal 60 refused requests at once, and one a second after that, have
// entries of their own. What is refused beyond is counted, and told every ten seconds in one summarising entry with
// `count`. So the entries that a principal's refusals can make are bounded, and no refusal is lost from the sum; a
// crash loses what was counted since the last telling, ten seconds at most, and never a request that was carried out.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "serve/http.hpp"
#include "stargraph/audit/event.hpp"
#include "stargraph/base/env.hpp"
#include "stargraph/policy/rate.hpp"
#include "stargraph/store/ledger.hpp"

namespace stargraph::serve {

// What is known of a request, as far as that is known.
struct Asked {
  std::string request_id;
  std::string method;                        // these three as they were sent
  std::string path;                          // without the query
  std::string address;                       // of the peer
  std::shared_ptr<const policy::Gate> gate;  // never null; in force when the request came, then when it is carried out
  const policy::Principal* principal = nullptr;  // of that gate; null: a certificate that is nobody's
  std::string fingerprint;                       // of the certificate, hex
  Match match;
  std::int64_t retry_after = 0;  // seconds; of a rate limiter's refusal
};

// Who pays for a request's refusals: the principal, or the certificate that is nobody's.
[[nodiscard]] std::string payer(const Asked& asked);

class Journal {
 public:
  static constexpr std::int64_t kSinglesAtOnce = 60;
  static constexpr std::int64_t kSinglesPerSecond = 1;
  static constexpr base::Duration kTellEvery = std::chrono::seconds(10);

  // All must outlive it. `committed` is called when audit rows were committed; `relaxed`: the entry of a read that was
  // answered is queued before the reply, not on disk.
  Journal(base::Env& env, store::Ledger& ledger, std::function<void()> committed, bool relaxed);

  // The entry of a request that was answered so. On disk (or queued, or counted) when this returns; an error means that
  // there is none, and then the reply must not be given. Any thread.
  [[nodiscard]] base::Result<> write(const Asked& asked, const Response& response);
  // Writes the summaries that are ten seconds old, or all of them. What cannot be written is kept. Any thread.
  [[nodiscard]] base::Result<> tell_counted(bool all);

 private:
  // Refusals of one payer that have no entries of their own.
  struct Counted {
    base::Duration began{0};  // monotonic
    base::Timestamp from{};
    base::Timestamp to{};
    std::string tenant;
    std::string actor;
    std::string certificate;
    std::int64_t count = 0;
    bool all_denied = true;
    std::map<std::string, std::int64_t> codes;
    std::map<std::string, std::int64_t> routes;
    std::string first_request;
    std::string last_request;
  };
  using Payers = std::map<std::string, Counted>;
  void count(const Asked& asked, const Response& response);
  void put_back(Payers untold);
  [[nodiscard]] base::Result<> commit(const audit::Event& event, base::Timestamp time);
  [[nodiscard]] static audit::Event summary(const Counted& counted);

  base::Env& env_;
  store::Ledger& ledger_;
  std::function<void()> committed_;
  bool relaxed_;
  policy::RateLimiter singles_;
  std::mutex mutex_;  // of what follows; never held across a commit
  Payers counted_;
};

// The entry of one request, opened before anything is done for it. Whoever leaves without close() leaves an entry all
// the same: `failure`, code `internal`.
class RequestEntry {
 public:
  RequestEntry(Journal& journal, const Asked& asked) : journal_(journal), asked_(asked) {}
  ~RequestEntry();
  RequestEntry(const RequestEntry&) = delete;
  RequestEntry& operator=(const RequestEntry&) = delete;
  // Writes the entry and gives the reply to send: `response`, or a refusal when the entry could not be written. Once.
  [[nodiscard]] Response close(Response response);

 private:
  Journal& journal_;
  const Asked& asked_;
  bool open_ = true;
};

// Carries out `act` under an entry that is opened before it: what it returns, refuses or throws, one entry tells it.
// `asked` is read when `act` is done.
[[nodiscard]] Response carry_out(Journal& journal, const Asked& asked,
                                 const std::function<base::Result<Response>()>& act);

}  // namespace stargraph::serve

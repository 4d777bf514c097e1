// Api: what handlers work with, and the one place where a request's capability is checked.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "serve/http.hpp"
#include "serve/log_view.hpp"
#include "serve/turns.hpp"
#include "stargraph/serve/server.hpp"

namespace stargraph::serve {

// Rings when runs moved on: wakes requests that wait for work.
class Bell {
 public:
  void ring();
  void close();  // nobody waits from now on
  [[nodiscard]] std::uint64_t rings() const;
  // Until it rang more often than `heard`, at most `wait`; false when closed.
  [[nodiscard]] bool wait(std::uint64_t heard, base::Duration wait);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t rings_ = 0;
  bool closed_ = false;
};

class Api {
 public:
  explicit Api(const Services& services) : services_(services), log_({services.log_shape, services.open_log}) {}

  // Before the body is read: whether the principal has the capability at all. A grant with a scope passes here
  // where the route has one. A gate that is closed to everybody says why.
  [[nodiscard]] static base::Result<> may_try(const Route& route, const policy::Gate& gate,
                                              const policy::Principal& principal);
  // With everything known: kCapabilityDenied, or kRunUnknown for a run whose graph would be the scope.
  [[nodiscard]] base::Result<> may(const Request& request) const;
  [[nodiscard]] engine::Caller caller(const Request& request) const;

  [[nodiscard]] const Services& services() const { return services_; }
  [[nodiscard]] engine::Engine& engine() const { return services_.engine; }
  [[nodiscard]] Bell& bell() { return bell_; }
  [[nodiscard]] const LogView& log() const { return log_; }
  std::function<Counters()> counters;

  // Who reads steps or events has megabytes of records in memory as JSON trees, some twenty times their text.
  static constexpr int kPagesAtOnce = 4;
  [[nodiscard]] Turns& pages() { return pages_; }

  // Who reads the log asks the audit writer for a descriptor, may look through megabytes and hash what is shown: so
  // many at once, then kBusy, so that no auditor slows down what the log is for.
  static constexpr int kReadersAtOnce = 4;
  class LogReader {
   public:
    explicit LogReader(Api& api) : api_(api), allowed_(++api.readers_ <= kReadersAtOnce) {}
    ~LogReader() { --api_.readers_; }
    LogReader(const LogReader&) = delete;
    LogReader& operator=(const LogReader&) = delete;
    [[nodiscard]] base::Result<> check() const;

   private:
    Api& api_;
    bool allowed_;
  };

 private:
  Services services_;
  LogView log_;
  Bell bell_;
  std::atomic<int> readers_{0};
  Turns pages_{kPagesAtOnce};
};

// 8-4-4-4-12 lower-case hex: what a run or task id looks like.
[[nodiscard]] bool is_uuid(std::string_view text);

// Handlers, one for each row of the route table.
[[nodiscard]] base::Result<Response> get_health(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> get_metrics(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> get_openapi(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> get_graphs(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> get_packs(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> get_registry(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> post_run(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> get_runs(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> get_run(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> get_steps(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> get_events(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> post_cancel(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> post_pause(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> post_resume(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> post_respond(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> post_lease(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> post_heartbeat(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> post_complete(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> post_fail(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> get_audit_segments(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> get_audit_segment(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> get_audit_entries(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> get_audit_checkpoint(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> get_audit_proof(Api& api, const Request& request);
[[nodiscard]] base::Result<Response> get_audit_consistency(Api& api, const Request& request);
// What upstream has and this version does not: kNotAvailable.
[[nodiscard]] base::Result<Response> not_available(Api& api, const Request& request);

}  // namespace stargraph::serve

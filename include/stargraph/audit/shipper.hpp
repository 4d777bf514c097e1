// Shipper: the daemon's thread that carries committed outbox rows to the audit writer, checks its signed
// acknowledgements and deletes what is on its disk.
//
// The daemon connects once, at start, before its system-call filter takes `connect` away. When the link
// is lost, late or answers wrongly, `on_lost` is called once, on the shipper's thread, and nothing ships any
// more: the daemon ends and systemd starts it anew.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "stargraph/audit/client.hpp"
#include "stargraph/audit/outbox.hpp"
#include "stargraph/store/ledger.hpp"

namespace stargraph::audit {

struct Lag {
  std::int64_t entries = 0;  // committed here, not yet acknowledged
  base::Duration age{0};     // of the oldest of them
};

class Shipper {
 public:
  struct Limits {
    base::Duration acknowledge_timeout = std::chrono::seconds(5);
    base::Duration poll = std::chrono::milliseconds(20);  // how long a committed row may lie unseen
  };
  using Lost = std::function<void(const base::Error&)>;

  // All must outlive it. kAuditFork when the log is ahead of the database (an older database was put back), unless root
  // allowed it to go on behind exactly the log's last record (`resumes_after`, trust::TrustState); kAuditGap when the
  // log lacks records that the database no longer has.
  [[nodiscard]] static base::Result<std::unique_ptr<Shipper>> make(base::Env& env, store::Database& database,
                                                                   store::Ledger& ledger,
                                                                   std::unique_ptr<Client> client, const Limits& limits,
                                                                   std::optional<SourceSeq> resumes_after = {});
  ~Shipper();  // stop()

  void start(Lost on_lost);  // the thread
  // Ships what is committed, waits for its acknowledgement, ends the thread. Any thread; once.
  void stop();
  // Without the thread, for tests and the daemon's own start: ships all that is committed now.
  [[nodiscard]] base::Result<> ship();

  void notify();  // rows were committed; any thread
  // kAuditUnavailable when the link is lost, kTimedOut when it took longer. Any thread.
  [[nodiscard]] base::Result<> wait_shipped(SourceSeq source_seq, base::Duration timeout);
  [[nodiscard]] Lag lag() const;    // any thread
  [[nodiscard]] Head head() const;  // the last one seen; any thread
  [[nodiscard]] bool lost() const;
  // The last number that the database knew of itself when it was allowed to go on; nothing when it never was behind.
  [[nodiscard]] std::optional<SourceSeq> resumed_from() const;
  // Which segments there are, as of head().
  [[nodiscard]] LogShape log_shape() const;
  // A part of the log to read. Any thread but the shipper's; asks on its thread and waits at most kOpenTimeout, so
  // start() must have been called. kNotFound for what is not there, kAuditUnavailable when the link is lost,
  // kTimedOut. The descriptor stays good when the segment is archived meanwhile.
  [[nodiscard]] base::Result<OpenedPart> open_part(LogPart part, std::uint32_t segment);
  static constexpr base::Duration kOpenTimeout = std::chrono::seconds(5);

 private:
  struct State;
  explicit Shipper(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace stargraph::audit

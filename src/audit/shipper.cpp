#include "stargraph/audit/shipper.hpp"

#include <poll.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "stargraph/base/check.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kBatch = 256;
// Deleting costs a commit, so acknowledged rows leave many at a time.
constexpr std::int64_t kDeleteAt = 256;
constexpr std::size_t kMaxOpenCalls = 64;

struct Outbox {
  SourceSeq last;
  std::vector<OutboxRow> rows;
};

}  // namespace

// What a thread waits for. It may have given up: then the answer and its descriptor go with the last owner.
struct OpenCall {
  LogPart part = LogPart::kSegment;
  std::uint32_t segment = 0;
  std::optional<Result<OpenedPart>> answer;  // under the shipper's mutex
};

struct Shipper::State {
  State(base::Env& e, store::Database& d, store::Ledger& l, std::unique_ptr<Client> c, const Limits& lim)
      : env(e),
        database(d),
        ledger(l),
        client(std::move(c)),
        limits(lim),
        acknowledged(client->head().source_seq),
        head(client->head()) {}

  base::Env& env;
  store::Database& database;
  store::Ledger& ledger;
  std::unique_ptr<Client> client;  // of the shipping thread
  Limits limits;
  std::optional<SourceSeq> resumed_from;  // set by check_start() alone
  Lost on_lost;
  std::thread thread;
  SourceSeq deleted;  // rows up to here are gone or on their way; of the shipping thread

  mutable std::mutex mutex;  // for what follows; never held across a send, a receive or a query
  std::condition_variable changed;
  SourceSeq acknowledged;
  SourceSeq committed;                    // the last number seen in the database
  std::optional<base::Timestamp> oldest;  // of the rows seen and not acknowledged
  Head head;
  std::deque<std::shared_ptr<OpenCall>> calls;
  bool poked = false;
  bool stopping = false;
  bool lost = false;

  Result<Outbox> look(SourceSeq after) {
    Outbox outbox;
    const auto read = [&](store::Connection& connection) -> Result<> {
      SG_TRY(outbox.last, outbox_last(connection));
      SG_TRY(outbox.rows, outbox_rows(connection, after, kBatch));
      return {};
    };
    SG_TRY(database.read(read));
    return outbox;
  }

  Result<> check_start(std::optional<SourceSeq> resumes_after);
  Result<> ship_all();
  void drop_acknowledged();
  Result<> ship_batch(const std::vector<OutboxRow>& rows);
  void note(const Outbox& outbox);
  void note(const Head& next);
  Result<> answer_calls();
  [[nodiscard]] bool link_spoke() const;
  bool wait_for_work();
  void run();
};

// The database and the log must agree on what the daemon wrote: both run ahead of the other only by what
// the outbox still holds.
Result<> Shipper::State::check_start(std::optional<SourceSeq> resumes_after) {
  SG_TRY(Outbox outbox, look(SourceSeq(0)));
  if (acknowledged > outbox.last) {
    if (resumes_after != acknowledged) {
      return fail(Code::kAuditFork,
                  "audit: the log knows later acts than the database: an older database was put back; if a person did "
                  "it, `stargraph-pack repair --restored` says so");
    }
    resumed_from = outbox.last;
    SG_TRY(ledger.run([&](store::Connection& connection) { return outbox_resume(connection, acknowledged); }));
    SG_TRY(outbox, look(SourceSeq(0)));
  }
  const SourceSeq first = outbox.rows.empty() ? outbox.last.next() : outbox.rows.front().source_seq;
  if (first > acknowledged.next()) {
    return fail(Code::kAuditGap, "audit: the log lacks acts that the database gave away: an older log was put back");
  }
  note(outbox);
  if (!outbox.rows.empty() && first <= acknowledged) drop_acknowledged();
  return {};
}

void Shipper::State::note(const Outbox& outbox) {
  const std::scoped_lock lock(mutex);
  committed = outbox.last;
  oldest.reset();
  for (const OutboxRow& row : outbox.rows) {
    if (row.source_seq <= acknowledged) continue;
    oldest = row.time;
    break;
  }
}

void Shipper::State::note(const Head& next) {
  {
    const std::scoped_lock lock(mutex);
    head = next;
    acknowledged = next.source_seq;
  }
  changed.notify_all();
}

Result<> Shipper::State::ship_batch(const std::vector<OutboxRow>& rows) {
  const SourceSeq last = rows.back().source_seq;
  std::size_t sent = 0;
  SourceSeq done = rows.front().source_seq;
  done = SourceSeq(done.value() - 1);
  while (done < last) {
    const auto unacknowledged = [&] {
      return sent - static_cast<std::size_t>(done.value() + 1 - rows.front().source_seq.value());
    };
    for (; sent < rows.size() && unacknowledged() < Client::kWindow; ++sent) SG_TRY(client->send(rows[sent].record));
    SG_TRY(const Head next, client->receive(limits.acknowledge_timeout));
    if (next.source_seq > rows[sent - 1].source_seq)
      return fail(Code::kAuditFork, "audit: acknowledged what was not sent");
    done = std::max(done, next.source_seq);
    note(next);
  }
  return {};
}

Result<> Shipper::State::ship_all() {
  while (true) {
    SG_TRY(const Outbox outbox, look(acknowledged));
    note(outbox);
    if (outbox.rows.empty()) return {};
    if (outbox.rows.front().source_seq != acknowledged.next()) {
      return fail(Code::kAuditGap, "audit: outbox: a number is missing");
    }
    SG_TRY(ship_batch(outbox.rows));
    {
      const std::scoped_lock lock(mutex);
      oldest.reset();
    }
    if (acknowledged.value() - deleted.value() >= kDeleteAt) drop_acknowledged();
  }
}

// Nobody waits for it: when it is lost, the next start does it again, for the log knows the rows.
void Shipper::State::drop_acknowledged() {
  ledger.post([up_to = acknowledged](store::Connection& connection) { return outbox_delete(connection, up_to); }, {});
  deleted = acknowledged;
}

// With everything acknowledged, the next packet is the answer. What is only not there is no fault of the link.
Result<> Shipper::State::answer_calls() {
  while (true) {
    std::shared_ptr<OpenCall> call;
    {
      const std::scoped_lock lock(mutex);
      if (calls.empty()) return {};
      call = std::move(calls.front());
      calls.pop_front();
    }
    Result<OpenedPart> opened = client->open_part(call->part, call->segment, limits.acknowledge_timeout);
    const bool broken = !opened && opened.error().code != Code::kNotFound && opened.error().code != Code::kIo;
    const Result<> state = broken ? Result<>(std::unexpected(opened.error())) : Result<>();
    {
      const std::scoped_lock lock(mutex);
      call->answer = std::move(opened);
    }
    changed.notify_all();
    SG_TRY(state);
  }
}

// With nothing sent, whatever the link says is its end.
bool Shipper::State::link_spoke() const {
  pollfd polled{client->descriptor(), POLLIN, 0};
  return ::poll(&polled, 1, 0) != 0;
}

// False when the thread should end.
bool Shipper::State::wait_for_work() {
  std::unique_lock lock(mutex);
  changed.wait_for(lock, limits.poll, [&] { return poked || stopping; });
  poked = false;
  return !stopping;
}

void Shipper::State::run() {
  Result<> state;
  std::uint64_t seen_commits = 0;
  bool looked = false;
  while (true) {
    const std::uint64_t commits = ledger.counters().commits;
    if (!looked || commits != seen_commits) state = ship_all();
    looked = true;
    seen_commits = commits;
    if (state) state = answer_calls();
    if (state && link_spoke()) state = fail(Code::kAuditUnavailable, "audit: the audit writer is gone");
    if (!state) break;
    if (!wait_for_work()) {
      state = ship_all();
      break;
    }
  }
  if (acknowledged > deleted) drop_acknowledged();
  if (state) return;
  {
    const std::scoped_lock lock(mutex);
    lost = true;
  }
  changed.notify_all();
  if (on_lost) on_lost(state.error());
}

Shipper::Shipper(std::unique_ptr<State> state) : state_(std::move(state)) {}
Shipper::~Shipper() { stop(); }

Result<std::unique_ptr<Shipper>> Shipper::make(base::Env& env, store::Database& database, store::Ledger& ledger,
                                               std::unique_ptr<Client> client, const Limits& limits,
                                               std::optional<SourceSeq> resumes_after) {
  auto state = std::make_unique<State>(env, database, ledger, std::move(client), limits);
  SG_TRY(state->check_start(resumes_after));
  return std::unique_ptr<Shipper>(new Shipper(std::move(state)));
}

void Shipper::start(Lost on_lost) {
  SG_CHECK(!state_->thread.joinable());
  state_->on_lost = std::move(on_lost);
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

void Shipper::stop() {
  if (!state_->thread.joinable()) return;
  {
    const std::scoped_lock lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

Result<> Shipper::ship() {
  SG_CHECK(!state_->thread.joinable());
  const Result<> shipped = state_->ship_all();
  if (!shipped) {
    const std::scoped_lock lock(state_->mutex);
    state_->lost = true;
  }
  return shipped;
}

void Shipper::notify() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->poked = true;
  }
  state_->changed.notify_all();
}

Result<> Shipper::wait_shipped(SourceSeq source_seq, base::Duration timeout) {
  notify();
  std::unique_lock lock(state_->mutex);
  const auto settled = [&] { return state_->lost || state_->acknowledged >= source_seq; };
  const bool in_time = state_->changed.wait_for(lock, timeout, settled);
  if (state_->acknowledged >= source_seq) return {};
  if (in_time) return fail(Code::kAuditUnavailable, "audit: the audit writer is gone");
  return fail(Code::kTimedOut, "audit: the audit writer did not acknowledge in time");
}

LogShape Shipper::log_shape() const {
  const std::scoped_lock lock(state_->mutex);
  return LogShape{state_->head.first_segment, state_->head.last_segment, state_->head.seq};
}

Result<OpenedPart> Shipper::open_part(LogPart part, std::uint32_t segment) {
  SG_CHECK(state_->thread.get_id() != std::this_thread::get_id());
  const auto call = std::make_shared<OpenCall>(OpenCall{part, segment, std::nullopt});
  std::unique_lock lock(state_->mutex);
  if (state_->calls.size() >= kMaxOpenCalls) return fail(Code::kBusy, "audit: too many parts of the log are asked for");
  state_->calls.push_back(call);
  state_->poked = true;
  state_->changed.notify_all();
  const auto settled = [&] { return state_->lost || call->answer.has_value(); };
  if (!state_->changed.wait_for(lock, kOpenTimeout, settled)) {
    std::erase(state_->calls, call);
    return fail(Code::kTimedOut, "audit: the audit writer did not open it in time");
  }
  if (call->answer) return *std::move(call->answer);
  return fail(Code::kAuditUnavailable, "audit: the audit writer is gone");
}

Lag Shipper::lag() const {
  const base::Timestamp now = state_->env.now();
  const std::scoped_lock lock(state_->mutex);
  Lag lag;
  lag.entries = std::max<std::int64_t>(0, state_->committed.value() - state_->acknowledged.value());
  if (state_->oldest) lag.age = std::max(base::Duration(0), now - *state_->oldest);
  return lag;
}

Head Shipper::head() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->head;
}

bool Shipper::lost() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->lost;
}

std::optional<SourceSeq> Shipper::resumed_from() const { return state_->resumed_from; }

}  // namespace stargraph::audit

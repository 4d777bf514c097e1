#include "bin/stargraphd/daemon.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "bin/stargraphd/floor.hpp"
#include "bin/stargraphd/packs.hpp"
#include "stargraph/audit/outbox.hpp"
#include "stargraph/audit/shipper.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/engine/engine.hpp"
#include "stargraph/engine/engine_store.hpp"
#include "stargraph/serve/confine.hpp"
#include "stargraph/serve/serve_store.hpp"
#include "stargraph/serve/server.hpp"
#include "stargraph/trust/log_check.hpp"
#include "stargraph/trust/trust_store.hpp"

namespace stargraph::daemon {
namespace {

using base::Code;
using base::Error;
using base::fail;
using base::Result;

constexpr base::Duration kFirstReceipt = std::chrono::seconds(5);
constexpr base::Duration kClockEvery = std::chrono::seconds(60);
constexpr base::Duration kServerEvery = std::chrono::seconds(1);
constexpr int kTurnMs = 250;  // a revocation is seen that soon
// on_failure: refuse. So long acts are refused with a reply after the audit link is lost; then the daemon ends, for a
// link is made at start and never again (law 1), and systemd starts it anew until the audit writer answers.
constexpr base::Duration kRefuseBeforeEnd = std::chrono::seconds(5);
// on_failure: stop. So long the audit writer may be behind its limits without a pause before the daemon ends.
constexpr base::Duration kBehindBeforeEnd = std::chrono::seconds(4);

class Daemon {
 public:
  explicit Daemon(Parts parts) : parts_(std::move(parts)) {}
  Result<> start();
  Result<> run(const Notifier& notifier);
  void stop();

 private:
  [[nodiscard]] const config::Config& config() const { return parts_.preflight.config; }
  [[nodiscard]] Result<trust::TrustState> check_trust() const;
  Result<> start_ledger(std::optional<audit::SourceSeq> resumes_after);
  Result<> start_engine();
  Result<> tell(audit::EventName name, json::Object data);
  Result<> admit() const;
  Result<bool> turn(const Notifier& notifier);
  Result<> look_at_audit(bool lost_now, const Notifier& notifier);
  Result<> tick(const Notifier& notifier);
  void reload(const Notifier& notifier);
  [[nodiscard]] std::string status() const;

  // In the order they are made; destroyed the other way round.
  Parts parts_;
  base::Env& env_ = base::real_env();
  std::unique_ptr<Packs> packs_;
  std::unique_ptr<store::Ledger> ledger_;
  std::unique_ptr<audit::Shipper> shipper_;
  std::unique_ptr<engine::EngineServices> services_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<serve::Server> server_;
  int lost_ = -1;  // readable when the audit link is lost
  std::optional<base::Duration> lost_since_;
  std::optional<base::Duration> behind_since_;
  base::Duration served_{0};
  base::Duration clock_raised_{0};
  base::Duration pinged_{0};
};

// The log knows which act of trust was the last one; a database of an earlier day does not. The head is the one of the
// welcome: the shipper, which moves it on, takes the client after this.
Result<trust::TrustState> Daemon::check_trust() const {
  SG_TRY(store::Connection reader, parts_.database->reader());
  SG_TRY(trust::TrustState state, trust::load_state(reader, parts_.preflight.audit_key));
  SG_TRY(trust::check_against_log(state, parts_.audit_client->head()));
  return state;
}

Result<> Daemon::start_ledger(std::optional<audit::SourceSeq> resumes_after) {
  lost_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  SG_TRY(ledger_, store::Ledger::start(*parts_.database, {}));
  const base::Timestamp now = env_.now();
  SG_TRY(ledger_->run([&](store::Connection& connection) -> Result<> {
    if (parts_.accept_clock) return serve::accept_clock(connection, now);
    SG_TRY(serve::check_clock(connection, now));
    return serve::raise_clock(connection, now);
  }));
  SG_TRY(shipper_,
         audit::Shipper::make(env_, *parts_.database, *ledger_, std::move(parts_.audit_client), {}, resumes_after));
  shipper_->start([lost = lost_](const Error& error) {
    log(Priority::kCritical, "audit link: " + error.message);
    static_cast<void>(::eventfd_write(lost, 1));
  });
  return {};
}

Result<> Daemon::start_engine() {
  packs_ = std::make_unique<Packs>(env_, *parts_.database, parts_.preflight);
  SG_TRY(packs_->take_up());
  services_ = std::make_unique<engine::EngineServices>(engine::EngineServices{
      .env = env_,
      .database = *parts_.database,
      .ledger = *ledger_,
      .jail = *parts_.jail,
      .admit = [this] { return admit(); },
      .committed = [this] { shipper_->notify(); },
      .load_pack = [this](const trust::PackRef& ref) { return packs_->load(ref); },
      .side_effects = config().side_effects.value_or(false),
  });
  const config::Limits& limits = config().limits;
  engine::EngineLimits bounds;
  bounds.run_steps = limits.run_steps;
  bounds.run_wall_clock = std::chrono::seconds(limits.run_seconds);
  bounds.state_bytes = static_cast<std::size_t>(limits.run_state_bytes);
  bounds.parameter_bytes = static_cast<std::size_t>(limits.run_parameter_bytes);
  bounds.tenant_bytes = limits.tenant_record_bytes;
  bounds.retention = std::chrono::days(limits.run_retention_days);
  bounds.node_time = std::chrono::seconds(limits.node_seconds);
  bounds.lease_time = std::chrono::seconds(limits.lease_seconds);
  bounds.workers = static_cast<int>(limits.scheduler_workers);
  SG_TRY(engine_, engine::Engine::make(*services_, bounds, packs_->taken().catalog));
  return packs_->begin(*engine_, *ledger_, [this] { shipper_->notify(); });
}

Result<> Daemon::start() {
  SG_TRY(const trust::TrustState trusted, check_trust());
  SG_TRY(start_ledger(trusted.resumes_after()));
  SG_TRY(start_engine());
  const policy::InForce* const policy = packs_->taken().policy.get();
  const crypto::FipsState fips = crypto::fips_state();
  const std::optional<audit::SourceSeq> resumed = shipper_->resumed_from();
  SG_TRY(tell(audit::EventName::kDaemonStarted,
              {{"version", STARGRAPH_VERSION},
               {"config_sha384", parts_.preflight.config_digest.hex()},
               {"profile", config::profile_name(config().profile)},
               {"fips", fips.enforced},
               {"fips_module", fips.module},
               {"fips_version", fips.version},
               {"selinux", selinux_state()},
               {"system_call_filter", serve::confinement_available()},
               {"clock_accepted", parts_.accept_clock},
               {"resumed_from", resumed ? json::Value(resumed->value()) : json::Value()},
               {"packs", describe(packs_->taken().packs)},
               {"policy", policy == nullptr ? json::Value() : json::Value(policy->digest().hex())}}));
  SG_TRY(engine_->start());
  const serve::Services services{
      env_,
      config(),
      packs_->gate(),
      *engine_,
      *ledger_,
      [this] { return shipper_->lag(); },
      [this] { return shipper_->lost(); },
      [this] { shipper_->notify(); },
      [this] { return shipper_->log_shape(); },
      [this](audit::LogPart part, std::uint32_t segment) { return shipper_->open_part(part, segment); }};
  SG_TRY(server_, serve::Server::start(services, parts_.listener));
  return {};
}

// Commits an entry and waits until the audit writer has it on disk.
Result<> Daemon::tell(audit::EventName name, json::Object data) {
  audit::Event event;
  event.name = name;
  event.actor = base::ActorName("stargraphd");
  event.tenant = audit::site_tenant();
  event.data = std::move(data);
  const base::Timestamp now = env_.now();
  audit::SourceSeq number;
  SG_TRY(ledger_->run([&](store::Connection& connection) -> Result<> {
    SG_TRY(number, audit::append_numbered(connection, event, now));
    return {};
  }));
  shipper_->notify();
  return shipper_->wait_shipped(number, kFirstReceipt);
}

Result<> Daemon::admit() const {
  const config::Limits& limits = config().limits;
  if (shipper_->lost()) return fail(Code::kAuditUnavailable, "audit: the link to the writer is lost");
  if (serve::audit_behind(shipper_->lag(), limits)) return fail(Code::kAuditLag, "audit: the writer is behind");
  struct statvfs disk{};
  if (::statvfs(config().state.directory.c_str(), &disk) != 0) return fail(Code::kIo, "state: statvfs: failed");
  if (!above_floor({.free = disk.f_bavail, .all = disk.f_blocks, .block_bytes = disk.f_frsize}, limits))
    return fail(Code::kDiskLow, "state: the disk is nearly full");
  return {};
}

Result<> Daemon::tick(const Notifier& notifier) {
  const base::Duration now = env_.monotonic();
  // What is on the disk only a new start can tell; meanwhile nothing can be done here.
  if (const auto failure = ledger_->failure()) return std::unexpected(base::in_context("state", *failure));
  SG_TRY(packs_->look());
  if (now - served_ >= kServerEvery) {
    if (const Result<> ticked = server_->tick(); !ticked) log(Priority::kError, ticked.error().message);
    served_ = now;
  }
  if (now - clock_raised_ >= kClockEvery) {
    const base::Timestamp time = env_.now();
    const Result<> raised =
        ledger_->run([&](store::Connection& connection) { return serve::raise_clock(connection, time); });
    if (!raised) log(Priority::kError, raised.error().message);
    clock_raised_ = now;
  }
  // The watchdog hears from us only while the ledger can still commit.
  if (notifier.watchdog() && now - pinged_ >= *notifier.watchdog()) {
    if (ledger_->run([](store::Connection&) -> Result<> { return {}; })) notifier.tell("WATCHDOG=1");
    pinged_ = now;
  }
  return {};
}

std::string Daemon::status() const {
  return std::to_string(engine_->catalog()->graphs().size()) + " graphs, " +
         std::to_string(packs_->taken().packs.size()) + " active packs";
}

// Packs and policy; a changed configuration needs a restart.
void Daemon::reload(const Notifier& notifier) {
  if (const Result<> done = packs_->reload(); !done) {
    log(Priority::kError,
        "reload: refused, nothing changed: " + done.error().message + " (" + std::string(done.error().name()) + ")");
    notifier.tell("STATUS=" + status() + "; the last reload was refused: " + std::string(done.error().name()));
    return;
  }
  log(Priority::kNotice, "reloaded: " + status());
  notifier.tell("STATUS=" + status());
}

// Nothing is done that cannot be audited. `stop` ends at once when the link is lost, and when the writer stays behind.
// `refuse` lets the server refuse acts for a while, so that who is connected hears why, and ends then; a writer that is
// only behind may catch up, and acts are let in again by themselves.
Result<> Daemon::look_at_audit(bool lost_now, const Notifier& notifier) {
  const base::Duration now = env_.monotonic();
  const bool stops = config().audit.on_failure == config::AuditFailure::kStop;
  if (lost_now && !stops) {
    eventfd_t ignored = 0;
    static_cast<void>(::eventfd_read(lost_, &ignored));
    lost_since_ = now;
    notifier.tell("STATUS=the audit writer is lost: acts are refused until a new start");
  }
  if ((lost_now && stops) || (lost_since_ && now - *lost_since_ >= kRefuseBeforeEnd)) {
    return fail(Code::kAuditUnavailable, "audit: the link to the writer is lost; it is made once, at start");
  }
  if (!serve::audit_behind(shipper_->lag(), config().limits)) {
    behind_since_.reset();
  } else if (!behind_since_) {
    behind_since_ = now;
  } else if (stops && now - *behind_since_ >= kBehindBeforeEnd) {
    return fail(Code::kAuditLag, "audit: the writer stayed behind its limits");
  }
  return {};
}

// One turn of the main thread; false when it is time to stop.
Result<bool> Daemon::turn(const Notifier& notifier) {
  std::array<pollfd, 3> watched{pollfd{parts_.signals, POLLIN, 0}, pollfd{parts_.jail->watch_fd(), POLLIN, 0},
                                pollfd{lost_, POLLIN, 0}};
  if (::poll(watched.data(), watched.size(), kTurnMs) < 0 && errno != EINTR)
    return fail(Code::kIo, "stargraphd: poll: failed");
  if (watched[1].revents != 0) return fail(Code::kJailLost, "rules: jail: the process that runs rules is gone");
  SG_TRY(look_at_audit(watched[2].revents != 0, notifier));
  signalfd_siginfo signal{};
  if (watched[0].revents != 0 && ::read(parts_.signals, &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo != SIGHUP) return false;
    reload(notifier);
  }
  SG_TRY(tick(notifier));
  return true;
}

Result<> Daemon::run(const Notifier& notifier) {
  notifier.tell("READY=1\nSTATUS=" + status());
  log(Priority::kNotice, "ready");
  while (true) {
    SG_TRY(const bool go_on, turn(notifier));
    if (!go_on) break;
  }
  notifier.tell("STOPPING=1");
  log(Priority::kNotice, "stopping");
  return {};
}

// Outside first: no new requests, then no new steps, then the last audit entry, then everything that is committed
// shipped.
void Daemon::stop() {
  if (server_) server_->stop();
  if (engine_) engine_->stop();
  if (!shipper_) return;
  if (server_ && !shipper_->lost()) {
    if (const Result<> told = tell(audit::EventName::kDaemonStopping, {}); !told)
      log(Priority::kError, told.error().message);
  }
  shipper_->stop();
}

}  // namespace

std::vector<store::Migration> all_migrations() {
  std::vector<store::Migration> all;
  for (const auto migrations :
       {audit::audit_migrations(), trust::trust_migrations(), engine::engine_migrations(), serve::serve_migrations()}) {
    all.insert(all.end(), migrations.begin(), migrations.end());
  }
  return all;
}

Result<> serve(Parts parts, const Notifier& notifier) {
  Daemon daemon(std::move(parts));
  Result<> served = daemon.start();
  if (served) served = daemon.run(notifier);
  daemon.stop();
  return served;
}

}  // namespace stargraph::daemon

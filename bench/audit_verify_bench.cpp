// Verifying a log of 1,000,000 entries beside a loop that only parses and hashes each line, and the memory it takes.
//
// audit_verify_1m_one_core compares CPU time, so that what else the machine does counts for neither; audit_verify_1m is
// the real program over the same files by the clock on the wall, audit_verify_1m_rss its peak memory (in MiB; the peer
// is the bound). The log is made once, in $TMPDIR, and removed at the end: some 800 MB.
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>

#include "figure.hpp"
#include "stargraph/audit/segment.hpp"
#include "stargraph/audit/verify.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/json/parse.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace stargraph;

constexpr std::size_t kEntries = 1'000'000;
constexpr double kMostMebibytes = 64;
constexpr int kRounds = 3;

double seconds_of(clockid_t clock) {
  timespec now{};
  SG_CHECK(::clock_gettime(clock, &now) == 0);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Entries a CPU second of this process.
double per_cpu_second(const std::function<void()>& work) {
  const double start = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  work();
  return static_cast<double>(kEntries) / (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - start);
}

// What a busy site writes most: requests, decisions and leases of a few tenants.
audit::Entry next_entry(std::size_t number) {
  audit::Entry entry;
  entry.source = audit::Source::kDaemon;
  entry.time = base::from_micros(1'767'225'600'000'000 + static_cast<std::int64_t>(number) * 700);
  entry.event.actor = base::ActorName("operator-" + std::to_string(number % 7));
  entry.event.tenant = base::TenantId("tenant-" + std::to_string(number % 5));
  entry.event.run = base::RunId("018f0000-0000-7000-8000-00000000000" + std::to_string(number % 10));
  if (number % 2 == 0) {
    entry.event.name = audit::EventName::kRequest;
    entry.event.data = {{"address", "192.0.2.7"},
                        {"capability", "runs:read"},
                        {"certificate", std::string(96, 'c')},
                        {"code", ""},
                        {"method", "GET"},
                        {"policy", nullptr},
                        {"request_id", std::to_string(number)},
                        {"route", "/v1/runs/{run}"},
                        {"status", 200}};
  } else {
    entry.event.name = audit::EventName::kRunDecided;
    entry.event.data = {{"class", "goto"},   {"node", "triage"},   {"pack_digest", std::string(96, 'd')},
                        {"policy", nullptr}, {"rule", "escalate"}, {"stage", "soc.rules"},
                        {"step", 3}};
  }
  return entry;
}

class BenchLog {
 public:
  BenchLog() : key_(crypto::PrivateKey::generate(crypto::Algorithm::kEd25519).value()) {
    const std::string install_id = "018f0000-0000-7000-8000-000000000000";
    chain_.begin(install_id, key_.public_key().key_id());
    audit::Entry first = own(audit::EventName::kAuditStarted);
    first.event.data = {{"install_id", install_id}, {"key_id", key_.public_key().key_id().str()}};
    add(std::move(first));
    for (std::size_t number = 0; chain_.seq().value() < static_cast<std::int64_t>(kEntries); ++number) {
      audit::Entry entry = next_entry(number);
      entry.source_seq = chain_.last_of(audit::Source::kDaemon).next();
      add(std::move(entry));
      if (chain_.uncovered() == audit::kCheckpointEntries - 1) checkpoint();
    }
    checkpoint();
    out_.close();
    std::ofstream(public_key_path()) << key_.public_key().pem();
  }

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_.path(); }
  [[nodiscard]] std::filesystem::path public_key_path() const { return directory_.path() / "audit.pub.pem"; }
  [[nodiscard]] crypto::PublicKey public_key() const { return key_.public_key(); }

 private:
  audit::Entry own(audit::EventName name) const {
    audit::Entry entry;
    entry.event.name = name;
    entry.event.actor = base::ActorName("stargraph-auditd");
    entry.event.tenant = audit::site_tenant();
    entry.source_seq = chain_.last_of(audit::Source::kWriter).next();
    entry.time = chain_.last_time();
    return entry;
  }
  void checkpoint() {
    audit::Entry entry = own(audit::EventName::kAuditCheckpoint);
    entry.event.data = audit::encode_checkpoint(chain_.next_checkpoint());
    add(std::move(entry));
  }
  void add(audit::Entry entry) {
    if (!out_.is_open() || written_ > audit::kSegmentBytes) {
      out_.close();
      out_.open(directory_.path() / audit::segment_name(++segment_));
      written_ = 0;
    }
    chain_.place(entry, entry.time);
    std::string line = audit::encode_entry(entry).value();
    if (entry.event.name == audit::EventName::kAuditCheckpoint) {
      SG_CHECK(audit::sign_line(line, entry, key_).has_value());
    }
    chain_.take(entry);
    line += '\n';
    out_ << line;
    written_ += line.size();
  }

  test::TempDir directory_;
  crypto::PrivateKey key_;
  audit::Chain chain_;
  std::ofstream out_;
  std::uint32_t segment_ = 0;
  std::uint64_t written_ = 0;
};

void parse_and_hash(const std::vector<base::Path>& files) {
  std::size_t lines = 0;
  for (const base::Path& file : files) {
    audit::LineReader reader = audit::LineReader::open(file).value();
    for (std::string_view line; reader.next(line).value() == audit::LineReader::What::kLine;) {
      SG_CHECK(json::parse(line).has_value());
      static_cast<void>(crypto::sha384(line));
      ++lines;
    }
  }
  SG_CHECK(lines >= kEntries);
}

struct Ran {
  double seconds = 0;
  double mebibytes = 0;
};

// The real program, as an auditor runs it.
Ran run_program(const BenchLog& log) {
  const char* const build = std::getenv("STARGRAPH_BUILD");
  const std::string program = std::string(build != nullptr ? build : ".") + "/bin/stargraph-audit";
  const std::string directory = log.directory().string();
  const std::string key = log.public_key_path().string();
  std::vector<std::string> words{program, "verify", directory, "--pubkey", key};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const double start = seconds_of(CLOCK_MONOTONIC);
  pid_t child = 0;
  SG_CHECK(::posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments.data(), environ) == 0);
  int status = 0;
  rusage used{};
  SG_CHECK(::wait4(child, &status, 0, &used) == child);
  SG_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return {seconds_of(CLOCK_MONOTONIC) - start, static_cast<double>(used.ru_maxrss) / 1024};
}

}  // namespace

int main() {
  if (!bench::wanted("audit_verify_1m_one_core") && !bench::wanted("audit_verify_1m_rss")) return 0;
  SG_CHECK(crypto::initialise(crypto::FipsMode::kOff).has_value());
  const BenchLog log;
  const std::vector<base::Path> files = audit::log_files({log.directory()}).value();
  const auto peer = [&] { return per_cpu_second([&] { parse_and_hash(files); }); };

  bench::compare(
      "audit_verify_1m_one_core", "entries/cpu-s",
      [&] { return per_cpu_second([&] { SG_CHECK(audit::verify_log(files, log.public_key())->good()); }); },
      "parse_and_hash", peer, kRounds);

  double mebibytes = 0;
  const auto ours = [&] {
    const Ran ran = run_program(log);
    mebibytes = std::max(mebibytes, ran.mebibytes);
    return static_cast<double>(kEntries) / ran.seconds;
  };
  const auto theirs = [&] { return bench::per_second(kEntries, [&] { parse_and_hash(files); }); };
  bench::compare("audit_verify_1m", "entries/s", ours, "parse_and_hash_on_one_core", theirs, kRounds);
  bench::print("audit_verify_1m_rss", mebibytes, "MiB", "bound", kMostMebibytes, mebibytes / kMostMebibytes);
  return 0;
}

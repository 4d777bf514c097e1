// Entries a second that stargraph-auditd acknowledges at its socket, beside a raw append and fdatasync of the same
// lines.
//
// audit_append_{1,8,64}_writers: so many records are on their way without an answer, as from so many threads of the
// daemon that wait for theirs (entries.sock takes one connection, and a client may have 64 unanswered). The peer writes
// the very lines the writer wrote, in batches of as many, each with its own fdatasync. Both on the same file system:
// $TMPDIR decides which. The server runs in a thread of this process, so both sides of the socket share the machine.
//
// How near the two can come is up to the disk: what the format asks for is computed between two syncs, and where a sync
// takes microseconds nothing hides it. The second line of each figure has a peer that computes it too and nothing else:
// SHA-384 and a Merkle leaf of each line, one signature and its verification a batch.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "figure.hpp"
#include "stargraph/audit/client.hpp"
#include "stargraph/audit/server.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/crypto/fips.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace stargraph;

constexpr base::Duration kLong = std::chrono::seconds(60);

// What the daemon writes for a request.
audit::Record record_of(std::int64_t number) {
  audit::Event event;
  event.name = audit::EventName::kRequest;
  event.actor = base::ActorName("operator-" + std::to_string(number % 7));
  event.tenant = base::TenantId("tenant-" + std::to_string(number % 5));
  event.run = base::RunId("018f0000-0000-7000-8000-000000000001");
  event.data = {{"address", "192.0.2.7"},
                {"capability", "runs:read"},
                {"certificate", std::string(96, 'c')},
                {"method", "GET"},
                {"request_id", "018f0000-0000-7000-8000-000000000002"},
                {"route", "/v1/runs/{id}"},
                {"status", 200}};
  return {event, audit::SourceSeq(number), base::real_env().now()};
}

// A log with its server in a thread, and the one client.
class Site {
 public:
  Site() {
    auto& env = base::real_env();
    SG_CHECK(env.make_directory(directory_ / "log", 0700) && env.make_directory(directory_ / "state", 0700));
    audit::Writer::Options options;
    options.log_directory = directory_ / "log";
    options.state_directory = directory_ / "state";
    options.build_id = "bench";
    auto key = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
    const crypto::PublicKey public_key = key->public_key();
    writer_ = *audit::Writer::open(env, *std::move(key), options);
    int ends[2];
    SG_CHECK(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    server_ = std::make_unique<audit::Server>(*writer_, std::vector<audit::Server::Listener>());
    server_->adopt(ends[1], audit::Source::kDaemon);
    thread_ = std::thread([this] {
      while (server_->connections() > 0 && server_->turn(kLong)) {
      }
    });
    client_ = *audit::Client::adopt(ends[0], audit::Source::kDaemon, public_key, kLong);
  }
  ~Site() {
    client_.reset();
    thread_.join();
  }

  // The next `count` records as the daemon's outbox has them: encoded, in the transaction that made them.
  void prepare(std::int64_t count) {
    ready_.clear();
    for (std::int64_t i = 0; i < count; ++i) ready_.push_back(*audit::encode_record(record_of(next_ + i)));
  }
  // Sends what is ready with at most `window` unanswered.
  void append(std::int64_t window) {
    const std::int64_t first = next_;
    const std::int64_t end = next_ + static_cast<std::int64_t>(ready_.size());
    std::int64_t answered = next_ - 1;
    while (answered < end - 1) {
      for (; next_ < end && next_ - 1 - answered < window; ++next_) {
        SG_CHECK(client_->send(ready_[static_cast<std::size_t>(next_ - first)]));
      }
      const auto head = client_->receive(kLong);
      SG_CHECK(head.has_value());
      answered = head->source_seq.value();
    }
  }
  [[nodiscard]] std::string lines() const {
    return base::to_text(*base::real_env().read_file(directory_ / "log" / audit::segment_name(1), 1U << 30));
  }
  [[nodiscard]] base::Path raw_file() const { return directory_ / "raw"; }

 private:
  test::TempDir directory_;
  std::unique_ptr<audit::Writer> writer_;
  std::unique_ptr<audit::Server> server_;
  std::unique_ptr<audit::Client> client_;
  std::thread thread_;
  std::int64_t next_ = 1;
  std::vector<std::string> ready_;
};

// What a batch costs that is hashed, signed and verified, without any of our own code around it.
class Cryptography {
 public:
  void of(std::string_view lines) {
    std::size_t begin = 0;
    for (std::size_t end = lines.find('\n'); end != std::string_view::npos; end = lines.find('\n', begin)) {
      tree_.append(crypto::merkle_leaf(crypto::sha384(lines.substr(begin, end - begin)).bytes()));
      begin = end + 1;
    }
    const crypto::Digest root = tree_.root();
    const auto signature = key_.sign("stargraph.bench.v1", root.bytes());
    SG_CHECK(signature &&
             key_.public_key().verify(crypto::Algorithm::kEd25519, "stargraph.bench.v1", root.bytes(), *signature));
  }

 private:
  crypto::PrivateKey key_ = *crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
  crypto::MerkleFrontier tree_;
};

// Whole lines of `text`, `batch` of them in one write and one fdatasync, `count` in all; `cryptography` of each batch
// when it is given.
void raw_append(int file, const std::string& text, std::int64_t count, std::int64_t batch,
                Cryptography* cryptography = nullptr) {
  std::size_t begin = 0;
  for (std::int64_t done = 0; done < count; done += batch) {
    std::size_t end = begin;
    for (std::int64_t i = 0; i < std::min(batch, count - done); ++i) {
      if (text.find('\n', end) == std::string::npos) begin = end = 0;
      end = text.find('\n', end) + 1;
    }
    if (cryptography != nullptr) cryptography->of(std::string_view(text).substr(begin, end - begin));
    SG_CHECK(::write(file, text.data() + begin, end - begin) == static_cast<ssize_t>(end - begin));
    SG_CHECK(::fdatasync(file) == 0);
    begin = end;
  }
}

void measure(std::int64_t writers, std::int64_t count) {
  const std::string name = "audit_append_" + std::to_string(writers) + "_writers";
  if (!bench::wanted(name)) return;
  Site site;
  site.prepare(512);
  site.append(writers);
  const std::string lines = site.lines();
  const base::Descriptor raw(::open(site.raw_file().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const auto ours = [&] {
    site.prepare(count);
    return bench::per_second(static_cast<std::size_t>(count), [&] { site.append(writers); });
  };
  const auto theirs = [&] {
    return bench::per_second(static_cast<std::size_t>(count), [&] { raw_append(raw.get(), lines, count, writers); });
  };
  Cryptography cryptography;
  const auto theirs_hashed = [&] {
    return bench::per_second(static_cast<std::size_t>(count),
                             [&] { raw_append(raw.get(), lines, count, writers, &cryptography); });
  };
  bench::compare(name, "entries/s", ours, "append_fdatasync", theirs);
  bench::compare(name, "entries/s", ours, "append_fdatasync_hash_sign", theirs_hashed);
}

}  // namespace

int main() {
  SG_CHECK(crypto::initialise(crypto::FipsMode::kOff));
  measure(1, 1'000);
  measure(8, 4'000);
  measure(64, 16'000);
  return 0;
}

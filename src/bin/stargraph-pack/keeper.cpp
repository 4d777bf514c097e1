// The keeper's beginning, and the front's end of its socket.
#include "keeper.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "frame.hpp"
#include "walls.hpp"

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kDatabaseKeyBytes = 32;
constexpr auto kAnswerTime = std::chrono::minutes(2);  // a large file on a slow disk, behind another writer

// --- inside ---

// root may own the database key (a credential) or the daemon's user may (a file).
Result<crypto::Secret> read_database_key(const base::Path& path) {
  SG_TRY(crypto::Secret key, crypto::read_secret_file(base::real_env(), path, kDatabaseKeyBytes));
  if (key.size() != kDatabaseKeyBytes) return fail(Code::kConfigInvalid, "state key: not 32 bytes");
  return key;
}

// The files a database makes must belong to the daemon's user.
Result<crypto::Secret> read_key_and_become_owner(const config::State& state) {
  base::Env& env = base::real_env();
  SG_TRY(const base::Path path, state.key.locate());
  SG_TRY(const base::FileInfo file, env.info(path));
  SG_TRY(const base::FileInfo directory, env.info(state.directory));
  const bool read_first = file.uid == ::geteuid();
  crypto::Secret key;
  if (read_first) {
    SG_TRY(key, read_database_key(path));
  }
  if (!become(directory.uid, directory.gid)) {
    return fail(Code::kIo, "keeper: cannot become the owner of the state directory");
  }
  if (!read_first) {
    SG_TRY(key, read_database_key(path));
  }
  return key;
}

Result<std::unique_ptr<store::Database>> open_behind_walls(const config::State& state, pid_t parent) {
  SG_TRY(const crypto::Secret key, read_key_and_become_owner(state));
  if (!keep_private(parent) || !confine_keeper(state.directory)) {
    return fail(Code::kIo, "keeper: the walls around the process with the database could not be put up");
  }
  return store::Database::open(state.database(), key, trust::trust_migrations());
}

[[noreturn]] void be_the_keeper(int socket, pid_t parent, const config::State& state,
                                const crypto::PublicKey& audit_key, KeeperFor purpose) {
  ::prctl(PR_SET_NAME, "stargraph-keep");
  if (!keep_only(socket)) ::_exit(1);
  auto database = open_behind_walls(state, parent);
  const Result<base::Bytes> ready = database ? Result<base::Bytes>(base::Bytes()) : std::unexpected(database.error());
  if (!write_frame(kOwnSocket, encode_answer(ready)) || !database) ::_exit(1);
  keep(kOwnSocket, **database, audit_key, purpose);
  database->reset();
  ::_exit(0);
}

// --- outside ---

std::unexpected<base::Error> no_answer() {
  return fail(Code::kIo, "keeper: the process with the database has ended, or does not answer");
}

Result<base::Bytes> read_answer(int fd) {
  const auto frame = read_frame(fd, kMaxKeeperAnswer, kAnswerTime);
  if (!frame) return no_answer();
  return decode_answer(*frame);
}

}  // namespace

// One message for each call; when it goes without commit() the keeper is told, or finds out when the socket closes.
class Keeper::RemoteChange final : public trust::Vault::Change {
 public:
  explicit RemoteChange(Keeper& keeper) : keeper_(&keeper) {}
  ~RemoteChange() override {
    if (open_) static_cast<void>(keeper_->ask(Encoder(Ask::kAbandon)));
  }
  RemoteChange(const RemoteChange&) = delete;
  RemoteChange& operator=(const RemoteChange&) = delete;

  Result<> begin() {
    SG_TRY(const base::Bytes rows, keeper_->ask(Encoder(Ask::kBegin)));
    open_ = true;
    SG_TRY(std::vector<trust::ActRow> acts, decode_rows(rows));
    SG_TRY(before_, keeper_->fold_.of(std::move(acts)));
    return {};
  }
  Result<trust::TrustState> state() override { return before_; }
  Result<base::Bytes> file(const crypto::Digest& digest, int countersigned) override {
    return keeper_->file(digest, countersigned);
  }
  Result<> put(const crypto::Digest& digest, int countersigned, base::BytesView bytes) override {
    SG_TRY(keeper_->ask(Encoder(Ask::kPut).digest(digest).u32(static_cast<std::uint32_t>(countersigned)), bytes));
    return {};
  }
  Result<> append(const audit::Receipt& receipt) override {
    Encoder request(Ask::kAppend);
    encode(request, receipt);
    SG_TRY(keeper_->ask(request));
    return {};
  }
  Result<> commit() override {
    open_ = false;
    SG_TRY(keeper_->ask(Encoder(Ask::kCommit)));
    return {};
  }

 private:
  Keeper* keeper_;
  bool open_ = false;
  trust::TrustState before_;
};

Result<std::unique_ptr<Keeper>> Keeper::start(const config::Config& config, const crypto::PublicKey& audit_key,
                                              KeeperFor purpose) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(Code::kIo, "keeper: socketpair: failed");
  }
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    be_the_keeper(ends[1], parent, config.state, audit_key, purpose);
  }
  ::close(ends[1]);
  if (pid < 0) {
    ::close(ends[0]);
    return fail(Code::kIo, "keeper: fork: failed");
  }
  std::unique_ptr<Keeper> keeper(new Keeper(ends[0], pid, audit_key));
  SG_TRY(read_answer(keeper->socket_));
  return keeper;
}

void Keeper::hang_up() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

Keeper::~Keeper() {
  hang_up();
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

Result<base::Bytes> Keeper::ask(const Encoder& request, base::BytesView rest) {
  if (socket_ < 0 || !write_frame(socket_, request.bytes(), rest)) {
    hang_up();
    return fail(Code::kIo, "keeper: the process with the database has ended");
  }
  const auto frame = read_frame(socket_, kMaxKeeperAnswer, kAnswerTime);
  if (frame) return decode_answer(*frame);
  hang_up();
  return no_answer();
}

Result<trust::TrustState> Keeper::state() {
  SG_TRY(const base::Bytes rows, ask(Encoder(Ask::kActs)));
  SG_TRY(std::vector<trust::ActRow> acts, decode_rows(rows));
  return fold_.of(std::move(acts));
}

Result<base::Bytes> Keeper::file(const crypto::Digest& digest, int countersigned) {
  return ask(Encoder(Ask::kFile).digest(digest).u32(static_cast<std::uint32_t>(countersigned)));
}

Result<std::unique_ptr<trust::Vault::Change>> Keeper::begin() {
  auto change = std::make_unique<RemoteChange>(*this);
  SG_TRY(change->begin());
  return std::unique_ptr<trust::Vault::Change>(std::move(change));
}

Result<std::optional<trust::ReloadVerdict>> Keeper::verdict() {
  SG_TRY(const base::Bytes verdict, ask(Encoder(Ask::kVerdict)));
  return decode_reload_verdict(verdict);
}

Result<Runs> Keeper::affected_runs(std::span<const crypto::Digest> digests) {
  Encoder request(Ask::kRuns);
  request.u32(static_cast<std::uint32_t>(digests.size()));
  for (const crypto::Digest& digest : digests) request.digest(digest);
  SG_TRY(const base::Bytes runs, ask(request));
  return decode_runs(runs);
}

Result<> Keeper::tell_to_reload(pid_t daemon) {
  SG_TRY(ask(Encoder(Ask::kReload).u32(static_cast<std::uint32_t>(daemon))));
  return {};
}

Result<bool> Keeper::lives(pid_t daemon) {
  SG_TRY(const base::Bytes answer, ask(Encoder(Ask::kLives).u32(static_cast<std::uint32_t>(daemon))));
  return answer == base::Bytes{std::byte{1}};
}

}  // namespace stargraph::packcli

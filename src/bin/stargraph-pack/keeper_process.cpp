// Inside the keeper: messages in, the vault's answers out.
#include <signal.h>
#include <sys/types.h>

#include <cerrno>
#include <chrono>

#include "frame.hpp"
#include "keeper.hpp"
#include "stargraph/engine/affected.hpp"

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;
using base::Result;

// Between two messages of a change, which keeps the daemon from writing. What takes
// long, looking up acts that were lost, is done before it.
constexpr auto kChangePatience = std::chrono::minutes(3);

class Keeping {
 public:
  Keeping(store::Database& database, const crypto::PublicKey& audit_key, KeeperFor purpose)
      : database_(database), vault_(database, audit_key), purpose_(purpose) {}

  [[nodiscard]] bool changing() const { return change_ != nullptr; }
  Result<base::Bytes> answer(base::BytesView request) {
    Decoder in(request);
    const auto ask = static_cast<Ask>(in.u8());
    switch (ask) {
      case Ask::kActs: return acts(in);
      case Ask::kFile: return file(in);
      case Ask::kBegin: return begin(in);
      case Ask::kPut: return put(in);
      case Ask::kAppend: return append(in);
      case Ask::kCommit: return end(in, true);
      case Ask::kAbandon: return end(in, false);
      case Ask::kVerdict: return verdict(in);
      case Ask::kRuns: return runs(in);
      case Ask::kReload: return reload(in);
      case Ask::kLives: return lives(in);
    }
    return fail(Code::kMalformed, "trust store: a message that is none");
  }

 private:
  Result<base::Bytes> rows() {
    SG_TRY(store::Connection connection, database_.reader());
    SG_TRY(const std::vector<trust::ActRow> rows, trust::read_acts(connection));
    return encode_rows(rows);
  }
  Result<base::Bytes> acts(Decoder& in) {
    SG_TRY(in.finish());
    return rows();
  }
  Result<base::Bytes> file(Decoder& in) {
    const crypto::Digest digest = in.digest();
    const auto countersigned = static_cast<int>(in.u32());
    SG_TRY(in.finish());
    return change_ ? change_->file(digest, countersigned) : vault_.file(digest, countersigned);
  }
  // The rows are read after the lock was taken, by another connection: nobody else can have added one.
  Result<base::Bytes> begin(Decoder& in) {
    SG_TRY(in.finish());
    if (change_ || purpose_ != KeeperFor::kActs) return out_of_turn();
    SG_TRY(change_, vault_.begin());
    return rows();
  }
  Result<base::Bytes> put(Decoder& in) {
    const crypto::Digest digest = in.digest();
    const auto countersigned = static_cast<int>(in.u32());
    const base::BytesView bytes = in.rest();
    SG_TRY(in.finish());
    if (!change_) return out_of_turn();
    SG_TRY(change_->put(digest, countersigned, bytes));
    return base::Bytes();
  }
  Result<base::Bytes> append(Decoder& in) {
    const audit::Receipt receipt = decode_receipt(in);
    SG_TRY(in.finish());
    if (!change_) return out_of_turn();
    SG_TRY(change_->append(receipt));
    return base::Bytes();
  }
  Result<base::Bytes> end(Decoder& in, bool commit) {
    SG_TRY(in.finish());
    if (!change_) return out_of_turn();
    const Result<> done = commit ? change_->commit() : Result<>();
    change_.reset();  // what was not committed goes
    SG_TRY(done);
    return base::Bytes();
  }
  Result<base::Bytes> verdict(Decoder& in) {
    SG_TRY(in.finish());
    SG_TRY(store::Connection connection, database_.reader());
    SG_TRY(const auto verdict, trust::get_verdict(connection));
    return encode_verdict(verdict);
  }
  Result<base::Bytes> runs(Decoder& in) {
    const std::uint32_t count = in.u32();
    if (count > kMaxRunDigests) return fail(Code::kTooLarge, "trust store: asked about too many packs at once");
    std::vector<crypto::Digest> digests;
    digests.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) digests.push_back(in.digest());
    SG_TRY(in.finish());
    SG_TRY(store::Connection connection, database_.reader());
    SG_TRY(const Runs runs, engine::affected_runs(connection, digests));
    return encode_runs(runs);
  }
  // A process id that a daemon can have: never a group, never all.
  static Result<pid_t> daemon_of(Decoder& in) {
    const std::uint32_t pid = in.u32();
    SG_TRY(in.finish());
    if (pid < 2 || pid > 4'194'304) return fail(Code::kUsage, "reload: --pid: not a daemon's");
    return static_cast<pid_t>(pid);
  }
  Result<base::Bytes> reload(Decoder& in) const {
    if (purpose_ != KeeperFor::kActs) return out_of_turn();
    SG_TRY(const pid_t pid, daemon_of(in));
    if (::kill(pid, SIGHUP) != 0) return fail(Code::kUnavailable, "reload: the daemon cannot be signalled");
    return base::Bytes();
  }
  static Result<base::Bytes> lives(Decoder& in) {
    SG_TRY(const pid_t pid, daemon_of(in));
    const bool gone = ::kill(pid, 0) != 0 && errno == ESRCH;
    return base::Bytes{static_cast<std::byte>(gone ? 0 : 1)};
  }
  static std::unexpected<base::Error> out_of_turn() {
    return fail(Code::kMalformed, "trust store: a message out of its turn");
  }

  store::Database& database_;
  trust::DatabaseVault vault_;
  KeeperFor purpose_;
  std::unique_ptr<trust::Vault::Change> change_;
};

}  // namespace

void keep(int socket, store::Database& database, const crypto::PublicKey& audit_key, KeeperFor purpose) {
  Keeping keeping(database, audit_key, purpose);
  while (true) {
    const auto patience = keeping.changing() ? std::chrono::milliseconds(kChangePatience) : kForEver;
    const auto request = read_frame(socket, kMaxRequest, patience);
    if (!request) return;
    const Result<base::Bytes> answer = keeping.answer(*request);
    if (!write_frame(socket, encode_answer(answer))) return;
    // Whoever talks so is not our other half any more.
    if (!answer && answer.error().code == Code::kMalformed) return;
  }
}

}  // namespace stargraph::packcli

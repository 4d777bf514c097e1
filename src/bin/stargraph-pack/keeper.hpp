// Keeper: the process that has the database and its key, and nothing else.
//
// It is forked before trust.sock is opened, reads the key itself, becomes the owner of the state directory, and then
// has one socket, the files of that directory and a system-call filter. The process that forked it never opens the key
// file or the database: it asks, in messages of eleven kinds (keeper_wire.hpp). No pack is ever parsed here: receipts
// are, after the audit key's signature over them was checked, and configurations before.
//
// When either half ends, so does the other: nobody else has the front's end of the socket, so it closes with it. And
// what was not committed is not stored.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "keeper_wire.hpp"
#include "stargraph/config/config.hpp"
#include "stargraph/trust/vault.hpp"

namespace stargraph::packcli {

// Whom it keeps the database for. One that only reads begins no change and signals nobody, whatever it is asked: that
// is a message out of its turn.
enum class KeeperFor : std::uint8_t { kReading, kActs };

class Keeper final : public trust::Vault {
 public:
  // `audit_key` must outlive it. What its process could not do is the error: kConfigMissing, kDatabaseKeyWrong, ...;
  // kIo when a wall cannot be put up.
  [[nodiscard]] static base::Result<std::unique_ptr<Keeper>> start(const config::Config& config,
                                                                   const crypto::PublicKey& audit_key,
                                                                   KeeperFor purpose);
  ~Keeper() override;  // waits until the database is closed
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  [[nodiscard]] base::Result<trust::TrustState> state() override;
  [[nodiscard]] base::Result<base::Bytes> file(const crypto::Digest& digest, int countersigned) override;
  [[nodiscard]] base::Result<std::unique_ptr<Change>> begin() override;

  [[nodiscard]] base::Result<std::optional<trust::ReloadVerdict>> verdict();
  [[nodiscard]] base::Result<Runs> affected_runs(std::span<const crypto::Digest> digests);
  // The daemon runs as the keeper's user, so the keeper signals it. kUnavailable.
  [[nodiscard]] base::Result<> tell_to_reload(pid_t daemon);
  [[nodiscard]] base::Result<bool> lives(pid_t daemon);

 private:
  class RemoteChange;
  Keeper(int socket, pid_t pid, const crypto::PublicKey& audit_key) : socket_(socket), pid_(pid), fold_(audit_key) {}
  // After one that failed all others fail: an answer that came too late is never taken for the next one's.
  base::Result<base::Bytes> ask(const Encoder& request, base::BytesView rest = {});
  void hang_up();

  int socket_;  // -1: hung up
  pid_t pid_;
  trust::Fold fold_;
};

// What the keeper's process does, until the other side is gone or says something that is no message. For it, and for
// its tests.
void keep(int socket, store::Database& database, const crypto::PublicKey& audit_key, KeeperFor purpose);

}  // namespace stargraph::packcli

// Client: one connection to the audit writer's entries.sock or trust.sock (docs/formats/audit-socket.md).
//
// Connecting proves the writer: its welcome is signed by the audit key over a nonce of ours. Every
// acknowledgement is signed too. One thread at a time. A client whose call failed is lost; make a new one
// (the importer) or end (the daemon, which may connect only once).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "stargraph/audit/head.hpp"
#include "stargraph/audit/part.hpp"
#include "stargraph/audit/prune.hpp"
#include "stargraph/audit/receipt.hpp"
#include "stargraph/audit/record.hpp"
#include "stargraph/base/env.hpp"
#include "stargraph/crypto/signature.hpp"

namespace stargraph::audit {

class Client {
 public:
  // Source::kDaemon for entries.sock, Source::kTrust for trust.sock. kAuditUnavailable when nobody
  // answers within `timeout`; kAuditUnknownKey or kAuditBadSignature for an impostor.
  [[nodiscard]] static base::Result<std::unique_ptr<Client>> connect(const base::Path& socket, Source source,
                                                                     const crypto::PublicKey& audit_key,
                                                                     base::Duration timeout);
  // The same over a connected SOCK_SEQPACKET descriptor, which it takes.
  [[nodiscard]] static base::Result<std::unique_ptr<Client>> adopt(int descriptor, Source source,
                                                                   const crypto::PublicKey& audit_key,
                                                                   base::Duration timeout);
  ~Client();

  // Sends one event under the next number and waits until it is on the writer's disk. For programs that
  // have no outbox (the importer): `now` is the act's time. kConflict when another client of the same
  // socket took the number: connect again.
  [[nodiscard]] base::Result<Receipt> record(const Event& event, base::Timestamp now, base::Duration timeout);

  // trust.sock only: the receipt of an entry that stands in the log already, this client's or another's. kNotFound when
  // it is not on the writer's disk any more.
  [[nodiscard]] base::Result<Receipt> again(SourceSeq number, base::Duration timeout);
  // trust.sock only: asks where the log stands now.
  [[nodiscard]] base::Result<Head> look(base::Duration timeout);

  // For the Shipper: sends an encoded record without waiting. At most kWindow may be unacknowledged.
  static constexpr std::size_t kWindow = 64;
  [[nodiscard]] base::Result<> send(std::string_view record);
  // The next acknowledgement: everything up to head().source_seq is on disk. kTimedOut when none came.
  [[nodiscard]] base::Result<Head> receive(base::Duration timeout);

  // entries.sock only, with nothing unacknowledged: a part of the log, open for reading. kNotFound when it is not
  // there; the connection goes on.
  [[nodiscard]] base::Result<OpenedPart> open_part(LogPart part, std::uint32_t segment, base::Duration timeout);

  // trust.sock only: asks the writer to remove closed segments that were copied elsewhere and verified there. It
  // compares the digests with its own files, writes `audit.pruned`, and removes them. The receipt is for that entry.
  // kMalformed for segments that are not the oldest or not closed, kDigestMismatch when a copy differs from the
  // file: nothing is removed then.
  [[nodiscard]] base::Result<Receipt> prune(const Prune& prune, base::Duration timeout);

  // The last head seen; from the welcome at first.
  [[nodiscard]] const Head& head() const;
  [[nodiscard]] int descriptor() const;  // to wait for POLLIN or POLLHUP

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  [[nodiscard]] static base::Result<std::unique_ptr<Client>> greet(std::unique_ptr<State> state,
                                                                   base::Duration timeout);
  std::unique_ptr<State> state_;
};

}  // namespace stargraph::audit

// Server: the poll loop of stargraph-auditd around a Writer.
//
// Each turn takes the packets that are ready, appends all, commits once, then answers: group commit. A turn that
// found fewer records than the one before waits a moment for the rest: writers that were split into two commits would
// otherwise stay split for good, and pay for two syncs each. Who may connect is decided by SO_PEERCRED. The daemon's
// socket serves one connection at a time, so that two daemons cannot interleave their numbers; trust.sock serves a few
// importers, who number in turn.
#pragma once

#include <poll.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stargraph/audit/writer.hpp"

namespace stargraph::audit {

class Server {
 public:
  struct Listener {
    int descriptor = -1;  // a listening AF_UNIX SOCK_SEQPACKET socket; not owned
    Source source = Source::kDaemon;
    std::vector<std::uint32_t> uids;  // who may connect
    std::string label{};              // and their security context, or its type; empty: nobody asks
    bool told = false;                // a wrong label stands in the log
  };
  // `writer` must outlive the server.
  Server(Writer& writer, std::vector<Listener> listeners);
  ~Server();

  // A connection made otherwise (tests); takes the descriptor.
  void adopt(int descriptor, Source source);
  // One turn, waiting at most `timeout` for something to do, or less when a checkpoint is due. Also wakes when
  // `wake` is readable (a signalfd). An error is the writer's and final.
  [[nodiscard]] base::Result<> turn(base::Duration timeout, int wake = -1);
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

  static constexpr std::size_t kMaxImporters = 8;
  static constexpr std::size_t kPacketsATurn = 64;  // of one connection
  // The longest that a commit is put off for records that may still come; never more than half of what the last
  // commit took.
  static constexpr base::Duration kMaxGather = std::chrono::milliseconds(1);

 private:
  class Connection;
  [[nodiscard]] base::Result<> accept_from(Listener& listener);
  [[nodiscard]] bool has_room(Source source) const;
  [[nodiscard]] base::Result<> receive_from(Connection& connection);
  [[nodiscard]] base::Result<> handle(Connection& connection, std::string_view packet);
  [[nodiscard]] base::Result<> handle_record(Connection& connection, std::string_view packet);
  [[nodiscard]] base::Result<> handle_open(Connection& connection, std::string_view packet);
  [[nodiscard]] base::Result<> handle_prune(Connection& connection, std::string_view packet);
  [[nodiscard]] base::Result<> handle_again(Connection& connection, std::string_view packet);
  [[nodiscard]] base::Result<> refuse(Connection& connection, base::Code code);
  [[nodiscard]] base::Result<> answer(Connection& connection);
  [[nodiscard]] base::Result<> take_turn(base::Duration timeout, int wake);
  void watch(std::vector<pollfd>& polled) const;
  [[nodiscard]] base::Result<> receive_ready(std::span<const pollfd> polled);
  [[nodiscard]] base::Result<> gather();
  [[nodiscard]] base::Result<> commit();
  void tell_end(base::Code code);

  Writer& writer_;
  std::vector<Listener> listeners_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::size_t records_ = 0;        // of this turn
  std::size_t last_records_ = 0;   // of the last turn that had any
  base::Duration last_commit_{0};  // how long that one's commit took
};

}  // namespace stargraph::audit

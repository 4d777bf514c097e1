// Server: the poll loop of stargraph-auditd around a Writer.
//
// Each turn takes every packet that is ready (bounded a connection), appends all, commits once, then
// answers: group commit. Who may connect is decided by SO_PEERCRED; one connection a source at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "stargraph/audit/writer.hpp"

namespace stargraph::audit {

class Server {
 public:
  struct Listener {
    int descriptor = -1;             // a listening AF_UNIX SOCK_SEQPACKET socket; not owned
    Source source = Source::kDaemon;
    std::vector<std::uint32_t> uids; // who may connect
  };
  // `writer` must outlive the server.
  Server(Writer& writer, std::vector<Listener> listeners);
  ~Server();

  // A connection made otherwise (tests); takes the descriptor.
  void adopt(int descriptor, Source source);
  // One turn, waiting at most `timeout` for something to do, or less when a checkpoint is due. Also wakes for
  // `wake` when it is a readable descriptor (a signalfd). An error is the writer's and final.
  [[nodiscard]] base::Result<> turn(base::Duration timeout, int wake = -1);

 private:
  struct Connection;
  void accept_from(const Listener& listener);
  void receive_from(Connection& connection);
  void handle(Connection& connection, std::string_view packet);
  void refuse(Connection& connection, base::Code code);
  void answer(Connection& connection);
  static void send_packet(Connection& connection, const std::string& packet);

  Writer& writer_;
  std::vector<Listener> listeners_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::string buffer_;
};

}  // namespace stargraph::audit

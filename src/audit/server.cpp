#include "stargraph/audit/server.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>

#include "audit/peer.hpp"
#include "audit/socket.hpp"
#include "stargraph/audit/again.hpp"
#include "stargraph/audit/packet.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::Result;

// An answer that finds no room at once goes to a client that does not read: it is dropped.
constexpr base::Duration kNoWait{0};

int poll_timeout(base::Duration timeout) {
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return static_cast<int>(std::clamp<std::int64_t>(milliseconds, 0, std::numeric_limits<int>::max()));
}

}  // namespace

class Server::Connection {
 public:
  Connection(int descriptor, Source from) : socket(descriptor), source(from) {}

  PacketSocket socket;
  Source source;
  std::string nonce;                  // empty until its hello
  std::vector<std::string> receipts;  // lines to give receipts for after the commit
  bool owes_head = false;
  std::vector<OpenedPart> parts;      // to hand over
  std::vector<std::string> unopened;  // answers to what could not be opened
  std::optional<Code> refused;        // told after the commit, then the end
  bool gone = false;
};

Server::Server(Writer& writer, std::vector<Listener> listeners) : writer_(writer), listeners_(std::move(listeners)) {}
Server::~Server() = default;

void Server::adopt(int descriptor, Source source) {
  connections_.push_back(std::make_unique<Connection>(descriptor, source));
}

Result<> Server::turn(base::Duration timeout, int wake) {
  const Result<> turned = take_turn(timeout, wake);
  if (!turned) tell_end(turned.error().code);
  return turned;
}

// So that a daemon knows a full disk from a crash. Nothing that was not acknowledged is by this.
void Server::tell_end(Code code) {
  for (const auto& connection : connections_) {
    if (connection->gone || connection->nonce.empty()) continue;
    static_cast<void>(connection->socket.send(encode_refusal(code), kNoWait));  // the end either way
  }
}

Result<> Server::take_turn(base::Duration timeout, int wake) {
  std::vector<pollfd> polled{pollfd{wake, POLLIN, 0}};
  watch(polled);
  for (const Listener& listener : listeners_) polled.push_back({listener.descriptor, POLLIN, 0});
  const base::Duration wait = std::min(timeout, writer_.until_checkpoint().value_or(timeout));
  if (::poll(polled.data(), polled.size(), poll_timeout(wait)) < 0 && errno != EINTR) {
    return base::fail(Code::kIo, "audit: poll: failed");
  }
  records_ = 0;
  SG_TRY(receive_ready(std::span(polled).subspan(1)));
  SG_TRY(gather());
  SG_TRY(writer_.tick());
  SG_TRY(commit());
  for (const auto& connection : connections_) {
    if (!connection->gone) SG_TRY(answer(*connection));
  }
  const std::size_t first_listener = 1 + connections_.size();
  std::erase_if(connections_, [](const auto& connection) { return connection->gone; });
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    if (polled[first_listener + i].revents != 0) SG_TRY(accept_from(listeners_[i]));
  }
  return {};
}

// Each connection in its order. One that is at its end would be readable for ever.
void Server::watch(std::vector<pollfd>& polled) const {
  for (const auto& connection : connections_) {
    const bool listening = !connection->gone && !connection->refused;
    polled.push_back({listening ? connection->socket.descriptor() : -1, POLLIN, 0});
  }
}

// `polled` begins with what watch() put there.
Result<> Server::receive_ready(std::span<const pollfd> polled) {
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    if (polled[i].revents != 0) SG_TRY(receive_from(*connections_[i]));
  }
  return {};
}

// Writers that wait for the answers of the commit before send their next records about now.
Result<> Server::gather() {
  const base::Duration longest = std::min(kMaxGather, last_commit_ / 2);
  const auto end = std::chrono::steady_clock::now() + longest;
  while (records_ > 0 && records_ < last_records_) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left.count() <= 0) break;
    std::vector<pollfd> polled;
    watch(polled);
    timespec wait{};
    wait.tv_nsec = static_cast<long>(std::chrono::nanoseconds(left).count());
    if (::ppoll(polled.data(), polled.size(), &wait, nullptr) <= 0) break;
    SG_TRY(receive_ready(polled));
  }
  return {};
}

Result<> Server::commit() {
  const auto begin = std::chrono::steady_clock::now();
  SG_TRY(writer_.commit());
  if (records_ == 0) return {};
  last_records_ = records_;
  last_commit_ = std::chrono::duration_cast<base::Duration>(std::chrono::steady_clock::now() - begin);
  return {};
}

bool Server::has_room(Source source) const {
  const auto same = std::ranges::count_if(connections_, [&](const auto& other) { return other->source == source; });
  return same < static_cast<std::ptrdiff_t>(source == Source::kDaemon ? 1 : kMaxImporters);
}

Result<> Server::accept_from(Listener& listener) {
  const int descriptor = ::accept4(listener.descriptor, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (descriptor < 0) return {};
  PacketSocket socket(descriptor);
  const auto uid = peer_uid(descriptor);
  const bool known = uid && std::ranges::find(listener.uids, *uid) != listener.uids.end();
  const std::string label = peer_label(descriptor);
  const bool labelled = listener.label.empty() || label_fits(label, listener.label);
  const bool allowed = known && labelled;
  if (!allowed || !has_room(listener.source)) {
    const Code why = allowed ? Code::kBusy : Code::kCapabilityDenied;
    // Best effort: whoever is refused at the door may have gone already.
    static_cast<void>(socket.send(encode_refusal(why), kNoWait));
    // The right user in the wrong domain is told in the log, once a life: who sits there could fill it.
    if (!known || labelled || listener.told) return {};
    listener.told = true;
    json::Object data{{"code", base::reason(why).name}, {"source", source_name(listener.source)}};
    data.set("label", safe_text(label, 256));
    return writer_.append_own(EventName::kAuditRefused, Outcome::kDenied, std::move(data));
  }
  adopt(socket.release(), listener.source);
  return {};
}

Result<> Server::receive_from(Connection& connection) {
  for (std::size_t i = 0; i < kPacketsATurn && !connection.gone && !connection.refused; ++i) {
    const auto packet = connection.socket.receive(kMaxPacketBytes);
    if (!packet && packet.error().code == Code::kTooLarge) return refuse(connection, Code::kTooLarge);
    if (!packet) {
      connection.gone = true;
      return {};
    }
    if (!*packet) return {};
    SG_TRY(handle(connection, **packet));
  }
  return {};
}

Result<> Server::handle(Connection& connection, std::string_view packet) {
  if (!connection.nonce.empty() && is_again(packet)) return handle_again(connection, packet);
  if (!connection.nonce.empty()) {
    switch (request_kind(packet)) {
      case RequestKind::kOpen: return handle_open(connection, packet);
      case RequestKind::kPrune: return handle_prune(connection, packet);
      case RequestKind::kRecord:
      case RequestKind::kUnknown: return handle_record(connection, packet);
    }
  }
  const Result<Hello> hello = decode_hello(packet);
  if (!hello) return refuse(connection, hello.error().code);
  if (hello->source != connection.source) return refuse(connection, Code::kCapabilityDenied);
  connection.nonce = hello->nonce;
  connection.owes_head = true;
  return {};
}

Result<> Server::handle_record(Connection& connection, std::string_view packet) {
  const Result<SubmittedText> submission = split_submission(packet);
  if (!submission) return refuse(connection, submission.error().code);
  const Result<Writer::Placed> placed = writer_.append_text(connection.source, submission->record);
  if (!placed && writer_.failed()) return std::unexpected(placed.error());
  if (!placed) return refuse(connection, placed.error().code);
  if (submission->want_receipt) {
    // A receipt is for the source's last record; an older one is in its asker's hands or lost.
    if (placed->line.empty()) return refuse(connection, Code::kConflict);
    connection.receipts.push_back(placed->line);
  }
  connection.owes_head = true;
  ++records_;
  return {};
}

Result<> Server::handle_again(Connection& connection, std::string_view packet) {
  if (connection.source != Source::kTrust) return refuse(connection, Code::kCapabilityDenied);
  const Result<SourceSeq> number = decode_again(packet);
  if (!number) return refuse(connection, number.error().code);
  if (number->value() > 0) {
    Result<std::string> line = writer_.line_of(connection.source, *number);
    // Not there any more, or never: nobody's fault that has to stand in the log.
    if (!line) {
      connection.refused = line.error().code;
      return {};
    }
    connection.receipts.push_back(*std::move(line));
  }
  connection.owes_head = true;
  return {};
}

Result<> Server::handle_open(Connection& connection, std::string_view packet) {
  if (connection.source != Source::kDaemon) return refuse(connection, Code::kCapabilityDenied);
  const Result<OpenRequest> request = decode_open(packet);
  if (!request) return refuse(connection, request.error().code);
  Result<OpenedPart> opened = writer_.open_part(request->part, request->segment);
  if (opened) {
    connection.parts.push_back(*std::move(opened));
  } else {
    // Whatever is wrong with a file, this link is not: the daemon must not take it for lost.
    const bool absent = opened.error().code == Code::kNotFound;
    connection.unopened.push_back(encode_unopened(*request, absent ? Code::kNotFound : Code::kIo));
  }
  return {};
}

Result<> Server::handle_prune(Connection& connection, std::string_view packet) {
  if (connection.source != Source::kTrust) return refuse(connection, Code::kCapabilityDenied);
  const Result<Prune> what = decode_prune(packet);
  if (!what) return refuse(connection, what.error().code);
  Result<std::string> line = writer_.prune(*what);
  if (!line && writer_.failed()) return std::unexpected(line.error());
  if (!line) return refuse(connection, line.error().code);
  connection.receipts.push_back(*std::move(line));
  connection.owes_head = true;
  return {};
}

Result<> Server::refuse(Connection& connection, Code code) {
  // Two importers at once count from the same head; the slower one is told to begin again.
  const bool raced = connection.source == Source::kTrust && (code == Code::kAuditGap || code == Code::kAuditFork);
  connection.refused = raced ? Code::kConflict : code;
  if (raced) return {};
  json::Object data;
  data.set("code", base::reason(code).name);
  data.set("source", source_name(connection.source));
  return writer_.append_own(EventName::kAuditRefused, Outcome::kDenied, std::move(data));
}

Result<> Server::answer(Connection& connection) {
  bool sent = true;
  for (std::string& line : connection.receipts) {
    SG_TRY(const Receipt receipt, make_receipt(std::move(line), writer_.key()));
    sent = sent && connection.socket.send(encode_receipt_packet(receipt), kNoWait).has_value();
  }
  connection.receipts.clear();
  if (connection.owes_head) {
    SG_TRY(const std::string head,
           encode_head(writer_.head(connection.source), connection.source, connection.nonce, writer_.key()));
    sent = sent && connection.socket.send(head, kNoWait).has_value();
    connection.owes_head = false;
  }
  for (const OpenedPart& part : connection.parts) {
    sent = sent && connection.socket.send_with(encode_part(part), part.file.get(), kNoWait).has_value();
  }
  connection.parts.clear();
  for (const std::string& packet : connection.unopened)
    sent = sent && connection.socket.send(packet, kNoWait).has_value();
  connection.unopened.clear();
  if (connection.refused) {
    static_cast<void>(connection.socket.send(encode_refusal(*connection.refused), kNoWait));
    connection.gone = true;
  }
  if (!sent) connection.gone = true;
  return {};
}

}  // namespace stargraph::audit

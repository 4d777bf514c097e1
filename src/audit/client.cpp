#include "stargraph/audit/client.hpp"

#include <array>
#include <chrono>

#include "audit/socket.hpp"
#include "stargraph/audit/again.hpp"
#include "stargraph/audit/packet.hpp"
#include "stargraph/crypto/secret.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr base::Duration kSendTimeout = std::chrono::seconds(5);

std::string make_nonce() {
  std::array<std::byte, kNonceBytes> bytes{};
  crypto::random_bytes(bytes);
  return base::to_hex(bytes);
}

}  // namespace

struct Client::State {
  PacketSocket socket;
  Source source;
  crypto::PublicKey key;
  std::string nonce;
  Head head;

  // The next reply of any kind.
  Result<Reply> reply(base::Duration timeout) {
    if (!socket.wait_readable(timeout)) return fail(Code::kTimedOut, "audit: no answer from the audit writer in time");
    SG_TRY(const auto packet, socket.receive(kMaxReplyBytes));
    if (!packet) return fail(Code::kTimedOut, "audit: no answer from the audit writer in time");
    SG_TRY(Reply reply, decode_reply(*packet, source, nonce, key));
    if (reply.head) SG_TRY(move_to(*reply.head));
    return reply;
  }

  // A log only grows, and stays the log it was.
  Result<> move_to(const Head& next) {
    if (!head.install_id.empty() && head.install_id != next.install_id) {
      return fail(Code::kAuditFork, "audit: head: another log");
    }
    if (next.seq < head.seq || next.source_seq < head.source_seq) {
      return fail(Code::kAuditFork, "audit: head: the log became shorter");
    }
    head = next;
    return {};
  }
};

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::connect(const base::Path& socket, Source source,
                                                const crypto::PublicKey& audit_key, base::Duration timeout) {
  SG_TRY(PacketSocket connected, PacketSocket::connect(socket.string(), timeout));
  return greet(std::make_unique<State>(State{std::move(connected), source, audit_key, make_nonce(), {}}), timeout);
}

Result<std::unique_ptr<Client>> Client::adopt(int descriptor, Source source, const crypto::PublicKey& audit_key,
                                              base::Duration timeout) {
  return greet(std::make_unique<State>(State{PacketSocket(descriptor), source, audit_key, make_nonce(), {}}), timeout);
}

Result<std::unique_ptr<Client>> Client::greet(std::unique_ptr<State> state, base::Duration timeout) {
  std::unique_ptr<Client> client(new Client(std::move(state)));
  // Who is refused at the door may find it closed before his hello; the refusal is still there to read.
  const Result<> greeted =
      client->state_->socket.send(encode_hello({client->state_->source, client->state_->nonce}), timeout);
  Result<Reply> welcome = client->state_->reply(greeted ? timeout : base::Duration(0));
  if (!welcome && welcome.error().code == Code::kTimedOut) welcome.error().code = Code::kAuditUnavailable;
  if (!welcome) return std::unexpected(welcome.error());
  if (!welcome->head) return fail(Code::kMalformed, "audit: welcome: not a head");
  return client;
}

Result<Receipt> Client::record(const Event& event, base::Timestamp now, base::Duration timeout) {
  Record record;
  record.event = event;
  record.source_seq = head().source_seq.next();
  record.time = now;
  SG_TRY(const std::string text, encode_record(record));
  SG_TRY(state_->socket.send(encode_submission(text, true), timeout));
  SG_TRY(const Reply first, state_->reply(timeout));
  if (!first.receipt) return fail(Code::kMalformed, "audit: reply: not a receipt");
  SG_TRY(const Entry entry, verify_receipt(*first.receipt, state_->key));
  if (entry.source != state_->source || entry.source_seq != record.source_seq ||
      record_identity(entry.event) != record_identity(event)) {
    return fail(Code::kReceiptInvalid, "audit: receipt: for another act");
  }
  SG_TRY(const Reply second, state_->reply(timeout));
  if (!second.head || second.head->source_seq != record.source_seq) {
    return fail(Code::kMalformed, "audit: reply: not the head after the record");
  }
  return *first.receipt;
}

Result<OpenedPart> Client::open_part(LogPart part, std::uint32_t segment, base::Duration timeout) {
  const OpenRequest request{part, segment};
  SG_TRY(state_->socket.send(encode_open(request), timeout));
  if (!state_->socket.wait_readable(timeout)) {
    return fail(Code::kTimedOut, "audit: no answer from the audit writer in time");
  }
  base::Descriptor came;
  SG_TRY(const auto packet, state_->socket.receive_with(kMaxReplyBytes, came));
  if (!packet) return fail(Code::kTimedOut, "audit: no answer from the audit writer in time");
  SG_TRY(OpenedPart opened, decode_part(*packet, request));
  if (!came.open()) return fail(Code::kMalformed, "audit: part: without its descriptor");
  opened.file = std::move(came);
  return opened;
}

Result<Receipt> Client::prune(const Prune& prune, base::Duration timeout) {
  if (prune.digests.size() > kMaxPruned) return fail(Code::kTooLarge, "audit: prune: too many segments at once");
  SG_TRY(state_->socket.send(encode_prune(prune), timeout));
  SG_TRY(const Reply reply, state_->reply(timeout));
  if (!reply.receipt) return fail(Code::kMalformed, "audit: reply: not a receipt");
  SG_TRY(const Entry entry, verify_receipt(*reply.receipt, state_->key));
  if (entry.event.name != EventName::kAuditPruned)
    return fail(Code::kReceiptInvalid, "audit: receipt: for another act");
  SG_TRY(const Tombstone tombstone, decode_tombstone(entry.event.data));
  if (tombstone.what.first_segment != prune.first_segment || tombstone.what.digests != prune.digests) {
    return fail(Code::kReceiptInvalid, "audit: receipt: for other segments");
  }
  SG_TRY(const Reply second, state_->reply(timeout));
  if (!second.head) return fail(Code::kMalformed, "audit: reply: not the head after the prune");
  return *reply.receipt;
}

Result<Receipt> Client::again(SourceSeq number, base::Duration timeout) {
  SG_TRY(state_->socket.send(encode_again(number), timeout));
  SG_TRY(const Reply first, state_->reply(timeout));
  if (!first.receipt) return fail(Code::kMalformed, "audit: reply: not a receipt");
  SG_TRY(const Entry entry, verify_receipt(*first.receipt, state_->key));
  if (entry.source != state_->source || entry.source_seq != number) {
    return fail(Code::kReceiptInvalid, "audit: receipt: of another entry");
  }
  SG_TRY(const Reply second, state_->reply(timeout));
  if (!second.head) return fail(Code::kMalformed, "audit: reply: not the head after a receipt");
  return *first.receipt;
}

Result<Head> Client::look(base::Duration timeout) {
  SG_TRY(state_->socket.send(encode_again(SourceSeq(0)), timeout));
  return receive(timeout);
}

Result<> Client::send(std::string_view record) {
  return state_->socket.send(encode_submission(record, false), kSendTimeout);
}

Result<Head> Client::receive(base::Duration timeout) {
  SG_TRY(const Reply reply, state_->reply(timeout));
  if (!reply.head) return fail(Code::kMalformed, "audit: reply: not a head");
  return *reply.head;
}

const Head& Client::head() const { return state_->head; }
int Client::descriptor() const { return state_->socket.descriptor(); }

}  // namespace stargraph::audit

// Client, server and receipts over real sockets, the log in memory.
#include "stargraph/audit/server.hpp"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <thread>

#include "stargraph/audit/client.hpp"
#include "stargraph/audit/packet.hpp"
#include "support/temp_dir.hpp"
#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using test::make_event;
using test::make_record;
using test::verify_text;

constexpr base::Duration kLong = std::chrono::seconds(30);  // a bound for failure; nothing waits for it

// A server in a thread of its own, as stargraph-auditd runs it.
class AuditServer : public ::testing::Test {
 protected:
  void SetUp() override {
    writer_ = std::move(*log_.open());
    wake_ = ::eventfd(0, EFD_CLOEXEC);
  }
  void TearDown() override {
    stop();
    ::close(wake_);
  }
  void serve(std::vector<Server::Listener> listeners, std::vector<std::pair<int, Source>> connections = {}) {
    server_ = std::make_unique<Server>(*writer_, std::move(listeners));
    for (const auto& [descriptor, source] : connections) server_->adopt(descriptor, source);
    thread_ = std::thread([this] {
      while (!stopping_ && server_->turn(std::chrono::hours(1), wake_).has_value()) {
      }
    });
  }
  void stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(wake_, &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
    thread_.join();
    server_.reset();
  }
  static std::pair<int, int> pair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    return {ends[0], ends[1]};
  }
  std::unique_ptr<Client> connected(Source source) {
    const auto [ours, theirs] = pair();
    serve({}, {{theirs, source}});
    auto client = Client::adopt(ours, source, test::audit_public_key(), kLong);
    EXPECT_TRUE(client.has_value()) << client.error().message;
    return std::move(*client);
  }

  test::Log log_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  int wake_ = -1;
};

TEST_F(AuditServer, ReceiptProvesAnEntryWithThePublicKeyAlone) {
  auto client = connected(Source::kTrust);
  const Event event = make_event(EventName::kTrustPinned, "-", {{"pack", "soc.rules"}});
  const auto receipt = client->record(event, log_.env.now(), kLong);
  ASSERT_TRUE(receipt.has_value()) << receipt.error().message;
  EXPECT_EQ(client->head().source_seq, SourceSeq(1));
  EXPECT_EQ(client->head().trust_acts, 1);
  stop();

  const auto stored = decode_receipt(encode_receipt(*receipt));
  ASSERT_TRUE(stored.has_value());
  const auto entry = verify_receipt(*stored, test::audit_public_key());
  ASSERT_TRUE(entry.has_value()) << entry.error().message;
  EXPECT_EQ(entry->source, Source::kTrust);
  EXPECT_EQ(entry->event.data, event.data);
  EXPECT_NE(log_.segment().find(receipt->line + "\n"), std::string::npos);  // on disk before it was told
}

// What the trust store must hold: refusals and entries without an act's number are none of its business.
TEST_F(AuditServer, RC_T_PACK_HeadNamesTheLastActOfTrust) {
  auto client = connected(Source::kTrust);
  const auto record = [&](EventName name, Outcome outcome, json::Object data) {
    Event event = make_event(name, "-", std::move(data));
    event.outcome = outcome;
    EXPECT_TRUE(client->record(event, log_.env.now(), kLong).has_value());
    return client->head().trust_act;
  };
  EXPECT_EQ(client->head().trust_act, SourceSeq(0));
  EXPECT_EQ(record(EventName::kTrustPinned, Outcome::kSuccess, {{"act", 1}, {"previous", 0}}), SourceSeq(1));
  EXPECT_EQ(record(EventName::kPackRefused, Outcome::kDenied, {}), SourceSeq(1));
  EXPECT_EQ(record(EventName::kTrustPinned, Outcome::kFailure, {{"act", 2}}), SourceSeq(1));
  EXPECT_EQ(record(EventName::kTrustPinned, Outcome::kSuccess, {{"act", 2}, {"previous", 1}}), SourceSeq(4));
  EXPECT_EQ(client->head().trust_acts, 4);
  stop();
  // A start finds it again in the log.
  auto again = log_.open();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ((*again)->head(Source::kDaemon).trust_act, SourceSeq(4));
}

TEST_F(AuditServer, SG_T_STATE_AChangedReceiptProvesNothing) {
  auto client = connected(Source::kTrust);
  const auto receipt = client->record(make_event(EventName::kTrustPinned, "-"), log_.env.now(), kLong);
  ASSERT_TRUE(receipt.has_value());
  for (std::size_t i = 0; i < receipt->line.size(); ++i) {
    Receipt changed = *receipt;
    changed.line[i] = static_cast<char>(changed.line[i] ^ 0x01);
    EXPECT_EQ(verify_receipt(changed, test::audit_public_key()).error().code, Code::kReceiptInvalid);
  }
  const auto other = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
  EXPECT_EQ(verify_receipt(*receipt, other->public_key()).error().code, Code::kReceiptInvalid);
  Receipt resigned = *make_receipt(receipt->line, *other);
  EXPECT_EQ(verify_receipt(resigned, test::audit_public_key()).error().code, Code::kReceiptInvalid);
  resigned.signature.key_id = test::audit_public_key().key_id();
  EXPECT_EQ(verify_receipt(resigned, test::audit_public_key()).error().code, Code::kReceiptInvalid);
  EXPECT_EQ(decode_receipt("{}").error().code, Code::kReceiptInvalid);
}

TEST_F(AuditServer, HostileTextTravelsWhole) {
  auto client = connected(Source::kTrust);
  const Event event =
      make_event(EventName::kPackRefused, "-", {{"file", "a\n\"},{\\u0000 " + std::string(20'000, '"')}});
  const auto receipt = client->record(event, log_.env.now(), kLong);
  ASSERT_TRUE(receipt.has_value()) << receipt.error().message;
  EXPECT_EQ(verify_receipt(*receipt, test::audit_public_key())->event.data, event.data);
}

TEST_F(AuditServer, AcknowledgesABatchByItsLastNumber) {
  auto client = connected(Source::kDaemon);
  for (int i = 1; i <= static_cast<int>(Client::kWindow); ++i)
    ASSERT_TRUE(client->send(*encode_record(make_record(i))).has_value());
  SourceSeq acknowledged;
  while (acknowledged < SourceSeq(Client::kWindow)) {
    const auto head = client->receive(kLong);
    ASSERT_TRUE(head.has_value()) << head.error().message;
    EXPECT_GT(head->source_seq, acknowledged);
    acknowledged = head->source_seq;
  }
  stop();
  EXPECT_TRUE(verify_text(log_.segment()).good());
}

// A turn with fewer records than the one before waits for the rest, which may never come.
TEST_F(AuditServer, ALoneRecordAfterManyIsAnswered) {
  const auto [ours, theirs] = pair();
  auto greeted = std::async(std::launch::async,
                            [&] { return Client::adopt(ours, Source::kDaemon, test::audit_public_key(), kLong); });
  server_ = std::make_unique<Server>(*writer_, std::vector<Server::Listener>());
  server_->adopt(theirs, Source::kDaemon);
  ASSERT_TRUE(server_->turn(kLong).has_value());
  auto client = std::move(*greeted.get());
  for (int i = 1; i <= 8; ++i) ASSERT_TRUE(client->send(*encode_record(make_record(i))).has_value());
  ASSERT_TRUE(server_->turn(kLong).has_value());
  EXPECT_EQ(client->receive(kLong)->source_seq, SourceSeq(8));
  ASSERT_TRUE(client->send(*encode_record(make_record(9))).has_value());
  ASSERT_TRUE(server_->turn(kLong).has_value());
  EXPECT_EQ(client->receive(kLong)->source_seq, SourceSeq(9));
}

TEST_F(AuditServer, RC_E_AUDIT_TrustFromTheDaemonsSocketIsRefusedAndTold) {
  auto client = connected(Source::kDaemon);
  ASSERT_TRUE(client->send(*encode_record(make_record(1, make_event(EventName::kTrustPinned)))).has_value());
  EXPECT_EQ(client->receive(kLong).error().code, Code::kCapabilityDenied);
  EXPECT_EQ(client->receive(kLong).error().code, Code::kAuditUnavailable);  // the connection ended
  stop();
  EXPECT_NE(log_.segment().find("\"event\":\"audit.refused\""), std::string::npos);
  EXPECT_EQ(log_.segment().find("trust.pinned"), std::string::npos);
}

TEST_F(AuditServer, RC_E_AUDIT_AHelloForTheOtherSocketIsRefused) {
  const auto [ours, theirs] = pair();
  serve({}, {{theirs, Source::kDaemon}});
  const auto client = Client::adopt(ours, Source::kTrust, test::audit_public_key(), kLong);
  EXPECT_EQ(client.error().code, Code::kCapabilityDenied);
}

TEST_F(AuditServer, RC_S_AUDIT_AnImpostorOfTheAuditWriterIsRefused) {
  const auto other = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
  const auto [ours, theirs] = pair();
  serve({}, {{theirs, Source::kDaemon}});
  const auto client = Client::adopt(ours, Source::kDaemon, other->public_key(), kLong);
  EXPECT_EQ(client.error().code, Code::kAuditUnknownKey);
}

TEST(AuditPacket, RC_S_AUDIT_AHeadOfAnotherConnectionIsRefused) {
  const crypto::PrivateKey key = test::audit_key();
  const std::string nonce(64, 'a');
  Head head;
  head.install_id = "install";
  head.seq = LogSeq(3);
  head.source_seq = SourceSeq(2);
  const std::string packet = *encode_head(head, Source::kDaemon, nonce, key);
  const auto read = decode_reply(packet, Source::kDaemon, nonce, key.public_key());
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->head->source_seq, SourceSeq(2));
  EXPECT_FALSE(decode_reply(packet, Source::kDaemon, std::string(64, 'b'), key.public_key()).has_value());
  EXPECT_FALSE(decode_reply(packet, Source::kTrust, nonce, key.public_key()).has_value());
  for (std::size_t i = 0; i < packet.size(); ++i) {
    std::string changed = packet;
    changed[i] = static_cast<char>(changed[i] ^ 0x01);
    EXPECT_FALSE(decode_reply(changed, Source::kDaemon, nonce, key.public_key()).has_value()) << i;
  }
}

TEST_F(AuditServer, MalformedPacketsEndTheConnectionOnly) {
  for (const std::string& packet : {std::string("nonsense"), std::string(kMaxPacketBytes + 1, 'x'), std::string("{}"),
                                    std::string("{\"receipt\":true,\"record\":{},\"type\":\"record\",\"v\":1}")}) {
    const auto [ours, theirs] = pair();
    stopping_ = false;
    serve({}, {{theirs, Source::kDaemon}});
    auto client = Client::adopt(ours, Source::kDaemon, test::audit_public_key(), kLong);
    ASSERT_TRUE(client.has_value()) << client.error().message;
    ASSERT_EQ(::send((*client)->descriptor(), packet.data(), packet.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(packet.size()));
    EXPECT_FALSE((*client)->receive(kLong).has_value());
    stop();
    std::uint64_t drained = 0;
    ASSERT_EQ(::read(wake_, &drained, sizeof(drained)), static_cast<ssize_t>(sizeof(drained)));
  }
  EXPECT_FALSE(writer_->failed());
}

// The doors: who may come in, and how many.
class AuditDoor : public AuditServer {
 protected:
  int listen_at(const std::string& name) {
    const std::string path = (directory_ / name).string();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(path, address.sun_path);
    const int descriptor = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    EXPECT_EQ(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(descriptor, 8), 0);
    return descriptor;
  }
  base::Result<std::unique_ptr<Client>> connect(const std::string& name, Source source) {
    return Client::connect(directory_ / name, source, test::audit_public_key(), kLong);
  }
  stargraph::test::TempDir directory_;
};

TEST_F(AuditDoor, RC_S_AUDIT_AnotherUserIsRefused) {
  const int listener = listen_at("trust.sock");
  serve({{.descriptor = listener, .source = Source::kTrust, .uids = {::geteuid() + 1}}});
  EXPECT_EQ(connect("trust.sock", Source::kTrust).error().code, Code::kCapabilityDenied);
  stop();
  ::close(listener);
}

TEST_F(AuditDoor, RC_R_AUDIT_ASecondDaemonIsRefused) {
  const int listener = listen_at("entries.sock");
  serve({{.descriptor = listener, .source = Source::kDaemon, .uids = {::geteuid()}}});
  auto first = connect("entries.sock", Source::kDaemon);
  ASSERT_TRUE(first.has_value()) << first.error().message;
  EXPECT_EQ(connect("entries.sock", Source::kDaemon).error().code, Code::kBusy);
  first->reset();  // and comes in once the first has gone
  ASSERT_TRUE(connect("entries.sock", Source::kDaemon).has_value());
  stop();
  ::close(listener);
}

TEST_F(AuditDoor, TwoImportersCountInTurn) {
  const int listener = listen_at("trust.sock");
  serve({{.descriptor = listener, .source = Source::kTrust, .uids = {::geteuid()}}});
  auto one = connect("trust.sock", Source::kTrust);
  auto two = connect("trust.sock", Source::kTrust);
  ASSERT_TRUE(one.has_value() && two.has_value());
  EXPECT_TRUE((*one)->record(make_event(EventName::kTrustPinned, "-"), log_.env.now(), kLong).has_value());
  const auto raced = (*two)->record(make_event(EventName::kTrustKeyAdded, "-"), log_.env.now(), kLong);
  EXPECT_EQ(raced.error().code, Code::kConflict);
  auto again = connect("trust.sock", Source::kTrust);
  EXPECT_TRUE((*again)->record(make_event(EventName::kTrustKeyAdded, "-"), log_.env.now(), kLong).has_value());
  stop();
  ::close(listener);
}

TEST_F(AuditDoor, NobodyListensIsUnavailable) {
  EXPECT_EQ(connect("absent.sock", Source::kDaemon).error().code, Code::kAuditUnavailable);
}

}  // namespace
}  // namespace stargraph::audit

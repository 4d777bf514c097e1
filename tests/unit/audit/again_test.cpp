// Receipts that are given again, and acts of trust that do not follow: over a real socket, the log in real files.
#include "stargraph/audit/again.hpp"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "stargraph/audit/client.hpp"
#include "stargraph/audit/server.hpp"
#include "support/temp_dir.hpp"
#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using test::make_event;

constexpr base::Duration kLong = std::chrono::seconds(30);  // a bound for failure; nothing waits for it

class AuditAgain : public ::testing::Test {
 protected:
  void SetUp() override {
    base::Env& env = base::real_env();
    Writer::Options options;
    options.log_directory = directory_ / "log";
    options.state_directory = directory_ / "state";
    ASSERT_TRUE(env.make_directory(options.log_directory, 0700) && env.make_directory(options.state_directory, 0700));
    auto key = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
    public_key_.emplace(key->public_key());
    auto writer = Writer::open(env, *std::move(key), options);
    ASSERT_TRUE(writer.has_value()) << writer.error().message;
    writer_ = *std::move(writer);
    server_ = std::make_unique<Server>(*writer_, std::vector<Server::Listener>{});
    wake_ = ::eventfd(0, EFD_CLOEXEC);
  }
  void TearDown() override {
    if (thread_.joinable()) {
      stopping_ = true;
      const std::uint64_t one = 1;
      ASSERT_EQ(::write(wake_, &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
      thread_.join();
    }
    ::close(wake_);
  }
  std::unique_ptr<Client> connected(Source source) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    server_->adopt(ends[1], source);
    thread_ = std::thread([this] {
      while (!stopping_ && server_->turn(std::chrono::hours(1), wake_).has_value()) {
      }
    });
    auto client = Client::adopt(ends[0], source, *public_key_, kLong);
    EXPECT_TRUE(client.has_value()) << client.error().message;
    return std::move(*client);
  }
  static Event act(std::int64_t number, std::int64_t previous, EventName name = EventName::kTrustPinned) {
    return make_event(name, "-", {{"act", number}, {"previous", previous}});
  }

  stargraph::test::TempDir directory_;
  std::optional<crypto::PublicKey> public_key_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  int wake_ = -1;
};

TEST_F(AuditAgain, GivesTheReceiptOfAnyEarlierRecordAndWritesNothing) {
  auto client = connected(Source::kTrust);
  std::vector<Receipt> receipts;
  for (std::int64_t n = 1; n <= 3; ++n) {
    const auto receipt = client->record(act(n, n - 1), base::real_env().now(), kLong);
    ASSERT_TRUE(receipt.has_value()) << receipt.error().message;
    receipts.push_back(*receipt);
  }
  const auto before = client->look(kLong);
  ASSERT_TRUE(before.has_value());
  EXPECT_EQ(before->trust_act, SourceSeq(3));
  for (std::int64_t n = 1; n <= 3; ++n) {
    const auto again = client->again(SourceSeq(n), kLong);
    ASSERT_TRUE(again.has_value()) << n << again.error().message;
    EXPECT_EQ(again->line, receipts[static_cast<std::size_t>(n) - 1].line);
    EXPECT_TRUE(verify_receipt(*again, *public_key_).has_value());
  }
  EXPECT_EQ(client->look(kLong)->source_seq, before->source_seq);
  EXPECT_EQ(client->again(SourceSeq(4), kLong).error().code, Code::kNotFound) << "never made";
}

// A record whose text looks like the line that is asked for.
TEST_F(AuditAgain, RC_S_AUDIT_TextInsideAnEntryIsNotTakenForAnother) {
  auto client = connected(Source::kTrust);
  ASSERT_TRUE(client->record(act(1, 0), base::real_env().now(), kLong).has_value());
  Event liar = make_event(EventName::kPackRefused, "-", {{"reason", R"("source":"stargraph-pack","source_seq":1,)"}});
  liar.outcome = Outcome::kDenied;
  ASSERT_TRUE(client->record(liar, base::real_env().now(), kLong).has_value());
  const auto again = client->again(SourceSeq(1), kLong);
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(verify_receipt(*again, *public_key_)->event.name, EventName::kTrustPinned);
}

TEST_F(AuditAgain, RC_E_AUDIT_TheDaemonsSocketGivesNoReceiptAgain) {
  auto client = connected(Source::kDaemon);
  EXPECT_EQ(client->again(SourceSeq(1), kLong).error().code, Code::kCapabilityDenied);
}

// An importer that does not know the last act does not hide it behind another.
TEST_F(AuditAgain, RC_R_PACK_AnActThatDoesNotFollowTheLastOneIsRefused) {
  const auto append = [this](std::int64_t number, Event event) {
    const auto placed = writer_->append(Source::kTrust, test::make_record(number, std::move(event)));
    return placed ? Code::kInternal : placed.error().code;
  };
  EXPECT_EQ(append(1, act(1, 1)), Code::kAuditFork) << "of an empty log";
  EXPECT_EQ(append(1, act(1, 0)), Code::kInternal);
  Event refusal = make_event(EventName::kPackRefused, "-", {{"previous", 7}});
  refusal.outcome = Outcome::kDenied;
  EXPECT_EQ(append(2, refusal), Code::kInternal) << "no act";
  for (const std::int64_t previous : {0, 2, 3}) EXPECT_EQ(append(3, act(2, previous)), Code::kAuditFork) << previous;
  EXPECT_EQ(append(3, make_event(EventName::kTrustRevoked, "-", {{"act", 2}, {"previous", "1"}})), Code::kAuditFork);
  EXPECT_EQ(append(3, make_event(EventName::kTrustRevoked, "-", {{"act", 2}})), Code::kAuditFork) << "names none";
  EXPECT_EQ(append(3, act(2, 1, EventName::kTrustRevoked)), Code::kInternal);
  EXPECT_TRUE(writer_->commit());
}

TEST(AuditAgainPacket, HasOneForm) {
  EXPECT_EQ(encode_again(SourceSeq(12)), R"({"source_seq":12,"type":"again","v":1})");
  EXPECT_TRUE(is_again(encode_again(SourceSeq(12))));
  EXPECT_EQ(*decode_again(encode_again(SourceSeq(12))), SourceSeq(12));
  for (const char* bad :
       {R"({"source_seq":-1,"type":"again","v":1})", R"({"source_seq":"1","type":"again","v":1})",
        R"({"source_seq":1,"type":"record","v":1})", R"({"source_seq":1,"type":"again","v":2})",
        R"({"source_seq":1,"x":1,"type":"again","v":1})", R"({"source_seq":1.5,"type":"again","v":1})", "", "[]"}) {
    EXPECT_FALSE(decode_again(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace stargraph::audit

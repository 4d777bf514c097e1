// Real files: what the writer hands out to read, and what is left after archiving, as both verifiers see it.
#include "stargraph/audit/part.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "stargraph/audit/client.hpp"
#include "stargraph/audit/server.hpp"
#include "support/command.hpp"
#include "support/temp_dir.hpp"
#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using test::make_record;

constexpr base::Duration kLong = std::chrono::seconds(30);  // a bound for failure; nothing waits for it

class AuditPart : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(base::real_env().make_directory(log(), 0700).has_value());
    ASSERT_TRUE(base::real_env().make_directory(state(), 0700).has_value());
    open();
    write(40);
    ASSERT_GT(writer_->head(Source::kDaemon).last_segment, 3U);
  }
  void TearDown() override { end(); }
  [[nodiscard]] base::Path log() const { return directory_.path() / "log"; }
  [[nodiscard]] base::Path state() const { return directory_.path() / "state"; }
  void open() {
    Writer::Options options;
    options.log_directory = log();
    options.state_directory = state();
    options.build_id = "test";
    options.segment_bytes = 8'000;
    auto writer = Writer::open(base::real_env(), test::audit_key(), options);
    ASSERT_TRUE(writer.has_value()) << writer.error().message;
    writer_ = *std::move(writer);
  }
  void write(int count) {
    for (int i = 0; i < count; ++i) {
      const SourceSeq next = writer_->chain().last_of(Source::kDaemon).next();
      ASSERT_TRUE(writer_->append(Source::kDaemon, make_record(next.value())).has_value());
    }
    ASSERT_TRUE(writer_->commit().has_value());
  }
  // The server's loop in a thread of its own until the client goes.
  std::unique_ptr<Client> connected(Source source) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    server_ = std::make_unique<Server>(*writer_, std::vector<Server::Listener>());
    server_->adopt(ends[1], source);
    thread_ = std::thread([this] {
      while (server_->connections() > 0 && server_->turn(kLong).has_value()) {
      }
    });
    auto client = Client::adopt(ends[0], source, test::audit_public_key(), kLong);
    EXPECT_TRUE(client.has_value()) << client.error().message;
    return *std::move(client);
  }
  void end() {
    if (thread_.joinable()) thread_.join();
    server_.reset();
  }
  stargraph::test::CommandResult second_verifier() {
    directory_.write("audit.pub.pem", test::audit_public_key().pem());
    return stargraph::test::run_command({"python3", std::string(STARGRAPH_SOURCE_DIR) + "/scripts/stargraph-verify",
                                         "log", log().string(), "--pubkey",
                                         (directory_.path() / "audit.pub.pem").string()});
  }
  Prune copied(std::uint32_t first, std::uint32_t last) {
    Prune prune{.first_segment = first, .digests = {}};
    for (std::uint32_t i = first; i <= last; ++i) {
      const auto bytes = base::real_env().read_file(log() / segment_name(i), 1U << 20);
      prune.digests.push_back(crypto::sha384(*bytes));
    }
    return prune;
  }

  stargraph::test::TempDir directory_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

TEST_F(AuditPart, ASegmentIsReadThroughItsDescriptor) {
  auto client = connected(Source::kDaemon);
  const auto opened = client->open_part(LogPart::kSegment, 2, kLong);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  std::string text(opened->size, '\0');
  ASSERT_EQ(::pread(opened->file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  const auto bytes = base::real_env().read_file(log() / segment_name(2), 1U << 20);
  EXPECT_EQ(text, base::as_text(*bytes));
  EXPECT_EQ(decode_entry(text.substr(0, text.find('\n')))->seq, opened->first_seq);
  EXPECT_NE(::fcntl(opened->file.get(), F_GETFD) & FD_CLOEXEC, 0);
  client.reset();
}

TEST_F(AuditPart, RC_T_AUDIT_NothingCanBeWrittenThroughIt) {
  auto client = connected(Source::kDaemon);
  const auto opened = client->open_part(LogPart::kSegment, 1, kLong);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(::fcntl(opened->file.get(), F_GETFL) & O_ACCMODE, O_RDONLY);
  EXPECT_EQ(::pwrite(opened->file.get(), "x", 1, 0), -1);
  EXPECT_EQ(errno, EBADF);
  EXPECT_EQ(::ftruncate(opened->file.get(), 0), -1);
  client.reset();
}

TEST_F(AuditPart, WhatIsNotThereIsRefusedAndTheConnectionGoesOn) {
  auto client = connected(Source::kDaemon);
  for (const std::uint32_t segment : {0U, 999U, 2'147'483'647U}) {
    EXPECT_EQ(client->open_part(LogPart::kSegment, segment, kLong).error().code, Code::kNotFound);
  }
  EXPECT_EQ(client->open_part(LogPart::kTree, 1, kLong).error().code, Code::kNotFound);
  EXPECT_TRUE(client->open_part(LogPart::kTree, 0, kLong).has_value());
  const auto last = client->head().source_seq;
  ASSERT_TRUE(client->send(*encode_record(make_record(last.value() + 1))).has_value());
  EXPECT_EQ(client->receive(kLong)->source_seq, last.next());
  client.reset();
}

TEST_F(AuditPart, ProofsFromTheTreesDescriptorHold) {
  auto client = connected(Source::kDaemon);
  const auto tree = client->open_part(LogPart::kTree, 0, kLong);
  ASSERT_TRUE(tree.has_value());
  client.reset();
  end();
  const Checkpoint checkpoint = writer_->chain().next_checkpoint();
  const auto path = crypto::inclusion_path(7, checkpoint.size, tree_reader(tree->file.get()));
  ASSERT_TRUE(path.has_value());
  const auto bytes = base::real_env().read_file(log() / segment_name(1), 1U << 20);
  const Entry eighth = *decode_entry(test::split_lines(base::as_text(*bytes)).at(7));
  EXPECT_TRUE(crypto::verify_inclusion(crypto::merkle_leaf(eighth.entry_hash.bytes()), 7, checkpoint.size, *path,
                                       checkpoint.root));
}

TEST_F(AuditPart, RC_E_AUDIT_ALinkInPlaceOfASegmentIsNotOpened) {
  const base::Path secret = directory_.write("secret", "not the log\n");
  std::filesystem::rename(log() / segment_name(1), directory_.path() / "moved");
  std::filesystem::create_symlink(secret, log() / segment_name(1));
  auto client = connected(Source::kDaemon);
  EXPECT_FALSE(client->open_part(LogPart::kSegment, 1, kLong).has_value());
  client.reset();
}

TEST_F(AuditPart, RC_E_AUDIT_ImportersGetNoDescriptorsAndTheDaemonPrunesNothing) {
  auto importer = connected(Source::kTrust);
  EXPECT_EQ(importer->open_part(LogPart::kSegment, 1, kLong).error().code, Code::kCapabilityDenied);
  importer.reset();
  end();
  auto daemon = connected(Source::kDaemon);
  EXPECT_EQ(daemon->prune(copied(1, 1), kLong).error().code, Code::kCapabilityDenied);
  daemon.reset();
  end();
  EXPECT_TRUE(std::filesystem::exists(log() / segment_name(1)));
}

TEST_F(AuditPart, BothVerifiersTakeAnArchivedLogAndSayHowMuchIsNotThere) {
  auto client = connected(Source::kTrust);
  const auto receipt = client->prune(copied(1, 2), kLong);
  ASSERT_TRUE(receipt.has_value()) << receipt.error().message;
  const Entry said = *verify_receipt(*receipt, test::audit_public_key());
  const std::uint64_t gone = static_cast<std::uint64_t>(decode_tombstone(said.event.data)->last_seq.value());
  client.reset();
  end();
  ASSERT_TRUE(writer_->stop().has_value());
  const auto report = verify_log({log()}, test::audit_public_key());
  ASSERT_TRUE(report.has_value()) << report.error().message;
  ASSERT_TRUE(report->good()) << report->bad->detail;
  EXPECT_EQ(report->archived, gone);
  const auto second = second_verifier();
  EXPECT_EQ(second.exit_code, 0) << second.out << second.err;
  EXPECT_NE(second.out.find(std::to_string(gone) + " entries before them were archived"), std::string::npos)
      << second.out;
}

TEST_F(AuditPart, RC_T_AUDIT_BothVerifiersRefuseSegmentsThatLeftWithoutATombstone) {
  ASSERT_TRUE(writer_->stop().has_value());
  std::filesystem::remove(log() / segment_name(1));
  const auto report = verify_log({log()}, test::audit_public_key());
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(test::reason_of(*report), base::reason(Code::kAuditTruncated).name);
  const auto second = second_verifier();
  EXPECT_EQ(second.exit_code, 4);
  EXPECT_NE(second.out.find("TRUNCATED"), std::string::npos) << second.out;
  std::filesystem::remove(log() / state_note_name(2));
  EXPECT_EQ(test::reason_of(*verify_log({log()}, test::audit_public_key())), base::reason(Code::kAuditGap).name);
  const auto without_note = second_verifier();
  EXPECT_EQ(without_note.exit_code, 4);
  EXPECT_NE(without_note.out.find("GAP"), std::string::npos) << without_note.out;
}

}  // namespace
}  // namespace stargraph::audit

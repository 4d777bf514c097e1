// stargraph-audit archive against the real stargraph-auditd over trust.sock: what leaves, what stays, and a tool that
// is killed on the way.
#include <poll.h>

#include <thread>

#include "integration/auditd.hpp"
#include "stargraph/audit/archive.hpp"
#include "stargraph/audit/segment.hpp"
#include "stargraph/audit/writer.hpp"

namespace stargraph {
namespace {

using audit::Source;
using test::CommandResult;
using test::kLong;

constexpr std::size_t kPacket = std::size_t{256} * 1024;

// Stands between the tool and the audit writer and passes packets on, until the writer has answered the n-th prune:
// that answer is kept back.
class Relay {
 public:
  Relay(int listener, std::filesystem::path writer, int lost_prune)
      : listener_(listener), writer_(std::move(writer)), lost_prune_(lost_prune), thread_([this] { run(); }) {}
  ~Relay() { join(); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  static int dial(const std::filesystem::path& path) {
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(path.string(), address.sun_path);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
  // One packet; empty at the end of the connection.
  static std::string receive(int fd) {
    std::string packet(kPacket, '\0');
    const ssize_t size = ::recv(fd, packet.data(), packet.size(), 0);
    packet.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return packet;
  }
  void run() const {
    const int tool = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const int writer = dial(writer_);
    int prunes = 0;
    std::array<pollfd, 2> ends{pollfd{tool, POLLIN, 0}, pollfd{writer, POLLIN, 0}};
    while (::poll(ends.data(), ends.size(), -1) > 0) {
      const bool from_tool = ends[0].revents != 0;
      const std::string packet = receive(from_tool ? tool : writer);
      if (packet.empty() || (!from_tool && prunes == lost_prune_)) break;
      if (from_tool && packet.starts_with("{\"digests\":")) ++prunes;
      if (::send(from_tool ? writer : tool, packet.data(), packet.size(), MSG_NOSIGNAL) < 0) break;
    }
    ::close(tool);
    ::close(writer);
  }

  int listener_;
  std::filesystem::path writer_;
  int lost_prune_;
  std::thread thread_;
};

class ArchiveOverTheSocket : public test::Auditd {
 protected:
  // A log of `segments` small segments, as a life with a small limit left it; the program's own limit is 100 MiB.
  void make_log(std::uint32_t segments) {
    const std::string pem = directory_.read("audit.key.pem");
    auto key = crypto::PrivateKey::from_pem(crypto::Secret::copy(base::as_bytes(pem)), crypto::Secret());
    ASSERT_TRUE(key.has_value()) << key.error().message;
    audit::Writer::Options options;
    options.log_directory = directory_ / "log";
    options.state_directory = directory_ / "state";
    options.build_id = "test";
    options.segment_bytes = 4'000;
    auto writer = audit::Writer::open(base::real_env(), *std::move(key), options);
    ASSERT_TRUE(writer.has_value()) << writer.error().message;
    while ((*writer)->head(Source::kDaemon).last_segment < segments) {
      const audit::SourceSeq next = (*writer)->chain().last_of(Source::kDaemon).next();
      ASSERT_TRUE((*writer)->append(Source::kDaemon, {test::make_event(), next, base::real_env().now()}));
      ASSERT_TRUE((*writer)->commit());
    }
    ASSERT_TRUE((*writer)->stop());
  }
  CommandResult archive(const char* socket = "trust.sock") {
    return auditor(
        {"archive", "log", "--to", "out", "--pubkey", "audit.pub.pem", "--socket", (directory_ / socket).string()});
  }
  // The daemon's link goes on, over the same writer.
  void expect_service() {
    const auto client = connect(Source::kDaemon);
    ASSERT_NE(client, nullptr);
    const audit::SourceSeq next = client->head().source_seq.next();
    ASSERT_TRUE(client->send(*audit::encode_record({test::make_event(), next, base::real_env().now()})));
    const auto head = client->receive(kLong);
    ASSERT_TRUE(head.has_value()) << head.error().message;
    EXPECT_EQ(head->source_seq, next);
  }
  std::vector<std::uint32_t> segments(const char* directory) {
    std::vector<std::uint32_t> numbers;
    for (const auto& file : std::filesystem::directory_iterator(directory_ / directory)) {
      const auto number = audit::segment_number(file.path().filename().string());
      if (number) numbers.push_back(*number);
    }
    std::ranges::sort(numbers);
    return numbers;
  }
  // What stayed alone, and with what was carried out: as both verifiers see it.
  void expect_whole() {
    const std::string second = std::string(STARGRAPH_SOURCE_DIR) + "/scripts/stargraph-verify";
    const std::string key = (directory_ / "audit.pub.pem").string();
    std::vector<std::string> all;
    for (const std::uint32_t number : segments("out")) {
      all.push_back((directory_ / "out" / audit::segment_name(number)).string());
    }
    for (const std::uint32_t number : segments("log")) {
      const std::string file = (directory_ / "log" / audit::segment_name(number)).string();
      // A killed tool leaves copies of what also stayed.
      if (!std::filesystem::exists(directory_ / "out" / audit::segment_name(number))) all.push_back(file);
    }
    for (const std::vector<std::string>& files : {std::vector{(directory_ / "log").string()}, all}) {
      std::vector<std::string> ours{"verify"};
      std::vector<std::string> theirs{second, "log"};
      for (std::vector<std::string>* command : {&ours, &theirs}) {
        command->insert(command->end(), files.begin(), files.end());
        command->insert(command->end(), {"--pubkey", key});
      }
      const CommandResult verified = auditor(ours);
      EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
      const CommandResult again = test::run_command(theirs);
      EXPECT_EQ(again.exit_code, 0) << again.out << again.err;
    }
  }
};

TEST_F(ArchiveOverTheSocket, WhatWasProvenElsewhereLeavesAndBothPartsVerify) {
  make_log(12);
  start();
  const CommandResult archived = archive();
  ASSERT_EQ(archived.exit_code, 0) << archived.out << archived.err;
  EXPECT_EQ(segments("log"), std::vector<std::uint32_t>{12});
  EXPECT_EQ(segments("out").size(), 11U);
  // Eight segments a tombstone: two receipts, which the key alone checks.
  const std::string receipts = directory_.read("out/archive-00000001-00000011.receipts.jsonl");
  EXPECT_EQ(std::ranges::count(receipts, '\n'), 2);
  const auto receipt = audit::decode_receipt(receipts.substr(0, receipts.find('\n')));
  ASSERT_TRUE(receipt.has_value());
  const auto entry = audit::verify_receipt(*receipt, *public_key_);
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->event.name, audit::EventName::kAuditPruned);
  expect_service();
  EXPECT_EQ(stop(SIGTERM), 0);
  expect_whole();
  // And the writer goes on from there.
  start();
  expect_service();
  EXPECT_EQ(stop(SIGTERM), 0);
  expect_whole();
}

// The writer never hears of it: the connection is taken by nobody who answers.
TEST_F(ArchiveOverTheSocket, RC_R_AUDIT_AToolKilledBetweenExportAndPruneRemovesNothing) {
  make_log(4);
  const int silent = listen_on("silent.sock");
  const pid_t tool = ::fork();
  ASSERT_GE(tool, 0);
  if (tool == 0) {
    const std::string name = test::program("stargraph-audit");
    const std::string socket = (directory_ / "silent.sock").string();
    if (::chdir(directory_.path().c_str()) != 0) ::_exit(126);
    ::execl(name.c_str(), name.c_str(), "archive", "log", "--to", "out", "--pubkey", "audit.pub.pem", "--socket",
            socket.c_str(), nullptr);
    ::_exit(127);
  }
  // It dials when its copies are proven and its manifest is written.
  const int dialled = ::accept4(silent, nullptr, nullptr, SOCK_CLOEXEC);
  EXPECT_GE(dialled, 0);
  ::kill(tool, SIGKILL);
  ::waitpid(tool, nullptr, 0);
  ::close(dialled);
  ::close(silent);
  EXPECT_TRUE(std::filesystem::exists(directory_ / "out/archive-00000001-00000003.json"));
  EXPECT_EQ(segments("log").size(), 4U);
  expect_whole();
  // Asked again, it takes its copies for what they are and goes on.
  start();
  const CommandResult again = archive();
  ASSERT_EQ(again.exit_code, 0) << again.out << again.err;
  EXPECT_EQ(segments("log"), std::vector<std::uint32_t>{4});
  EXPECT_EQ(stop(SIGTERM), 0);
  expect_whole();
}

// The writer removed what it was asked to, the tool never learnt of it; the log itself says so.
TEST_F(ArchiveOverTheSocket, RC_R_AUDIT_APruneWhoseAnswerIsLostStandsInTheLog) {
  make_log(20);
  start();
  const int between = listen_on("between.sock");
  for (const std::size_t left : {12U, 1U}) {
    Relay relay(between, directory_ / "trust.sock", left == 12U ? 1 : 2);
    const CommandResult lost = archive("between.sock");
    EXPECT_NE(lost.exit_code, 0) << lost.out;
    relay.join();
    EXPECT_EQ(segments("log").size(), left) << lost.err;
    EXPECT_EQ(segments("out").size(), 19U) << "every copy was made before anything was asked";
    expect_service();
    expect_whole();
  }
  ::close(between);
  const CommandResult nothing = archive();
  EXPECT_EQ(nothing.exit_code, base::reason(base::Code::kNotFound).exit_code) << "there is no closed segment any more";
  EXPECT_EQ(stop(SIGTERM), 0);
  expect_whole();
}

}  // namespace
}  // namespace stargraph

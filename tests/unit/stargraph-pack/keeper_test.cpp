// The keeper against a front that was taken over: what it can say, and what comes of it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <thread>

#include "bin/stargraph-pack/frame.hpp"
#include "bin/stargraph-pack/keeper.hpp"
#include "bin/stargraph-pack/walls.hpp"
#include "stargraph/base/descriptor.hpp"
#include "stargraph/base/sanitized.hpp"
#include "support/loopback.hpp"
#include "unit/trust/sample_trust.hpp"

namespace stargraph::packcli {
namespace {

using base::Code;
using base::Result;

constexpr std::size_t kAnyAnswer = std::size_t{1} << 26;

// A keeper's loop on a thread, and the socket of its front.
class Talk {
 public:
  explicit Talk(store::Database& database, KeeperFor purpose = KeeperFor::kActs) {
    std::array<int, 2> ends{};
    SG_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    socket_ = ends[0];
    keeper_ = std::thread([&database, purpose, end = ends[1]] {
      keep(end, database, trust::audit_private_key().public_key(), purpose);
      ::close(end);
    });
  }
  ~Talk() { hang_up(); }
  Talk(const Talk&) = delete;
  Talk& operator=(const Talk&) = delete;

  Result<base::Bytes> ask(const Encoder& request, base::BytesView rest = {}) const {
    if (!write_frame(socket_, request.bytes(), rest)) return base::fail(Code::kIo, "gone");
    SG_TRY(const base::Bytes answer, read_frame(socket_, kAnyAnswer, std::chrono::minutes(1)));
    return decode_answer(answer);
  }
  void send(base::BytesView bytes) const {
    while (!bytes.empty()) {
      const ssize_t put = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put <= 0) return;
      bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
  }
  // Whether the keeper ends by itself, while it could still be asked something.
  [[nodiscard]] bool is_ended() const {
    const auto more = read_frame(socket_, kAnyAnswer, std::chrono::minutes(1));
    return !more && more.error().code == Code::kTruncated;
  }
  // Says nothing more, and waits until the keeper has drawn its conclusions.
  void hang_up() {
    if (socket_ < 0) return;
    ::shutdown(socket_, SHUT_WR);
    while (read_frame(socket_, kAnyAnswer, kForEver)) {
    }
    keeper_.join();
    ::close(socket_);
    socket_ = -1;
  }

 private:
  int socket_ = -1;
  std::thread keeper_;
};

class KeeperTest : public trust::TrustTest {
 protected:
  void SetUp() override {
    TrustTest::SetUp();
    ASSERT_TRUE(import(make("soc.triage", "1.0.0", 1), {{fingerprint()}, {}}));
  }
  // A receipt for `body` as the next act, as the audit writer would give it for it.
  audit::Receipt next(trust::Body body, const crypto::PrivateKey& key = trust::audit_private_key(),
                      audit::Source source = audit::Source::kTrust, audit::Outcome outcome = audit::Outcome::kSuccess,
                      std::int64_t skipped = 0) {
    const trust::TrustState now = state().value();
    trust::Act act{now.acts() + 1 + skipped, std::move(body)};
    act.previous = now.last_entry();
    audit::Event event;
    event.name = trust::event_of(act);
    event.outcome = outcome;
    event.actor = trust::admin();
    event.tenant = audit::site_tenant();
    event.data = trust::encode_act(act);
    return trust::receipt_of(event, static_cast<std::uint64_t>(now.last_entry().value() + 1), source, key, env_.now());
  }
  static trust::KeyAdded stranger() {
    return {{pack::sample_key(7).public_key(), trust::Role::kPublisher, "Eve", {}, {}}};
  }
  static Encoder append(const audit::Receipt& receipt) {
    Encoder request(Ask::kAppend);
    encode(request, receipt);
    return request;
  }
  static Encoder put(const crypto::Digest& digest) { return std::move(Encoder(Ask::kPut).digest(digest).u32(0)); }
  static Code why(const Result<base::Bytes>& answer) { return answer ? Code::kInternal : answer.error().code; }

  // What a front gets that has these acts taken, and whether it was.
  void is_refused(const audit::Receipt& receipt, const char* what) {
    const std::int64_t before = state()->acts();
    Talk talk(*database_);
    ASSERT_TRUE(talk.ask(Encoder(Ask::kBegin)));
    EXPECT_EQ(why(talk.ask(append(receipt))), Code::kReceiptInvalid) << what;
    EXPECT_EQ(why(talk.ask(Encoder(Ask::kCommit))), Code::kReceiptInvalid) << what;
    talk.hang_up();
    EXPECT_EQ(state()->acts(), before) << what;
  }
};

TEST_F(KeeperTest, TakesTheNextActWithItsReceiptAndItsFile) {
  const base::Bytes file = make("soc.triage", "2.0.0", 2);
  const pack::Container container = pack::parse(file).value();
  const trust::Imported act{
      {base::PackId("soc.triage"), "2.0.0", base::Epoch(2), pack::PackKind::kRules, container.digest}, {id_of(0)}};
  const audit::Receipt receipt = next(act);
  const std::int64_t before = state()->acts();
  Talk talk(*database_);
  const auto rows = talk.ask(Encoder(Ask::kBegin));
  ASSERT_TRUE(rows);
  EXPECT_EQ(decode_rows(*rows)->size(), static_cast<std::size_t>(before));
  ASSERT_TRUE(talk.ask(put(container.digest), file));
  ASSERT_TRUE(talk.ask(append(receipt)));
  ASSERT_TRUE(talk.ask(Encoder(Ask::kCommit)));
  const auto back = talk.ask(Encoder(Ask::kFile).digest(container.digest).u32(0));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, file);
  EXPECT_EQ(state()->acts(), before + 1);
}

TEST_F(KeeperTest, SG_S_PACK_NoActIsTakenWithoutAReceiptOfTheAuditKey) {
  is_refused(next(stranger(), pack::sample_key(7)), "signed by a key of the attacker's");
  audit::Receipt unsigned_one = next(stranger());
  unsigned_one.signature.signature.clear();
  is_refused(unsigned_one, "not signed");
  audit::Receipt changed = next(stranger());
  changed.line.replace(changed.line.find("Eve"), 3, "Eva");
  is_refused(changed, "changed after it was signed");
}

TEST_F(KeeperTest, RC_E_PACK_AReceiptThatIsNoActOfTrustIsNotTaken) {
  is_refused(next(stranger(), trust::audit_private_key(), audit::Source::kDaemon), "the daemon's");
  is_refused(next(stranger(), trust::audit_private_key(), audit::Source::kTrust, audit::Outcome::kDenied),
             "of a refusal");
}

TEST_F(KeeperTest, RC_T_PACK_AnActThatDoesNotFollowIsNotTaken) {
  is_refused(next(stranger(), trust::audit_private_key(), audit::Source::kTrust, audit::Outcome::kSuccess, 1),
             "a number left out");
  is_refused(next(stranger(), trust::audit_private_key(), audit::Source::kTrust, audit::Outcome::kSuccess, -1),
             "a number that is taken");
  is_refused(next(trust::Pinned{{"soc.*", {id_of(7)}, 1}}), "a pin of a key that nobody confirmed");
}

TEST_F(KeeperTest, RC_T_PACK_WhatWasRefusedInAChangeRefusesAllOfIt) {
  const audit::Receipt good = next(stranger());
  const std::int64_t before = state()->acts();
  Talk talk(*database_);
  ASSERT_TRUE(talk.ask(Encoder(Ask::kBegin)));
  EXPECT_FALSE(talk.ask(append(next(stranger(), pack::sample_key(7)))));
  static_cast<void>(talk.ask(append(good)));
  EXPECT_EQ(why(talk.ask(Encoder(Ask::kCommit))), Code::kReceiptInvalid);
  talk.hang_up();
  EXPECT_EQ(state()->acts(), before);
}

TEST_F(KeeperTest, SG_T_PACK_AFileThatNoActNamesIsNotKept) {
  const base::Bytes file = make("soc.triage", "2.0.0", 2);
  const crypto::Digest digest = pack::digest_of(file).value();
  Talk talk(*database_);
  ASSERT_TRUE(talk.ask(Encoder(Ask::kBegin)));
  ASSERT_TRUE(talk.ask(put(digest), file));
  EXPECT_EQ(why(talk.ask(Encoder(Ask::kCommit))), Code::kDigestMismatch);
  EXPECT_EQ(why(talk.ask(Encoder(Ask::kFile).digest(digest).u32(0))), Code::kPackUnknown);
  // Nor under the name of another.
  const crypto::Digest known = state()->packs().front().ref.digest;
  ASSERT_TRUE(talk.ask(Encoder(Ask::kBegin)));
  EXPECT_EQ(why(talk.ask(put(known), file)), Code::kDigestMismatch);
  EXPECT_EQ(why(talk.ask(Encoder(Ask::kCommit))), Code::kReceiptInvalid);
}

TEST_F(KeeperTest, SG_T_PACK_AConversationCutAnywhereStoresNothing) {
  const base::Bytes file = make("soc.triage", "2.0.0", 2);
  const crypto::Digest digest = pack::digest_of(file).value();
  const trust::Imported act{{base::PackId("soc.triage"), "2.0.0", base::Epoch(2), pack::PackKind::kRules, digest},
                            {id_of(0)}};
  base::Bytes said;
  const auto say = [&](const Encoder& request, base::BytesView rest = {}) {
    base::append_u32_be(said, static_cast<std::uint32_t>(request.bytes().size() + rest.size()));
    said.insert(said.end(), request.bytes().begin(), request.bytes().end());
    said.insert(said.end(), rest.begin(), rest.end());
  };
  say(Encoder(Ask::kBegin));
  const std::size_t file_begins = said.size() + 64;
  say(put(digest), file);
  const std::size_t file_ends = said.size();
  say(append(next(act)));
  say(Encoder(Ask::kCommit));
  const std::int64_t before = state()->acts();
  for (std::size_t cut = 0; cut < said.size(); ++cut) {
    if (cut > file_begins && cut + 97 < file_ends) cut += 96;  // inside the file one place is like another
    Talk talk(*database_);
    talk.send(base::BytesView(said).first(cut));
    talk.hang_up();
    ASSERT_EQ(state()->acts(), before) << cut << " of " << said.size();
    ASSERT_EQ(code_of(vault_->file(digest, 0)), Code::kPackUnknown) << cut;
  }
  Talk talk(*database_);
  talk.send(said);
  talk.hang_up();
  EXPECT_EQ(state()->acts(), before + 1);
}

TEST_F(KeeperTest, RC_T_PACK_WhatIsNoMessageEndsTheConversation) {
  const audit::Receipt good = next(stranger());
  const std::int64_t before = state()->acts();
  const auto nothing_after = [&](const Encoder& nonsense, const char* what) {
    Talk talk(*database_);
    ASSERT_TRUE(talk.ask(Encoder(Ask::kBegin)));
    ASSERT_TRUE(talk.ask(append(good)));
    EXPECT_EQ(why(talk.ask(nonsense)), Code::kMalformed) << what;
    EXPECT_FALSE(talk.ask(Encoder(Ask::kCommit))) << what;
    talk.hang_up();
    EXPECT_EQ(state()->acts(), before) << what;
  };
  nothing_after(Encoder(static_cast<Ask>(0)), "kind 0");
  nothing_after(Encoder(static_cast<Ask>(200)), "kind 200");
  nothing_after(Encoder(), "empty");
  nothing_after(Encoder(Ask::kBegin), "a change in a change");
  nothing_after(std::move(Encoder(Ask::kCommit).u32(0)), "more than was asked for");
  nothing_after(Encoder(Ask::kFile), "less");
  Talk talk(*database_);
  EXPECT_EQ(why(talk.ask(append(good))), Code::kMalformed) << "outside of a change";
}

// Beside `inspect`, which reads a stranger's pack: whoever takes it over gets no change and no signal out of the
// keeper.
TEST_F(KeeperTest, SG_E_PACK_AKeeperForReadingChangesNothing) {
  const audit::Receipt good = next(stranger());
  const base::Bytes file = make("soc.triage", "2.0.0", 2);
  const crypto::Digest digest = pack::digest_of(file).value();
  const std::int64_t before = state()->acts();
  const auto refuses = [&](const Encoder& request, const char* what, base::BytesView rest = {}) {
    Talk talk(*database_, KeeperFor::kReading);
    EXPECT_TRUE(talk.ask(Encoder(Ask::kActs)));
    EXPECT_EQ(why(talk.ask(request, rest)), Code::kMalformed) << what;
    EXPECT_TRUE(talk.is_ended()) << what;
  };
  refuses(Encoder(Ask::kBegin), "begin");
  refuses(put(digest), "put", file);
  refuses(append(good), "append");
  refuses(Encoder(Ask::kCommit), "commit");
  refuses(std::move(Encoder(Ask::kReload).u32(static_cast<std::uint32_t>(::getpid()))), "reload");
  EXPECT_EQ(state()->acts(), before);
}

// The header names the pack, not its signatures: what is held under it is never taken for what was put.
TEST_F(KeeperTest, SG_T_PACK_OtherBytesUnderAPacksNameAreAnError) {
  const crypto::Digest known = state()->packs().front().ref.digest;
  base::Bytes other = vault_->file(known, 0).value();
  ASSERT_TRUE(vault_->begin().value()->put(known, 0, other)) << "the same again is fine";
  other.back() ^= std::byte{1};
  auto change = vault_->begin().value();
  EXPECT_EQ(code_of(change->put(known, 0, other)), Code::kDigestMismatch);
  EXPECT_EQ(code_of(change->commit()), Code::kReceiptInvalid);
}

TEST_F(KeeperTest, RC_D_PACK_SizesThatLieTakeNoMemory) {
  Talk talk(*database_);
  base::Bytes huge;
  base::append_u32_be(huge, 0xFFFF'FFFFU);
  talk.send(huge);
  EXPECT_TRUE(talk.is_ended());
  EXPECT_EQ(decode_rows(Encoder().u32(0xFFFF'FFFFU).bytes()).error().code, Code::kMalformed);
  EXPECT_EQ(decode_runs(Encoder().u32(0xFFFF'FFFFU).bytes()).error().code, Code::kMalformed);
}

// Only a process is signalled, never a group or all of them, and only to reload.
TEST_F(KeeperTest, SG_E_PACK_NobodyButAProcessIsSignalled) {
  Talk talk(*database_);
  for (const std::uint32_t pid : {0U, 1U, 0xFFFF'FFFFU, 0x8000'0000U}) {
    EXPECT_EQ(why(talk.ask(Encoder(Ask::kReload).u32(pid))), Code::kUsage) << pid;
    EXPECT_EQ(why(talk.ask(Encoder(Ask::kLives).u32(pid))), Code::kUsage) << pid;
  }
}

// --- walls: what is tried in a process of its own ---

constexpr int kDenied = 10;
constexpr int kPassed = 11;

// The signal that ended it, negative, or its exit status.
int ends_with(const std::function<int()>& process) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(process());
  int status = 0;
  SG_CHECK(::waitpid(pid, &status, 0) == pid);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int denied(bool passed) { return passed ? kPassed : kDenied; }

class ProcessWalls : public ::testing::Test {
 protected:
  void SetUp() override {
#if SG_SANITIZED != 0 || defined(STARGRAPH_COVERAGE)
    GTEST_SKIP() << "this build has no system-call filter";
#endif
  }
  // Behind the keeper's walls.
  int keeper(const std::function<int()>& attempt) {
    return ends_with([&] {
      const bool good = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && confine_keeper(directory_.path());
      return good ? attempt() : 1;
    });
  }
  static int front(const std::function<int()>& attempt) {
    return ends_with([&] { return confine_front() ? attempt() : 1; });
  }
  static int checker(const std::function<int()>& attempt) {
    return ends_with(
        [&] { return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && confine_checker() ? attempt() : 1; });
  }
  static bool can_open(const base::Path& path, int flags) { return ::open(path.c_str(), flags | O_CLOEXEC, 0600) >= 0; }
  test::TempDir directory_;
};

TEST_F(ProcessWalls, SG_E_PACK_TheKeeperHasNoNetworkAndNoOtherProgram) {
  EXPECT_EQ(keeper([] { return denied(::socket(AF_UNIX, SOCK_STREAM, 0) >= 0); }), -SIGSYS);
  EXPECT_EQ(keeper([] { return denied(::socket(AF_INET, SOCK_STREAM, 0) >= 0); }), -SIGSYS);
  EXPECT_EQ(keeper([] { return denied(::execl("/bin/true", "true", nullptr) == 0); }), -SIGSYS);
  EXPECT_EQ(keeper([] { return denied(::kill(::getpid(), SIGTERM) == 0); }), kDenied);
}

// Not from a socket that is there already either, and whoever tells them to.
TEST_F(ProcessWalls, SG_E_PACK_NoneOfThemDials) {
  const base::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = test::loopback(9);  // nobody has to listen: the wall is met first
  const auto send = [&](int flags, const sockaddr_in* to) {
    const auto* const name = reinterpret_cast<const sockaddr*>(to);
    const bool refused = ::sendto(socket.get(), "x", 1, flags | MSG_NOSIGNAL, name, to ? sizeof *to : 0) < 0;
    return denied(!refused || errno != EPERM);
  };
  const auto fast_open = [&] { return send(MSG_FASTOPEN, &address); };
  const auto to_an_address = [&] { return send(0, &address); };
  const auto to_its_peer = [&] { return send(0, nullptr); };  // has none, which the kernel itself says
  for (const auto& attempt : std::vector<std::function<int()>>{fast_open, to_an_address}) {
    EXPECT_EQ(keeper(attempt), kDenied);
    EXPECT_EQ(front(attempt), kDenied);
    EXPECT_EQ(checker(attempt), kDenied);
  }
  EXPECT_EQ(keeper(to_its_peer), kPassed);
  EXPECT_EQ(front(to_its_peer), kPassed);
  EXPECT_EQ(checker(to_its_peer), kPassed);
}

TEST_F(ProcessWalls, SG_I_PACK_TheKeeperOpensNoFileOutsideTheStateDirectory) {
  const base::Path inside = directory_.write("inside", "x");
  EXPECT_EQ(keeper([&] { return denied(can_open(inside, O_RDWR)); }), kPassed);
  EXPECT_EQ(keeper([&] { return denied(can_open(directory_ / "new", O_RDWR | O_CREAT)); }), kPassed);
  if (!has_landlock()) GTEST_SKIP() << "this kernel has no Landlock";
  const test::TempDir elsewhere;
  const base::Path outside = elsewhere.write("outside", "x");
  EXPECT_EQ(keeper([&] { return denied(can_open(outside, O_RDONLY)); }), kDenied);
  EXPECT_EQ(keeper([&] { return denied(can_open(elsewhere / "new", O_WRONLY | O_CREAT)); }), kDenied);
  EXPECT_EQ(keeper([] { return denied(can_open("/dev/urandom", O_RDONLY)); }), kPassed) << "SQLite's seed";
  EXPECT_EQ(keeper([] { return denied(can_open("/dev/urandom", O_RDWR)); }), kDenied);
  EXPECT_EQ(keeper([&] { return denied(can_open("/etc/passwd", O_RDONLY)); }), kDenied);
  EXPECT_EQ(keeper([&] { return denied(can_open("/proc/self/mem", O_RDWR)); }), kDenied);
  EXPECT_EQ(keeper([&] { return denied(can_open(directory_ / ".." / ".." / "etc" / "passwd", O_RDONLY)); }), kDenied);
}

// The kernel sends any signal to a descriptor's owner when asked to; kill(2) is not the only way.
TEST_F(ProcessWalls, SG_E_PACK_NoDescriptorGetsAnOwnerToSignal) {
  const auto owner = [] { return denied(::fcntl(0, F_SETOWN, ::getppid()) == 0); };
  const auto signal = [] { return denied(::fcntl(0, F_SETSIG, SIGKILL) == 0); };
  const auto async = [] { return denied(::fcntl(0, F_SETFL, O_ASYNC) == 0); };
  const auto nonblocking = [] { return denied(::fcntl(0, F_SETFL, ::fcntl(0, F_GETFL)) == 0); };
  for (const auto& attempt : std::vector<std::function<int()>>{owner, signal, async}) {
    EXPECT_EQ(keeper(attempt), kDenied);
    EXPECT_EQ(front(attempt), kDenied);
  }
  EXPECT_EQ(keeper(nonblocking), kPassed);
  EXPECT_EQ(front(nonblocking), kPassed);
}

TEST_F(ProcessWalls, SG_I_PACK_GraphsAreReadWithTheDaemonsRights) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root reads for another";
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0711), 0);
  const base::Path roots = directory_.write("shadow", "x");
  ASSERT_EQ(::chmod(roots.c_str(), 0600), 0);
  EXPECT_EQ(ends_with([&] {
              const FilesAs daemon(65534, 65534);
              return daemon.good() ? denied(can_open(roots, O_RDONLY)) : 1;
            }),
            kDenied);
  EXPECT_EQ(ends_with([&] {
              {
                const FilesAs daemon(65534, 65534);
              }
              return denied(can_open(roots, O_RDONLY));
            }),
            kPassed);
}

TEST_F(ProcessWalls, SG_I_PACK_TheFrontOpensNothingAnyMore) {
  const base::Path key = directory_.write("db.key", "x");
  EXPECT_EQ(front([&] { return denied(can_open(key, O_RDONLY)); }), kDenied);
  EXPECT_EQ(front([&] { return denied(can_open("/dev/null", O_RDONLY)); }), kDenied);
  EXPECT_EQ(front([] { return denied(::socket(AF_UNIX, SOCK_SEQPACKET, 0) >= 0); }), -SIGSYS);
  EXPECT_EQ(front([] { return denied(::execl("/bin/true", "true", nullptr) == 0); }), -SIGSYS);
  EXPECT_EQ(front([] { return denied(::kill(::getppid(), 0) == 0); }), kDenied);
  if (::geteuid() == 0) {
    EXPECT_EQ(front([] { return denied(::geteuid() == 0); }), kDenied);
    EXPECT_EQ(front([] { return denied(::setresuid(0, 0, 0) == 0); }), kDenied);
  }
}

}  // namespace
}  // namespace stargraph::packcli

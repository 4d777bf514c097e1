// The trust ceremony through the real program: roles, approvals, revocation, rotation, reload, and a person at a
// terminal.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>

#include <algorithm>
#include <cinttypes>
#include <functional>
#include <utility>

#include "integration/answer.hpp"
#include "integration/pack_trust.hpp"
#include "stargraph/base/sanitized.hpp"

namespace stargraph {
namespace {

using test::has;

TEST_F(PackTrust, RC_E_PACK_AVersionThatAsksForMoreWaitsForAnotherPerson) {
  build_wanting("1.1.0", 2, "more.sgpack");
  const CommandResult staged = run({"import", "more.sgpack"});
  ASSERT_EQ(staged.exit_code, 0) << staged.err;
  EXPECT_TRUE(has(staged.out, "! + capability runs:cancel")) << staged.out;
  const std::string request = request_of({"reload"});
  EXPECT_EQ(run({"reload"}).exit_code, 3);
  EXPECT_EQ(active_version(), "1.0.0");
  EXPECT_TRUE(has(run({"reload", "--approval", token(request, "publisher")}).err, "approval-invalid"));
  EXPECT_TRUE(has(run({"reload", "--approval", "rubbish"}).err, "approval-invalid"));
  const CommandResult done = run({"reload", "--approval", token(request)});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(active_version(), "1.1.0");
  EXPECT_TRUE(has(directory_.read("log/audit-00000001.jsonl"), "\"event\":\"approval.given\""));
}

TEST_F(PackTrust, AnApproverSeesWhatTheySign) {
  build_wanting("1.1.0", 2, "more.sgpack");
  ASSERT_EQ(run({"import", "more.sgpack"}).exit_code, 0);
  const std::string request = request_of({"reload"});
  directory_.write("request.json", request);
  const CommandResult shown = run({"approve", "request.json", "--key", "keys/approver.key.pem"});
  EXPECT_TRUE(has(shown.err, "runs:cancel")) << shown.err;
  EXPECT_TRUE(has(shown.err, "soc.policy")) << shown.err;
  EXPECT_EQ(run({"approve", request.substr(0, request.size() - 1), "--key", "keys/approver.key.pem"}).exit_code, 3);
}

TEST_F(PackTrust, RC_T_PACK_BelowTheFloorOnlyWithReasonAndApprover) {
  write_sources("newer", "soc.policy", "2.0.0");
  ASSERT_EQ(build("newer", "publisher", 5, "newer.sgpack").exit_code, 0);
  ASSERT_EQ(run({"import", "newer.sgpack", "--activate"}).exit_code, 0);
  EXPECT_TRUE(has(run({"activate", "soc.policy", "1.0.0"}).err, "epoch-below-floor"));
  const std::vector<std::string> back{"activate",      "soc.policy", "1.0.0",
                                      "--below-floor", "--reason",   "2.0.0 halts all"};
  std::vector<std::string> approved = back;
  approved.insert(approved.end(), {"--approval", token(request_of(back))});
  const CommandResult done = run(approved);
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(active_version(), "1.0.0");
  EXPECT_EQ(*run_json({"floors"}).object()->find("floors")->object()->find("soc.policy")->integer(), 5);
}

TEST_F(PackTrust, RC_S_PACK_RevocationTakesEffectAtImport) {
  build_governed("revocation", "revocations.yaml",
                 "format: stargraph.revocations.v1\nnumber: 1\nkeys:\n  - {key_id: \"" + key_id("publisher") +
                     "\", reason: stolen, date: 2026-01-01}\n",
                 1, "governor", "list.sgpack");
  const CommandResult dry = run({"import", "list.sgpack", "--dry-run"});
  EXPECT_TRUE(has(dry.out, "would be revoked, by list 1: 1 keys")) << dry.out << dry.err;
  EXPECT_EQ(active_version(), "1.0.0");
  ASSERT_EQ(run({"import", "list.sgpack"}).exit_code, 0);
  EXPECT_EQ(active_version(), "none");
  EXPECT_TRUE(has(run({"revocations"}).out, key_id("publisher")));
  EXPECT_TRUE(has(run({"list"}).out, "REVOKED (signer-revoked)"));
  write_sources("later", "soc.policy", "1.1.0");
  ASSERT_EQ(build("later", "publisher", 2, "later.sgpack").exit_code, 0);
  const CommandResult refused = run({"import", "later.sgpack"});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_TRUE(has(refused.err, "signer-revoked")) << refused.err;
}

TEST_F(PackTrust, RC_S_PACK_AStolenOldKeyAloneRotatesNothing) {
  build_governed("rotation", "rotation.yaml",
                 "format: stargraph.rotation.v1\nscope: soc.policy\nold_key: \"" + key_id("publisher") +
                     "\"\nnew_key: \"" + spki("next") + "\"\nreason: worn\n",
                 1, "publisher", "rotation.sgpack");
  const CommandResult alone = run({"import", "rotation.sgpack"});
  EXPECT_EQ(alone.exit_code, 3);
  EXPECT_TRUE(has(alone.err, "fingerprint-missing")) << alone.err;
  EXPECT_EQ(run({"import", "rotation.sgpack", "--fingerprint", fingerprint("publisher")}).exit_code, 3);
  ASSERT_EQ(run({"import", "rotation.sgpack", "--fingerprint", fingerprint("next")}).exit_code, 0);
  write_sources("later", "soc.policy", "1.1.0");
  ASSERT_EQ(build("later", "publisher", 2, "old.sgpack").exit_code, 0);
  EXPECT_TRUE(has(run({"import", "old.sgpack"}).err, "signer-mismatch"));
  ASSERT_EQ(build("later", "next", 2, "new.sgpack").exit_code, 0);
  EXPECT_EQ(run({"import", "new.sgpack"}).exit_code, 0);
}

TEST_F(PackTrust, RC_T_POLICY_APolicyTakesEffectAtImportAndOnlyGoesForwards) {
  const auto policy = [](const std::string& until, const std::string& from = "2020-01-01") {
    return "format: stargraph.policy.v1\nlabel: \"" + until + "\"\nmode: enforce\nnot_before: \"" + from +
           "T00:00:00Z\"\nnot_after: \"" + until +
           "-01-01T00:00:00Z\"\nsupersedes: null\n"
           "org_policy: {version: \"1\", allowed_permissions: [], allowed_models: {}, allow_legacy_unsigned: false, "
           "require_deterministic: false}\n"
           "governance: {version: 1, require_deterministic: false, max_external_dependencies: 0}\n"
           "roles: {operator: [\"runs:read\"]}\nassignments: {alice: [operator]}\n";
  };
  build_governed("policy", "policy.yaml", policy("9990"), 2, "governor", "two.sgpack");
  build_governed("policy", "policy.yaml", policy("9991"), 1, "governor", "one.sgpack");
  build_governed("policy", "policy.yaml", policy("2021"), 3, "governor", "past.sgpack");
  build_governed("policy", "policy.yaml", policy("9992", "9990-01-01"), 4, "governor", "future.sgpack");
  const CommandResult first = run({"import", "two.sgpack"});
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_TRUE(has(first.out, "imported, active")) << first.out;
  EXPECT_TRUE(has(run({"import", "one.sgpack"}).err, "policy-rollback"));
  EXPECT_TRUE(has(run({"import", "past.sgpack"}).err, "policy-expired"));
  const CommandResult later = run({"import", "future.sgpack"});
  EXPECT_EQ(later.exit_code, 0) << later.err;
  EXPECT_TRUE(has(later.out, "Staged")) << later.out;
  EXPECT_TRUE(has(run({"list"}).out, "* site.policy 2.0.0")) << "the one of today stays";
  EXPECT_TRUE(has(run({"activate", "site.policy"}).err, "policy-not-yet"));
}

// In profile cleared a policy that only warns is refused when it comes, not when its time has come.
TEST_F(PackTrust, RC_E_POLICY_APolicyThatOnlyWarnsIsNotEvenStagedWhereItIsObeyed) {
  build_governed(
      "policy", "policy.yaml",
      "format: stargraph.policy.v1\nlabel: \"soft\"\nmode: warn\nnot_before: \"9990-01-01T00:00:00Z\"\n"
      "not_after: \"9991-01-01T00:00:00Z\"\nsupersedes: null\n"
      "org_policy: {version: \"1\", allowed_permissions: [], allowed_models: {}, allow_legacy_unsigned: false, "
      "require_deterministic: false}\n"
      "governance: {version: 1, require_deterministic: false, max_external_dependencies: 0}\n"
      "roles: {operator: [\"runs:read\"]}\nassignments: {alice: [operator]}\n",
      1, "governor", "soft.sgpack");
  std::string config = directory_.read("stargraph.yaml");
  const std::string profile = "profile: oss-default";
  config.replace(config.find(profile), profile.size(), "profile: cleared\nside_effects: deny");
  directory_.write("stargraph.yaml", config);
  const CommandResult refused = run({"import", "soft.sgpack"});
  EXPECT_EQ(refused.exit_code, 5) << refused.out;
  EXPECT_TRUE(has(refused.err, "(policy-mode)")) << refused.err;
  EXPECT_FALSE(has(run({"list"}).out, "site.policy"));
}

TEST_F(PackTrust, RC_E_PACK_ASecondApproverTakesTheFirstOne) {
  const std::vector<std::string> second{"key",      "add", "keys/next.pub.pem", "--role",           "approver",
                                        "--holder", "Eve", "--fingerprint",     fingerprint("next")};
  EXPECT_EQ(run(second).exit_code, 3);
  std::vector<std::string> approved = second;
  approved.insert(approved.end(), {"--approval", token(request_of(second))});
  const CommandResult done = run(approved);
  EXPECT_EQ(done.exit_code, 0) << done.err;
}

TEST_F(PackTrust, ACountersignedPackIsCompleted) {
  ASSERT_EQ(add_key("next", "publisher", "Nell").exit_code, 0);
  write_sources("later", "soc.policy", "1.1.0");
  ASSERT_EQ(build("later", "publisher", 2, "later.sgpack").exit_code, 0);
  ASSERT_EQ(run({"import", "later.sgpack"}).exit_code, 0);
  ASSERT_EQ(run({"repin", "soc.policy", "--key", key_id("publisher"), "--key", key_id("next"), "--threshold", "2",
                 "--reason", "two pairs of eyes"})
                .exit_code,
            0);
  EXPECT_TRUE(has(run({"activate", "soc.policy"}).err, "threshold-not-met"));
  ASSERT_EQ(run({"sign", "later.sgpack", "--key", "keys/next.key.pem", "--out", "both.sgpack"}).exit_code, 0);
  const CommandResult again = run({"import", "both.sgpack"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_TRUE(has(again.out, "more signatures")) << again.out;
  EXPECT_EQ(run({"reload"}).exit_code, 0);
  EXPECT_EQ(active_version(), "1.1.0");
}

TEST_F(PackTrust, RC_E_POLICY_APublisherSignsNoRevocation) {
  build_governed("revocation", "revocations.yaml",
                 "format: stargraph.revocations.v1\nnumber: 1\nkeys:\n  - {key_id: \"" + key_id("governor") +
                     "\", reason: r, date: 2026-01-01}\n",
                 1, "publisher", "list.sgpack");
  const CommandResult refused = run({"import", "list.sgpack"});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_TRUE(has(refused.err, "role-mismatch")) << refused.err;
}

TEST_F(PackTrust, RepinAndThresholdThroughTheCommandLine) {
  EXPECT_EQ(run({"repin", "soc.policy", "--key", key_id("other"), "--reason", "r"}).exit_code, 1) << "not known";
  ASSERT_EQ(add_key("other", "publisher", "Hedy Lamarr").exit_code, 0);
  EXPECT_EQ(run({"repin", "soc.policy", "--key", key_id("other")}).exit_code, 2) << "a reason is needed";
  ASSERT_EQ(run({"repin", "soc.policy", "--key", key_id("publisher").substr(0, 12), "--key", key_id("other"),
                 "--threshold", "2", "--reason", "two pairs of eyes"})
                .exit_code,
            0);
  EXPECT_TRUE(has(run({"pins"}).out, "soc.policy  2 of"));
  EXPECT_EQ(run({"threshold", "soc.policy", "3"}).exit_code, 4);
  EXPECT_EQ(run({"threshold", "soc.policy", "1", "--reason", "one is ill"}).exit_code, 3);
  const std::vector<std::string> lower{"threshold", "soc.policy", "1", "--reason", "one is ill"};
  std::vector<std::string> approved = lower;
  approved.insert(approved.end(), {"--approval", token(request_of(lower))});
  EXPECT_EQ(run(approved).exit_code, 0);
  const std::string keys = run({"key", "list"}).out;
  for (const char* part : {"Grace Hopper", "governor", "Barbara Liskov", "approver", "Hedy Lamarr", "confirmed by"}) {
    EXPECT_TRUE(has(keys, part)) << part << keys;
  }
}

TEST_F(PackTrust, ReloadTellsADaemonAndSaysWhenThereIsNone) {
  EXPECT_EQ(run({"reload"}).exit_code, 0) << "nobody to tell";
  const CommandResult nobody = run({"reload", "--pid", "4194304"});
  EXPECT_EQ(nobody.exit_code, 6) << nobody.err;
  EXPECT_EQ(run({"reload", "--pid", "1"}).exit_code, 2);
}

// Two admins at once, over and over: one epoch is never given to two contents, and nobody breaks the list.
TEST_F(PackTrust, RC_T_PACK_TwoImportsAtOnceDoNotShareAnEpoch) {
  for (int round = 0; round < 4; ++round) {
    const int epoch = 2 + round;
    for (const char* name : {"left", "right"}) {
      write_sources(name, "soc.policy", "1." + std::to_string(epoch) + (name[0] == 'l' ? ".0" : ".1"));
      ASSERT_EQ(build(name, "publisher", epoch, std::string(name) + ".sgpack").exit_code, 0);
    }
    CommandResult left;
    CommandResult right;
    std::thread other([&] { left = run({"import", "left.sgpack"}); });
    right = run({"import", "right.sgpack"});
    other.join();
    const int done = (left.exit_code == 0 ? 1 : 0) + (right.exit_code == 0 ? 1 : 0);
    EXPECT_LE(done, 1) << left.out << right.out;
    // Whoever lost was told why: the epoch is taken, or the other was at work at that moment.
    for (const CommandResult* each : {&left, &right}) {
      if (each->exit_code == 0) continue;
      EXPECT_TRUE(has(each->err, "epoch-reused") || has(each->err, "busy") || has(each->err, "conflict") ||
                  has(each->err, "audit-unavailable"))
          << each->err;
    }
    EXPECT_EQ(run({"list"}).exit_code, 0) << "the list holds";
  }
}

// A daemon that is there and says nothing.
TEST_F(PackTrust, ReloadDoesNotWaitForEver) {
  const pid_t silent = ::fork();
  if (silent == 0) {
    ::signal(SIGHUP, SIG_IGN);
    while (true) ::pause();
  }
  const CommandResult result = run({"reload", "--pid", std::to_string(silent), "--timeout", "1"});
  ::kill(silent, SIGKILL);
  ::waitpid(silent, nullptr, 0);
  // The signal may have come before it was ignored; then the daemon has ended, which is told as well.
  EXPECT_EQ(result.exit_code, 6) << result.err;
}

// What the checker's process could do: nothing to the terminal, nothing with keys.
TEST_F(PackTrust, RC_E_PACK_WhatCannotBeTakenApartIsRefusedOnRecord) {
  directory_.write("bad.sgpack", "not a pack");
  const CommandResult refused = run({"import", "bad.sgpack"});
  EXPECT_EQ(refused.exit_code, 4);
  EXPECT_TRUE(has(refused.err, "not-a-pack")) << refused.err;
  EXPECT_TRUE(has(directory_.read("log/audit-00000001.jsonl"), "\"reason\":\"not-a-pack\""));
}

// --- a person at a terminal ---

// The program under a pseudo terminal; answers are typed when it asks.
class Terminal {
 public:
  struct Said {
    int exit_code = -1;
    std::string text;
    std::size_t asked = 0;
  };
  static Said run(
      const std::vector<std::string>& arguments, const std::string& directory, const std::vector<std::string>& answers,
      const std::function<void(pid_t)>& when_asked = [](pid_t) {}) {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT_TRUE(master >= 0 && ::grantpt(master) == 0 && ::unlockpt(master) == 0);
    const std::string slave = ::ptsname(master);
    const pid_t pid = ::fork();
    if (pid == 0) be(arguments, directory, slave);
    Said said;
    char buffer[512];
    // Reading fails with EIO once the program has closed its side.
    for (ssize_t got = 0; (got = ::read(master, buffer, sizeof buffer)) > 0;) {
      said.text.append(buffer, static_cast<std::size_t>(got));
      if (count(said.text) == said.asked) continue;
      const std::string answer = said.asked < answers.size() ? answers[said.asked] : "";
      ++said.asked;
      when_asked(pid);
      const std::string line = answer + "\n";
      EXPECT_EQ(::write(master, line.data(), line.size()), static_cast<ssize_t>(line.size()));
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    ::close(master);
    said.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return said;
  }

 private:
  static std::size_t count(const std::string& text) {
    std::size_t found = 0;
    for (std::size_t at = text.find("of 3]: "); at != std::string::npos; at = text.find("of 3]: ", at + 1)) ++found;
    return found;
  }
  [[noreturn]] static void be(const std::vector<std::string>& arguments, const std::string& directory,
                              const std::string& slave) {
    ::setsid();
    const int tty = ::open(slave.c_str(), O_RDWR);  // becomes the controlling terminal
    termios settings{};
    ::tcgetattr(tty, &settings);
    settings.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON);  // a long line is more than a line discipline takes
    ::tcsetattr(tty, TCSANOW, &settings);
    for (const int stream : {0, 1, 2}) ::dup2(tty, stream);
    if (::chdir(directory.c_str()) != 0) ::_exit(99);
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(99);
  }
};

class PackTerminal : public PackTrust {
 protected:
  Terminal::Said at_terminal(
      std::vector<std::string> arguments, const std::vector<std::string>& answers,
      const std::function<void(pid_t)>& when_asked = [](pid_t) {}) const {
    arguments.insert(arguments.begin(), {program(), "--config", (directory_ / "stargraph.yaml").string()});
    return Terminal::run(arguments, directory_.path().string(), answers, when_asked);
  }
  static std::string status_of(const std::string& pid, const std::string& field) {
    std::ifstream in("/proc/" + pid + "/status");
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with(field + ":\t")) return line.substr(field.size() + 2);
    }
    return "";
  }
  // What a process has open, as /proc shows it.
  static std::vector<std::string> open_files(const std::string& pid) {
    std::vector<std::string> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + pid + "/fd", error)) {
      files.push_back(std::filesystem::read_symlink(entry.path(), error).string());
    }
    return files;
  }
  // Whether a process can be looked into from here, and whether `text` is anywhere in its memory.
  static bool has_memory(const std::string& pid) { return std::ifstream("/proc/" + pid + "/mem").is_open(); }
  static bool holds(const std::string& pid, const std::string& text) {
    std::ifstream maps("/proc/" + pid + "/maps");
    const int memory = ::open(("/proc/" + pid + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
    bool found = false;
    for (std::string line; !found && std::getline(maps, line);) {
      std::uint64_t from = 0;
      std::uint64_t to = 0;
      if (line.find("[v") != std::string::npos || std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64, &from, &to) != 2) {
        continue;  // the kernel's own pages
      }
      std::string part(to - from, '\0');
      const ssize_t got = ::pread(memory, part.data(), part.size(), static_cast<off_t>(from));
      if (got > 0) found = has(part.substr(0, static_cast<std::size_t>(got)), text);
    }
    ::close(memory);
    return found;
  }
  std::string words(const std::string& key) const {
    return text(run_json({"fingerprint", "keys/" + key + ".pub.pem"}), "words");
  }
  // No part of a key's fingerprint that somebody could compare stands in `shown`.
  void shows_no_fingerprint(const std::string& shown, const std::string& key) const {
    const std::string hex = fingerprint(key);  // groups of four
    std::string packed = shown;
    std::erase(packed, ' ');
    std::string whole = hex;
    std::erase(whole, ' ');
    for (std::size_t at = 0; at + 16 <= whole.size(); at += 4) {
      EXPECT_FALSE(has(packed, whole.substr(at, 16))) << shown;
    }
    const std::string spoken = words(key);
    EXPECT_FALSE(has(shown, spoken.substr(0, 24))) << shown;
  }
  void build_stranger() const {
    write_sources("stranger", "net.flow", "1.0.0");
    ASSERT_EQ(build("stranger", "other", 1, "stranger.sgpack").exit_code, 0);
  }
};

TEST_F(PackTerminal, SG_S_PACK_ThreeWrongFingerprintsEndTheCeremony) {
  build_stranger();
  const Terminal::Said said =
      at_terminal({"import", "stranger.sgpack"}, {fingerprint("publisher"), "nonsense", words("next")});
  EXPECT_EQ(said.exit_code, 3) << said.text;
  EXPECT_EQ(said.asked, 3U) << said.text;
  EXPECT_TRUE(has(said.text, "fingerprint-mismatch")) << said.text;
  shows_no_fingerprint(said.text, "other");
  EXPECT_FALSE(has(run({"pins"}).out, "net.flow"));
}

// Looked at while a person is being asked: the process that took the pack apart, beside the one with the key.
TEST_F(PackTerminal, RC_E_PACK_ThePackIsLookedAtByAProcessWithNothingToLose) {
  if (SG_SANITIZED != 0) GTEST_SKIP() << "a sanitizer's build has no system-call filter";
  build_stranger();
  int checkers = 0;
  const auto look = [&](pid_t parent) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string pid = entry.path().filename().string();
      if (status_of(pid, "PPid") != std::to_string(parent)) continue;
      // Nobody waits for the rules jail before it is asked something.
      for (int i = 0; i < 500 && status_of(pid, "Seccomp") != "2"; ++i) ::usleep(10'000);
      EXPECT_EQ(status_of(pid, "Seccomp"), "2") << pid;
      EXPECT_EQ(status_of(pid, "NoNewPrivs"), "1") << pid;
      if (::geteuid() == 0 && status_of(pid, "Name") == "stargraph-jail") {
        EXPECT_EQ(status_of(pid, "Uid").substr(0, 6), "65534\t") << "the jail keeps nothing of root's";
        EXPECT_EQ(status_of(pid, "CapEff"), "0000000000000000");
      }
      const std::vector<std::string> files = open_files(pid);
      if (status_of(pid, "Name") != "stargraph-look") continue;
      ++checkers;
      if (::geteuid() == 0) {
        EXPECT_EQ(status_of(pid, "Uid").substr(0, 6), "65534\t");
      }
      for (const std::string& file : files) {
        EXPECT_TRUE(file == "/dev/null" || file.starts_with("socket:") || file == "anon_inode:[pidfd]") << file;
      }
    }
  };
  const Terminal::Said said = at_terminal({"import", "stranger.sgpack"}, {fingerprint("other")}, look);
  EXPECT_EQ(said.exit_code, 0) << said.text;
  EXPECT_EQ(checkers, 1);
}

// Both halves while a person is being asked. What the front has open and in its memory, and what the keeper has.
TEST_F(PackTerminal, SG_I_PACK_TheHalfThatTalksToAPersonHasNeitherKeyNorDatabase) {
  if (SG_SANITIZED != 0) GTEST_SKIP() << "a sanitizer's build has no system-call filter";
  build_stranger();
  const std::string key(32, 'k');  // as pack_cli.hpp made it
  int keepers = 0;
  const auto look = [&](pid_t front) {
    const std::string half = std::to_string(front);
    EXPECT_EQ(status_of(half, "Seccomp"), "2");
    EXPECT_EQ(status_of(half, "NoNewPrivs"), "1");
    if (::geteuid() == 0) {
      EXPECT_EQ(status_of(half, "Uid").substr(0, 6), "65534\t");
    }
    for (const std::string& file : open_files(half)) {
      EXPECT_FALSE(has(file, ".db") || has(file, "db.key")) << file;
    }
    const bool may_look = has_memory(half);
    if (may_look) {
      EXPECT_FALSE(holds(half, key)) << "the key is in the memory of the half that talks";
    } else {
      std::puts("[ NOT ROOT ] the memory of the two halves was not looked into");
    }
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string pid = entry.path().filename().string();
      if (status_of(pid, "PPid") != half || status_of(pid, "Name") != "stargraph-keep") continue;
      ++keepers;
      EXPECT_EQ(status_of(pid, "Seccomp"), "2");
      EXPECT_EQ(status_of(pid, "NSsid"), pid) << "a session of its own, without the terminal";
      int sockets = 0;
      for (const std::string& file : open_files(pid)) {
        sockets += file.starts_with("socket:") ? 1 : 0;
        EXPECT_FALSE(has(file, "db.key")) << "the key file stays open";
        EXPECT_TRUE(file.starts_with("socket:") || file == "/dev/null" || has(file, "/db/stargraph.db")) << file;
      }
      EXPECT_EQ(sockets, 1) << "its front's, and no other: trust.sock was opened later";
      if (may_look) {
        EXPECT_TRUE(holds(pid, key)) << "this test would find nothing";
      }
    }
  };
  const Terminal::Said said = at_terminal({"import", "stranger.sgpack"}, {fingerprint("other")}, look);
  EXPECT_EQ(said.exit_code, 0) << said.text;
  EXPECT_EQ(keepers, 1);
}

TEST_F(PackTerminal, WordsAtTheSecondTryAreFine) {
  build_stranger();
  const Terminal::Said said = at_terminal({"import", "stranger.sgpack"}, {fingerprint("publisher"), words("other")});
  EXPECT_EQ(said.exit_code, 0) << said.text;
  EXPECT_EQ(said.asked, 2U);
  EXPECT_TRUE(has(run({"pins"}).out, "net.flow"));
}

TEST_F(PackTerminal, RC_S_PACK_NoAnswerIsARefusal) {
  build_stranger();
  const Terminal::Said said = at_terminal({"import", "stranger.sgpack"}, {""});
  EXPECT_EQ(said.exit_code, 3);
  EXPECT_TRUE(has(said.text, "fingerprint-missing")) << said.text;
}

TEST_F(PackTerminal, SG_S_PACK_AGovernorsKeyIsConfirmedInPersonToo) {
  const std::vector<std::string> command{"key",      "add",      "keys/next.pub.pem", "--role",
                                         "governor", "--holder", "Katherine"};
  const Terminal::Said wrong = at_terminal(command, {"a", "b", "c"});
  EXPECT_EQ(wrong.exit_code, 3) << wrong.text;
  shows_no_fingerprint(wrong.text, "next");
  const Terminal::Said right = at_terminal(command, {fingerprint("next")});
  EXPECT_EQ(right.exit_code, 0) << right.text;
  EXPECT_TRUE(has(run({"pins"}).out, "1 of 2 governors"));
}

// While a person is asked, another importer puts something on record: the refusal that follows is on record all the
// same, and no signal ends the half that talks.
TEST_F(PackTerminal, SG_R_PACK_ARefusalIsOnRecordAlsoWhenAnotherImporterWasFaster) {
  build_stranger();
  write_sources("second", "soc.policy", "2.0.0");
  ASSERT_EQ(build("second", "publisher", 2, "second.sgpack").exit_code, 0);
  bool other_was_here = false;
  const auto other = [&](pid_t) {
    if (std::exchange(other_was_here, true)) return;
    const CommandResult imported = run({"import", "second.sgpack"});
    EXPECT_EQ(imported.exit_code, 0) << imported.err;
  };
  const Terminal::Said said = at_terminal({"import", "stranger.sgpack"}, {"a", "b", "c"}, other);
  EXPECT_EQ(said.exit_code, 3) << said.text;
  EXPECT_TRUE(has(said.text, "fingerprint-mismatch")) << said.text;
  const std::string log = directory_.read("log/audit-00000001.jsonl");
  EXPECT_TRUE(has(log, "\"reason\":\"fingerprint-mismatch\"")) << log;
  const Terminal::Said right = at_terminal({"import", "stranger.sgpack"}, {fingerprint("other")},
                                           [&](pid_t) { EXPECT_EQ(run({"retire", "soc.policy"}).exit_code, 0); });
  EXPECT_EQ(right.exit_code, 0) << right.text;
}

// The audit writer began anew meanwhile: nobody connects again, the command says so and stores nothing.
TEST_F(PackTerminal, SG_D_PACK_AnAuditWriterThatWasRestartedIsAnErrorAndNoSignal) {
  build_stranger();
  const auto restart = [&](pid_t) {
    const crypto::Secret key = crypto::Secret::copy(audit_->key_pem().view());
    audit_.reset();
    std::filesystem::remove(directory_ / "trust.sock");
    audit_ = std::make_unique<AuditWriter>(directory_.path(), directory_ / "trust.sock", &key);
  };
  const Terminal::Said right = at_terminal({"import", "stranger.sgpack"}, {fingerprint("other")}, restart);
  EXPECT_EQ(right.exit_code, 6) << right.text;
  EXPECT_TRUE(has(right.text, "audit-unavailable")) << right.text;
  EXPECT_FALSE(has(run({"pins"}).out, "net.flow"));
  const Terminal::Said wrong = at_terminal({"import", "stranger.sgpack"}, {"a"}, restart);
  EXPECT_EQ(wrong.exit_code, 3) << wrong.text;
}

}  // namespace
}  // namespace stargraph

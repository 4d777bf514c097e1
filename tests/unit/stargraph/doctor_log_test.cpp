// What the log tells stargraph doctor: FIPS, clock, reviews of keys, export.
#include "unit/stargraph/made_up_machine.hpp"

namespace stargraph::cli {
namespace {

TEST_F(Doctor, SeesKeysThatSomebodyShouldHaveLookedAtAgain) {
  const auto confirm = [](const std::string& key, const std::string& date) {
    return R"({"data":{"key_id":")" + key + R"(")" + (date.empty() ? "" : R"(,"review_by":")" + date + R"(")") +
           R"(},"event":"trust.key_added"})" + "\n";
  };
  EXPECT_EQ(state("key-reviews"), WallState::kHeld);
  const std::string past = "2020-01-01T00:00:00Z";
  write("/var/log/stargraph/audit-000002.jsonl", confirm("aa", past) + confirm("bb", "2999-01-01T00:00:00Z"));
  EXPECT_EQ(state("key-reviews"), WallState::kAbsent);
  EXPECT_NE(detail("key-reviews").find("aa"), std::string::npos);
  EXPECT_EQ(detail("key-reviews").find("bb"), std::string::npos);
  write("/var/log/stargraph/audit-000003.jsonl", confirm("aa", "2999-01-01T00:00:00Z"));  // confirmed again
  EXPECT_EQ(state("key-reviews"), WallState::kHeld);
  write("/var/log/stargraph/audit-000004.jsonl",
        confirm("aa", past) + R"({"data":{"revoked":[{"key_id":"aa"}]},"event":"trust.revoked"})" + "\n");
  EXPECT_EQ(state("key-reviews"), WallState::kHeld);
}

// What a client sends may quote an entry; it is none.
TEST_F(Doctor, RC_S_AUDIT_TakesNoEntryFromInsideAnother) {
  write(
      "/var/log/stargraph/audit-000002.jsonl",
      R"({"data":{"fips":false,"fips_module":""},"event":"daemon.started"})"
      "\n"
      R"({"data":{"note":{"data":{"fips":true},"event":"daemon.started"}},"event":"run.created"})"
      "\n"
      R"({"data":{"x":{"data":{"key_id":"aa","review_by":"2020-01-01T00:00:00Z"},"event":"trust.key_added"}},"event":"request"})"
      "\n");
  EXPECT_EQ(state("fips"), WallState::kAbsent);
  EXPECT_EQ(state("key-reviews"), WallState::kHeld);
}

TEST_F(Doctor, RC_R_AUDIT_SaysNothingOfKeysWhereALogCannotBeRead) {
  EXPECT_EQ(state("key-reviews"), WallState::kHeld);
  folder("/var/log/stargraph/audit-000000.jsonl");  // has a size, and fails to be read
  EXPECT_EQ(state("key-reviews"), WallState::kUnseen);
  EXPECT_NE(detail("key-reviews").find("audit-000000.jsonl"), std::string::npos) << detail("key-reviews");
}

TEST_F(Doctor, NamesTheFipsModuleAndItsVersionAndThatAModeIsNoValidation) {
  EXPECT_NE(detail("fips").find("OpenSSL FIPS Provider, version 3.5.7"), std::string::npos);
  EXPECT_NE(detail("fips").find("not a validation"), std::string::npos);
  EXPECT_NE(detail("fips").find("2 iterations of PBKDF2"), std::string::npos);
}

TEST_F(Doctor, SeesALogThatNobodyCarriedOutForAWeek) {
  EXPECT_EQ(state("export"), WallState::kHeld);
  skew_ = std::chrono::days(9);
  EXPECT_EQ(state("export"), WallState::kAbsent);
  fs::remove(at("/var/lib/stargraph-checkpoints/exported"));
  EXPECT_EQ(state("export"), WallState::kAbsent);
}

TEST_F(Doctor, TakesFipsFromTheLastStartInTheLogAndDoesNotNeedIt) {
  EXPECT_EQ(state("fips"), WallState::kHeld);
  write("/var/log/stargraph/audit-000002.jsonl",
        "{\"data\":{\"fips\":false},\"event\":\"daemon.started\",\"ts\":\"2020-01-01T00:00:00.000000Z\"}\n");
  EXPECT_EQ(state("fips"), WallState::kAbsent);
  EXPECT_EQ(doctor_exit_code(look()), base::kExitDone);
}

std::string entry_of(base::Timestamp time) {
  return R"({"event":"run.created","ts":")" + base::format_rfc3339(time) + "\"}\n";
}
base::Timestamp at_present() { return base::real_env().now(); }

// Whoever copies or touches a log sets when it was written; when its last entry was made is in the chain.
TEST_F(Doctor, RC_T_AUDIT_TakesTheTimeOfTheLastEntryForTheLogsAndNotThatOfTheFile) {
  const std::string segment = "/var/log/stargraph/audit-000002.jsonl";
  write(segment, entry_of(at_present() + std::chrono::years(4)));
  fs::last_write_time(at(segment), fs::file_time_type::clock::now() - std::chrono::days(30));
  EXPECT_EQ(state("clock"), WallState::kAbsent);
  EXPECT_EQ(doctor_exit_code(look()), base::kExitFailed);
  write(segment, entry_of(at_present() - std::chrono::days(1)));
  fs::last_write_time(at(segment), fs::file_time_type::clock::now() + std::chrono::days(30));
  EXPECT_EQ(state("clock"), WallState::kHeld);
}

TEST_F(Doctor, SeesAClockBehindTheLogButIsNotMisledByALogThatIsWrittenWhileItLooks) {
  write("/var/log/stargraph/audit-000002.jsonl", entry_of(at_present()) + R"({"ts":"2999-01-)");
  write("/var/log/stargraph/audit-000003.jsonl", "");  // begun, and nothing in it yet
  skew_ = -std::chrono::hours(1);
  EXPECT_EQ(state("clock"), WallState::kAbsent);
  skew_ = -std::chrono::seconds(10);
  EXPECT_EQ(state("clock"), WallState::kHeld);
}

TEST_F(Doctor, SaysNothingOfTheClockWhenTheLastEntryHasNoTime) {
  for (const char* line : {"{\"event\":\"x\"}\n", "no entry\n", "{\"ts\":\"soon\"}\n", "{\"ts\":\"2020"}) {
    write("/var/log/stargraph/audit-000002.jsonl", line);
    EXPECT_EQ(state("clock"), WallState::kUnseen) << line;
  }
}

// As the checkpoint's find -mtime -7: a warning in the journal and a held wall would contradict each other.
TEST_F(Doctor, SeesAnExportOfMoreThanSevenDaysThoughItIsNotYetEight) {
  skew_ = std::chrono::days(7) - std::chrono::hours(1);
  EXPECT_EQ(state("export"), WallState::kHeld);
  skew_ = std::chrono::days(7) + std::chrono::hours(22);
  EXPECT_EQ(state("export"), WallState::kAbsent);
}

TEST_F(Doctor, BelievesNoExportOfTheFuture) {
  fs::last_write_time(at("/var/lib/stargraph-checkpoints/exported"),
                      fs::file_time_type::clock::now() + std::chrono::days(300));
  EXPECT_EQ(state("export"), WallState::kAbsent);
}

TEST_F(Doctor, LooksAtTheLogWhereTheConfigurationSaysItIs) {
  write("/etc/stargraph/stargraph.yaml", "audit:\n  log_directory: /srv/log\n", 0640);
  write("/srv/log/audit-000001.jsonl", entry_of(at_present() + std::chrono::days(300)));
  ASSERT_EQ(::chmod(at("/srv/log").c_str(), 0700), 0);
  env_->give("/srv/log", 989, 988);
  EXPECT_EQ(state("clock"), WallState::kAbsent);
  EXPECT_EQ(state("files./srv/log"), WallState::kHeld);
}

}  // namespace
}  // namespace stargraph::cli

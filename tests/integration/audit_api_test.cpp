// The audit log over HTTP from the real programs: whole segments that verify elsewhere, a tenant's own lines and no
// others, checkpoints and proofs that hold, and a daemon that can only read.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "integration/answer.hpp"
#include "integration/appliance.hpp"
#include "stargraph/audit/checkpoint.hpp"
#include "stargraph/audit/client.hpp"
#include "stargraph/crypto/fips.hpp"
#include "stargraph/json/parse.hpp"

namespace stargraph::test {
namespace {

const std::filesystem::path kPrograms = STARGRAPH_PROGRAMS;

// What curl() gives without the line break and status behind it.
std::string body_of(const CommandResult& reply) { return reply.out.substr(0, reply.out.size() - 4); }

json::Object object_of(const std::string& text) {
  const auto value = json::parse(text, {.max_bytes = 1U << 24U, .max_depth = 32});
  EXPECT_TRUE(value.has_value() && value->object() != nullptr) << text.substr(0, 200);
  return value && value->object() != nullptr ? *value->object() : json::Object();
}
std::int64_t number(const json::Object& object, const char* name) {
  const json::Value* const value = object.find(name);
  return value != nullptr && value->integer() != nullptr ? *value->integer() : -1;
}
std::vector<std::string> texts(const json::Object& object, const char* name) {
  std::vector<std::string> found;
  const json::Value* const value = object.find(name);
  if (value == nullptr || value->array() == nullptr) return found;
  for (const json::Value& item : *value->array()) found.push_back(*item.string());
  return found;
}

// One appliance for all tests of this file; it has runs of two tenants.
class AuditApi : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_TRUE(crypto::initialise(crypto::FipsMode::kOff));
    Appliance::Options options;
    options.roles = "  auditor: [\"audit:read\"]\n  inspector: [\"audit:site\"]\n";
    options.principals = {{"alpha-auditor", "alpha", "auditor"},
                          {"beta-auditor", "beta", "auditor"},
                          {"idle-auditor", "idle", "auditor"},
                          {"inspector", "alpha", "inspector"}};
    box_ = new Appliance(kPrograms, options);
    for (int i = 0; i < 20; ++i) {
      const char* const who = i % 2 == 0 ? "operator" : "neighbour";
      EXPECT_EQ(status_of(box().post(who, "/v1/runs", R"({"graph_id":"graph:hello"})")), "202");
    }
  }
  static void TearDownTestSuite() {
    EXPECT_EQ(box_->stop(), 0) << box_->daemon_log();
    delete box_;
    box_ = nullptr;
  }
  static Appliance& box() { return *box_; }
  static CommandResult get(const std::string& who, const std::string& path) { return box().curl(who, {path}); }
  // All lines that this auditor is shown, `limit` at a time.
  static std::vector<std::string> lines_of(const std::string& who, int limit) {
    std::vector<std::string> lines;
    std::string where;
    for (int i = 0; i < 500; ++i) {
      const CommandResult reply = get(who, "/v1/audit/entries?limit=" + std::to_string(limit) + where);
      EXPECT_EQ(status_of(reply), "200") << reply.out;
      const json::Object page = object_of(body_of(reply));
      const std::vector<std::string> more = texts(page, "lines");
      lines.insert(lines.end(), more.begin(), more.end());
      where = "&after=" + std::to_string(number(page, "after")) + "&cursor=" + member(reply.out, "cursor");
      if (more.size() < static_cast<std::size_t>(limit) && !has(reply.out, "\"more\":true")) return lines;
    }
    ADD_FAILURE() << "no end";
    return lines;
  }
  static crypto::PublicKey key() {
    const auto pem = base::real_env().read_file(box().path("audit.pub.pem"), 4096);
    return *crypto::PublicKey::from_pem(base::as_text(*pem));
  }
  struct Signed {
    audit::Entry entry;
    audit::Checkpoint checkpoint;
  };
  // The last checkpoint, its signature checked.
  static Signed checkpoint() {
    const CommandResult reply = get("alpha-auditor", "/v1/audit/checkpoint");
    EXPECT_EQ(status_of(reply), "200") << reply.out;
    std::string line = body_of(reply);
    EXPECT_TRUE(line.ends_with('\n'));
    line.pop_back();
    auto entry = audit::decode_entry(line);
    EXPECT_TRUE(entry.has_value());
    EXPECT_TRUE(audit::verify_line_signature(line, *entry, key()));
    auto stated = audit::decode_checkpoint(entry->event.data);
    EXPECT_TRUE(stated.has_value());
    return {*entry, *stated};
  }
  static std::vector<crypto::Digest> path_of(const CommandResult& reply) {
    std::vector<crypto::Digest> path;
    for (const std::string& hex : texts(object_of(body_of(reply)), "path"))
      path.push_back(*crypto::Digest::from_hex(hex));
    return path;
  }

 private:
  static inline Appliance* box_ = nullptr;
};

TEST_F(AuditApi, RC_R_AUDIT_WhatIsDownloadedVerifiesElsewhere) {
  const json::Object shape = object_of(body_of(get("inspector", "/v1/audit/segments")));
  EXPECT_EQ(number(shape, "first_segment"), 1);
  EXPECT_EQ(number(shape, "last_segment"), 1);
  std::string copy;
  for (int i = 0; i < 1000; ++i) {
    const CommandResult page =
        get("inspector", "/v1/audit/segments/1?limit=5000&offset=" + std::to_string(copy.size()));
    ASSERT_EQ(status_of(page), "200") << page.out;
    const std::string bytes = body_of(page);
    if (bytes.empty()) break;
    EXPECT_LE(bytes.size(), 5000U);
    copy += bytes;
    if (copy.size() > 30'000) break;  // each page asked for makes the log longer
  }
  copy.resize(copy.rfind('\n') + 1);
  const auto original = base::real_env().read_file(box().path("log/audit-00000001.jsonl"), 1U << 26U);
  ASSERT_TRUE(original.has_value());
  EXPECT_TRUE(base::as_text(*original).starts_with(copy));
  const std::string file = box().path("audit-00000001.jsonl");
  std::ofstream(file, std::ios::binary) << copy;
  const CommandResult verified =
      run_command({(kPrograms / "stargraph-audit").string(), "verify", file, "--pubkey", box().path("audit.pub.pem")});
  EXPECT_TRUE(verified.ok()) << verified.out << verified.err;
}

TEST_F(AuditApi, RC_I_AUDIT_AnAuditorSeesTheOwnTenantAndNobodyElse) {
  for (const auto& [who, tenant, other] :
       {std::tuple("alpha-auditor", "alpha", "beta"), std::tuple("beta-auditor", "beta", "alpha")}) {
    const std::vector<std::string> lines = lines_of(who, 10);
    ASSERT_GT(lines.size(), 30U);
    std::int64_t expected = 0;
    crypto::Digest previous;
    for (const std::string& line : lines) {
      const auto entry = audit::decode_entry(line);
      ASSERT_TRUE(entry.has_value()) << line;
      EXPECT_EQ(entry->event.tenant.str(), tenant);
      // The tenant's own chain: none is left out, none is another's.
      EXPECT_EQ(entry->tenant_seq.value(), ++expected);
      if (expected > 1) {
        EXPECT_EQ(entry->tenant_previous_hash, previous);
      }
      previous = entry->entry_hash;
      EXPECT_FALSE(has(line, std::string("\"tenant\":\"") + other + "\""));
    }
  }
  // A tenant without runs has what its auditor did, nothing more.
  for (const std::string& line : lines_of("idle-auditor", 100)) {
    EXPECT_EQ(audit::decode_entry(line)->event.actor.str(), "idle-auditor");
  }
}

TEST_F(AuditApi, RC_E_AUDIT_TheOwnTenantsAuditorDoesNotReadTheSite) {
  for (const char* path : {"/v1/audit/segments", "/v1/audit/segments/1"}) {
    EXPECT_EQ(status_of(get("alpha-auditor", path)), "403") << path;
    EXPECT_EQ(status_of(get("operator", path)), "403") << path;
    EXPECT_EQ(status_of(get("stranger", path)), "401") << path;
  }
  for (const char* path :
       {"/v1/audit/entries", "/v1/audit/checkpoint", "/v1/audit/proof?seq=1", "/v1/audit/consistency?from=1"}) {
    EXPECT_EQ(status_of(get("operator", path)), "403") << path;
    EXPECT_EQ(status_of(get("viewer", path)), "403") << path;
  }
}

TEST_F(AuditApi, RC_D_AUDIT_ImpossibleQuestionsAreRefused) {
  for (const char* path : {"/v1/audit/segments/0", "/v1/audit/segments/2", "/v1/audit/segments/4294967296",
                           "/v1/audit/segments/01", "/v1/audit/segments/-1", "/v1/audit/segments/x"}) {
    EXPECT_EQ(status_of(get("inspector", path)), "404") << path;
  }
  for (const char* path :
       {"/v1/audit/segments/1?limit=0", "/v1/audit/segments/1?limit=1048577", "/v1/audit/segments/1?offset=-1",
        "/v1/audit/segments/1?offset=99999999999999999999", "/v1/audit/segments?from=0", "/v1/audit/segments?all=1"}) {
    EXPECT_EQ(status_of(get("inspector", path)), "400") << path;
  }
  for (const char* path : {"/v1/audit/entries?limit=1001", "/v1/audit/entries?after=-1", "/v1/audit/entries?cursor=x",
                           "/v1/audit/entries?cursor=1-01", "/v1/audit/entries?tenant=beta", "/v1/audit/proof",
                           "/v1/audit/proof?seq=0", "/v1/audit/consistency", "/v1/audit/consistency?from=0"}) {
    EXPECT_EQ(status_of(get("alpha-auditor", path)), "400") << path;
  }
  for (const char* path :
       {"/v1/audit/entries?cursor=2-0", "/v1/audit/entries?cursor=1-999999999", "/v1/audit/proof?seq=999999999",
        "/v1/audit/proof?seq=1&size=999999999", "/v1/audit/proof?seq=9&size=8", "/v1/audit/consistency?from=999999999",
        "/v1/audit/consistency?from=1&to=999999999"}) {
    EXPECT_EQ(status_of(get("alpha-auditor", path)), "404") << path;
  }
}

TEST_F(AuditApi, RC_T_AUDIT_ProofsHoldAgainstTheSignedCheckpoint) {
  Signed last = checkpoint();
  // What the fixture did is covered within a second of it.
  for (int i = 0; i < 400 && last.checkpoint.size <= 60; ++i) last = checkpoint();
  const std::uint64_t size = last.checkpoint.size;
  ASSERT_GT(size, 60U);
  for (const std::string& line : lines_of("alpha-auditor", 1000)) {
    const auto entry = audit::decode_entry(line);
    const auto seq = static_cast<std::uint64_t>(entry->seq.value());
    if (seq > size || seq % 10 != 0) continue;
    const CommandResult reply =
        get("alpha-auditor", "/v1/audit/proof?seq=" + std::to_string(seq) + "&size=" + std::to_string(size));
    ASSERT_EQ(status_of(reply), "200") << reply.out;
    const crypto::Digest leaf = crypto::merkle_leaf(entry->entry_hash.bytes());
    EXPECT_TRUE(crypto::verify_inclusion(leaf, seq - 1, size, path_of(reply), last.checkpoint.root)) << seq;
    EXPECT_FALSE(crypto::verify_inclusion(leaf, seq, size, path_of(reply), last.checkpoint.root)) << seq;
  }
}

TEST_F(AuditApi, RC_T_AUDIT_ALaterCheckpointContinuesAnEarlierOne) {
  const Signed before = checkpoint();
  Signed after = before;
  for (int i = 0; i < 200 && after.checkpoint.size <= before.checkpoint.size; ++i) after = checkpoint();
  ASSERT_GT(after.checkpoint.size, before.checkpoint.size);
  const CommandResult reply =
      get("alpha-auditor", "/v1/audit/consistency?from=" + std::to_string(before.checkpoint.size) +
                               "&to=" + std::to_string(after.checkpoint.size));
  ASSERT_EQ(status_of(reply), "200") << reply.out;
  EXPECT_TRUE(crypto::verify_consistency(before.checkpoint.size, before.checkpoint.root, after.checkpoint.size,
                                         after.checkpoint.root, path_of(reply)));
  EXPECT_FALSE(crypto::verify_consistency(before.checkpoint.size, after.checkpoint.root, after.checkpoint.size,
                                          after.checkpoint.root, path_of(reply)));
}

// What the audit writer hands to the daemon, taken by a program in the daemon's place.
TEST(AuditParts, RC_T_AUDIT_TheDaemonsDescriptorsOnlyRead) {
  Appliance::Options options;
  options.start = false;
  Appliance box(kPrograms, options);
  box.start_auditd();
  const auto pem = base::real_env().read_file(box.path("audit.pub.pem"), 4096);
  const auto audit_key = crypto::PublicKey::from_pem(base::as_text(*pem));
  ASSERT_TRUE(audit_key.has_value());
  auto client =
      audit::Client::connect(box.path("entries.sock"), audit::Source::kDaemon, *audit_key, std::chrono::seconds(30));
  ASSERT_TRUE(client.has_value()) << client.error().message;
  for (const audit::LogPart part : {audit::LogPart::kSegment, audit::LogPart::kTree}) {
    const auto opened = (*client)->open_part(part, part == audit::LogPart::kSegment ? 1 : 0, std::chrono::seconds(30));
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    const int file = opened->file.get();
    char byte = 0;
    EXPECT_EQ(::pread(file, &byte, 1, 0), 1);
    errno = 0;
    EXPECT_EQ(::write(file, "x", 1), -1);
    EXPECT_EQ(errno, EBADF);
    errno = 0;
    EXPECT_EQ(::pwrite(file, "x", 1, 0), -1);
    EXPECT_EQ(errno, EBADF);
    EXPECT_NE(::ftruncate(file, 0), 0);
    EXPECT_EQ(::fcntl(file, F_GETFL) & O_ACCMODE, O_RDONLY);
  }
  EXPECT_FALSE((*client)->open_part(audit::LogPart::kSegment, 7, std::chrono::seconds(30)).has_value());
  EXPECT_TRUE((*client)->open_part(audit::LogPart::kSegment, 1, std::chrono::seconds(30)).has_value());  // it goes on
}

// The operator's program over the same routes, against the same daemon.
class AuditCommands : public AuditApi {
 protected:
  static CommandResult audit(const std::string& who, std::vector<std::string> arguments, bool with_key = true) {
    std::vector<std::string> argv{
        (kPrograms / "stargraph").string(), "--url", box().url(""),        "--cert", box().path(who + ".pem"), "--key",
        box().path(who + ".key"),           "--ca",  box().path("ca.pem"), "audit"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    if (with_key) argv.insert(argv.end(), {"--pubkey", box().path("audit.pub.pem")});
    return run_command(argv);
  }
  static CommandResult auditor(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), (kPrograms / "stargraph-audit").string());
    arguments.insert(arguments.end(), {"--pubkey", box().path("audit.pub.pem")});
    return run_command(arguments);
  }
};

TEST_F(AuditCommands, EntriesAreTheTenantsOwnAndProven) {
  // From here on a checkpoint covers the lines that are compared below; before, they may be shown as unsigned once.
  ASSERT_EQ(audit("alpha-auditor", {"proof", "--entry", "8"}).exit_code, 0);
  const CommandResult all = audit("alpha-auditor", {"entries"});
  ASSERT_EQ(all.exit_code, 0) << all.err;
  EXPECT_NE(all.err.find("of them under checkpoint"), std::string::npos) << all.err;
  std::istringstream lines(all.out);
  std::int64_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    // This very request's entries may be too young for a checkpoint; they say so.
    if (line.starts_with("unsigned: ")) line.erase(0, 10);
    const auto entry = audit::decode_entry(line);
    ASSERT_TRUE(entry.has_value()) << line;
    EXPECT_EQ(entry->event.tenant.str(), "alpha");
    EXPECT_EQ(entry->tenant_seq.value(), count + 1);
  }
  EXPECT_GT(count, 20);
  const CommandResult some = audit("alpha-auditor", {"entries", "--after", "5", "--limit", "3"});
  ASSERT_EQ(some.exit_code, 0) << some.err;
  EXPECT_EQ(std::ranges::count(some.out, '\n'), 3);
  EXPECT_NE(all.out.find(some.out), std::string::npos);
}

TEST_F(AuditCommands, ProofsGoOnToTheAuditorsProgram) {
  const CommandResult proof = audit("alpha-auditor", {"proof", "--entry", "4"});
  ASSERT_EQ(proof.exit_code, 0) << proof.err;
  std::ofstream(box().path("proof.json")) << proof.out;
  const CommandResult checked = auditor({"verify-proof", box().path("proof.json")});
  EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.err;
  const CommandResult note = audit("alpha-auditor", {"checkpoint"});
  ASSERT_EQ(note.exit_code, 0) << note.err;
  std::ofstream(box().path("note.jsonl")) << note.out;
  const CommandResult grown = audit("alpha-auditor", {"consistency", "--from", box().path("note.jsonl")});
  ASSERT_EQ(grown.exit_code, 0) << grown.err;
  std::ofstream(box().path("grown.json")) << grown.out;
  EXPECT_EQ(auditor({"verify-proof", box().path("grown.json")}).exit_code, 0);
}

TEST_F(AuditCommands, AProofAskedForTooSoonWaitsForItsCheckpoint) {
  for (int i = 0; i < 5; ++i) {
    const CommandResult all = audit("beta-auditor", {"entries"});
    ASSERT_EQ(all.exit_code, 0) << all.err;
    const std::string next = std::to_string(std::ranges::count(all.out, '\n') + 1);
    ASSERT_EQ(status_of(box().post("neighbour", "/v1/runs", R"({"graph_id":"graph:hello"})")), "202");
    const CommandResult proof = audit("beta-auditor", {"proof", "--entry", next});
    ASSERT_EQ(proof.exit_code, 0) << proof.err;
  }
}

TEST_F(AuditCommands, SegmentsAreCopiedAndVerified) {
  const CommandResult listed = audit("inspector", {"segments"}, false);
  ASSERT_EQ(listed.exit_code, 0) << listed.err;
  EXPECT_NE(listed.out.find("audit-00000001.jsonl"), std::string::npos);
  const std::string target = box().path("carried");
  const CommandResult copied = audit("inspector", {"segments", "--to", target});
  ASSERT_EQ(copied.exit_code, 0) << copied.err;
  EXPECT_NE(copied.out.find("entries verify"), std::string::npos);
  EXPECT_EQ(auditor({"verify", target}).exit_code, 0);
  EXPECT_EQ(audit("inspector", {"segments", "--to", target}).exit_code, base::reason(base::Code::kConflict).exit_code)
      << "nothing is written over";
}

TEST_F(AuditCommands, RC_S_AUDIT_NothingIsShownUnderAnotherKey) {
  const auto other = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519)->public_key().pem();
  std::ofstream(box().path("other.pub.pem")) << other;
  for (const std::vector<std::string>& verb :
       {std::vector<std::string>{"entries"}, {"checkpoint"}, {"proof", "--entry", "4"}}) {
    std::vector<std::string> arguments = verb;
    arguments.insert(arguments.end(), {"--pubkey", box().path("other.pub.pem")});
    const CommandResult refused = audit("alpha-auditor", arguments, false);
    EXPECT_EQ(refused.exit_code, base::kExitIntegrity) << verb.front() << refused.err;
    EXPECT_EQ(refused.out, "") << verb.front();
  }
  EXPECT_EQ(audit("alpha-auditor", {"entries"}, false).exit_code, base::kExitUsage) << "a key is not optional";
}

}  // namespace
}  // namespace stargraph::test

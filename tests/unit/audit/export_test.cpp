// Exported slices: what each proves, and every way to take something out of one or put something in.
#include "stargraph/audit/export.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "unit/audit/saved_log.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using test::audit_public_key;
using test::rehashed;
using test::SavedLog;

using Lines = std::vector<std::string>;

Lines export_of(SavedLog& log, const ExportRequest& request, ExportSummary* summary = nullptr) {
  Lines lines;
  const auto made = export_log(log.paths(), audit_public_key(), request, [&lines](std::string_view line) {
    lines.emplace_back(line);
    return base::Result<>();
  });
  EXPECT_TRUE(made.has_value()) << made.error().message;
  if (made && summary != nullptr) *summary = *made;
  return lines;
}

ExportReport check(const Lines& lines, const crypto::PublicKey& key = audit_public_key()) {
  ExportVerifier verifier(key);
  for (const std::string& line : lines) {
    if (!verifier.line(line)) break;
  }
  return verifier.finish();
}

// "GAP 7", or "good".
std::string said(const Lines& lines, const crypto::PublicKey& key = audit_public_key()) {
  const ExportReport report = check(lines, key);
  if (report.good()) return "good";
  return std::string(base::reason(report.bad->code).name) + " " + std::to_string(report.bad->line);
}

ExportRequest of_tenant(std::string tenant, std::int64_t from = 1) {
  return {.tenant = base::TenantId(std::move(tenant)), .from = TenantSeq(from), .run = {}, .complete = false};
}
ExportRequest of_run(bool complete) {
  return {.tenant = {}, .from = TenantSeq(1), .run = test::kSavedRun, .complete = complete};
}

// The log, and the three kinds of slices of it.
class Slices : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    log_ = new SavedLog;
    save_for_the_oracle();
    tenant_ = new Lines(export_of(*log_, of_tenant("soc")));
    run_ = new Lines(export_of(*log_, of_run(false)));
    span_ = new Lines(export_of(*log_, of_run(true)));
  }
  // tests/oracle/export_test.py asks for the log with STARGRAPH_SLICES_DIR and holds the second verifier against it.
  static void save_for_the_oracle() {
    const char* const kept = std::getenv("STARGRAPH_SLICES_DIR");
    if (kept == nullptr) return;
    const std::filesystem::path directory(kept);
    SavedLog other(200, 40'000, 1);
    std::filesystem::copy(log_->path(), directory / "log");
    std::filesystem::copy(other.path(), directory / "other");
    std::ofstream(directory / "audit.pub.pem") << audit_public_key().pem();
  }
  static void TearDownTestSuite() {
    delete log_;
    delete tenant_;
    delete run_;
    delete span_;
  }

  inline static SavedLog* log_ = nullptr;
  inline static Lines* tenant_ = nullptr;
  inline static Lines* run_ = nullptr;
  inline static Lines* span_ = nullptr;
};

TEST_F(Slices, ATenantsSliceIsItsWholeChainToTheLastCheckpoint) {
  std::size_t of_soc = 0;
  for (const std::string& line : log_->lines())
    of_soc += line.find("\"tenant\":\"soc\"") != std::string::npos ? 1U : 0U;
  ASSERT_EQ(tenant_->size(), of_soc + 1);
  const ExportReport report = check(*tenant_);
  ASSERT_TRUE(report.good()) << report.bad->detail;
  EXPECT_TRUE(report.whole_log_named);
  EXPECT_TRUE(report.header.head.has_value());
  EXPECT_EQ(report.header.entries, of_soc);
  EXPECT_EQ(report.checkpoint.value(), static_cast<std::int64_t>(log_->lines().size()));
  for (const std::string tenant : {"lab", "-"}) EXPECT_EQ(said(export_of(*log_, of_tenant(tenant))), "good") << tenant;
}

TEST_F(Slices, ATenantsSliceFromANamedStartSaysSo) {
  const ExportReport report = check(export_of(*log_, of_tenant("soc", 50)));
  ASSERT_TRUE(report.good()) << report.bad->detail;
  EXPECT_EQ(report.header.first.value(), 50);
  EXPECT_FALSE(report.whole_log_named);
}

TEST_F(Slices, ARunsSliceProvesEachOfItsEntries) {
  ExportSummary summary;
  export_of(*log_, of_run(false), &summary);
  EXPECT_EQ(summary.of_other_tenants, 1U) << "lab's question about it is lab's";
  const ExportReport report = check(*run_);
  ASSERT_TRUE(report.good()) << report.bad->detail;
  EXPECT_EQ(run_->size(), 1 + 2 * report.header.entries);
  EXPECT_TRUE(report.run_created);
  EXPECT_TRUE(report.run_ended);
}

TEST_F(Slices, ARunsCompleteSliceHasAllOfItsTenantInBetween) {
  const ExportReport report = check(*span_);
  ASSERT_TRUE(report.good()) << report.bad->detail;
  EXPECT_EQ(report.of_run, check(*run_).header.entries);
  EXPECT_GT(report.header.entries, report.of_run);
  EXPECT_FALSE(report.header.head.has_value());
  EXPECT_TRUE(report.run_created && report.run_ended);
}

TEST_F(Slices, LinesStandAsTheyStandInTheLog) {
  const Lines all = log_->lines();
  for (const Lines* slice : {tenant_, run_, span_}) {
    std::size_t found = 0;
    for (const std::string& line : *slice) found += std::ranges::find(all, line) != all.end() ? 1U : 0U;
    EXPECT_EQ(found, check(*slice).header.entries);
  }
}

TEST_F(Slices, RC_T_AUDIT_NoLineCanBeLeftOut) {
  for (const Lines* slice : {tenant_, run_, span_}) {
    for (std::size_t i = 0; i < slice->size(); ++i) {
      Lines changed = *slice;
      changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_NE(said(changed), "good") << i;
    }
  }
}

// The header is not signed: an attacker writes another that fits what is left.
TEST_F(Slices, RC_T_AUDIT_NoLineCanBeLeftOutEvenWithAHeaderThatFits) {
  for (std::size_t i = 1; i < tenant_->size(); ++i) {
    Lines changed = *tenant_;
    changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
    ExportHeader header = *decode_export_header(changed[0]);
    --header.entries;
    header.last = TenantSeq(header.last.value() - 1);
    changed[0] = encode_export_header(header);
    // Without its end the chain does not lead to the head; without another line it has a gap.
    EXPECT_NE(said(changed), "good") << i;
  }
}

TEST_F(Slices, RC_T_AUDIT_ACutTailIsFoundWhateverTheHeaderSays) {
  for (std::size_t keep = 1; keep < tenant_->size(); ++keep) {
    Lines changed(tenant_->begin(), tenant_->begin() + static_cast<std::ptrdiff_t>(keep));
    EXPECT_EQ(said(changed), "TRUNCATED " + std::to_string(keep));
    if (keep == 1) continue;
    ExportHeader header = *decode_export_header(changed[0]);
    header.entries = keep - 1;
    header.last = TenantSeq(static_cast<std::int64_t>(keep) - 1);
    changed[0] = encode_export_header(header);
    EXPECT_EQ(said(changed), "ROOT_MISMATCH " + std::to_string(keep));
  }
}

// A slice cut at its beginning is a slice from a later start, and says so: never that it is whole.
TEST_F(Slices, RC_T_AUDIT_ACutBeginningIsNeverAWholeChain) {
  Lines changed = *tenant_;
  changed.erase(changed.begin() + 1);
  ExportHeader header = *decode_export_header(changed[0]);
  --header.entries;
  header.first = TenantSeq(2);
  changed[0] = encode_export_header(header);
  const ExportReport report = check(changed);
  ASSERT_TRUE(report.good());
  EXPECT_EQ(report.header.first.value(), 2);
  EXPECT_FALSE(report.whole_log_named);
}

TEST_F(Slices, RC_T_AUDIT_SwappedAndDoubledLinesAreFound) {
  for (const Lines* slice : {tenant_, run_, span_}) {
    for (std::size_t i = 0; i + 1 < slice->size(); ++i) {
      Lines swapped = *slice;
      std::swap(swapped[i], swapped[i + 1]);
      EXPECT_NE(said(swapped), "good") << i;
      Lines doubled = *slice;
      doubled.insert(doubled.begin() + static_cast<std::ptrdiff_t>(i), doubled[i]);
      EXPECT_NE(said(doubled), "good") << i;
    }
  }
}

TEST_F(Slices, RC_T_AUDIT_AlteredEntriesAreFoundWithAndWithoutTheirHash) {
  for (const Lines* slice : {tenant_, run_, span_}) {
    for (std::size_t i = 1; i < slice->size(); i += 3) {
      Lines changed = *slice;
      const std::size_t at = changed[i].find("\"actor\":\"alice\"");
      if (at == std::string::npos) continue;
      changed[i].replace(at, 15, "\"actor\":\"bobby\"");
      EXPECT_EQ(said(changed), "HASH_MISMATCH " + std::to_string(i + 1));
      changed[i] = rehashed(changed[i]);
      EXPECT_NE(said(changed), "good");
    }
  }
}

TEST_F(Slices, RC_T_AUDIT_FlippedBytesOfASliceAreFound) {
  const Lines slice = export_of(*log_, of_tenant("soc", 80));
  ASSERT_GT(slice.size(), 5U);
  for (std::size_t line = 0; line < slice.size(); line += line < 2 ? 1 : 4) {
    for (std::size_t i = 0; i < slice[line].size(); i += 5) {
      Lines changed = slice;
      changed[line][i] = static_cast<char>(changed[line][i] ^ 0x01);
      const ExportReport report = check(changed);
      // A slice from a named start does not prove which log it is of: that member alone, and what nobody reads as
      // proven.
      const bool only_name = report.good() && report.header.install_id != check(slice).header.install_id;
      EXPECT_TRUE(!report.good() || only_name) << line << ":" << i << " " << changed[line].substr(i, 20);
    }
  }
}

// The site's slice has checkpoints among its entries, and an entry's hash does not cover their signatures.
TEST_F(Slices, RC_T_AUDIT_ACheckpointAmongTheEntriesKeepsItsSignature) {
  const Lines site = export_of(*log_, of_tenant("-"));
  std::size_t tried = 0;
  for (std::size_t i = 1; i < site.size(); ++i) {
    const std::size_t at = site[i].find("\"signature\":\"");
    if (at == std::string::npos) continue;
    Lines changed = site;
    char& digit = changed[i][at + 20];
    digit = digit == 'A' ? 'B' : 'A';
    EXPECT_EQ(said(changed), "BAD_SIGNATURE " + std::to_string(i + 1));
    changed = site;
    char& key = changed[i][changed[i].find("\"key_id\":\"") + 12];
    key = key == 'a' ? 'b' : 'a';
    EXPECT_EQ(said(changed), "UNKNOWN_KEY " + std::to_string(i + 1));
    ++tried;
  }
  EXPECT_GT(tried, 2U);
}

TEST_F(Slices, RC_I_AUDIT_AnotherTenantsLineNeverFits) {
  const Lines lab = export_of(*log_, of_tenant("lab"));
  for (const Lines* slice : {tenant_, span_}) {
    for (std::size_t i = 1; i < std::min(slice->size(), lab.size()); ++i) {
      Lines changed = *slice;
      changed[i] = lab[i];
      EXPECT_EQ(said(changed), "MALFORMED " + std::to_string(i + 1));
      changed = *slice;
      changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(i), lab[i]);
      EXPECT_EQ(said(changed), "MALFORMED " + std::to_string(i + 1));
    }
  }
  // And with a header that names the other tenant.
  Lines changed = *tenant_;
  ExportHeader header = *decode_export_header(changed[0]);
  header.tenant = base::TenantId("lab");
  changed[0] = encode_export_header(header);
  EXPECT_EQ(said(changed), "MALFORMED 2");
}

TEST_F(Slices, RC_S_AUDIT_TheCheckpointOfAnotherLogOrKeyIsRefused) {
  const auto stranger = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
  EXPECT_EQ(said(*tenant_, stranger->public_key()), "UNKNOWN_KEY 1");
  SavedLog other(200, 40'000, 1);
  for (const Lines* slice : {tenant_, run_, span_}) {
    Lines changed = *slice;
    ExportHeader header = *decode_export_header(changed[0]);
    header.checkpoint = other.lines().back();  // by the same key, of another log
    changed[0] = encode_export_header(header);
    EXPECT_TRUE(said(changed).starts_with("ROOT_MISMATCH")) << said(changed);
  }
}

TEST_F(Slices, RC_S_AUDIT_ASliceOfAnotherLogDoesNotTakeThisOnesName) {
  SavedLog other(200, 40'000, 1);
  Lines changed = export_of(other, of_tenant("soc"));
  ASSERT_EQ(said(changed), "good");
  ExportHeader header = *decode_export_header(changed[0]);
  header.install_id = decode_export_header((*tenant_)[0])->install_id;
  changed[0] = encode_export_header(header);
  EXPECT_EQ(said(changed), "PREVIOUS_MISMATCH 2");
}

TEST_F(Slices, RC_T_AUDIT_AnotherRunsEntryIsNoneOfThisRun) {
  Lines changed = *run_;
  const Lines all = log_->lines();
  const auto stranger = std::ranges::find_if(all, [](const std::string& line) {
    return line.find("\"tenant\":\"soc\"") != std::string::npos && line.find("\"run_id\":null") != std::string::npos;
  });
  changed[2] = *stranger;
  EXPECT_EQ(said(changed), "MALFORMED 3");
  // A span begins and ends with the run it is named for.
  ExportHeader header = *decode_export_header((*span_)[0]);
  header.run = base::RunId("018f0000-0000-7000-8000-00000000000b");
  changed = *span_;
  changed[0] = encode_export_header(header);
  EXPECT_EQ(said(changed), "MALFORMED 2");
}

TEST_F(Slices, RC_T_AUDIT_PathsOfOtherEntriesAreRefused) {
  const std::size_t entries = check(*run_).header.entries;
  Lines changed = *run_;
  const std::string first = changed[1 + entries];
  const std::string second = changed[2 + entries];
  // The second entry's path under the first one's number.
  changed[1 + entries] = second.substr(0, second.find("],\"seq\"")) + first.substr(first.find("],\"seq\""));
  EXPECT_EQ(said(changed), "ROOT_MISMATCH " + std::to_string(2 + entries));
}

TEST_F(Slices, NothingIsGivenOfWhatIsNotThere) {
  const auto code = [](const ExportRequest& request) {
    const auto made = export_log(log_->paths(), audit_public_key(), request, [](std::string_view) {
      ADD_FAILURE() << "a line went out";
      return base::Result<>();
    });
    return made ? Code::kInternal : made.error().code;
  };
  EXPECT_EQ(code(of_tenant("nobody")), Code::kNotFound);
  EXPECT_EQ(code(of_tenant("soc", 100'000)), Code::kNotFound);
  ExportRequest unknown = of_run(true);
  unknown.run = base::RunId("018f0000-0000-7000-8000-0000000000ff");
  EXPECT_EQ(code(unknown), Code::kNotFound);
  EXPECT_EQ(code({}), Code::kUsage);
}

TEST_F(Slices, RC_T_AUDIT_NothingIsGivenOfALogThatDoesNotHold) {
  SavedLog log(60);
  std::string text = test::join(log.lines());
  text[text.rfind("alice")] = 'A';
  std::ofstream(log.path() / segment_name(1), std::ios::binary | std::ios::trunc) << text;
  const auto made = export_log(log.paths(), audit_public_key(), of_tenant("soc"), [](std::string_view) {
    ADD_FAILURE() << "a line went out";
    return base::Result<>();
  });
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, Code::kAuditHashMismatch);
}

}  // namespace
}  // namespace stargraph::audit

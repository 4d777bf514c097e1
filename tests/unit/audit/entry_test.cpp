// Entry: the bytes of a line. docs/formats/audit.md describes them; other implementations check them here.
#include "stargraph/audit/entry.hpp"

#include "stargraph/json/parse.hpp"
#include "support/command.hpp"
#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit {
namespace {

using test::make_event;

Entry sample(Event event = make_event()) {
  Entry entry;
  entry.event = std::move(event);
  entry.source = Source::kDaemon;
  entry.source_seq = SourceSeq(7);
  entry.seq = LogSeq(9);
  entry.tenant_seq = TenantSeq(3);
  entry.time = base::from_micros(1'767'225'600'000'001);
  return entry;
}

TEST(Entry, MembersStandInTheFixedOrder) {
  Entry entry = sample(make_event(EventName::kRunStarted, "soc", {{"z", 1}, {"a", "x"}}));
  const auto line = encode_entry(entry);
  ASSERT_TRUE(line.has_value());
  const std::string zeros(96, '0');
  EXPECT_EQ(*line,
            "{\"actor\":\"alice\",\"data\":{\"a\":\"x\",\"z\":1},\"event\":\"run.started\",\"outcome\":\"success\","
            "\"previous_hash\":\"" +
                zeros + "\",\"run_id\":\"" + std::string(test::kRunText) +
                "\",\"seq\":9,\"source\":\"stargraphd\",\"source_seq\":7,\"tenant\":\"soc\","
                "\"tenant_previous_hash\":\"" +
                zeros +
                "\",\"tenant_seq\":3,\"ts\":\"2026-01-01T00:00:00.000001Z\","
                "\"v\":1,\"entry_hash\":\"" +
                entry.entry_hash.hex() + "\"}");
}

TEST(Entry, HashIsWhatSha384sumSays) {
  Entry entry = sample();
  const std::string line = *encode_entry(entry);
  stargraph::test::CommandOptions options;
  options.input = std::string(kEntryDomain) + '\0' + line.substr(0, line.rfind(",\"entry_hash\""));
  const auto result = stargraph::test::run_command({"sha384sum"}, options);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.out.substr(0, 96), entry.entry_hash.hex());
}

TEST(Entry, ReadsBackWhatItWrote) {
  Entry entry = sample(
      make_event(EventName::kRequest, "-", {{"nested", json::Object{{"list", json::Array{1, nullptr, true, "t"}}}}}));
  entry.event.run.reset();
  const std::string line = *encode_entry(entry);
  const auto read = decode_entry(line);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->event.data, entry.event.data);
  EXPECT_FALSE(read->event.run.has_value());
  EXPECT_EQ(read->entry_hash, entry.entry_hash);
  Entry again = *read;
  EXPECT_EQ(*encode_entry(again), line);
}

// Whatever a client brings, it stays inside one line and reads back as it was.
TEST(Entry, RC_T_AUDIT_HostileTextNeverMakesASecondLine) {
  const std::vector<std::string> hostile = {"a\nb",
                                            "a\r\nb",
                                            "\x01\x1f\x7f",
                                            "\",\"event\":\"trust.pinned\",\"x\":\"",
                                            "\\",
                                            "\\u000a",
                                            "\xE2\x80\xA8",
                                            "{\"actor\":\"root\"}\n{\"actor\":\"root\"}",
                                            "\",\"entry_hash\":\"" + std::string(96, '0') + "\"}\n",
                                            std::string(30'000, '\n')};
  for (const std::string& text : hostile) {
    Entry entry = sample(make_event(EventName::kRequest, "soc", {{"route", text}}));
    if (text.size() <= 256) entry.event.actor = base::ActorName(text);
    const auto line = encode_entry(entry);
    if (!line) {  // 30,000 newlines take 60,000 bytes: still inside; nothing here may be refused
      FAIL() << line.error().message;
    }
    EXPECT_EQ(line->find('\n'), std::string::npos);
    const auto read = decode_entry(*line);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(*read->event.data.find("route")->string(), text);
    EXPECT_EQ(read->event.name, EventName::kRequest);
  }
}

TEST(Entry, RefusesNulAndBytesThatAreNotUtf8) {
  for (const std::string& text : {std::string("a\0b", 3), std::string("\xff"), std::string("\xed\xa0\x80")}) {
    Entry entry = sample(make_event(EventName::kRequest, "soc", {{"route", text}}));
    EXPECT_EQ(encode_entry(entry).error().code, base::Code::kBadUtf8);
  }
}

TEST(Entry, RefusesALineOver64KiB) {
  Entry entry = sample(make_event(EventName::kRequest, "soc", {{"route", std::string(66'000, 'a')}}));
  EXPECT_EQ(encode_entry(entry).error().code, base::Code::kTooLarge);
  EXPECT_EQ(decode_entry(std::string(kMaxLineBytes, 'a')).error().code, base::Code::kAuditMalformed);
}

// The same meaning in other bytes is another line.
TEST(Entry, RefusesEveryFormItWouldNotWrite) {
  Entry entry = sample();
  const std::string line = *encode_entry(entry);
  const auto replaced = [&](std::string_view from, std::string_view to) {
    std::string changed = line;
    changed.replace(changed.find(from), from.size(), to);
    return changed;
  };
  const std::vector<std::string> forms = {
      replaced("{\"actor\"", "{ \"actor\""),
      replaced("\"alice\"", "\"\\u0061lice\""),
      replaced("\"seq\":9", "\"seq\":9.0"),
      replaced("\"seq\":9", "\"seq\":-9"),
      replaced("\"data\":{}", "\"data\":{},\"extra\":1"),
      replaced("\"data\":{}", "\"data\":[]"),
      replaced("\"v\":1", "\"v\":2"),
      replaced("000001Z", "000001+00:00"),
      replaced("run.started", "run.begun"),
      replaced("success", "luck"),
      replaced("stargraphd", "elsewhere"),
      line + " ",
      line + "}",
      line.substr(0, line.size() - 1),
      line.substr(1),
      "",
      "{}",
      ",\"entry_hash\":\"",
  };
  for (const std::string& form : forms) {
    const auto read = decode_entry(form);
    ASSERT_FALSE(read.has_value()) << form;
    EXPECT_EQ(read.error().code, base::Code::kAuditMalformed) << form;
  }
}

TEST(Entry, OnlyACheckpointIsSigned) {
  Entry entry = sample(make_event(EventName::kAuditCheckpoint, "-"));
  std::string line = *encode_entry(entry);
  const crypto::PrivateKey key = test::audit_key();
  ASSERT_TRUE(sign_line(line, entry, key).has_value());
  const auto read = decode_entry(line);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_TRUE(verify_line_signature(line, *read, key.public_key()).has_value());

  const auto other = crypto::PrivateKey::generate(crypto::Algorithm::kEd25519);
  EXPECT_EQ(verify_line_signature(line, *read, other->public_key()).error().code, base::Code::kAuditUnknownKey);

  Entry plain = sample();
  std::string signed_plain = *encode_entry(plain);
  signed_plain.pop_back();
  ASSERT_TRUE(sign_line(signed_plain, plain, key).has_value());
  EXPECT_EQ(decode_entry(signed_plain).error().code, base::Code::kAuditMalformed);
}

TEST(Record, ReadsBackOnlyItsOwnBytes) {
  const Record record = test::make_record(5, make_event(EventName::kWorkLeased, "soc", {{"kind", "ml"}}));
  const std::string text = *encode_record(record);
  const auto read = decode_record(text);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->source_seq, SourceSeq(5));
  EXPECT_EQ(*encode_record(*read), text);
  EXPECT_FALSE(decode_record(" " + text).has_value());
  EXPECT_FALSE(decode_record(text.substr(0, text.size() - 1) + ",\"w\":1}").has_value());
  EXPECT_FALSE(decode_record("").has_value());
}

TEST(Record, IdentityIsTheActWhateverItsTime) {
  EXPECT_EQ(record_identity(make_event()), record_identity(make_event()));
  EXPECT_NE(record_identity(make_event()), record_identity(make_event(EventName::kRunFailed)));
}

}  // namespace
}  // namespace stargraph::audit

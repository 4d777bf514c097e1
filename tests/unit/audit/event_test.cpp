// Event: the closed table, and what may stand in an event.
#include "stargraph/audit/event.hpp"

#include <set>

#include "unit/audit/audit_names.hpp"
#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit {
namespace {

using test::make_event;

TEST(EventTable, NamesAreUniqueAndReadBack) {
  std::set<std::string_view> names;
  for (const EventRow& row : event_table()) {
    EXPECT_TRUE(names.insert(row.text).second) << row.text;
    EXPECT_EQ(event_from_text(row.text), row.name);
    EXPECT_EQ(event_text(row.name), row.text);
    EXPECT_FALSE(row.meaning.empty());
    EXPECT_NE(row.sources, 0);
  }
  EXPECT_FALSE(event_from_text("run.exploded").has_value());
}

// A daemon that was taken over must not be able to write trust into the log.
TEST(EventTable, RC_E_AUDIT_DaemonMayNotSendTrust) {
  for (const EventRow& row : event_table()) {
    if (!row.text.starts_with("trust.")) continue;
    EXPECT_FALSE(may_send(Source::kDaemon, row.name)) << row.text;
    EXPECT_TRUE(may_send(Source::kTrust, row.name)) << row.text;
  }
  EXPECT_FALSE(may_send(Source::kDaemon, EventName::kPackActivated));
  EXPECT_FALSE(may_send(Source::kDaemon, EventName::kAuditCheckpoint));
  EXPECT_FALSE(may_send(Source::kTrust, EventName::kAuditCheckpoint));
}

TEST(CheckEvent, RefusesWhatTheLogCannotHold) {
  EXPECT_TRUE(check_event(make_event()).has_value());

  Event event = make_event();
  event.actor = base::ActorName("");
  EXPECT_EQ(check_event(event).error().code, base::Code::kMalformed);
  event.actor = base::ActorName(std::string(257, 'a'));
  EXPECT_EQ(check_event(event).error().code, base::Code::kMalformed);
  event.actor = base::ActorName("a\xff");
  EXPECT_EQ(check_event(event).error().code, base::Code::kMalformed);

  event = make_event();
  event.tenant = base::TenantId("Soc");
  EXPECT_EQ(check_event(event).error().code, base::Code::kMalformed);

  event = make_event();
  for (const char* text :
       {"not-a-uuid", "", "------------------------------------", "018f00000000-7000-8000-00000000-00001",
        "018F0000-0000-7000-8000-000000000001", "018f0000-0000-7000-8000-0000000000011"}) {
    event.run = base::RunId(text);
    EXPECT_EQ(check_event(event).error().code, base::Code::kMalformed) << text;
  }
}

TEST(CheckEvent, RefusesNumbersThatAreNotIntegers) {
  Event event = make_event(EventName::kRequest, "soc", {{"ratio", 0.5}});
  EXPECT_EQ(check_event(event).error().code, base::Code::kNumberRange);
  event.data = {{"big", std::int64_t{9007199254740992}}};
  EXPECT_EQ(check_event(event).error().code, base::Code::kNumberRange);
  event.data = {{"big", std::int64_t{9007199254740991}}};
  EXPECT_TRUE(check_event(event).has_value());
}

// Plain tools cut a line at `,"entry_hash":`; a member of that name could move the cut.
TEST(CheckEvent, RC_T_AUDIT_RefusesAMemberThatLooksLikeTheHash) {
  Event event = make_event(EventName::kRequest, "soc", {{"a", 1}, {"entry_hash", "00"}});
  EXPECT_EQ(check_event(event).error().code, base::Code::kMalformed);
  event.data = {{"a", json::Object{{"b", json::Array{json::Object{{"entry_hash", 1}}}}}}};
  EXPECT_EQ(check_event(event).error().code, base::Code::kMalformed);
}

TEST(CheckEvent, RefusesDeepData) {
  json::Value value(1);
  for (int i = 0; i < 17; ++i) value = json::Array{value};
  Event event = make_event(EventName::kRequest, "soc", {{"deep", value}});
  EXPECT_EQ(check_event(event).error().code, base::Code::kTooDeep);
}

TEST(SafeText, KeepsTextAndReplacesTheRest) {
  EXPECT_EQ(safe_text("Grüße\n", 100), "Grüße\n");
  EXPECT_EQ(safe_text(std::string_view("a\0b", 3), 100),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(safe_text("a\xff\xc3", 100), "a\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(safe_text("aaü", 3), "aa");  // never half a character
  EXPECT_EQ(safe_text("", 3), "");
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text = safe_text(std::string(3, static_cast<char>(byte)), 64);
    EXPECT_TRUE(base::is_utf8(text));
    EXPECT_EQ(text.find('\0'), std::string::npos);
  }
}

TEST(EventTable, EveryNameIsWrittenBySomeWriter) {
  const std::string log = test::log_of_all_events();
  for (const EventRow& row : event_table()) {
    const bool in_log = log.find("\"event\":\"" + std::string(row.text) + "\"") != std::string::npos;
    EXPECT_TRUE(in_log) << row.text;
  }
}

}  // namespace
}  // namespace stargraph::audit

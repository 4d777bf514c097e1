#include "stargraph/audit/lineage.hpp"

namespace stargraph::audit {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMostListed = 100;
constexpr std::string_view kGraphStage = "graph";  // a graph's own rules, which no pack brought

std::string text_of(const json::Object& data, std::string_view name) {
  const json::Value* value = data.find(name);
  const std::string* text = value == nullptr ? nullptr : value->string();
  return text == nullptr ? std::string() : *text;
}

std::optional<std::int64_t> integer_of(const json::Object& data, std::string_view name) {
  const json::Value* value = data.find(name);
  const std::int64_t* number = value == nullptr ? nullptr : value->integer();
  return number == nullptr ? std::nullopt : std::optional(*number);
}

std::vector<std::string> texts_of(const json::Object& data, std::string_view name) {
  std::vector<std::string> texts;
  const json::Value* value = data.find(name);
  if (value == nullptr || value->array() == nullptr) return texts;
  for (const json::Value& item : *value->array()) texts.push_back(item.string() == nullptr ? "" : *item.string());
  return texts;
}

bool is_end(EventName name) {
  return name == EventName::kRunCompleted || name == EventName::kRunFailed || name == EventName::kRunCancelled ||
         name == EventName::kRunExpired;
}

bool is_of_run(EventName name) {
  return (name >= EventName::kRunCreated && name <= EventName::kWorkExpired) || name == EventName::kRulesLimit ||
         name == EventName::kRulesViolation || name == EventName::kArtifactWritten;
}

}  // namespace

void Lineage::link(const Entry& entry, bool holds, std::string_view why) {
  if (holds) {
    ++report_.links;
    return;
  }
  ++report_.loose;
  if (report_.listed.size() < kMostListed) {
    report_.listed.push_back({entry.seq, event_text(entry.event.name), std::string(why)});
  }
}

void Lineage::add(const Entry& entry) {
  if (entry.source == Source::kTrust) return add_trust(entry);
  if (entry.source != Source::kDaemon) return;
  const Event& event = entry.event;
  if (event.name == EventName::kRequest || event.name == EventName::kPolicyDenied) expect_policy(entry);
  if (event.name == EventName::kDaemonStarted || event.name == EventName::kPacksReloaded) expect_packs(entry);
  if (event.name == EventName::kPolicyActivated) {
    link(entry, activated_.contains(text_of(event.data, "digest")), "the policy was not activated by an act of trust");
  }
  if (is_of_run(event.name)) add_run(entry);
}

// A policy is named where one was in force; null says that there was none.
void Lineage::expect_policy(const Entry& entry) {
  const json::Value* policy = entry.event.data.find("policy");
  if (policy == nullptr || policy->is_null()) return;
  link(entry, policy->string() != nullptr && activated_.contains(*policy->string()),
       "names a policy that no act of trust before it put in force");
}

void Lineage::expect_pack(const Entry& entry, std::string_view member) {
  link(entry, activated_.contains(text_of(entry.event.data, member)),
       "names a pack that no act of trust before it put in force");
}

void Lineage::expect_packs(const Entry& entry) {
  expect_policy(entry);
  const json::Value* packs = entry.event.data.find("packs");
  if (packs == nullptr || packs->array() == nullptr) return;
  for (const json::Value& pack : *packs->array()) {
    link(entry, pack.object() != nullptr && activated_.contains(text_of(*pack.object(), "digest")),
         "took up a pack that no act of trust before it put in force");
  }
}

void Lineage::add_trust(const Entry& entry) {
  const Event& event = entry.event;
  const json::Object& data = event.data;
  const auto number = integer_of(data, "act");
  if (event.outcome != Outcome::kSuccess || !number) return;  // a refusal changes nothing
  ++report_.trust_acts;
  link(entry, *number == last_act_ + 1, "does not follow the act before it");
  const auto previous = integer_of(data, "previous");
  if (previous) link(entry, *previous == last_act_entry_.value(), "names another act as the one before it");
  last_act_ = *number;
  last_act_entry_ = entry.source_seq;
  if (const std::string approval = text_of(data, "approval"); !approval.empty()) {
    link(entry, approvals_.contains(approval), "names an approval that was not given before it");
  }
  add_keys(entry);
  const std::string digest = text_of(data, "digest");
  switch (event.name) {
    case EventName::kApprovalGiven: approvals_.insert(digest); break;
    case EventName::kPackImported: imported_.insert(digest); break;
    case EventName::kPackActivated:
    case EventName::kPolicyActivated:
      link(entry, imported_.contains(digest), "puts a pack in force that was not imported");
      activated_.insert(digest);
      break;
    case EventName::kPackRetired: expect_pack(entry, "digest"); break;
    case EventName::kTrustRepaired:
      if (integer_of(data, "daemon_seq")) go_back();
      break;
    default: break;
  }
}

// A database of an earlier day goes on: nobody can see from the log of which. So a run may stand again at any point
// that it had reached, and is asked, answered and ended from there once more.
void Lineage::go_back() {
  ++report_.restored;
  for (auto& [id, run] : runs_) {
    run.questions.merge(run.answered);
    run.ended = false;
  }
  leased_.merge(done_);
}

// Keys come into the log when a person has compared their fingerprint, or by a rotation that says so.
void Lineage::add_keys(const Entry& entry) {
  const json::Object& data = entry.event.data;
  const auto expect = [&](const std::string& key) {
    link(entry, keys_.contains(key), "names a key that nobody had confirmed");
  };
  switch (entry.event.name) {
    case EventName::kTrustKeyAdded: keys_.insert(text_of(data, "key_id")); break;
    case EventName::kTrustPinned:
    case EventName::kTrustRepinned:
      for (const std::string& key : texts_of(data, "keys")) expect(key);
      if (data.find("keys") == nullptr) expect(text_of(data, "key_id"));
      break;
    case EventName::kPackImported:
      for (const std::string& key : texts_of(data, "signers")) expect(key);
      break;
    case EventName::kTrustKeyRotated:
      expect(text_of(data, "old_key"));
      expect(text_of(data, "new_key"));
      break;
    default: break;
  }
}

void Lineage::add_run(const Entry& entry) {
  const Event& event = entry.event;
  if (!event.run) return link(entry, false, "names no run");
  if (event.name == EventName::kRunCreated) {
    expect_policy(entry);
    link(entry, !runs_.contains(*event.run), "creates a run that is there already");
    runs_[*event.run] =
        Run{.tenant = event.tenant, .basis = text_of(event.data, "basis"), .questions = {}, .answered = {}, .ends = {}};
    ++report_.runs;
    return;
  }
  const auto found = runs_.find(*event.run);
  if (found == runs_.end()) return link(entry, false, "is of a run that was not created before it");
  Run& run = found->second;
  link(entry, run.tenant == event.tenant, "is of another tenant than its run");
  if (event.name == EventName::kRunStarted || event.name == EventName::kRunWaiting) {
    link(entry, text_of(event.data, "basis") == run.basis, "rests on another basis than its run");
  }
  add_decision(entry, run);
  add_work(entry);
  if (is_end(event.name)) {
    link(entry, !run.ended, "ends a run that has ended");
    run.ended = true;
    run.ends.insert(text_of(event.data, "step_hash"));
  }
  // Also behind a database of an earlier day: it removes what had ended in it.
  if (event.name == EventName::kRunRemoved)
    link(entry, run.ends.contains(text_of(event.data, "step_hash")), "removes a run that did not end so");
}

void Lineage::answer(const Entry& entry, Run& run) {
  auto question = run.questions.extract(text_of(entry.event.data, "interrupt_id"));
  link(entry, !question.empty(), "answers what was not asked");
  if (!question.empty()) run.answered.insert(std::move(question));
}

void Lineage::add_decision(const Entry& entry, Run& run) {
  const Event& event = entry.event;
  switch (event.name) {
    case EventName::kRunDecided:
      link(entry, !run.ended, "decides in a run that has ended");
      expect_pack(entry, "pack_digest");
      expect_policy(entry);
      break;
    case EventName::kRulesViolation:
      if (text_of(event.data, "stage") != kGraphStage) expect_pack(entry, "pack_digest");
      break;
    case EventName::kRunWaiting:
      link(entry, !run.ended, "asks in a run that has ended");
      run.questions.insert(text_of(event.data, "interrupt_id"));
      break;
    case EventName::kRunResponded: answer(entry, run); break;
    default: break;
  }
}

void Lineage::add_work(const Entry& entry) {
  const Event& event = entry.event;
  const std::string task = text_of(event.data, "task_id");
  switch (event.name) {
    case EventName::kWorkLeased: leased_[task] = event.actor; break;
    case EventName::kWorkCompleted:
    case EventName::kWorkFailed: {
      auto lease = leased_.extract(task);
      link(entry, !lease.empty() && lease.mapped() == event.actor, "is by a worker who did not have the task");
      if (!lease.empty()) done_.insert_or_assign(task, lease.mapped());
      break;
    }
    default: break;
  }
}

Result<LineageReport> check_lineage(const std::vector<base::Path>& paths, const crypto::PublicKey& key) {
  Lineage lineage;
  SG_TRY(const Report report,
         verify_log_whole(paths, key, [&lineage](const Entry&, std::string_view line, const Chain&) -> Result<> {
           SG_TRY(const Entry whole, decode_entry(line));
           lineage.add(whole);
           return {};
         }));
  if (report.archived > 0) {
    return fail(Code::kAuditTruncated, "audit: lineage: the log's beginning was archived: give those segments too");
  }
  LineageReport asked = lineage.report();
  asked.unsigned_tail = report.unsigned_tail;
  asked.torn_bytes = report.torn_bytes;
  return asked;
}

}  // namespace stargraph::audit

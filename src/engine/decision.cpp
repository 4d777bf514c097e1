#include "decision.hpp"

#include <algorithm>
#include <array>

#include "stargraph/audit/event.hpp"
#include "stargraph/graph/template.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/reader.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using base::fail;
using base::Result;

struct ClassRow {
  DecisionClass decision;
  std::string_view name;
};

constexpr auto kClasses = std::to_array<ClassRow>({
    {DecisionClass::kViolation, "violation"},
    {DecisionClass::kInterrupt, "interrupt"},
    {DecisionClass::kHalt, "halt"},
    {DecisionClass::kGoto, "goto"},
    {DecisionClass::kParallel, "parallel"},
    {DecisionClass::kRetry, "retry"},
    {DecisionClass::kContinue, "continue"},
});

constexpr std::string_view kGotoPrefix = "goto:";
constexpr std::size_t kMaxRuleName = 256;  // it stands in audit records, which have their limit
constexpr std::int64_t kMaxBackoffMs = 24LL * 60 * 60 * 1000;
constexpr std::size_t kMaxCapability = 256;
constexpr std::size_t kMaxNodeId = 128;
constexpr auto kMaxTimeout = std::chrono::hours(366 * 24);

std::unexpected<base::Error> bad_action(const rules::Derived& derived, std::string_view why) {
  return fail(Code::kRulesTemplate, "decision: rule " + derived.rule + ": " + std::string(why));
}

std::vector<std::string> texts(const rules::Fact& fact, std::string_view slot) {
  std::vector<std::string> out;
  const rules::SlotValue* const value = fact.find(slot);
  if (value == nullptr) return out;
  if (const auto* const many = std::get_if<rules::Multifield>(value)) {
    for (const rules::Atom& atom : *many) {
      out.push_back(std::visit([](const auto& one) { return rules::to_text(rules::SlotValue(one)); }, atom));
    }
    return out;
  }
  out.push_back(rules::to_text(*value));
  return out;
}

// A slot that may be left out: the template's default for a slot without a value is nil.
std::optional<std::string> optional_text(const rules::Fact& fact, std::string_view slot) {
  if (fact.find(slot) == nullptr) return std::nullopt;
  std::string text = fact.text(slot);
  if (text.empty() || text == "nil") return std::nullopt;
  return text;
}

std::int64_t integer(const rules::Fact& fact, std::string_view slot) {
  const rules::SlotValue* const value = fact.find(slot);
  const auto* const number = value == nullptr ? nullptr : std::get_if<std::int64_t>(value);
  return number == nullptr ? 0 : *number;
}

// Why this could not be put: it stands in the database until it is answered, and what does not fit question_from_json()
// would never be answered, nor run out of time. Empty when it can.
std::string_view cannot_be_put(const Question& question) {
  const auto too_long = [](const std::string& node) { return node.size() > kMaxNodeId; };
  if (question.prompt.size() > graph::kMaxRenderedBytes) return "a prompt that is too long";
  if (question.requested_capability && question.requested_capability->size() > kMaxCapability)
    return "a capability that is too long";
  if (question.timeout && *question.timeout > kMaxTimeout) return "a timeout of more than 366 days";
  if (too_long(timeout_target(question).value_or(""))) return "an on_timeout that is too long";
  if (std::ranges::any_of(question.guards, too_long)) return "a guard that is too long";
  return "";
}

Result<Question> question_of(const rules::Derived& derived, const json::Object& state) {
  graph::Interrupt interrupt;
  interrupt.prompt = derived.fact.text("prompt");
  if (interrupt.prompt.empty()) return bad_action(derived, "an interrupt without a prompt");
  if (const auto payload = optional_text(derived.fact, "payload")) {
    auto parsed = json::parse(*payload);
    if (!parsed || parsed->object() == nullptr) return bad_action(derived, "a payload that is no JSON object");
    interrupt.payload = *parsed->object();
  }
  interrupt.requested_capability = optional_text(derived.fact, "requested_capability");
  if (const auto timeout = optional_text(derived.fact, "timeout")) {
    const auto duration = base::parse_iso8601_duration(*timeout);
    if (!duration) return bad_action(derived, "a timeout that is no ISO 8601 duration");
    interrupt.timeout = *duration;
  }
  interrupt.on_timeout = optional_text(derived.fact, "on_timeout").value_or("halt");
  if (interrupt.on_timeout != "halt" && !interrupt.on_timeout.starts_with(kGotoPrefix))
    return bad_action(derived, "an on_timeout that is neither halt nor goto");
  SG_TRY(Question question, make_question(interrupt, state));
  question.guards = texts(derived.fact, "guards");
  if (const auto why = cannot_be_put(question); !why.empty()) return bad_action(derived, why);
  return question;
}

// One action as a decision of its class; nothing for a question that was answered.
Result<std::optional<Decision>> read_action(const rules::Derived& derived, const std::vector<Question>& answered,
                                            const json::Object& state) {
  Decision out;
  const std::string kind = derived.fact.text("kind");
  out.reason = optional_text(derived.fact, "reason").value_or("");
  if (kind == "halt") {
    out.decision = DecisionClass::kHalt;
  } else if (kind == "goto" || kind == "retry") {
    out.decision = kind == "goto" ? DecisionClass::kGoto : DecisionClass::kRetry;
    out.target = derived.fact.text("target");
    out.backoff_ms = integer(derived.fact, "backoff_ms");
    if (out.target.empty()) return bad_action(derived, "no target");
    if (out.backoff_ms < 0 || out.backoff_ms > kMaxBackoffMs)
      return bad_action(derived, "a backoff that is negative or longer than a day");
  } else if (kind == "parallel") {
    out.decision = DecisionClass::kParallel;
    out.targets = texts(derived.fact, "targets");
    out.join = optional_text(derived.fact, "join").value_or("");
    if (out.targets.empty()) return bad_action(derived, "no targets");
    if (optional_text(derived.fact, "strategy").value_or("all") != "all")
      return bad_action(derived, "only strategy all is run");
  } else if (kind == "interrupt") {
    SG_TRY(Question question, question_of(derived, state));
    for (const Question& earlier : answered) {
      if (earlier.covers(question)) return std::nullopt;
    }
    question.rule = derived.rule;
    out.decision = DecisionClass::kInterrupt;
    out.question = std::move(question);
  } else {
    return bad_action(derived, "not a kind of action that can be run");
  }
  return out;
}

// What a rule wrote goes into records and replies: it must be text that everybody can read back. (A rule can cut
// a UTF-8 character in half with sub-string.)
Result<> check_recordable(const Decision& decision) {
  json::Array all{to_json(decision)};
  if (decision.question) all.push_back(to_json(*decision.question));
  if (decision.rule.size() <= kMaxRuleName && json::check_portable(all)) return {};
  return fail(Code::kRulesTemplate, "decision: rule " + audit::safe_text(decision.rule, 256) +
                                        ": text that is not UTF-8, or a name that is too long");
}

bool stronger(DecisionClass a, DecisionClass b) { return a < b; }

}  // namespace

std::string_view decision_class_name(DecisionClass decision) {
  return kClasses[static_cast<std::size_t>(decision)].name;
}

bool Question::covers(const Question& other) const {
  return prompt == other.prompt && payload == other.payload &&
         (!other.requested_capability || requested_capability == other.requested_capability) &&
         std::ranges::all_of(other.guards,
                             [&](const std::string& node) { return std::ranges::find(guards, node) != guards.end(); });
}

Result<Question> make_question(const graph::Interrupt& interrupt, const json::Object& state) {
  Question question;
  // A place whose field this run does not have stays readable: the question must be put all the same.
  auto prompt = graph::render(interrupt.prompt, state);
  if (!prompt && prompt.error().code != Code::kStateField && prompt.error().code != Code::kGraphInvalid) {
    return std::unexpected(std::move(prompt).error());
  }
  question.prompt = prompt ? *std::move(prompt) : interrupt.prompt;
  question.payload = interrupt.payload;
  question.requested_capability = interrupt.requested_capability;
  question.timeout = interrupt.timeout;
  question.on_timeout = interrupt.on_timeout;
  if (interrupt.guards) question.guards = {*interrupt.guards};
  if (const auto why = cannot_be_put(question); !why.empty())
    return fail(Code::kRulesTemplate, "decision: question: " + std::string(why));
  return question;
}

Result<Decision> fold(const rules::Program& program, const rules::Outcome& outcome,
                      const std::vector<Question>& answered, const json::Object& state) {
  Decision best;
  const auto take = [&](Decision decision, const rules::Derived& derived) {
    if (!stronger(decision.decision, best.decision)) return;
    best = std::move(decision);
    best.stage = program.stages[derived.stage].name;
    best.stage_digest = program.stages[derived.stage].digest;
    best.rule = derived.rule;
    if (best.question) best.question->stage = best.stage;
  };
  for (const rules::Derived& violation : outcome.violations) {
    if (violation.fact.text("severity") != "halt") continue;
    Decision decision;
    decision.decision = DecisionClass::kViolation;
    decision.reason = violation.fact.text("reason");
    take(std::move(decision), violation);
  }
  for (const rules::Derived& action : outcome.actions) {
    SG_TRY(std::optional<Decision> decision, read_action(action, answered, state));
    if (decision) take(*std::move(decision), action);
  }
  SG_TRY(check_recordable(best));
  return best;
}

std::optional<std::string> timeout_target(const Question& question) {
  if (!question.on_timeout.starts_with(kGotoPrefix)) return std::nullopt;
  return question.on_timeout.substr(kGotoPrefix.size());
}

json::Object to_json(const Question& question) {
  json::Array guards;
  for (const std::string& node : question.guards) guards.emplace_back(node);
  json::Object out{{"guards", std::move(guards)}, {"on_timeout", question.on_timeout},
                   {"payload", question.payload}, {"prompt", question.prompt},
                   {"rule", question.rule},       {"stage", question.stage}};
  if (question.requested_capability) out.set("requested_capability", *question.requested_capability);
  if (question.timeout) out.set("timeout_us", question.timeout->count());
  return out;
}

Result<Question> question_from_json(const json::Value& value) {
  json::Reader in(value, "question");
  Question question;
  question.prompt = in.text("prompt", 0, graph::kMaxRenderedBytes);
  question.on_timeout = in.text("on_timeout");
  question.stage = in.text("stage");
  question.rule = in.text("rule");
  question.guards = in.texts("guards");
  question.requested_capability = in.optional_text("requested_capability");
  if (const auto timeout = in.optional_integer("timeout_us", 0, json::kMaxInteger))
    question.timeout = base::Duration(*timeout);
  const json::Value& payload = in.value("payload");
  SG_TRY(in.finish());
  if (payload.object() == nullptr) return fail(Code::kMalformed, "question: payload: not an object");
  question.payload = *payload.object();
  return question;
}

json::Object to_json(const Decision& decision) {
  json::Object out{{"class", decision_class_name(decision.decision)}};
  if (!decision.target.empty()) out.set("target", decision.target);
  if (!decision.targets.empty()) {
    json::Array targets;
    for (const std::string& target : decision.targets) targets.emplace_back(target);
    out.set("targets", std::move(targets));
    out.set("join", decision.join);
  }
  if (!decision.reason.empty()) out.set("reason", decision.reason);
  if (decision.backoff_ms != 0) out.set("backoff_ms", decision.backoff_ms);
  if (!decision.rule.empty()) {
    out.set("rule", decision.rule);
    out.set("stage", decision.stage);
    out.set("stage_digest", decision.stage_digest);
  }
  return out;
}

}  // namespace stargraph::engine

#include "rules/environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "rules/clips.hpp"
#include "rules/matches.hpp"
#include "stargraph/clp/functions.hpp"
#include "stargraph/clp/source.hpp"

namespace stargraph::rules {

namespace {

constexpr std::size_t kMaxErrorText = 2048;
constexpr int kExitOutOfMemory = 70;

Environment& self_of(void* env) { return *static_cast<Environment*>(GetEnvironmentContext(env)); }

// CLIPS makes (initial-fact) itself at every reset.
bool is_for_host_only(const struct fact* fact) {
  const std::string_view name = ValueToString(fact->whichDeftemplate->header.name);
  return clp::is_reserved_template(name) && name != kActionTemplate && name != "initial-fact";
}

// CLIPS would call exit(), which runs what the daemon registered with atexit() in this copy of it.
int out_of_memory(void*, std::size_t) { _exit(kExitOutOfMemory); }

}  // namespace

// The functions CLIPS calls back. None throws: the evaluator aborts on bad_alloc.
struct EnvironmentHooks {
  static int claims_output(void*, const char* logical_name) {
    constexpr std::string_view kOutputs[] = {WERROR, WWARNING, WTRACE, WDIALOG, WDISPLAY, WPROMPT, STDOUT};
    return std::ranges::find(kOutputs, std::string_view(logical_name)) != std::end(kOutputs) ? TRUE : FALSE;
  }

  static int print(void* env, const char* logical_name, const char* text) {
    Environment& self = self_of(env);
    if (std::string_view(logical_name) == WERROR && self.errors_.size() < kMaxErrorText) self.errors_ += text;
    return TRUE;
  }

  static int leave(void*, int) { _exit(kExitOutOfMemory); }

  static void before_firing(void* env, void* activation) {
    Environment& self = self_of(env);
    ++self.fired_;
    self.current_rule_ = EnvGetActivationName(env, activation);
    if (self.trace_.size() >= kMaxTrace) return;
    Environment::Fired fired{self.current_rule_, static_cast<std::uint32_t>(self.matched_.size()), 0};
    const partialMatch* basis = EnvGetActivationBasis(env, activation);
    for (unsigned i = 0; i < basis->bcount; ++i) {
      const alphaMatch* match = basis->binds[i].gm.theMatch;
      if (match == nullptr || match->matchingItem == nullptr) continue;  // not, exists, test
      const auto* fact = reinterpret_cast<const struct fact*>(match->matchingItem);
      const auto index = static_cast<std::size_t>(fact->factIndex);
      const std::int32_t input = index < self.made_.size() ? self.made_[index].input : -1;
      self.matched_.push_back({ValueToString(fact->whichDeftemplate->header.name), std::max(input, -1)});
    }
    fired.last = static_cast<std::uint32_t>(self.matched_.size());
    self.trace_.push_back(fired);
  }

  static void asserted(void* env, void* fact) {
    Environment& self = self_of(env);
    const auto index = static_cast<std::size_t>(static_cast<struct fact*>(fact)->factIndex);
    if (index >= self.made_.size()) self.made_.resize(index + 1);
    self.made_[index] = {self.current_rule_, self.asserting_input_};
    if (self.asserting_input_ == -1 && is_for_host_only(static_cast<struct fact*>(fact))) {
      // By modify or duplicate: an assert of one by name is refused long before.
      self.errors_ += "a rule changes a fact that only the host may make\n";
      SetHaltExecution(env, TRUE);
      return;
    }
    if (GetNumberOfFacts(env) <= self.max_facts_) return;
    self.over_facts_ = true;
    SetHaltExecution(env, TRUE);
  }
};

Environment::Environment() : clips_(CreateEnvironment()) {
  SetEnvironmentContext(clips_, this);
  EnvSetOutOfMemoryFunction(clips_, out_of_memory);
  EnvAddRouter(clips_, "stargraph", 100, EnvironmentHooks::claims_output, EnvironmentHooks::print, nullptr, nullptr,
               EnvironmentHooks::leave);
  EnvAddBeforeRunFunction(clips_, "stargraph", EnvironmentHooks::before_firing, 0);
  EnvAddAssertFunction(clips_, "stargraph", EnvironmentHooks::asserted, 0);
  // A beta memory that grew in one evaluation would order the activations of the next differently.
  EnvSetBetaMemoryResizing(clips_, FALSE);
  undefine_functions();
  define_matches(clips_);
}

Environment::~Environment() { DestroyEnvironment(clips_); }

std::vector<std::string> Environment::functions() const {
  std::vector<std::string> names;
  for (const FunctionDefinition* function = GetFunctionList(clips_); function != nullptr; function = function->next)
    names.emplace_back(ValueToString(function->callFunctionName));
  return names;
}

void Environment::undefine_functions() {
  for (const std::string& name : functions()) {
    // CLIPS's parser builds calls of these itself; "(" cannot begin a name in source text.
    const bool internal = name.starts_with('(') || name == "expand$";
    if (!internal && !clp::is_allowed_function(name)) UndefineFunction(clips_, name.c_str());
  }
}

Failure Environment::failure(ReplyStatus status, std::string_view reason) const {
  std::string message = "stage " + stage_name_ + ": " + std::string(reason);
  return {status, std::move(message)};
}

std::optional<Failure> Environment::load(const PlannedStage& stage) {
  stage_name_ = stage.name;
  provides_ = stage.provides;
  max_facts_ = stage.max_facts;
  max_firings_ = stage.max_firings;
  for (const PlannedConstruct& construct : stage.constructs) {
    errors_.clear();
    if (EnvBuild(clips_, construct.text.c_str()) == TRUE) continue;
    std::string said;
    std::ranges::unique_copy(errors_, std::back_inserter(said), [](char a, char b) { return a == '\n' && b == '\n'; });
    std::ranges::replace(said, '\n', ' ');
    return failure(ReplyStatus::kSyntax, construct.label + ": line " + std::to_string(construct.line) + ": " + said);
  }
  for (void* known = EnvGetNextDeftemplate(clips_, nullptr); known != nullptr;
       known = EnvGetNextDeftemplate(clips_, known))
    learn_template(EnvGetDeftemplateName(clips_, known));
  return std::nullopt;
}

void Environment::learn_template(const std::string& name) {
  Template learned;
  learned.clips = EnvFindDeftemplate(clips_, name.c_str());
  const auto* definition = static_cast<const deftemplate*>(learned.clips);
  if (definition == nullptr || definition->implied) return;
  for (const templateSlot* slot = definition->slotList; slot != nullptr; slot = slot->next) {
    const std::string slot_name = ValueToString(slot->slotName);
    learned.slots.emplace(slot_name, Slot{learned.names.size(), slot->multislot != 0});
    learned.names.push_back(slot_name);
  }
  templates_.emplace(name, std::move(learned));
}

void Environment::begin() {
  errors_.clear();
  over_facts_ = false;
  asserting_input_ = -1;
  current_rule_ = nullptr;
  fired_ = 0;
  made_.clear();
  trace_.clear();
  matched_.clear();
  SetEvaluationError(clips_, FALSE);
  EnvReset(clips_);
}

namespace {

struct FieldWriter {
  void* env;
  field* out;
  void operator()(const Symbol& symbol) const { set(SYMBOL, EnvAddSymbol(env, symbol.text.c_str())); }
  void operator()(const std::string& text) const { set(STRING, EnvAddSymbol(env, text.c_str())); }
  void operator()(std::int64_t number) const { set(INTEGER, EnvAddLong(env, number)); }
  void operator()(double number) const { set(FLOAT, EnvAddDouble(env, number)); }
  void operator()(const Multifield& atoms) const {
    auto* list = static_cast<multifield*>(CreateMultifield2(env, static_cast<long>(atoms.size())));
    field* next = list->theFields;
    for (const Atom& atom : atoms) std::visit(FieldWriter{env, next++}, atom);
    set(MULTIFIELD, list);
  }
  void set(unsigned short type, void* value) const {
    out->type = type;
    out->value = value;
  }
};

}  // namespace

std::optional<Failure> Environment::assert_fact(const Fact& fact, std::int32_t input) {
  const auto found = templates_.find(fact.template_name);
  if (found == templates_.end()) return std::nullopt;
  const Template& known = found->second;
  for (const auto& [name, value] : fact.slots) {
    const auto slot = known.slots.find(name);
    const bool multi = std::holds_alternative<Multifield>(value);
    if (slot == known.slots.end() || (multi && !slot->second.multi))
      return failure(ReplyStatus::kTemplate,
                     "template " + fact.template_name + ": slot " + name + ": does not take this value");
  }
  struct fact* made = EnvCreateFact(clips_, known.clips);
  for (const auto& [name, value] : fact.slots) {
    const Slot& slot = known.slots.find(name)->second;
    field* target = &made->theProposition.theFields[slot.index];
    if (target->type != RVOID) continue;  // a slot named twice keeps its first value
    if (slot.multi && !std::holds_alternative<Multifield>(value)) {
      const auto single = std::visit(
          [](const auto& one) -> Multifield {
            if constexpr (std::is_same_v<std::decay_t<decltype(one)>, Multifield>)
              return one;
            else
              return {Atom(one)};
          },
          value);
      FieldWriter{clips_, target}(single);
    } else {
      std::visit(FieldWriter{clips_, target}, value);
    }
  }
  EnvAssignFactSlotDefaults(clips_, made);
  asserting_input_ = input;
  EnvAssert(clips_, made);  // equal facts are one fact, as everywhere in CLIPS
  asserting_input_ = -1;
  return pending_failure();
}

std::optional<Failure> Environment::pending_failure() {
  if (over_facts_) return failure(ReplyStatus::kLimit, "more facts than max_facts allows");
  if (errors_.empty() && GetEvaluationError(clips_) == FALSE) return std::nullopt;
  std::ranges::replace(errors_, '\n', ' ');
  return failure(ReplyStatus::kRuntime,
                 (current_rule_ != nullptr ? std::string("rule ") + current_rule_ + ": " : "facts: ") + errors_);
}

std::optional<Failure> Environment::run() {
  if (auto failed = pending_failure()) return failed;
  EnvRun(clips_, static_cast<long long>(max_firings_));
  if (auto failed = pending_failure()) return failed;
  current_rule_ = nullptr;
  if (EnvGetNextActivation(clips_, nullptr) != nullptr && fired_ >= max_firings_)
    return failure(ReplyStatus::kLimit, "more firings than max_firings allows");
  return std::nullopt;
}

std::uint64_t Environment::fact_count() const { return GetNumberOfFacts(clips_); }

bool Environment::read_slot(const void* raw, SlotValue& value) const {
  const auto* from = static_cast<const field*>(raw);
  switch (from->type) {
    case SYMBOL: value = Symbol{ValueToString(from->value)}; return true;
    case STRING: value = std::string(ValueToString(from->value)); return true;
    case INTEGER: value = static_cast<std::int64_t>(ValueToLong(from->value)); return true;
    case FLOAT: value = ValueToDouble(from->value); return true;
    case MULTIFIELD: break;
    default: return false;  // addresses of facts mean nothing outside
  }
  const auto* list = static_cast<const multifield*>(from->value);
  const auto length = static_cast<std::size_t>(list->multifieldLength);
  if (length > kMaxMultifield) return false;
  Multifield atoms(length);
  for (std::size_t i = 0; i < length; ++i) {
    SlotValue atom;
    if (!read_slot(&list->theFields[i], atom)) return false;
    std::visit(
        [&](auto& one) {
          if constexpr (!std::is_same_v<std::decay_t<decltype(one)>, Multifield>) atoms[i] = std::move(one);
        },
        atom);
  }
  value = std::move(atoms);
  return true;
}

namespace {

bool is_given(const SlotValue& value) {
  if (const auto* symbol = std::get_if<Symbol>(&value)) return symbol->text != "nil";
  if (const auto* atoms = std::get_if<Multifield>(&value)) return !atoms->empty();
  return true;
}

}  // namespace

std::optional<Failure> Environment::collect_template(const std::string& name, std::uint32_t stage,
                                                     std::vector<Derived>& out) {
  const auto found = templates_.find(name);
  if (found == templates_.end()) return std::nullopt;
  const Template& known = found->second;
  for (void* next = EnvGetNextFactInTemplate(clips_, known.clips, nullptr); next != nullptr;
       next = EnvGetNextFactInTemplate(clips_, known.clips, next)) {
    const auto* fact = static_cast<const struct fact*>(next);
    const Made& made = made_[static_cast<std::size_t>(fact->factIndex)];
    if (made.input != -1) continue;  // the host's own, or an earlier stage's
    Derived derived{stage, made.rule == nullptr ? "" : made.rule, {name, {}}};
    for (std::size_t i = 0; i < known.names.size(); ++i) {
      SlotValue value;
      if (!read_slot(&fact->theProposition.theFields[i], value))
        return failure(ReplyStatus::kRuntime,
                       "template " + name + ": slot " + known.names[i] + ": holds an address or too many fields");
      if (is_given(value)) derived.fact.slots.emplace_back(known.names[i], std::move(value));
    }
    if (const std::string rule_id = derived.fact.text("rule_id"); !rule_id.empty()) derived.rule = rule_id;
    out.push_back(std::move(derived));
  }
  return std::nullopt;
}

std::optional<Failure> Environment::collect(std::uint32_t stage, Left& left) {
  if (auto failed = collect_template(std::string(kActionTemplate), stage, left.actions)) return failed;
  if (auto failed = collect_template(std::string(kViolationTemplate), stage, left.violations)) return failed;
  for (const std::string& name : provides_) {
    if (auto failed = collect_template(name, stage, left.provided)) return failed;
  }
  return std::nullopt;
}

void Environment::append_trace(std::uint32_t stage, std::vector<Firing>& trace) const {
  for (const Fired& fired : trace_) {
    if (trace.size() >= kMaxTrace) return;
    Firing firing{stage, fired.rule, {}};
    for (std::uint32_t i = fired.first; i < fired.last; ++i)
      firing.facts.push_back({matched_[i].template_name, matched_[i].input});
    trace.push_back(std::move(firing));
  }
}

}  // namespace stargraph::rules

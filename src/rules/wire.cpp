#include "rules/wire.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "stargraph/base/bytes.hpp"

namespace stargraph::rules {
namespace {

using base::Code;
using base::fail;
using base::Result;

enum class ValueTag : std::uint8_t { kSymbol = 0, kString = 1, kInteger = 2, kFloat = 3, kMultifield = 4 };

constexpr std::size_t kMaxMessage = 1024;
constexpr std::size_t kMaxConstructs = 65'536;

class Writer {
 public:
  Writer() { put_u32(0); }  // the length, set by frame()

  void put_u8(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void put_u32(std::uint32_t value) { put_raw(value); }
  void put_u64(std::uint64_t value) { put_raw(value); }
  void put_size(std::size_t value) { put_u32(static_cast<std::uint32_t>(value)); }
  void put_text(std::string_view text) {
    put_size(text.size());
    bytes_.append(text);
    has_nul_ = has_nul_ || text.find('\0') != std::string_view::npos;
  }

  [[nodiscard]] bool has_nul() const { return has_nul_; }
  [[nodiscard]] std::string frame() && {
    const auto length = static_cast<std::uint32_t>(bytes_.size() - sizeof(std::uint32_t));
    std::memcpy(bytes_.data(), &length, sizeof length);
    return std::move(bytes_);
  }

 private:
  template <class T>
  void put_raw(T value) {
    std::array<char, sizeof(T)> raw;
    std::memcpy(raw.data(), &value, sizeof value);
    bytes_.append(raw.data(), raw.size());
  }

  std::string bytes_;
  bool has_nul_ = false;
};

// Reads past the end give zeros and make ok() false for good.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t u8() { return raw<std::uint8_t>(); }
  std::uint32_t u32() { return raw<std::uint32_t>(); }
  std::uint64_t u64() { return raw<std::uint64_t>(); }
  std::string_view view() {
    const std::uint32_t size = u32();
    if (size > rest_.size()) return broken();
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  std::string text() { return std::string(view()); }
  // A number of things of which each takes a byte at least.
  std::size_t count(std::size_t limit) {
    const std::size_t value = u32();
    if (value <= limit && value <= rest_.size()) return value;
    broken();
    return 0;
  }
  std::string_view broken() {
    ok_ = false;
    rest_ = {};
    return {};
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return ok_ && rest_.empty(); }

 private:
  template <class T>
  T raw() {
    T value{};
    if (rest_.size() < sizeof value) {
      broken();
      return value;
    }
    rest_.copy(reinterpret_cast<char*>(&value), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }

  std::string_view rest_;
  bool ok_ = true;
};

struct ValueWriter {
  Writer& out;
  void tag(ValueTag value) const { out.put_u8(static_cast<std::uint8_t>(value)); }
  void operator()(const Symbol& symbol) const { tag(ValueTag::kSymbol), out.put_text(symbol.text); }
  void operator()(const std::string& text) const { tag(ValueTag::kString), out.put_text(text); }
  void operator()(std::int64_t number) const {
    tag(ValueTag::kInteger), out.put_u64(static_cast<std::uint64_t>(number));
  }
  void operator()(double number) const { tag(ValueTag::kFloat), out.put_u64(std::bit_cast<std::uint64_t>(number)); }
  void operator()(const Multifield& atoms) const {
    tag(ValueTag::kMultifield);
    out.put_size(atoms.size());
    for (const Atom& atom : atoms) std::visit(*this, atom);
  }
};

template <class Value>
bool read_atom(Reader& in, ValueTag tag, Value& value) {
  switch (tag) {
    case ValueTag::kSymbol: value = Symbol{in.text()}; return true;
    case ValueTag::kString: value = in.text(); return true;
    case ValueTag::kInteger: value = static_cast<std::int64_t>(in.u64()); return true;
    case ValueTag::kFloat: value = std::bit_cast<double>(in.u64()); return true;
    case ValueTag::kMultifield: return false;
  }
  return false;
}

SlotValue read_value(Reader& in) {
  SlotValue value;
  const auto tag = static_cast<ValueTag>(in.u8());
  if (tag != ValueTag::kMultifield) {
    if (!read_atom(in, tag, value)) in.broken();
    return value;
  }
  Multifield atoms(in.count(kMaxMultifield));
  for (Atom& atom : atoms) {
    if (!read_atom(in, static_cast<ValueTag>(in.u8()), atom)) in.broken();
  }
  return atoms;
}

void write_fact(Writer& out, const Fact& fact) {
  out.put_text(fact.template_name);
  out.put_size(fact.slots.size());
  for (const auto& [name, value] : fact.slots) {
    out.put_text(name);
    std::visit(ValueWriter{out}, value);
  }
}

Fact read_fact(Reader& in) {
  Fact fact;
  fact.template_name = in.text();
  const std::size_t slots = in.count(65'536);
  for (std::size_t i = 0; i < slots && in.ok(); ++i) {
    std::string name = in.text();
    fact.slots.emplace_back(std::move(name), read_value(in));
  }
  return fact;
}

void write_facts(Writer& out, const std::vector<Fact>& facts) {
  out.put_size(facts.size());
  for (const Fact& fact : facts) write_fact(out, fact);
}

std::vector<Fact> read_facts(Reader& in) {
  std::vector<Fact> facts;
  const std::size_t count = in.count(kMaxRequestBytes);
  for (std::size_t i = 0; i < count && in.ok(); ++i) facts.push_back(read_fact(in));
  return facts;
}

// --- derived facts and firings ---

void write_derived(Writer& out, const std::vector<Derived>& all) {
  out.put_size(all.size());
  for (const Derived& derived : all) {
    out.put_u32(derived.stage);
    out.put_text(derived.rule);
    write_fact(out, derived.fact);
  }
}

std::vector<Derived> read_derived(Reader& in, std::size_t stages) {
  std::vector<Derived> all;
  const std::size_t count = in.count(kMaxReplyBytes);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    Derived derived;
    derived.stage = in.u32();
    derived.rule = in.text();
    derived.fact = read_fact(in);
    if (derived.stage >= stages) in.broken();
    all.push_back(std::move(derived));
  }
  return all;
}

void write_trace(Writer& out, const std::vector<Firing>& trace) {
  out.put_size(trace.size());
  for (const Firing& firing : trace) {
    out.put_u32(firing.stage);
    out.put_text(firing.rule);
    out.put_size(firing.facts.size());
    for (const FactReference& fact : firing.facts) {
      out.put_text(fact.template_name);
      out.put_u32(static_cast<std::uint32_t>(fact.input));
    }
  }
}

std::vector<Firing> read_trace(Reader& in, std::size_t stages) {
  std::vector<Firing> trace(in.count(kMaxTrace));
  for (Firing& firing : trace) {
    firing.stage = in.u32();
    firing.rule = in.text();
    if (firing.stage >= stages) in.broken();
    const std::size_t facts = in.count(65'536);
    for (std::size_t i = 0; i < facts && in.ok(); ++i) {
      FactReference reference;
      reference.template_name = in.text();
      reference.input = static_cast<std::int32_t>(in.u32());
      if (reference.input < -1) in.broken();
      firing.facts.push_back(std::move(reference));
    }
  }
  return trace;
}

// --- what an outcome may hold to be shown, hashed and stored outside ---

struct ValueCheck {
  bool operator()(const Symbol& symbol) const { return base::is_utf8(symbol.text); }
  bool operator()(const std::string& text) const { return base::is_utf8(text); }
  bool operator()(std::int64_t) const { return true; }
  bool operator()(double number) const { return std::isfinite(number); }
  bool operator()(const Multifield& atoms) const {
    for (const Atom& atom : atoms) {
      if (!std::visit(*this, atom)) return false;
    }
    return true;
  }
};

bool presentable(const std::vector<Derived>& all) {
  for (const Derived& derived : all) {
    if (!base::is_utf8(derived.rule) || !base::is_utf8(derived.fact.template_name)) return false;
    for (const auto& [name, value] : derived.fact.slots) {
      if (!base::is_utf8(name) || !std::visit(ValueCheck{}, value)) return false;
    }
  }
  return true;
}

bool presentable(const Outcome& outcome) {
  for (const Firing& firing : outcome.trace) {
    if (!base::is_utf8(firing.rule)) return false;
    for (const FactReference& fact : firing.facts) {
      if (!base::is_utf8(fact.template_name)) return false;
    }
  }
  return presentable(outcome.actions) && presentable(outcome.violations) && presentable(outcome.provided);
}

Result<std::string> finish(Writer writer) {
  if (writer.has_nul()) return fail(Code::kMalformed, "rules: facts: NUL in a text");
  std::string frame = std::move(writer).frame();
  if (frame.size() > kMaxRequestBytes) return fail(Code::kTooLarge, "rules: request: longer than 32 MiB");
  return frame;
}

Plan read_plan(Reader& in) {
  Plan plan(in.count(kMaxStages));
  for (PlannedStage& stage : plan) {
    stage.name = in.text();
    stage.max_facts = in.u32();
    stage.max_firings = in.u32();
    stage.provides.resize(in.count(65'536));
    for (std::string& name : stage.provides) name = in.text();
    stage.constructs.resize(in.count(kMaxConstructs));
    for (PlannedConstruct& construct : stage.constructs) {
      construct.label = in.text();
      construct.line = in.u32();
      construct.text = in.text();
    }
  }
  return plan;
}

// Only printable ASCII of a message goes on; it may quote what a pack's author wrote.
std::string printable(std::string_view message) {
  std::string text(message.substr(0, kMaxMessage));
  for (char& c : text) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return text;
}

}  // namespace

Code code_of(ReplyStatus status) {
  switch (status) {
    case ReplyStatus::kSyntax: return Code::kRulesSyntax;
    case ReplyStatus::kRuntime: return Code::kRulesRuntime;
    case ReplyStatus::kTemplate: return Code::kRulesTemplate;
    case ReplyStatus::kLimit:
    case ReplyStatus::kOk: return Code::kPackLimit;
  }
  return Code::kPackLimit;
}

Result<std::string> encode_program(const Plan& plan) {
  Writer out;
  out.put_u8(static_cast<std::uint8_t>(RequestKind::kProgram));
  out.put_size(plan.size());
  for (const PlannedStage& stage : plan) {
    out.put_text(stage.name);
    out.put_u32(stage.max_facts);
    out.put_u32(stage.max_firings);
    out.put_size(stage.provides.size());
    for (const std::string& name : stage.provides) out.put_text(name);
    out.put_size(stage.constructs.size());
    for (const PlannedConstruct& construct : stage.constructs) {
      out.put_text(construct.label);
      out.put_u32(construct.line);
      out.put_text(construct.text);
    }
  }
  return finish(std::move(out));
}

Result<std::string> encode_input(const EvaluationInput& input) {
  Writer out;
  out.put_u8(static_cast<std::uint8_t>(RequestKind::kEvaluate));
  write_facts(out, input.facts);
  out.put_size(input.stage_facts.size());
  for (const std::vector<Fact>& facts : input.stage_facts) write_facts(out, facts);
  return finish(std::move(out));
}

Result<Request> decode_request(std::string_view body) {
  Reader in(body);
  Request request;
  request.kind = static_cast<RequestKind>(in.u8());
  if (request.kind == RequestKind::kProgram) {
    request.plan = read_plan(in);
  } else if (request.kind == RequestKind::kEvaluate) {
    request.facts = read_facts(in);
    request.stage_facts.resize(in.count(kMaxStages));
    for (std::vector<Fact>& facts : request.stage_facts) facts = read_facts(in);
  } else {
    in.broken();
  }
  if (!in.at_end()) return fail(Code::kMalformed, "rules: request: malformed");
  return request;
}

std::string encode_outcome(const Outcome& outcome) {
  Writer out;
  out.put_u8(static_cast<std::uint8_t>(ReplyStatus::kOk));
  out.put_u64(outcome.fired);
  out.put_u64(outcome.facts);
  write_derived(out, outcome.actions);
  write_derived(out, outcome.violations);
  write_derived(out, outcome.provided);
  write_trace(out, outcome.trace);
  return std::move(out).frame();
}

std::string encode_failure(const Failure& failure) {
  Writer out;
  out.put_u8(static_cast<std::uint8_t>(failure.status));
  out.put_text(std::string_view(failure.message).substr(0, kMaxMessage));
  return std::move(out).frame();
}

std::string encode_loaded() { return encode_outcome(Outcome{}); }

Result<Outcome> decode_reply(std::string_view body, std::size_t stages) {
  Reader in(body);
  const std::uint8_t status = in.u8();
  if (in.ok() && status >= static_cast<std::uint8_t>(ReplyStatus::kSyntax) &&
      status <= static_cast<std::uint8_t>(ReplyStatus::kTemplate)) {
    const std::string message = printable(in.view());
    if (in.at_end()) return fail(code_of(static_cast<ReplyStatus>(status)), "rules: " + message);
  } else if (in.ok() && status == static_cast<std::uint8_t>(ReplyStatus::kOk)) {
    Outcome outcome;
    outcome.fired = in.u64();
    outcome.facts = in.u64();
    outcome.actions = read_derived(in, stages);
    outcome.violations = read_derived(in, stages);
    outcome.provided = read_derived(in, stages);
    outcome.trace = read_trace(in, stages);
    if (in.at_end()) {
      if (!presentable(outcome))
        return fail(Code::kRulesRuntime, "rules: outcome: a text that is not UTF-8 or a number that is not finite");
      return outcome;
    }
  }
  return fail(Code::kPackLimit, "rules: evaluator: an answer that is none");
}

}  // namespace stargraph::rules

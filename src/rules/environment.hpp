// One stage inside the evaluator: a CLIPS environment that is built once and reset for every evaluation.
//
// No byte of a fact is ever parsed: values go in and come out through the C structures. Everything a rule could call
// beyond clp::allowed_functions() is undefined before the first construct is read. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/wire.hpp"

namespace stargraph::rules {

class Environment {
 public:
  // Of a fact that an earlier stage provided: neither the host's nor this stage's to report.
  static constexpr std::int32_t kHandedOver = -2;

  Environment();
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // Builds every construct; the failure names the one that CLIPS refused.
  [[nodiscard]] std::optional<Failure> load(const PlannedStage& stage);

  // --- one evaluation: begin, assert_fact..., run, collect ---

  void begin();
  // `input` is the fact's position for the trace, or kHandedOver. A fact of a template this stage does not know is
  // left out; a slot it does not have is a failure.
  [[nodiscard]] std::optional<Failure> assert_fact(const Fact& fact, std::int32_t input);
  [[nodiscard]] std::optional<Failure> run();

  struct Left {  // what the stage leaves behind
    std::vector<Derived> actions, violations, provided;
  };
  [[nodiscard]] std::optional<Failure> collect(std::uint32_t stage, Left& left);

  // Since begin().
  [[nodiscard]] std::uint64_t fired() const { return fired_; }
  [[nodiscard]] std::uint64_t fact_count() const;
  // Appends this stage's firings until `trace` holds kMaxTrace.
  void append_trace(std::uint32_t stage, std::vector<Firing>& trace) const;

  // Names of all functions CLIPS would still resolve, for tests.
  [[nodiscard]] std::vector<std::string> functions() const;

 private:
  friend struct EnvironmentHooks;
  struct Slot {
    std::size_t index = 0;
    bool multi = false;
  };
  struct Template {
    void* clips = nullptr;
    std::vector<std::string> names;  // in order
    std::map<std::string, Slot, std::less<>> slots;
  };
  struct Made {  // what is known of a fact, by its CLIPS index
    const char* rule = nullptr;
    std::int32_t input = -1;
  };
  struct Fired {
    const char* rule = nullptr;
    std::uint32_t first = 0;  // range of matched_
    std::uint32_t last = 0;
  };
  struct Matched {
    const char* template_name = nullptr;
    std::int32_t input = -1;
  };

  void undefine_functions();
  void learn_template(const std::string& name);
  [[nodiscard]] Failure failure(ReplyStatus status, std::string_view reason) const;
  [[nodiscard]] std::optional<Failure> pending_failure();
  [[nodiscard]] std::optional<Failure> collect_template(const std::string& name, std::uint32_t stage,
                                                        std::vector<Derived>& out);
  bool read_slot(const void* raw, SlotValue& value) const;

  void* clips_;
  std::string stage_name_;
  std::vector<std::string> provides_;
  std::uint32_t max_facts_ = 0;
  std::uint32_t max_firings_ = 0;
  std::map<std::string, Template, std::less<>> templates_;

  std::string errors_;  // what CLIPS printed to its error stream
  bool over_facts_ = false;
  std::int32_t asserting_input_ = -1;
  const char* current_rule_ = nullptr;
  std::uint64_t fired_ = 0;
  std::vector<Made> made_;
  std::vector<Fired> trace_;
  std::vector<Matched> matched_;
};

}  // namespace stargraph::rules

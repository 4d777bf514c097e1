#include "rules/matches.hpp"

#include <re2/re2.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "rules/clips.hpp"
#include "stargraph/clp/functions.hpp"

namespace stargraph::rules {
namespace {

constexpr std::size_t kMaxPattern = 4096;
constexpr std::size_t kMaxCached = 256;
constexpr std::int64_t kMaxProgramBytes = std::int64_t{1} << 20;

// Patterns are mostly literals of the rules, so that compiled ones are kept. The evaluator has one thread.
const RE2* compiled(std::string_view pattern) {
  static std::map<std::string, std::unique_ptr<RE2>, std::less<>> cache;
  if (const auto found = cache.find(pattern); found != cache.end()) return found->second.get();
  if (cache.size() >= kMaxCached) cache.clear();
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxProgramBytes);
  const std::string text(pattern);
  auto made = std::make_unique<RE2>(text, options);
  return cache.emplace(text, std::move(made)).first->second.get();
}

int refuse(void* env, const char* reason) {
  EnvPrintRouter(env, WERROR, reason);
  SetEvaluationError(env, TRUE);
  return FALSE;
}

int matches(void* env) {
  DATA_OBJECT text{};
  DATA_OBJECT pattern{};
  if (EnvArgCountCheck(env, "sg-matches", EXACTLY, 2) == -1) return FALSE;
  if (EnvArgTypeCheck(env, "sg-matches", 1, SYMBOL_OR_STRING, &text) == FALSE) return FALSE;
  if (EnvArgTypeCheck(env, "sg-matches", 2, SYMBOL_OR_STRING, &pattern) == FALSE) return FALSE;
  const std::string_view expression = ValueToString(pattern.value);
  if (expression.size() > kMaxPattern) return refuse(env, "sg-matches: the pattern is longer than 4096 bytes\n");
  const RE2* regex = compiled(expression);
  if (!regex->ok()) return refuse(env, "sg-matches: the pattern is no regular expression\n");
  return RE2::PartialMatch(ValueToString(text.value), *regex) ? TRUE : FALSE;
}

}  // namespace

void define_matches(void* clips) {
  // CLIPS takes every function as int(*)(void*) and keeps the name's pointer, so that it must be a literal.
  EnvDefineFunction2(clips, "sg-matches", 'b', matches, "sg-matches", "22k");
  EnvDefineFunction2(clips, "fathom-matches", 'b', matches, "sg-matches", "22k");
}

}  // namespace stargraph::rules

// Result<T>: a value or an Error. Errors are values; no exception crosses a module's edge.
//
//   Result<Pack> read(...) {
//     SG_TRY(const Bytes bytes, env.read_file(path, kMaxPack));   // declares, or returns the error
//     SG_TRY(check_magic(bytes));                                 // Result<void>
//     return Pack{...};
//   }
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "stargraph/base/reason.hpp"

namespace stargraph::base {

// `message` reads "context: object: reason". It is for people and logs and must not hold secrets or
// echo bytes an outsider sent; replies over the network show `code` and a fixed text only.
struct [[nodiscard]] Error {
  Code code = Code::kInternal;
  std::string message;

  [[nodiscard]] Kind kind() const { return reason(code).kind; }
  [[nodiscard]] std::string_view name() const { return reason(code).name; }
  [[nodiscard]] int exit_code() const { return reason(code).exit_code; }
};

template <class T = void>
using Result = std::expected<T, Error>;

// `return fail(Code::kMalformed, "pack: header: not JSON");`
[[nodiscard]] inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

// Puts "context: " before the message and keeps the code.
[[nodiscard]] inline Error in_context(std::string_view context, Error error) {
  error.message.insert(0, std::string(context) + ": ");
  return error;
}

}  // namespace stargraph::base

#define SG_TRY_JOIN_(a, b) a##b
#define SG_TRY_NAME_(line) SG_TRY_JOIN_(sg_try_, line)
#define SG_TRY_1_(expression)                                                \
  do {                                                                       \
    if (auto SG_TRY_NAME_(__LINE__) = (expression); !SG_TRY_NAME_(__LINE__)) \
      return std::unexpected(std::move(SG_TRY_NAME_(__LINE__)).error());     \
  } while (false)
#define SG_TRY_2_(declaration, expression)                                                        \
  auto SG_TRY_NAME_(__LINE__) = (expression);                                                     \
  if (!SG_TRY_NAME_(__LINE__)) return std::unexpected(std::move(SG_TRY_NAME_(__LINE__)).error()); \
  declaration = *std::move(SG_TRY_NAME_(__LINE__))
#define SG_TRY_PICK_(_1, _2, name, ...) name
#define SG_TRY(...) SG_TRY_PICK_(__VA_ARGS__, SG_TRY_2_, SG_TRY_1_, _)(__VA_ARGS__)

// The protocol between the daemon and an evaluator: frames on a stream socket, a 32-bit length (native byte order: both
// ends are one program) and so many bytes. Encode and decode of each record stand together.
//
// An evaluator may be in the hands of whoever wrote the rules, so decode_reply() takes nothing for granted: every
// count is checked against the bytes that are there, every text is UTF-8, every number in its range.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/plan.hpp"
#include "stargraph/base/result.hpp"
#include "stargraph/rules/program.hpp"

namespace stargraph::rules {

inline constexpr std::size_t kMaxRequestBytes = std::size_t{32} << 20;
inline constexpr std::size_t kMaxReplyBytes = std::size_t{8} << 20;

enum class RequestKind : std::uint8_t { kProgram = 1, kEvaluate = 2 };

// What an evaluator may answer. kLimit and so on become reason codes outside (code_of()).
enum class ReplyStatus : std::uint8_t { kOk = 0, kSyntax = 1, kRuntime = 2, kLimit = 3, kTemplate = 4 };
[[nodiscard]] base::Code code_of(ReplyStatus status);

struct Failure {
  ReplyStatus status = ReplyStatus::kRuntime;
  std::string message;
};

struct Request {
  RequestKind kind = RequestKind::kEvaluate;
  Plan plan;                                   // of kProgram
  std::vector<Fact> facts;                     // of kEvaluate
  std::vector<std::vector<Fact>> stage_facts;  // of kEvaluate
};

// Frames with their length in front.
[[nodiscard]] base::Result<std::string> encode_program(const Plan& plan);
[[nodiscard]] base::Result<std::string> encode_input(const EvaluationInput& input);
// The body of a frame. kMalformed.
[[nodiscard]] base::Result<Request> decode_request(std::string_view body);

[[nodiscard]] std::string encode_outcome(const Outcome& outcome);
[[nodiscard]] std::string encode_failure(const Failure& failure);
[[nodiscard]] std::string encode_loaded();
// The body of a frame. A failure the evaluator reports comes back as the Error it stands for; kPackLimit for bytes that
// no honest evaluator sends. `stages` is the program's number of stages.
[[nodiscard]] base::Result<Outcome> decode_reply(std::string_view body, std::size_t stages);

}  // namespace stargraph::rules

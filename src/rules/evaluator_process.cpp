#include "rules/evaluator_process.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <clocale>
#include <cstring>
#include <memory>
#include <vector>

#include "rules/environment.hpp"
#include "rules/sandbox.hpp"

namespace stargraph::rules {

class Stages::Impl {
 public:
  std::string load(const Plan& plan) {
    environments_.clear();
    for (const PlannedStage& stage : plan) {
      environments_.push_back(std::make_unique<Environment>());
      if (const auto failed = environments_.back()->load(stage)) return encode_failure(*failed);
    }
    return encode_loaded();
  }

  std::string evaluate(const Request& request) {
    Outcome outcome;
    Environment::Left left;
    for (std::size_t i = 0; i < environments_.size(); ++i) {
      if (const auto failed = evaluate_stage(i, request, left, outcome)) return encode_failure(*failed);
    }
    outcome.actions = std::move(left.actions);
    outcome.violations = std::move(left.violations);
    outcome.provided = std::move(left.provided);
    std::string frame = encode_outcome(outcome);
    if (frame.size() > kMaxReplyBytes) return encode_failure({ReplyStatus::kLimit, "the outcome is longer than 8 MiB"});
    return frame;
  }

 private:
  std::optional<Failure> evaluate_stage(std::size_t index, const Request& request, Environment::Left& left,
                                        Outcome& outcome) {
    Environment& environment = *environments_[index];
    const auto stage = static_cast<std::uint32_t>(index);
    environment.begin();
    std::int32_t input = 0;
    for (const Fact& fact : request.facts) {
      if (auto failed = environment.assert_fact(fact, input++)) return failed;
    }
    if (index < request.stage_facts.size()) {
      for (const Fact& fact : request.stage_facts[index]) {
        if (auto failed = environment.assert_fact(fact, input++)) return failed;
      }
    }
    for (const Derived& derived : left.provided) {
      if (auto failed = environment.assert_fact(derived.fact, Environment::kHandedOver)) return failed;
    }
    if (auto failed = environment.run()) return failed;
    if (auto failed = environment.collect(stage, left)) return failed;
    environment.append_trace(stage, outcome.trace);
    outcome.fired += environment.fired();
    outcome.facts += environment.fact_count();
    return std::nullopt;
  }

  std::vector<std::unique_ptr<Environment>> environments_;
};

Stages::Stages() : impl_(std::make_unique<Impl>()) {}
Stages::~Stages() = default;

std::string Stages::answer(std::string_view body) {
  const auto request = decode_request(body);
  if (!request) return encode_failure({ReplyStatus::kTemplate, request.error().message});
  return request->kind == RequestKind::kProgram ? impl_->load(request->plan) : impl_->evaluate(*request);
}

namespace {

// One frame's body into `buffer`; false when the daemon has gone. Requests and answers alternate, so that what arrives
// after a frame is no second one but a mistake.
bool read_frame(std::string& buffer, std::string_view& body) {
  std::size_t have = 0;
  for (;;) {
    const ssize_t got = recv(kJailFd, buffer.data() + have, buffer.size() - have, 0);
    if (got <= 0) return false;
    have += static_cast<std::size_t>(got);
    std::uint32_t length = 0;
    if (have < sizeof length) continue;
    std::memcpy(&length, buffer.data(), sizeof length);
    const std::size_t whole = sizeof length + length;
    if (length > kMaxRequestBytes || have > whole) return false;
    if (whole > buffer.size()) buffer.resize(whole);
    if (have < whole) continue;
    body = std::string_view(buffer).substr(sizeof length, length);
    return true;
  }
}

bool write_all(std::string_view frame) {
  while (!frame.empty()) {
    const ssize_t sent = send(kJailFd, frame.data(), frame.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    frame.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace

void run_evaluator() {
  std::setlocale(LC_ALL, "C");  // "C" reads no file; CLIPS prints floats with it
  Stages stages;
  std::string buffer(std::size_t{64} << 10, '\0');
  std::string_view body;
  while (read_frame(buffer, body)) {
    if (!write_all(stages.answer(body))) break;
  }
  _exit(0);
}

}  // namespace stargraph::rules

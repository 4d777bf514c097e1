#include "serve/api.hpp"

#include <algorithm>

namespace stargraph::serve {

using base::Code;
using base::fail;
using base::Result;

void Bell::ring() {
  const std::scoped_lock lock(mutex_);
  ++rings_;
  changed_.notify_all();
}

void Bell::close() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

std::uint64_t Bell::rings() const {
  const std::scoped_lock lock(mutex_);
  return rings_;
}

bool Bell::wait(std::uint64_t heard, base::Duration wait) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, wait, [&] { return closed_ || rings_ != heard; });
  return !closed_;
}

bool is_uuid(std::string_view text) {
  constexpr std::size_t kLength = 36;
  if (text.size() != kLength) return false;
  for (std::size_t i = 0; i < kLength; ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    if (dash ? text[i] != '-' : !hex) return false;
  }
  return true;
}

Result<> Api::may_try(const Route& route, const policy::Gate& gate, const policy::Principal& principal) {
  if (!route.capability) return {};
  SG_TRY(gate.check_open());
  if (gate.check(principal, *route.capability)) return {};
  const bool scoped =
      route.scope != Scope::kNone && std::ranges::any_of(principal.grants, [&](const policy::Grant& grant) {
        return grant.capability == *route.capability;
      });
  if (scoped) return {};
  return fail(Code::kCapabilityDenied, "request: capability: not granted");
}

Result<> Api::may(const Request& request) const {
  const Route& route = *request.route;
  if (!route.capability) return {};
  const policy::Gate& gate = *request.gate;
  SG_TRY(gate.check_open());
  if (gate.check(*request.principal, *route.capability)) return {};
  switch (route.scope) {
    case Scope::kNone: break;
    case Scope::kGraph: {
      const json::Value* const graph =
          request.body.object() != nullptr ? request.body.object()->find("graph_id") : nullptr;
      if (graph == nullptr || graph->string() == nullptr) break;
      return gate.check(*request.principal, *route.capability, *graph->string());
    }
    case Scope::kRun: {
      SG_TRY(const engine::RunView run,
             services_.engine.get_run(request.principal->tenant, base::RunId(request.parameter("run"))));
      return gate.check(*request.principal, *route.capability, run.graph.str());
    }
    case Scope::kKinds: return {};  // the lease: each kind is checked there; the rest of work: by the lease token
  }
  return fail(Code::kCapabilityDenied, "request: capability: not granted");
}

Result<> Api::LogReader::check() const {
  if (allowed_) return {};
  return fail(Code::kBusy, "request: too many readers of the log at once");
}

engine::Caller Api::caller(const Request& request) const {
  return {request.principal->name, request.principal->tenant, request.request_id};
}

}  // namespace stargraph::serve

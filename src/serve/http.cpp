#include "serve/http.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "stargraph/base/bytes.hpp"
#include "stargraph/base/check.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::serve {
namespace {

using base::Code;
using base::fail;
using base::Result;

struct Detail {
  Code code;
  std::string_view text;
};

constexpr auto kDetails = std::to_array<Detail>({
    {Code::kBadRequest, "the request is not well formed"},
    {Code::kMalformed, "the body is not the JSON that this operation takes"},
    {Code::kUnknownField, "the body has a member that this operation does not know"},
    {Code::kDuplicateKey, "the body has a member twice"},
    {Code::kBadUtf8, "the body is not UTF-8"},
    {Code::kTooDeep, "the body is nested too deeply"},
    {Code::kTooLarge, "the request or a value in it is too large"},
    {Code::kNumberRange, "a number is out of range"},
    {Code::kTrailingBytes, "there are bytes after the JSON value"},
    {Code::kNotFound, "there is nothing at this path"},
    {Code::kMethodNotAllowed, "this path does not know this method"},
    {Code::kConflict, "this conflicts with what is there"},
    {Code::kUnauthenticated, "the certificate belongs to no principal"},
    {Code::kAmbiguousPrincipal, "the certificate fits more than one principal"},
    {Code::kCapabilityDenied, "the principal lacks the capability"},
    {Code::kPolicyDenied, "a policy denies this"},
    {Code::kPolicyMissing, "no policy is in force, so everything is denied"},
    {Code::kPolicyNotYet, "the policy in force does not count yet, so everything is denied"},
    {Code::kPolicyExpired, "the policy in force has expired, so everything is denied"},
    {Code::kPolicyRevoked, "the policy in force was revoked, so everything is denied"},
    {Code::kPackRevoked, "a pack that this rests on was revoked"},
    {Code::kSideEffectsDenied, "side effects are denied on this appliance"},
    {Code::kKindNotDeclared, "no active pack declares this worker kind"},
    {Code::kGraphUnknown, "no such graph"},
    {Code::kRunUnknown, "no such run"},
    {Code::kRunRemoved, "the run was removed: its time was over"},
    {Code::kRunState, "the run is in a state that does not allow this"},
    {Code::kRunLimit, "a limit of the run is reached"},
    {Code::kStateType, "a parameter has the wrong type"},
    {Code::kStateField, "a parameter is missing or unknown"},
    {Code::kInterruptIdRequired, "the answer must name the interrupt it is for"},
    {Code::kInterruptUnknown, "this interrupt is not open"},
    {Code::kApprovalStale, "what was to be approved has changed"},
    {Code::kTaskUnknown, "no such task"},
    {Code::kLeaseLost, "the lease is no longer held"},
    {Code::kIdempotencyConflict, "the idempotency key was used with another request"},
    {Code::kRateLimited, "too many requests"},
    {Code::kAuditUnavailable, "the audit log cannot be written"},
    {Code::kAuditLag, "the audit log is behind; try later"},
    {Code::kBusy, "too much is going on; try later"},
    {Code::kTimedOut, "it took too long; try later"},
    {Code::kUnavailable, "not available now; try later"},
    {Code::kNotAvailable, "this version does not do this yet"},
    {Code::kDiskLow, "the disk is nearly full"},
    {Code::kTenantFull, "the records of the tenant fill its budget"},
});

// Of what passes by itself; a rate limiter knows better. 0: nobody can say.
std::int64_t retry_seconds(Code code) {
  switch (code) {
    case Code::kAuditLag:
    case Code::kBusy:
    case Code::kTimedOut:
    case Code::kUnavailable: return 1;
    case Code::kAuditUnavailable: return 5;  // a new start and a new link
    case Code::kDiskLow:
    case Code::kTenantFull: return 60;
    default: return 0;
  }
}

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2]))
      return fail(Code::kBadRequest, "query: bad escape");
    SG_TRY(const base::Bytes byte, base::from_hex(text.substr(i + 1, 2)));
    out += base::as_text(byte);
    i += 2;
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (!base::is_utf8(out) || std::ranges::any_of(out, is_control))
    return fail(Code::kBadRequest, "query: not plain text");
  return out;
}

}  // namespace

std::string_view detail_text(Code code) {
  const auto* const found = std::ranges::find(kDetails, code, &Detail::code);
  if (found != kDetails.end()) return found->text;
  const int status = base::reason(code).http_status;
  if (status == 403) return "this is denied";
  if (status < 500) return "the request cannot be carried out";
  return "the appliance could not do this";
}

Response json_response(int status, const json::Value& body) {
  Response response;
  response.status = status;
  response.body = json::compact(body);
  return response;
}

namespace {

Response refusal(Code code, std::string_view detail, const std::string& request_id) {
  const base::Reason& reason = base::reason(code);
  Response response = json_response(
      reason.http_status, json::Object{{"detail", detail}, {"code", reason.name}, {"request_id", request_id}});
  response.code = reason.name;
  response.retry_after = retry_seconds(code);
  return response;
}

}  // namespace

Response error_response(Code code, const std::string& request_id) {
  return refusal(code, detail_text(code), request_id);
}

Response error_response(const base::Error& error, const std::string& request_id) {
  return error.code == Code::kTenantFull ? refusal(error.code, error.message, request_id)
                                         : error_response(error.code, request_id);
}

Result<Query> Query::parse(std::string_view text) {
  constexpr std::size_t kMaxPairs = 32;
  Query query;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0 || query.pairs_.size() == kMaxPairs)
      return fail(Code::kBadRequest, "query: form");
    SG_TRY(std::string name, percent_decode(part.substr(0, equals)));
    SG_TRY(std::string value, percent_decode(part.substr(equals + 1)));
    if (std::ranges::find(query.pairs_, name, &Pair::name) != query.pairs_.end())
      return fail(Code::kBadRequest, "query: a name twice");
    query.pairs_.push_back({std::move(name), std::move(value)});
  }
  return query;
}

std::optional<std::string> Query::text(std::string_view name) {
  const auto found = std::ranges::find(pairs_, name, &Pair::name);
  if (found == pairs_.end()) return std::nullopt;
  found->asked = true;
  return found->value;
}

std::optional<std::int64_t> Query::integer(std::string_view name, std::int64_t least, std::int64_t most) {
  const auto value = text(name);
  if (!value) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  const bool fits = error == std::errc() && end == value->data() + value->size() && number >= least && number <= most;
  failed_ = failed_ || !fits;
  return fits ? std::optional(number) : std::nullopt;
}

Result<> Query::finish() {
  if (failed_ || !std::ranges::all_of(pairs_, &Pair::asked))
    return fail(Code::kBadRequest, "query: unknown name or bad value");
  return {};
}

const std::string& Request::parameter(std::string_view name) const {
  const auto found = std::ranges::find(parameters, name, &Parameters::value_type::first);
  SG_CHECK(found != parameters.end());
  return found->second;
}

}  // namespace stargraph::serve

#include "report.hpp"

#include <algorithm>

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kShortestKeyPrefix = 12;

void add_lines(std::string& text, const char* what, const trust::Changes& changes, const char* mark) {
  for (const std::string& name : changes.added) text += std::string(mark) + " + " + what + " " + name + "\n";
  for (const std::string& name : changes.removed) text += std::string("  - ") + what + " " + name + "\n";
}

}  // namespace

json::Object describe(const trust::PackRef& pack) {
  return json::Object{{"digest", pack.digest.hex()},
                      {"epoch", pack.epoch.value()},
                      {"id", pack.id.str()},
                      {"kind", pack::kind_name(pack.kind)},
                      {"version", pack.version}};
}

std::string name_of(const trust::PackRef& pack) {
  return pack.id.str() + " " + pack.version + " epoch " + std::to_string(pack.epoch.value());
}

std::string text_of(const trust::Difference& difference) {
  std::string text;
  add_lines(text, "capability", difference.capabilities, "!");
  add_lines(text, "provided fact", difference.provides, "!");
  add_lines(text, "worker", difference.workers, "!");
  add_lines(text, "tool", difference.tools, "!");
  add_lines(text, "permission", difference.permissions, "!");
  add_lines(text, "model", difference.models, "!");
  for (const trust::LimitChange& limit : difference.limits) {
    text += (limit.to > limit.from ? "! limit " : "  limit ") + limit.name + " " + std::to_string(limit.from) + " -> " +
            std::to_string(limit.to) + "\n";
  }
  if (difference.lost_determinism) text += "! is not deterministic any more\n";
  add_lines(text, "file", difference.files, " ");
  for (const std::string& path : difference.files_changed) text += "    file " + path + " changed\n";
  return text;
}

json::Object describe(const trust::Step& step) {
  json::Object document = describe(step.pack);
  if (step.before) {
    document.set("before", describe(*step.before));
    document.set("difference", trust::encode_difference(step.difference));
  }
  if (!step.request.empty()) document.set("request", step.request);
  return document;
}

std::string text_of(const trust::Step& step) {
  std::string text = name_of(step.pack);
  if (step.before) text += ", in place of " + step.before->version;
  text += "\n" + text_of(step.difference);
  if (!step.request.empty()) text += "  waits for an approver, who has to sign:\n" + step.request + "\n";
  return text;
}

Result<std::vector<trust::Approval>> read_tokens(const std::vector<std::string>& tokens) {
  std::vector<trust::Approval> approvals;
  for (const std::string& token : tokens) {
    SG_TRY(trust::Approval approval, trust::decode_token(token));
    approvals.push_back(std::move(approval));
  }
  return approvals;
}

void show_requests(const Context& context, const std::vector<std::string>& requests) {
  if (requests.empty()) return;
  json::Array list{requests.begin(), requests.end()};
  std::string text = "An approver, who is another person, has to sign (`stargraph-pack approve REQUEST --key KEY`):\n";
  for (const std::string& request : requests) text += request + "\n";
  context.explain(json::Object{{"requests", std::move(list)}}, text);
}

Result<base::Timestamp> read_date(const std::string& text) {
  auto time = base::parse_rfc3339(text.size() == 10 ? text + "T00:00:00Z" : text);
  if (!time) return fail(Code::kUsage, "date: expected YYYY-MM-DD or an RFC 3339 time");
  return time;
}

std::vector<crypto::Digest> read_fingerprints(const std::vector<std::string>& typed) {
  std::vector<crypto::Digest> fingerprints;
  fingerprints.reserve(typed.size());
  for (const std::string& text : typed) {
    fingerprints.push_back(trust::read_fingerprint(text).value_or(crypto::Digest()));
  }
  return fingerprints;
}

Result<base::KeyId> find_key(const trust::TrustState& state, const std::string& text) {
  std::vector<base::KeyId> found;
  for (const auto& [id, key] : state.keys()) {
    if (id.str().starts_with(text)) found.push_back(id);
  }
  if (text.size() < kShortestKeyPrefix || found.size() != 1) {
    return fail(Code::kNotFound, "key: not the id of one known key; `key list` shows them, `key add` makes one known");
  }
  return found.front();
}

}  // namespace stargraph::packcli

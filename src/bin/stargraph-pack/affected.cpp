// What a dry run says of runs: which of them rest on the packs that would go.
#include <algorithm>

#include "site.hpp"

namespace stargraph::packcli {
namespace {

bool takes_away(const trust::Revocations& list, const trust::ImportedPack& pack) {
  return list.digests.contains(pack.ref.digest) ||
         std::ranges::any_of(pack.signers, [&](const base::KeyId& id) { return list.keys.contains(id); }) ||
         std::ranges::any_of(list.ranges, [&](const auto& range) { return range.covers(pack.ref.id, pack.ref.epoch); });
}

}  // namespace

using base::Result;

Result<Affected> affected_by(Site& site, const trust::ImportReport& report) {
  Affected affected;
  if (report.already_there) return affected;
  SG_TRY(const trust::TrustState state, site.state());
  std::vector<crypto::Digest> going;
  if (const trust::ImportedPack* const active = state.active(report.pack.id)) going.push_back(active->ref.digest);
  if (report.revoked) {
    affected.how = "would be paused";
    for (const trust::ImportedPack& pack : state.packs()) {
      if (!state.is_revoked(pack.ref, pack.signers) && takes_away(*report.revoked, pack)) {
        going.push_back(pack.ref.digest);
      }
    }
  }
  SG_TRY(affected.runs, affected_by(site, going));
  return affected;
}

Result<std::map<base::GraphId, std::int64_t>> affected_by(Site& site, std::span<const crypto::Digest> going) {
  return site.keeper().affected_runs(going);
}

json::Array describe(const Affected& affected) {
  json::Array out;
  for (const auto& [graph, runs] : affected.runs) {
    out.emplace_back(json::Object{{"effect", affected.how}, {"graph", graph.str()}, {"runs", runs}});
  }
  return out;
}

std::string text_of(const Affected& affected) {
  std::string text;
  for (const auto& [graph, runs] : affected.runs) {
    text += std::to_string(runs) + " open runs of graph " + graph.str() + " " + affected.how + "\n";
  }
  return text;
}

}  // namespace stargraph::packcli

// Site: the trust store of this box, opened from its configuration, from the front's side.
//
// Three processes come to be, in this order: the checker, which looks at packs; the keeper, which has the database and
// its key; and this one, which then opens what it needs (trust.sock, the terminal, graphs_dir), becomes nobody and can
// open nothing more. A pack is read in the checker before it is read here; the keeper reads none
// (docs/formats/trust.md, Two halves).
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "checker.hpp"
#include "commands.hpp"
#include "keeper.hpp"
#include "stargraph/trust/importer.hpp"

namespace stargraph::packcli {

class Site {
 public:
  // For reading: keeper and audit key. kConfigMissing, kDatabaseKeyWrong, ... This process opens no file afterwards.
  [[nodiscard]] static base::Result<std::unique_ptr<Site>> open(const Context& context);
  // The same for who has files to open yet: it becomes the owner of the state directory only.
  [[nodiscard]] static base::Result<std::unique_ptr<Site>> open_before_files(const Context& context);
  // For acts: trust.sock too (its absence is told by the first act that needs it).
  [[nodiscard]] static base::Result<std::unique_ptr<Site>> open_for_acts(const Context& context);

  [[nodiscard]] base::Result<trust::TrustState> state();
  [[nodiscard]] trust::Importer& importer() { return *importer_; }
  [[nodiscard]] Checker& checker() { return *checker_; }
  // What the checker found, under the rules of this box: kPolicyMode for a policy that only warns in profile cleared,
  // also when it does not count yet. Then it never becomes a staged one that no reload could take.
  [[nodiscard]] base::Result<trust::Findings> findings(const Verdict& verdict) const;
  // Has the checker look at the whole pack.
  [[nodiscard]] trust::Importer::ContentCheck content_check();
  [[nodiscard]] Keeper& keeper() { return *keeper_; }
  [[nodiscard]] const crypto::PublicKey& audit_key() const { return audit_key_; }

 private:
  explicit Site(crypto::PublicKey audit_key) : audit_key_(std::move(audit_key)) {}
  static base::Result<std::unique_ptr<Site>> open_closed(const Context& context, bool acts);
  static base::Result<std::unique_ptr<Site>> open_parts(const Context& context, bool acts);
  void sit_at_desk(const config::Config& config);

  crypto::PublicKey audit_key_;
  config::Profile profile_ = config::Profile::kCleared;
  std::unique_ptr<Checker> checker_;
  std::unique_ptr<trust::Notary> notary_;
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<trust::Importer> importer_;
};

// Open runs by graph, and what happens to them.
struct Affected {
  std::map<base::GraphId, std::int64_t> runs;
  std::string how = "would go on with the version they began with";
};
[[nodiscard]] base::Result<Affected> affected_by(Site& site, const trust::ImportReport& report);
[[nodiscard]] base::Result<std::map<base::GraphId, std::int64_t>> affected_by(Site& site,
                                                                              std::span<const crypto::Digest> going);
[[nodiscard]] json::Array describe(const Affected& affected);
[[nodiscard]] std::string text_of(const Affected& affected);

}  // namespace stargraph::packcli

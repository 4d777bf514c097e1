#include "site.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>
#include <vector>

#include "bin/active/active.hpp"
#include "walls.hpp"

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kMaxPasswordFile = std::size_t{1} << 20;

// Who logged in, which stargraph-site(8) hands on into a unit of systemd's, where the kernel no longer knows it. Only
// root starts such a unit; another user's word for it counts for nothing.
constexpr const char* kLoginVariable = "STARGRAPH_LOGIN_UID";

// A user id out of the environment of root's process; empty when there is none.
std::string uid_from_environment(const char* variable) {
  const char* const value = ::getuid() == 0 ? std::getenv(variable) : nullptr;
  const std::string_view uid(value == nullptr ? "" : value);
  const bool digits = uid.size() <= 10 && uid.find_first_not_of("0123456789") == std::string_view::npos;
  return std::string(digits ? uid : std::string_view());
}

// Who acts, as the log shows it: the user, through sudo the one behind it, and who logged in where that is a third one.
base::ActorName actor() {
  const std::string sudo = uid_from_environment("SUDO_UID");
  const std::string login = uid_from_environment(kLoginVariable);
  std::string name = "uid-" + std::to_string(::getuid());
  if (!sudo.empty()) name += ".sudo-" + sudo;
  if (!login.empty() && login != sudo) name += ".login-" + login;
  return base::ActorName(std::move(name));
}

// The uid that gave the command, the one behind it through sudo, and the one that logged in, which the kernel keeps
// through su and through one sudo behind another.
std::set<std::string> uids_of_person() {
  constexpr std::string_view kNobodyLoggedIn = "4294967295";  // say a job of the service manager
  std::set<std::string> uids{std::to_string(::getuid())};
  for (const char* variable : {"SUDO_UID", kLoginVariable}) {
    if (const char* uid = std::getenv(variable); uid != nullptr) uids.emplace(uid);
  }
  const auto login = base::real_env().read_file("/proc/self/loginuid", 16);
  if (login && base::as_text(*login) != kNobodyLoggedIn) uids.insert(base::to_text(*login));
  return uids;
}

struct Person {
  std::vector<std::string> names;
  bool known = false;  // each of their uids has a name in the password file
};

// What the password file calls whoever acts: an approver may not have any of these names. Read as a file; asking the
// C library would load modules that may open sockets. So a person of a directory service alone is not known, and no
// approval counts for what they do.
Person person() {
  Person person;
  if (const char* sudo = std::getenv("SUDO_USER"); sudo != nullptr) person.names.emplace_back(sudo);
  const auto file = base::real_env().read_file("/etc/passwd", kMaxPasswordFile);
  if (!file) return person;
  std::set<std::string> unknown = uids_of_person();
  const std::set<std::string> uids = unknown;
  std::istringstream lines{base::to_text(*file)};
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> fields;
    std::istringstream parts(line);
    for (std::string part; std::getline(parts, part, ':');) fields.push_back(part);
    if (fields.size() < 5 || fields[0].empty() || !uids.contains(fields[2])) continue;
    unknown.erase(fields[2]);
    person.names.push_back(fields[0]);
    person.names.push_back(fields[4].substr(0, fields[4].find(',')));  // the person's own name
  }
  std::erase(person.names, "");
  person.known = unknown.empty();
  return person;
}

// With the rights of the state directory's owner: what the daemon cannot read is not read for it, wherever a link in
// that directory leads.
Result<std::vector<active::GraphFile>> read_as_daemon(base::Env& env, const config::Config& config) {
  SG_TRY(const base::FileInfo directory, env.info(config.state.directory));
  const FilesAs daemon(directory.uid, directory.gid);
  if (!daemon.good()) return fail(Code::kIo, "graphs_dir: cannot be read as the owner of the state directory");
  return active::read_graph_files(env, config.graphs_dir);
}

}  // namespace

Result<std::unique_ptr<Site>> Site::open(const Context& context) { return open_closed(context, false); }
Result<std::unique_ptr<Site>> Site::open_for_acts(const Context& context) { return open_closed(context, true); }

Result<std::unique_ptr<Site>> Site::open_before_files(const Context& context) {
  SG_TRY(std::unique_ptr<Site> site, open_parts(context, false));
  SG_TRY(const config::Config config, config::load(base::real_env(), context.config));
  SG_TRY(const base::FileInfo directory, base::real_env().info(config.state.directory));
  if (!become(directory.uid, directory.gid)) {
    return fail(Code::kIo, "stargraph-pack: cannot become the owner of the state directory");
  }
  return site;
}

Result<std::unique_ptr<Site>> Site::open_closed(const Context& context, bool acts) {
  SG_TRY(std::unique_ptr<Site> site, open_parts(context, acts));
  if (!confine_front()) return fail(Code::kIo, "stargraph-pack: the walls around this process could not be put up");
  return site;
}

Result<std::unique_ptr<Site>> Site::open_parts(const Context& context, bool acts) {
  base::Env& env = base::real_env();
  SG_TRY(const config::Config config, config::load(env, context.config));
  SG_TRY(start_crypto(config.fips_required));
  std::unique_ptr<Checker> checker;
  if (acts) {
    SG_TRY(checker, Checker::start(config.fips_required));
  }
  SG_TRY(crypto::PublicKey audit_key, read_public_key(config.audit.public_key.string()));
  std::unique_ptr<Site> site(new Site(std::move(audit_key)));
  site->checker_ = std::move(checker);
  site->profile_ = config.profile;
  SG_TRY(site->keeper_, Keeper::start(config, site->audit_key_, acts ? KeeperFor::kActs : KeeperFor::kReading));
  if (acts) site->sit_at_desk(config);
  return site;
}

// Everything an act will need, while this process may still open it.
void Site::sit_at_desk(const config::Config& config) {
  base::Env& env = base::real_env();
  notary_ = trust::socket_notary(env, config.audit.trust_socket, audit_key_);
  keep_terminal();
  const base::ActorName who = actor();
  Person acting = person();
  acting.names.push_back(who.str());
  // Read here and parsed where it is asked for, behind the walls.
  auto graph_files = read_as_daemon(env, config);
  const auto fits = [config, files = std::move(graph_files)](const trust::PackSource& source,
                                                             const trust::TrustState& after) -> Result<> {
    if (!files) return std::unexpected(files.error());
    SG_TRY(const std::vector<std::string> graphs, active::parse_graphs(*files));
    SG_TRY(active::take(source, after, config, graphs));
    return {};
  };
  importer_ = std::make_unique<trust::Importer>(
      trust::Desk{env, *keeper_, audit_key_, *notary_, who, std::move(acting.names), acting.known, fits});
}

trust::Importer::ContentCheck Site::content_check() {
  return [this](const pack::Contents&, base::BytesView file) -> Result<trust::Findings> {
    SG_TRY(const Verdict verdict, checker_->check(file));
    return findings(verdict);
  };
}

Result<trust::Findings> Site::findings(const Verdict& verdict) const {
  if (verdict.refused) return std::unexpected(*verdict.refused);
  if (verdict.findings.policy && verdict.findings.policy->warns && profile_ == config::Profile::kCleared) {
    return fail(Code::kPolicyMode, "policy: mode warn: profile cleared obeys its policy, and only that");
  }
  return verdict.findings;
}

Result<trust::TrustState> Site::state() { return keeper_->state(); }

}  // namespace stargraph::packcli

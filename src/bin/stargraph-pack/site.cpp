#include "site.hpp"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>
#include <vector>

#include "bin/active/active.hpp"

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::size_t kDatabaseKeyBytes = 32;
constexpr std::size_t kMaxPasswordFile = std::size_t{1} << 20;

// Who acts, as the log shows it: the user, and through sudo the one behind it.
base::ActorName actor() {
  std::string name = "uid-" + std::to_string(::getuid());
  if (const char* sudo = std::getenv("SUDO_UID"); sudo != nullptr && ::getuid() == 0) {
    const std::string_view uid(sudo);
    const bool digits =
        !uid.empty() && uid.size() <= 10 && uid.find_first_not_of("0123456789") == std::string_view::npos;
    if (digits) name += ".sudo-" + std::string(uid);
  }
  return base::ActorName(std::move(name));
}

// The uid that gave the command, the one behind it through sudo, and the one that logged in, which the kernel keeps
// through su.
std::set<std::string> uids_of_person() {
  constexpr std::string_view kNobodyLoggedIn = "4294967295";  // say a job of the service manager
  std::set<std::string> uids{std::to_string(::getuid())};
  if (const char* sudo = std::getenv("SUDO_UID"); sudo != nullptr) uids.emplace(sudo);
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

// The files a database makes must belong to the daemon's user, and parsing needs no root.
Result<> become(std::uint32_t uid, std::uint32_t gid) {
  if (::geteuid() != 0 || uid == 0) return {};
  if (::setgroups(0, nullptr) != 0 || ::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0) {
    return fail(Code::kIo, "stargraph-pack: cannot become the owner of the state directory");
  }
  return {};
}

// root may own the database key (a credential) or the daemon's user may (a file).
Result<crypto::Secret> read_database_key(const base::Path& path) {
  SG_TRY(crypto::Secret key, crypto::read_secret_file(base::real_env(), path, kDatabaseKeyBytes));
  if (key.size() != kDatabaseKeyBytes) return fail(Code::kConfigInvalid, "state key: not 32 bytes");
  return key;
}

}  // namespace

Result<std::unique_ptr<Site>> Site::open(const Context& context) { return open(context, false); }
Result<std::unique_ptr<Site>> Site::open_for_acts(const Context& context) { return open(context, true); }

Result<std::unique_ptr<Site>> Site::open(const Context& context, bool acts) {
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
  const base::ActorName who = actor();
  Person acting = person();
  acting.names.push_back(who.str());
  if (acts) site->notary_ = trust::socket_notary(env, config.audit.trust_socket, site->audit_key_);
  SG_TRY(const base::Path key_path, config.state.key.locate());
  SG_TRY(const base::FileInfo key_file, env.info(key_path));
  SG_TRY(const base::FileInfo directory, env.info(config.state.directory));
  const bool read_first = key_file.uid == ::geteuid();
  crypto::Secret key;
  if (read_first) {
    SG_TRY(key, read_database_key(key_path));
  }
  SG_TRY(become(directory.uid, directory.gid));
  if (!read_first) {
    SG_TRY(key, read_database_key(key_path));
  }
  SG_TRY(site->database_, store::Database::open(config.state.database(), key, trust::trust_migrations()));
  if (acts) {
    site->importer_ = std::make_unique<trust::Importer>(
        trust::Desk{env, *site->database_, site->audit_key_, *site->notary_, who, std::move(acting.names), acting.known,
                    [&env, config](store::Connection& connection, const trust::TrustState& after) -> Result<> {
                      SG_TRY(const std::vector<std::string> graphs, active::read_graphs(env, config.graphs_dir));
                      SG_TRY(active::take(connection, after, config, graphs));
                      return {};
                    }});
  }
  return site;
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

Result<trust::TrustState> Site::state() {
  SG_TRY(store::Connection connection, database_->reader());
  return trust::load_state(connection, audit_key_);
}

}  // namespace stargraph::packcli

// What becomes active: activate, retire, repair, reload; and the approver's side, approve.
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "commands.hpp"
#include "report.hpp"
#include "site.hpp"
#include "stargraph/json/write.hpp"
#include "stargraph/trust/verdict.hpp"

namespace stargraph::packcli {
namespace {

using base::Code;
using base::fail;
using base::Result;
using Clock = std::chrono::steady_clock;

constexpr auto kLookEvery = std::chrono::milliseconds(50);

struct Options {
  std::string id;
  std::string version;
  bool below_floor = false;
  std::string reason;
  std::vector<std::string> approvals;
  bool dry_run = false;
  bool restored = false;
  std::int64_t pid = 0;
  int timeout = 30;
  std::string request;
  std::string key;
  int passphrase_fd = -1;
};

Result<> activate(const Context& context, const Options& options) {
  SG_TRY(const std::unique_ptr<Site> site, Site::open_for_acts(context));
  trust::ActivateRequest request{base::PackId(options.id), options.version, options.below_floor, options.reason, {}};
  SG_TRY(request.approvals, read_tokens(options.approvals));
  const auto done = site->importer().activate(request, site->content_check());
  if (!done) show_requests(context, site->importer().requests());
  SG_TRY(const std::optional<trust::Step> step, done);
  SG_TRY(const trust::TrustState state, site->state());
  const trust::PackRef& active = state.active(request.id)->ref;
  json::Object document = step ? describe(*step) : describe(active);
  document.set("changed", step.has_value());
  context.print(document, step ? text_of(*step) + "active; the daemon takes it up when it is reloaded\n"
                               : name_of(active) + ": was active already\n");
  return {};
}

Result<> retire(const Context& context, const Options& options) {
  SG_TRY(const std::unique_ptr<Site> site, Site::open_for_acts(context));
  SG_TRY(site->importer().retire(base::PackId(options.id)));
  context.print(json::Object{{"id", options.id}, {"retired", true}}, options.id + ": no version is active any more\n");
  return {};
}

Result<> repair(const Context& context, const Options& options) {
  SG_TRY(const std::unique_ptr<Site> site, Site::open_for_acts(context));
  SG_TRY(const trust::RepairReport report, site->importer().repair(options.reason, options.restored));
  json::Array files;
  std::string text = report.acts == 0 ? "no act was missing\n"
                                      : std::to_string(report.acts) + " acts came back from the log, as they were\n";
  if (report.daemon_seq) {
    text += "this database may go on behind the daemon's entry " + std::to_string(report.daemon_seq->value()) + "\n";
  }
  for (const trust::PackRef& pack : report.without_file) {
    files.emplace_back(describe(pack));
    text += "its file is not here, import it again: " + name_of(pack) + "\n";
  }
  context.print(
      json::Object{{"acts", report.acts},
                   {"daemon_seq", report.daemon_seq ? json::Value(report.daemon_seq->value()) : json::Value()},
                   {"without_file", std::move(files)}},
      text);
  return {};
}

// --- reload ---

// --pid, else MAINPID, which systemd gives to ExecReload=; 0 when nobody is to be told.
Result<pid_t> daemon_pid(const Options& options) {
  std::int64_t pid = options.pid;
  if (const char* main = std::getenv("MAINPID"); pid == 0 && main != nullptr) {
    const std::string_view text(main);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (error != std::errc() || end != text.data() + text.size())
      return fail(Code::kUsage, "reload: MAINPID: no number");
  }
  if (pid < 0 || pid == 1 || pid > 4'194'304) return fail(Code::kUsage, "reload: --pid: not a daemon's");
  return static_cast<pid_t>(pid);
}

// Until the daemon has said something after `before` about at least `acts` acts.
Result<trust::ReloadVerdict> wait_for_verdict(Site& site, pid_t pid, std::int64_t before, std::int64_t acts,
                                              Clock::time_point deadline) {
  while (true) {
    SG_TRY(const auto verdict, site.keeper().verdict());
    if (verdict && verdict->serial > before && verdict->acts >= acts) return *verdict;
    SG_TRY(const bool lives, site.keeper().lives(pid));
    if (!lives) return fail(Code::kUnavailable, "reload: the daemon has ended");
    if (Clock::now() >= deadline) return fail(Code::kTimedOut, "reload: the daemon does not answer");
    std::this_thread::sleep_for(kLookEvery);
  }
}

Result<trust::ReloadVerdict> tell_daemon(Site& site, pid_t pid, std::int64_t acts, int timeout) {
  const Clock::time_point deadline = Clock::now() + std::chrono::seconds(timeout);
  SG_TRY(const auto last, site.keeper().verdict());
  SG_TRY(site.keeper().tell_to_reload(pid));
  SG_TRY(trust::ReloadVerdict verdict, wait_for_verdict(site, pid, last ? last->serial : 0, acts, deadline));
  if (verdict.reason) {
    return fail(*verdict.reason, "reload: the daemon keeps what it had: " + verdict.message);
  }
  return verdict;
}

void show_plan(const Context& context, const trust::ReloadReport& report, bool planned, const Affected& affected) {
  json::Array steps;
  std::string text;
  for (const trust::Step& step : report.steps) {
    steps.emplace_back(describe(step));
    text += text_of(step);
  }
  if (report.steps.empty()) text = "nothing is staged\n";
  json::Array left_out;
  for (const trust::LeftOut& each : report.left_out) {
    left_out.emplace_back(json::Object{{"code", each.why.name()}, {"pack", describe(each.pack)}});
    text += "left out: " + name_of(each.pack) + " (" + std::string(each.why.name()) + ")\n";
  }
  json::Object document{
      {"acts", report.acts}, {"dry_run", planned}, {"left_out", std::move(left_out)}, {"steps", std::move(steps)}};
  if (planned) document.set("affected", describe(affected));
  context.print(document, text + text_of(affected));
}

Result<> reload(const Context& context, const Options& options) {
  SG_TRY(const pid_t pid, daemon_pid(options));
  SG_TRY(const std::unique_ptr<Site> site, Site::open_for_acts(context));
  SG_TRY(const std::vector<trust::Approval> approvals, read_tokens(options.approvals));
  if (options.dry_run) {
    SG_TRY(const trust::ReloadReport plan, site->importer().plan_reload(site->content_check()));
    std::vector<crypto::Digest> going;
    for (const trust::Step& step : plan.steps) {
      if (step.before) going.push_back(step.before->digest);
    }
    Affected affected;
    SG_TRY(affected.runs, affected_by(*site, going));
    show_plan(context, plan, true, affected);
    return {};
  }
  const auto done = site->importer().reload(approvals, site->content_check());
  if (!done) show_requests(context, site->importer().requests());
  SG_TRY(const trust::ReloadReport report, done);
  if (pid != 0) {
    SG_TRY(tell_daemon(*site, pid, report.acts, options.timeout));
  }
  show_plan(context, report, false, {});
  return {};
}

// --- approve ---

constexpr std::size_t kMaxRequestFile = trust::kMaxRequestBytes + 2;

// The text itself, or a file that holds it.
Result<trust::ApprovalRequest> read_request(const std::string& argument) {
  std::string text = argument;
  if (!argument.starts_with('{')) {
    SG_TRY(const base::Bytes bytes, base::real_env().read_file(argument, kMaxRequestFile));
    text = base::to_text(bytes);
  }
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return trust::decode_request(text);
}

// Shows what is approved before it asks for the key's passphrase; needs neither appliance nor configuration.
Result<> approve(const Context& context, const Options& options) {
  SG_TRY(start_crypto(false));
  SG_TRY(const trust::ApprovalRequest request, read_request(options.request));
  const std::string shown = printable("You approve, until " + base::format_rfc3339(request.expires) + ": " +
                                      request.act + "\n" + json::pretty(request.subject) + "\n");
  std::fwrite(shown.data(), 1, shown.size(), stderr);
  SG_TRY(const crypto::PrivateKey key, read_private_key(options.key, options.passphrase_fd));
  SG_TRY(const trust::Approval approval, trust::approve(request, key));
  const std::string token = trust::encode_token(approval);
  context.print(json::Object{{"act", request.act},
                             {"digest", approval.digest().hex()},
                             {"expires", base::format_rfc3339(request.expires)},
                             {"key_id", approval.key_id.str()},
                             {"token", token}},
                token + "\n");
  return {};
}

void add_activate(CLI::App& app, Context& context, const std::shared_ptr<Options>& options) {
  CLI::App* command = app.add_subcommand("activate", "Make an imported version active: the newest, or the one named");
  command->add_option("ID", options->id, "Pack id")->required();
  command->add_option("VERSION", options->version, "Version");
  command->add_flag("--below-floor", options->below_floor,
                    "Although a newer epoch has been active; with --reason and "
                    "--approval");
  command->add_option("--reason", options->reason, "Why, for the log and the approver");
  command->add_option("--approval", options->approvals, "An approver's token")->type_name("TOKEN");
  command->callback(
      [&context, options] { context.action = [&context, options] { return activate(context, *options); }; });

  command = app.add_subcommand("retire", "Let no version of a pack be active");
  command->add_option("ID", options->id, "Pack id")->required();
  command->callback(
      [&context, options] { context.action = [&context, options] { return retire(context, *options); }; });

  command = app.add_subcommand("repair", "Take back from the log the acts that the trust store lost");
  command->add_option("--reason", options->reason, "Why it lost them, for the log")->required();
  command->add_flag("--restored", options->restored,
                    "The database is one of an earlier day: the daemon may go on behind its last entry in the log");
  command->callback(
      [&context, options] { context.action = [&context, options] { return repair(context, *options); }; });
}

}  // namespace

void add_reload_commands(CLI::App& app, Context& context) {
  const auto options = std::make_shared<Options>();
  add_activate(app, context, options);

  CLI::App* command = app.add_subcommand("reload", "Make all staged versions active together, and tell the daemon");
  command->add_option("--approval", options->approvals, "An approver's token; one for each version that asks for more")
      ->type_name("TOKEN");
  command->add_option("--pid", options->pid, "The daemon's process (else $MAINPID; else nobody is told)")
      ->type_name("PID");
  command->add_option("--timeout", options->timeout, "Seconds to wait for its verdict")
      ->type_name("S")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  command->add_flag("--dry-run", options->dry_run,
                    "Every check, no act: shows what would change and what has to be "
                    "approved");
  command->callback(
      [&context, options] { context.action = [&context, options] { return reload(context, *options); }; });

  command = app.add_subcommand("approve", "Sign a request as approver, offline; prints the token");
  command->add_option("REQUEST", options->request, "The request, or a file that holds it")->required();
  command->add_option("--key", options->key, "The approver's private key, PEM, mode 0600")
      ->type_name("FILE")
      ->required();
  command->add_option("--passphrase-fd", options->passphrase_fd, "Descriptor to read the key's passphrase from")
      ->type_name("N");
  command->callback(
      [&context, options] { context.action = [&context, options] { return approve(context, *options); }; });
}

}  // namespace stargraph::packcli

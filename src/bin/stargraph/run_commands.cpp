#include <cstdio>
#include <thread>

#include "commands.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::cli {
namespace {

using base::Code;
using base::fail;
using base::Result;
using json::Object;
using json::Value;

constexpr std::uint64_t kMaxParamsBytes = 1 << 20;

// "key=value": JSON when the value parses as one ("risk=2", "tags=[1]"), else the text itself.
Result<> set_pair(Object& object, const std::string& pair) {
  const std::size_t equals = pair.find('=');
  if (equals == std::string::npos || equals == 0) return fail(Code::kUsage, "argument: not KEY=VALUE");
  const std::string text = pair.substr(equals + 1);
  auto value = json::parse(text);
  object.set(pair.substr(0, equals), value ? std::move(*value) : Value(text));
  return {};
}

Result<Object> read_object(const std::string& file, const std::vector<std::string>& pairs) {
  Object object;
  if (!file.empty()) {
    SG_TRY(const base::Bytes bytes, base::real_env().read_file(file, kMaxParamsBytes));
    auto value = json::parse(bytes);
    if (!value) return fail(value.error().code, file + ": " + value.error().message);
    if (value->object() == nullptr) return fail(Code::kMalformed, file + ": not a JSON object");
    object = std::move(*value->object());
  }
  for (const std::string& pair : pairs) {
    SG_TRY(set_pair(object, pair));
  }
  return object;
}

std::string run_path(const std::string& run, const std::string& rest = "") {
  return "/v1/runs/" + client::percent_encode(run) + rest;
}

std::string run_text(const Value& run) {
  std::string text = field(run, "run_id") + "  " + field(run, "state") + "  " + field(run, "graph_id");
  if (!field(run, "node").empty()) text += "  at " + field(run, "node");
  if (!field(run, "reason").empty()) text += "  \"" + field(run, "reason") + "\"";
  if (!field(run, "error_class").empty()) text += "  " + field(run, "error_class") + ": " + field(run, "error_cause");
  text += "\n";
  const Value* const interrupt = run.object() != nullptr ? run.object()->find("interrupt") : nullptr;
  if (interrupt != nullptr && interrupt->object() != nullptr) {
    text += "  asks: " + field(*interrupt, "prompt") + "\n  rule: " + field(*interrupt, "rule") +
            "\n  interrupt: " + field(*interrupt, "interrupt_id") + "\n";
  }
  return text;
}

// Whether nothing more happens without a person: at its end, waiting for an answer, or paused.
bool rests(const Value& run) {
  const std::string state = field(run, "state");
  return state != "pending" && state != "running" && state != "working";
}

Result<Value> follow(client::Client& daemon, const std::string& run, std::int64_t timeout_s) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(timeout_s);
  while (true) {
    SG_TRY(Value now, daemon.get(run_path(run)));
    if (rests(now)) return now;
    if (std::chrono::steady_clock::now() >= end) return fail(Code::kTimedOut, "run: " + run + ": still going on");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

int exit_of(const Value& run) {
  const std::string state = field(run, "state");
  return state == "failed" || state == "cancelled" || state == "expired" ? base::kExitFailed : base::kExitDone;
}

void add_start(CLI::App& group, Context& context) {
  struct Options {
    std::string graph;
    std::string file;
    std::string key;
    std::vector<std::string> pairs;
    bool wait = false;
    std::int64_t timeout = 300;
  };
  auto options = std::make_shared<Options>();
  CLI::App* const command = group.add_subcommand("start", "Start a run of a graph");
  command->add_option("graph", options->graph, "Graph id")->required();
  command->add_option("--params", options->file, "JSON object with the first state")->type_name("FILE");
  command->add_option("--param", options->pairs, "One field; JSON or text")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--idempotency-key", options->key, "The same key starts one run only, however often it is sent");
  command->add_flag("--wait", options->wait, "Until the run ends, waits for a person or is paused");
  command->add_option("--timeout", options->timeout, "Seconds to wait at most")->check(CLI::Range(1, 86'400));
  command->callback([&context, options] {
    context.action = [&context, options]() -> Result<int> {
      SG_TRY(Object params, read_object(options->file, options->pairs));
      SG_TRY(const auto daemon, context.connect());
      Object request{{"graph_id", options->graph}, {"params", std::move(params)}};
      if (!options->key.empty()) request.set("idempotency_key", options->key);
      SG_TRY(Value run, daemon->post("/v1/runs", request));
      if (options->wait) {
        SG_TRY(Value rest, follow(*daemon, field(run, "run_id"), options->timeout));
        run = std::move(rest);
      }
      context.print(run, run_text(run));
      return options->wait ? exit_of(run) : base::kExitDone;
    };
  });
}

void add_list(CLI::App& group, Context& context) {
  auto status = std::make_shared<std::string>();
  auto limit = std::make_shared<std::int64_t>(100);
  CLI::App* const command = group.add_subcommand("list", "Runs of the own tenant, newest first");
  command->add_option("--status", *status, "Only runs in this state");
  command->add_option("--limit", *limit, "At most so many")->check(CLI::Range(1, 1000));
  command->callback([&context, status, limit] {
    context.action = [&context, status, limit]() -> Result<int> {
      SG_TRY(const auto daemon, context.connect());
      std::string path = "/v1/runs?limit=" + std::to_string(*limit);
      if (!status->empty()) path += "&status=" + client::percent_encode(*status);
      SG_TRY(const Value page, daemon->get(path));
      std::string text;
      const Value* const items = page.object() != nullptr ? page.object()->find("items") : nullptr;
      if (items != nullptr && items->array() != nullptr) {
        for (const Value& run : *items->array()) text += run_text(run);
      }
      context.print(page, text);
      return base::kExitDone;
    };
  });
}

// `show`, `cancel`, `pause`, `resume`: one call, one run.
void add_one(CLI::App& group, Context& context, const std::string& name, const std::string& description, bool change) {
  auto run = std::make_shared<std::string>();
  CLI::App* const command = group.add_subcommand(name, description);
  command->add_option("run", *run, "Run id")->required();
  command->callback([&context, run, name, change] {
    context.action = [&context, run, name, change]() -> Result<int> {
      SG_TRY(const auto daemon, context.connect());
      Result<Value> reply = change ? daemon->post(run_path(*run, "/" + name), Object{}) : daemon->get(run_path(*run));
      if (!reply) return std::unexpected(std::move(reply).error());
      context.print(*reply, run_text(*reply));
      return base::kExitDone;
    };
  });
}

void add_watch(CLI::App& group, Context& context) {
  auto run = std::make_shared<std::string>();
  auto timeout = std::make_shared<std::int64_t>(300);
  CLI::App* const command = group.add_subcommand("watch", "Wait until a run ends, asks a person or is paused");
  command->add_option("run", *run, "Run id")->required();
  command->add_option("--timeout", *timeout, "Seconds to wait at most")->check(CLI::Range(1, 86'400));
  command->callback([&context, run, timeout] {
    context.action = [&context, run, timeout]() -> Result<int> {
      SG_TRY(const auto daemon, context.connect());
      SG_TRY(const Value rest, follow(*daemon, *run, *timeout));
      context.print(rest, run_text(rest));
      return exit_of(rest);
    };
  });
}

// "  goto remediate  by soc.policy/rule"; without a rule the list's order decided.
std::string decision_text(const Value& decision) {
  std::string text = "  " + field(decision, "class") + " " + field(decision, "target") + field(decision, "reason");
  if (!field(decision, "rule").empty()) text += "  by " + field(decision, "stage") + "/" + field(decision, "rule");
  return text;
}

void add_steps(CLI::App& group, Context& context) {
  auto run = std::make_shared<std::string>();
  CLI::App* const command = group.add_subcommand("steps", "The recorded steps of a run: node, decision, rule, hashes");
  command->add_option("run", *run, "Run id")->required();
  command->callback([&context, run] {
    context.action = [&context, run]() -> Result<int> {
      SG_TRY(const auto daemon, context.connect());
      json::Array all;
      std::string text;
      std::int64_t from = 0;
      while (true) {
        SG_TRY(const Value page, daemon->get(run_path(*run, "/steps?limit=100&from=" + std::to_string(from))));
        const Value* const items = page.object() != nullptr ? page.object()->find("items") : nullptr;
        if (items == nullptr || items->array() == nullptr) return fail(Code::kMalformed, "reply: no items");
        for (const Value& step : *items->array()) {
          const Value* const record = step.object() != nullptr ? step.object()->find("record") : nullptr;
          const Value* const decision =
              record != nullptr && record->object() != nullptr ? record->object()->find("decision") : nullptr;
          text += field(step, "number") + "  " + field(step, "node");
          if (decision != nullptr) text += decision_text(*decision);
          text += "  " + field(step, "decision_hash").substr(0, 16) + "\n";
          all.push_back(step);
        }
        const Value* const next = page.object()->find("next");
        if (next == nullptr || next->integer() == nullptr || *next->integer() <= from) break;
        from = *next->integer();
      }
      context.print(Object{{"items", std::move(all)}}, text);
      return base::kExitDone;
    };
  });
}

void add_respond(CLI::App& group, Context& context) {
  struct Options {
    std::string run;
    std::string interrupt;
    std::string file;
    std::vector<std::string> pairs;
  };
  auto options = std::make_shared<Options>();
  CLI::App* const command = group.add_subcommand("respond", "Answer the question a run waits with");
  command->add_option("run", options->run, "Run id")->required();
  command
      ->add_option("--interrupt", options->interrupt,
                   "Id of the question, from `run show`: the answer is for exactly that")
      ->required();
  command->add_option("--response", options->file, "JSON object")->type_name("FILE");
  command->add_option("--set", options->pairs, "One field of the response")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command->callback([&context, options] {
    context.action = [&context, options]() -> Result<int> {
      SG_TRY(Object response, read_object(options->file, options->pairs));
      if (response.empty()) return fail(Code::kUsage, "respond: nothing to say: give --set or --response");
      SG_TRY(const auto daemon, context.connect());
      const Object request{{"interrupt_id", options->interrupt}, {"response", std::move(response)}};
      SG_TRY(const Value reply, daemon->post(run_path(options->run, "/respond"), request));
      context.print(reply, run_text(reply));
      return base::kExitDone;
    };
  });
}

}  // namespace

void add_run_commands(CLI::App& app, Context& context) {
  CLI::App* const group = app.add_subcommand("run", "Start, see and steer runs");
  group->require_subcommand(1);
  group->fallthrough();
  add_start(*group, context);
  add_list(*group, context);
  add_one(*group, context, "show", "One run: state, question, reason", false);
  add_watch(*group, context);
  add_steps(*group, context);
  add_one(*group, context, "cancel", "End a run", true);
  add_one(*group, context, "pause", "Hold a run after the step in hand", true);
  add_one(*group, context, "resume", "Let a paused run go on", true);
  add_respond(*group, context);
}

}  // namespace stargraph::cli

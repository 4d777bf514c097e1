// stargraph-worker: leases tasks of given kinds, runs one local command for each with the task as JSON
// on stdin, and returns the JSON object the command prints.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>
#include <utility>

#include "bin/program.hpp"
#include "command.hpp"
#include "delivery.hpp"
#include "stargraph/base/printable.hpp"
#include "stargraph/client/client.hpp"
#include "stargraph/json/parse.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::worker {
namespace {

using base::Code;
using base::Result;

std::atomic<bool> stopping{false};  // set by SIGTERM and SIGINT: the task in hand is finished first

extern "C" void stop(int /*signal*/) { stopping.store(true); }

struct Options {
  std::string config;
  client::Endpoint endpoint;
  std::vector<std::string> kinds;
  std::vector<std::string> command;
  std::int64_t max_tasks = 0;
  std::int64_t wait_ms = 5000;
  std::int64_t max_output = 1 << 20;
};

// The part of the task that its command sees: everything but the lease token.
json::Object without_lease(json::Object task) {
  task.erase("lease");
  return task;
}

std::string text_of(const json::Object& object, std::string_view name) {
  const json::Value* const value = object.find(name);
  return value != nullptr && value->string() != nullptr ? *value->string() : std::string();
}

class Worker {
 public:
  Worker(const Options& options, client::Client& daemon) : options_(options), daemon_(daemon) {}

  // One lease and, when there was a task, its work. True when there was one.
  Result<bool> turn() {
    json::Array kinds;
    for (const std::string& kind : options_.kinds) kinds.emplace_back(kind);
    const json::Object request{{"kinds", std::move(kinds)}, {"wait_ms", options_.wait_ms}};
    SG_TRY(const json::Value reply,
           daemon_.post("/v1/work/lease", request, {}, std::chrono::milliseconds(options_.wait_ms + 30'000)));
    const json::Value* const task = reply.object() != nullptr ? reply.object()->find("task") : nullptr;
    if (task == nullptr || task->object() == nullptr) return false;
    SG_TRY(work(*task->object()));
    return true;
  }

 private:
  // What a task is called in its calls and in the log, and until when somebody wants it.
  struct Held {
    std::string path;
    std::string lease;
    std::string name;
    base::Duration end{0};  // on the monotonic clock
  };

  static Held held(const json::Object& task) {
    Held held;
    held.path = "/v1/work/" + client::percent_encode(text_of(task, "task_id")) + "/";
    held.lease = text_of(task, "lease");
    held.name = base::printable(text_of(task, "kind") + " " + text_of(task, "task_id"));
    base::Env& env = base::real_env();
    const auto until = base::parse_rfc3339(text_of(task, "lease_until"));
    const auto deadline = base::parse_rfc3339(text_of(task, "deadline"));
    held.end =
        env.monotonic() + (until && deadline ? time_left(env.now(), *until, *deadline) : CommandLimits().timeout);
    return held;
  }

  Result<> work(const json::Object& task) {
    const Held held = Worker::held(task);
    auto output = run(task, held);
    if (!output && output.error().code == Code::kLeaseLost) {
      std::fprintf(stderr, "<4>task %s: lease lost, result dropped\n", held.name.c_str());
      return {};
    }
    Result<> told = output ? offer(held, "complete", {{"lease", held.lease}, {"output", std::move(*output)}})
                           : tell_failure(held, output.error().message);
    const bool unwanted = !told && output && concerns_task(told.error());
    if (unwanted) told = tell_failure(held, "output: refused: " + std::string(told.error().name()));
    if (!told && passes(told.error())) {
      std::fprintf(stderr, "<4>task %s: %s; result dropped\n", held.name.c_str(),
                   base::printable(told.error().message).c_str());
      return {};
    }
    if (!told && !concerns_task(told.error())) return told;
    const char* const outcome = !told ? "lease lost" : output && !unwanted ? "done" : "failed";
    std::fprintf(stderr, "<6>task %s: %s\n", held.name.c_str(), outcome);
    return {};
  }

  Result<> tell_failure(const Held& held, const std::string& message) {
    constexpr std::size_t kMaxMessage = 1000;
    return offer(held, "fail",
                 {{"lease", held.lease}, {"message", message.substr(0, kMaxMessage)}, {"retryable", true}});
  }

  // Until the daemon takes it; nothing else is leased meanwhile.
  Result<> offer(const Held& held, const std::string& what, const json::Object& body) {
    bool said = false;
    Delivery delivery;
    delivery.offer = [&]() -> Result<> {
      const auto reply = daemon_.post(held.path + what, body);
      if (reply) return {};
      if (passes(reply.error()) && !std::exchange(said, true))
        std::fprintf(stderr, "<4>task %s: %s: not taken yet (%s), offered again\n", held.name.c_str(), what.c_str(),
                     std::string(reply.error().name()).c_str());
      return std::unexpected(reply.error());
    };
    delivery.beat = [&] { return beat(held).has_value(); };
    delivery.lasts = held.end - base::real_env().monotonic();
    return deliver(delivery, real_waiting());
  }

  Result<json::Value> beat(const Held& held) {
    return daemon_.post(held.path + "heartbeat", json::Object{{"lease", held.lease}});
  }

  // Refusals of this task or of what its command printed: no reason to stop working for others.
  static bool concerns_task(const base::Error& error) {
    const base::Kind kind = error.kind();
    return kind == base::Kind::kUsage || (kind == base::Kind::kLimit && error.code != Code::kRateLimited);
  }

  Result<json::Object> run(const json::Object& task, const Held& held) {
    CommandLimits limits;
    limits.max_output = static_cast<std::size_t>(options_.max_output);
    // One call that nobody answered loses no lease; the next one may be in time.
    const auto keep = [&] {
      const auto told = beat(held);
      return told || passes(told.error());
    };
    const std::string input = json::canonical(without_lease(task)) + "\n";
    SG_TRY(const CommandResult result, run_command(options_.command, input, limits, keep));
    if (result.exit_code != 0)
      return base::fail(Code::kNodeFailed, "command: exit code " + std::to_string(result.exit_code));
    json::ParseLimits parse_limits;
    parse_limits.max_bytes = limits.max_output;
    SG_TRY(json::Value value, json::parse(trimmed(result.output), parse_limits));
    if (value.object() == nullptr) return base::fail(Code::kNodeFailed, "command: output: not a JSON object");
    return std::move(*value.object());
  }

  static std::string_view trimmed(std::string_view text) {
    const std::size_t last = text.find_last_not_of(" \t\r\n");
    return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
  }

  const Options& options_;
  client::Client& daemon_;
};

// Leases until told to stop. Trouble reaching the daemon is waited out; being refused is not.
Result<> serve(const Options& options) {
  SG_TRY(const auto daemon, client::Client::make(options.endpoint));
  Worker worker(options, *daemon);
  std::int64_t done = 0;
  auto pause = std::chrono::milliseconds(200);
  while (!stopping.load() && (options.max_tasks == 0 || done < options.max_tasks)) {
    const Result<bool> worked = worker.turn();
    if (worked) {
      done += *worked ? 1 : 0;
      pause = std::chrono::milliseconds(200);
      continue;
    }
    if (!passes(worked.error())) return std::unexpected(worked.error());
    std::fprintf(stderr, "<4>%s; next try in %d ms\n", base::printable(worked.error().message).c_str(),
                 static_cast<int>(pause.count()));
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(5000));
  }
  return {};
}

void add_options(CLI::App& app, Options& options) {
  app.add_option("--config", options.config, "Client configuration (url, certificate, key, ca)")->type_name("FILE");
  app.add_option("--url", options.endpoint.url, "https://HOST:PORT of the appliance");
  app.add_option("--cert", options.endpoint.certificate, "Client certificate, PEM")->type_name("FILE");
  app.add_option("--key", options.endpoint.key, "Client key, PEM, mode 0600")->type_name("FILE");
  app.add_option("--ca", options.endpoint.ca, "CA that signed the appliance's certificate, PEM")->type_name("FILE");
  app.add_option("--kind", options.kinds, "Node kind to serve; may be given several times")
      ->required()
      ->allow_extra_args(false);
  app.add_option("--max-tasks", options.max_tasks, "End after so many tasks; 0: never")->check(CLI::NonNegativeNumber);
  app.add_option("--wait-ms", options.wait_ms, "How long a lease call waits for work")->check(CLI::Range(0, 10'000));
  app.add_option("--max-output", options.max_output, "Longest output of the command, bytes")
      ->check(CLI::Range(2, 64 << 20));
  app.footer(
      "Usage: stargraph-worker [OPTIONS] --kind KIND... --exec COMMAND [ARGUMENT...]\n"
      "Everything behind --exec is the command's own.\nExample:\n  stargraph-worker --kind soc.enrich --kind soc.score "
      "--exec /usr/libexec/soc/worker.py\n"
      "The command gets the task as one JSON object on stdin and prints one JSON object: the node's output.");
}

int program(int argc, char** argv) {
  CLI::App app{"Leases tasks from a stargraphd and runs a local command for each"};
  app.set_version_flag("--version", STARGRAPH_VERSION);
  Options options;
  add_options(app, options);
  char** const end = argv + argc;
  char** const exec = std::find(argv, end, std::string_view("--exec"));
  if (exec != end) options.command.assign(exec + 1, end);
  try {
    app.parse(static_cast<int>(exec - argv), argv);
    if (options.command.empty()) throw CLI::RequiredError("--exec");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? base::kExitDone : base::kExitUsage;
  }
  struct sigaction action{};
  action.sa_handler = stop;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  Result<> result;
  if (options.endpoint.url.empty()) {
    const base::Path file = options.config.empty() ? client::default_endpoint_file() : base::Path(options.config);
    auto endpoint = client::load_endpoint(base::real_env(), file);
    if (endpoint) options.endpoint = std::move(*endpoint);
    if (!endpoint) result = std::unexpected(std::move(endpoint).error());
  }
  if (result) result = serve(options);
  if (result) return base::kExitDone;
  std::fprintf(stderr, "<3>stargraph-worker: %s (%s)\n", base::printable(result.error().message).c_str(),
               std::string(result.error().name()).c_str());
  return result.error().exit_code();
}

}  // namespace
}  // namespace stargraph::worker

int main(int argc, char** argv) {
  return stargraph::run_program("stargraph-worker", stargraph::worker::program, argc, argv);
}

// From the start of the process (socket already listening, as under socket activation) to the first answer over
// mutual TLS, and what the idle daemon keeps in memory. The peer is `openssl s_server -www` with the same certificates:
// a bare TLS server that opens no database, jail, audit link or filter. Both times include one start of curl.
#include <csignal>
#include <cstring>
#include <fstream>

#include "figure.hpp"
#include "integration/appliance.hpp"

namespace {

using namespace stargraph;
using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

bool answered(const test::CommandResult& reply) { return reply.out.size() >= 3 && reply.out.ends_with("200"); }

// Proportional set size, so that pages shared with the jail's processes count once.
double pss_mib(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string word; in >> word;) {
    if (word != "Pss:") continue;
    double kib = 0;
    in >> kib;
    return kib / 1024;
  }
  return 0;
}

double tree_mib(pid_t pid) {
  double sum = pss_mib(pid);
  std::ifstream children("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  for (pid_t child = 0; children >> child;) sum += tree_mib(child);
  return sum;
}

double start_ours(test::Appliance& box) {
  const auto start = Clock::now();
  box.spawn_daemon();
  // The kernel queues the connection until the daemon accepts: no polling.
  const bool fine = answered(box.curl("operator", {"/health"}));
  const double took = milliseconds_since(start);
  static_cast<void>(box.wait_notified("READY=1"));
  box.stop();
  return fine ? took : -1;
}

double start_theirs(const test::Appliance& box, int port) {
  const auto start = Clock::now();
  test::Service server(
      {"/usr/bin/openssl", "s_server", "-quiet", "-www", "-tls1_3", "-accept", "127.0.0.1:" + std::to_string(port),
       "-cert", box.path("server.pem"), "-key", box.path("server.key"), "-CAfile", box.path("ca.pem"), "-Verify", "1"},
      {}, "", box.path("s_server.log"));
  test::CommandResult reply;
  for (int i = 0; i < 200 && !answered(reply); ++i) {
    reply = test::run_command({"curl", "-sS", "--noproxy", "*", "--cacert", box.path("ca.pem"), "--cert",
                               box.path("operator.pem"), "--key", box.path("operator.key"), "-o", "/dev/null", "-w",
                               "%{http_code}", "https://localhost:" + std::to_string(port) + "/"});
  }
  return milliseconds_since(start);
}

}  // namespace

int main() {
  const auto programs = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "bin";
  test::Appliance::Options options;
  options.start = false;
  test::Appliance box(programs, options);
  box.start_auditd();
  static_cast<void>(start_ours(box));  // the first start makes the database
  bench::compare(
      "startup_to_first_answer", "ms", [&] { return start_ours(box); }, "openssl_s_server",
      [&] { return start_theirs(box, 24'433); });
  if (!bench::wanted("idle_memory")) return 0;
  box.start_daemon();
  static_cast<void>(box.curl("operator", {"/health"}));
  const double ours = tree_mib(box.daemon_pid());
  test::Service server({"/usr/bin/openssl", "s_server", "-quiet", "-www", "-accept", "127.0.0.1:24434", "-cert",
                        box.path("server.pem"), "-key", box.path("server.key")},
                       {}, "", box.path("s_server.log"));
  double theirs = 0;
  for (int i = 0; i < 100 && theirs < 2; ++i) {
    ::usleep(20'000);
    theirs = pss_mib(server.pid());
  }
  bench::print("idle_memory_daemon_and_jail", ours, "MiB", "openssl_s_server", theirs, ours / theirs);
  box.stop();
  return 0;
}

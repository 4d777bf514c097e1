// Appliance: a whole one in a scratch directory, on loopback: a CA and certificates (openssl, P-384), stargraph-auditd
// and stargraphd, each with the sockets systemd would hand it. For tests and benchmarks; needs the programs openssl and
// curl.
//
//   test::Appliance appliance;                       // ready when this returns, or it throws
//   appliance.curl("operator", {"/v1/graphs"}).out   // body, a line break, the status
//   appliance.stop();                                // SIGTERM; gives the exit code
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/command.hpp"
#include "support/loopback.hpp"
#include "support/temp_dir.hpp"

namespace stargraph::test {

// A child with inherited listeners, named as in a .socket unit.
class Service {
 public:
  struct Socket {
    std::string name;
    int descriptor;
  };
  // `notify` is the path of the NOTIFY_SOCKET, or empty; stderr goes to `log`.
  Service(std::vector<std::string> argv, std::vector<Socket> sockets, const std::filesystem::path& notify,
          const std::filesystem::path& log) {
    std::string names;
    for (const Socket& socket : sockets) names += (names.empty() ? "" : ":") + socket.name;
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // an aborted test leaves nothing behind
    constexpr int kHigh = 100;           // out of the way of 3, 4, ...
    constexpr int kFirst = 3;
    for (std::size_t i = 0; i < sockets.size(); ++i) ::dup2(sockets[i].descriptor, kHigh + static_cast<int>(i));
    for (std::size_t i = 0; i < sockets.size(); ++i) ::dup2(kHigh + static_cast<int>(i), kFirst + static_cast<int>(i));
    for (int fd = kFirst + static_cast<int>(sockets.size()); fd < 1024; ++fd) ::close(fd);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(out, STDERR_FILENO);
    ::setenv("LISTEN_FDS", std::to_string(sockets.size()).c_str(), 1);
    ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    if (!notify.empty()) ::setenv("NOTIFY_SOCKET", notify.c_str(), 1);
    ::execv(argv.at(0).c_str(), detail::c_array(argv).data());
    ::_exit(127);
  }
  ~Service() { end(SIGKILL); }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Sends the signal, waits; the exit code, or minus the signal that ended it.
  int end(int signal) {
    if (pid_ <= 0) return code_;
    ::kill(pid_, signal);
    return wait();
  }
  int wait() {
    int status = 0;
    while (pid_ > 0 && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    if (pid_ > 0) code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    pid_ = -1;
    return code_;
  }
  [[nodiscard]] bool alive() const {
    siginfo_t info{};
    return pid_ > 0 && ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int code_ = 0;
};

class Appliance {
 public:
  struct Principal {
    std::string name;
    std::string tenant;
    std::string role;
  };
  struct Options {
    std::string profile = "oss-default";
    std::string limits;  // lines of the group, two spaces before each
    std::string more;    // more groups
    std::string reads = "strict";
    std::string on_failure = "refuse";
    std::string roles;                  // more lines of that group
    std::vector<Principal> principals;  // beside the usual ones; each gets its certificate
    bool start = true;
  };
  explicit Appliance(std::filesystem::path programs) : Appliance(std::move(programs), Options()) {}
  // `programs` is the directory of stargraphd and stargraph-auditd.
  Appliance(std::filesystem::path programs, const Options& options) : programs_(std::move(programs)) {
    make_authority("ca");
    issue("server", "ca", {"-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"});
    for (const char* name : {"operator", "viewer", "worker", "neighbour", "stranger"}) issue_client(name);
    for (const Principal& one : options.principals) issue_client(one.name);
    for (const char* folder : {"state", "log", "audit", "graphs"}) {
      std::filesystem::create_directory(dir_ / folder);
      std::filesystem::permissions(dir_ / folder, std::filesystem::perms::owner_all);
    }
    must({"openssl", "genpkey", "-algorithm", "ed25519", "-out", path("audit.key")});
    must({"openssl", "pkey", "-in", path("audit.key"), "-pubout", "-out", path("audit.pub.pem")});
    must({"openssl", "rand", "-out", path("state.key"), "32"});
    empty_crl();
    add_graph("hello.yaml", kHello);
    write_config(options);
    lock_files();
    listen();
    if (!options.start) return;
    start_auditd();
    start_daemon();
  }
  ~Appliance() {
    daemon_.reset();
    auditd_.reset();
    for (const int fd : {https_, entries_, trust_, notify_}) {
      if (fd >= 0) ::close(fd);
    }
  }

  // id "graph:hello": echo, then done.
  static constexpr const char* kHello =
      "ir_version: \"1.0.0\"\nid: \"graph:hello\"\nnodes:\n  - {id: first, kind: echo}\n  - {id: last, kind: halt}\n";

  [[nodiscard]] std::string path(const std::string& name) const { return (dir_ / name).string(); }
  [[nodiscard]] std::string url(const std::string& route) const {
    return "https://localhost:" + std::to_string(port_) + route;
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] pid_t daemon_pid() const { return daemon_ ? daemon_->pid() : -1; }
  [[nodiscard]] Service& daemon() { return *daemon_; }
  [[nodiscard]] Service& auditd() { return *auditd_; }
  [[nodiscard]] std::string daemon_log() const { return dir_.read("daemon.log"); }
  // All lines of the audit log's segments so far.
  [[nodiscard]] std::string audit_log() const {
    std::string all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_ / "log")) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      all.append(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    return all;
  }
  void add_graph(const std::string& name, const std::string& text) const {
    static_cast<void>(dir_.write("graphs/" + name, text));
  }
  void replace_config(const Options& options) {
    write_config(options);
    lock_files();
  }

  // NAME.key and NAME.pem of a self-signed CA.
  void make_authority(const std::string& name) const {
    must({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-nodes", "-days",
          "30", "-subj", "/CN=" + name, "-keyout", path(name + ".key"), "-out", path(name + ".pem"), "-addext",
          "keyUsage=critical,keyCertSign,cRLSign"});
  }
  // NAME.key and NAME.pem signed by a CA made here.
  void issue(const std::string& name, const std::string& ca, const std::vector<std::string>& extra,
             const std::vector<std::string>& days = {"-days", "20"}) const {
    std::vector<std::string> request{
        "openssl",          "req",   "-newkey",     "ec",      "-pkeyopt",          "ec_paramgen_curve:secp384r1",
        "-nodes",           "-subj", "/CN=" + name, "-keyout", path(name + ".key"), "-out",
        path(name + ".csr")};
    request.insert(request.end(), extra.begin(), extra.end());
    must(request);
    std::vector<std::string> sign{"openssl",
                                  "x509",
                                  "-req",
                                  "-in",
                                  path(name + ".csr"),
                                  "-CA",
                                  path(ca + ".pem"),
                                  "-CAkey",
                                  path(ca + ".key"),
                                  "-copy_extensions",
                                  "copyall",
                                  "-out",
                                  path(name + ".pem"),
                                  "-sha384"};
    sign.insert(sign.end(), days.begin(), days.end());
    must(sign);
  }
  void issue_client(const std::string& name, const std::string& ca = "ca") const {
    issue(name, ca, {"-addext", "subjectAltName=URI:stargraph:" + name});
  }
  // An expired one: signed for a day that is long over.
  void issue_expired(const std::string& name) const {
    write_ca_database();
    issue_client(name);
    must({"openssl", "ca", "-batch", "-config", path("ca.cnf"), "-in", path(name + ".csr"), "-out", path(name + ".pem"),
          "-startdate", "20200101000000Z", "-enddate", "20200102000000Z", "-notext"});
  }
  // A CRL that revokes these; the daemon takes it up within a second or so.
  void revoke(const std::vector<std::string>& names) const {
    write_ca_database();
    for (const std::string& name : names)
      must({"openssl", "ca", "-config", path("ca.cnf"), "-revoke", path(name + ".pem")});
    write_crl();
  }

  void start_auditd() {
    auditd_.emplace(
        std::vector<std::string>{(programs_ / "stargraph-auditd").string(), "--log-directory", path("log"),
                                 "--state-directory", path("audit"), "--key-file", path("audit.key"), "--entries-uid",
                                 std::to_string(::geteuid()), "--trust-uid", std::to_string(::geteuid())},
        std::vector<Service::Socket>{{"entries", entries_}, {"trust", trust_}}, "", dir_ / "auditd.log");
  }
  void spawn_daemon(const std::vector<std::string>& flags = {}) {
    std::vector<std::string> argv{(programs_ / "stargraphd").string(), "--config", path("stargraph.yaml")};
    argv.insert(argv.end(), flags.begin(), flags.end());
    daemon_.emplace(std::move(argv), std::vector<Service::Socket>{{"https", https_}}, path("notify"),
                    dir_ / "daemon.log");
  }
  void start_daemon(const std::vector<std::string>& flags = {}) {
    spawn_daemon(flags);
    if (!wait_notified("READY=1")) throw std::runtime_error("stargraphd: not ready: " + daemon_log());
  }
  // Until systemd would have heard `what`; false when the daemon ended first or 60 s passed.
  [[nodiscard]] bool wait_notified(const std::string& what) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      pollfd waiting{notify_, POLLIN, 0};
      ::poll(&waiting, 1, 100);
      char text[512];
      const ssize_t size = ::recv(notify_, text, sizeof text, MSG_DONTWAIT);
      if (size > 0 && std::string(text, static_cast<std::size_t>(size)).find(what) != std::string::npos) return true;
      if (size <= 0 && !daemon_->alive()) return false;
    }
    return false;
  }
  int stop() { return daemon_->end(SIGTERM); }

  // curl as this client; `arguments` ends with the route. Its output is the body, a line break and the status ("000":
  // no answer).
  [[nodiscard]] CommandResult curl(const std::string& client, std::vector<std::string> arguments) const {
    std::vector<std::string> argv{"curl", "-sS",      "--noproxy",    "*",  "--max-time",
                                  "30",   "--cacert", path("ca.pem"), "-w", "\n%{http_code}"};
    if (!client.empty()) {
      for (const std::string& part :
           {std::string("--cert"), path(client + ".pem"), std::string("--key"), path(client + ".key")})
        argv.push_back(part);
    }
    arguments.back() = url(arguments.back());
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run_command(argv);
  }
  [[nodiscard]] CommandResult post(const std::string& client, const std::string& route, const std::string& body) const {
    return curl(client, {"-H", "Content-Type: application/json", "-d", body, route});
  }
  // Bytes as they are through TLS as this client, and everything that comes back until the server closes.
  [[nodiscard]] std::string raw(const std::string& client, const std::string& bytes,
                                const std::vector<std::string>& flags = {}) const {
    std::vector<std::string> argv{"openssl",  "s_client",    "-quiet",
                                  "-ign_eof", "-connect",    "127.0.0.1:" + std::to_string(port_),
                                  "-CAfile",  path("ca.pem")};
    if (!client.empty()) {
      for (const std::string& part :
           {std::string("-cert"), path(client + ".pem"), std::string("-key"), path(client + ".key")})
        argv.push_back(part);
    }
    argv.insert(argv.end(), flags.begin(), flags.end());
    CommandOptions options;
    options.input = bytes;
    return run_command(argv, options).out;
  }
  // How many established connections the daemon has.
  [[nodiscard]] int connections() const {
    char local[16];
    std::snprintf(local, sizeof local, ":%04X ", port_);
    std::ifstream table("/proc/net/tcp");
    int found = 0;
    for (std::string line; std::getline(table, line);) {
      const std::size_t at = line.find(local);
      if (at != std::string::npos && at < 20 && line.find(" 01 ") < 40) ++found;
    }
    return found;
  }
  // A TCP connection without TLS.
  [[nodiscard]] int dial() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port_);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("dial");
    return fd;
  }

 private:
  static void must(const std::vector<std::string>& argv) {
    const CommandResult result = run_command(argv);
    if (!result.ok()) throw std::runtime_error(argv.at(0) + " " + argv.at(1) + ": " + result.err);
  }
  int unix_socket(const std::string& name, int type) const {
    const int fd = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path(name).copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("bind " + name);
    if (type == SOCK_SEQPACKET) ::listen(fd, 8);
    return fd;
  }
  void listen() {
    entries_ = unix_socket("entries.sock", SOCK_SEQPACKET);
    trust_ = unix_socket("trust.sock", SOCK_SEQPACKET);
    notify_ = unix_socket("notify", SOCK_DGRAM);
    https_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    if (::bind(https_, reinterpret_cast<const sockaddr*>(&address), length) != 0 || ::listen(https_, 1024) != 0 ||
        ::getsockname(https_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      throw std::runtime_error("listen");
    }
    port_ = ntohs(address.sin_port);
  }
  void write_ca_database() const {
    if (std::filesystem::exists(dir_ / "ca.cnf")) return;
    std::filesystem::create_directory(dir_ / "ca.new");
    static_cast<void>(dir_.write("ca.index", std::string_view()));
    static_cast<void>(dir_.write("ca.cnf", "[ca]\ndefault_ca=d\n[d]\ndatabase=" + path("ca.index") +
                                               "\nnew_certs_dir=" + path("ca.new") + "\nserial=" + path("ca.serial") +
                                               "\nrand_serial=yes\ncertificate=" + path("ca.pem") +
                                               "\nprivate_key=" + path("ca.key") +
                                               "\ndefault_md=sha384\ndefault_crl_days=20\npolicy=p\nunique_subject="
                                               "no\ncopy_extensions=copy\n[p]\ncommonName=supplied\n"));
  }
  void write_crl() const {
    must({"openssl", "ca", "-config", path("ca.cnf"), "-gencrl", "-out", path("crl.next")});
    std::filesystem::rename(dir_ / "crl.next", dir_ / "crl.pem");
  }
  void empty_crl() const {
    write_ca_database();
    write_crl();
  }
  // In `cleared` a principal has no role here: the policy pack says what it may do.
  static std::string principal(const std::string& name, const std::string& tenant, const std::string& role) {
    return "  - {name: " + name + ", tenant: " + tenant + (role.empty() ? "" : ", roles: [" + role + "]") +
           ", match: {san_uri: \"stargraph:" + name + "\"}}\n";
  }
  void write_config(const Options& options) const {
    std::string text = "profile: " + options.profile + "\n";
    text += "tls: {certificate: " + path("server.pem") + ", key_file: " + path("server.key") +
            ", client_ca: " + path("ca.pem") + ", crl: " + path("crl.pem") + "}\n";
    text += "state: {directory: " + path("state") + ", key_file: " + path("state.key") + "}\n";
    text += "audit: {entries_socket: " + path("entries.sock") + ", trust_socket: " + path("trust.sock") +
            ", public_key: " + path("audit.pub.pem") + ", reads: " + options.reads +
            (options.profile == "oss-default" ? ", on_failure: " + options.on_failure : "") + "}\n";
    if (options.profile == "oss-default") text += "graphs_dir: " + path("graphs") + "\n";
    const bool cleared = options.profile == "cleared";
    if (!cleared) {
      text +=
          "roles:\n  operator: [\"runs:start\", \"runs:read\", \"runs:cancel\", \"runs:pause\", \"runs:resume\", "
          "\"runs:respond\", \"metrics:read\", \"packs:read\"]\n"
          "  viewer: [\"runs:read\"]\n  worker: [\"work:demo.*\"]\n" +
          options.roles;
    } else if (!options.roles.empty()) {
      text += "roles:\n" + options.roles;
    }
    const auto usual = [&](const char* name, const char* tenant, const char* role) {
      return principal(name, tenant, cleared ? "" : role);
    };
    text += "principals:\n" + usual("operator", "alpha", "operator") + usual("viewer", "alpha", "viewer") +
            usual("worker", "alpha", "worker") + usual("neighbour", "beta", "operator");
    for (const Principal& one : options.principals) text += principal(one.name, one.tenant, one.role);
    if (!options.limits.empty()) text += "limits:\n" + options.limits;
    static_cast<void>(dir_.write("stargraph.yaml", text + options.more));
  }
  // What tests write under any umask becomes what the daemon demands.
  void lock_files() const {
    for (const char* name : {"stargraph.yaml", "state.key", "server.key", "audit.key"})
      ::chmod(path(name).c_str(), 0600);
    ::chmod(path("audit.pub.pem").c_str(), 0644);
  }

  std::filesystem::path programs_;
  TempDir dir_;
  int https_ = -1;
  int entries_ = -1;
  int trust_ = -1;
  int notify_ = -1;
  std::uint16_t port_ = 0;
  std::optional<Service> auditd_;
  std::optional<Service> daemon_;
};

}  // namespace stargraph::test

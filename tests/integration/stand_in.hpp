// StandIn: answers as a stargraphd would, from a script: what the real one says only while it is overloaded or broken,
// said when a test wants it. python3's own HTTP and TLS, with the certificates of an Appliance that is not started.
#pragma once

#include <sstream>

#include "integration/appliance.hpp"

namespace stargraph::test {

class StandIn {
 public:
  // `replies` is a JSON object: "POST /v1/work/lease": [[status, body], ...], each told once, the last one for ever.
  explicit StandIn(const std::string& replies) : box_(STARGRAPH_PROGRAMS, not_started()) {
    write("replies.json", replies);
    write("stand_in.py", kProgram);
    service_.emplace(std::vector<std::string>{"/usr/bin/python3", path("stand_in.py"), box_.path("")},
                     std::vector<Service::Socket>{}, "", path("stand_in.log"));
    for (int i = 0; i < 6000 && port().empty() && service_->alive(); ++i) ::usleep(10'000);  // another process
    if (port().empty()) throw std::runtime_error("stand-in: " + text("stand_in.log"));
  }

  [[nodiscard]] std::string path(const std::string& name) const { return box_.path(name); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }
  [[nodiscard]] std::string text(const std::string& name) const {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  // "POST /v1/work/lease\n...": what it was asked, in order.
  [[nodiscard]] std::string asked() const { return text("asked"); }
  // A program of ours as this client of it.
  [[nodiscard]] CommandResult run(const std::string& program, const std::string& client,
                                  const std::vector<std::string>& arguments) const {
    std::vector<std::string> argv{(std::filesystem::path(STARGRAPH_PROGRAMS) / program).string(),
                                  "--url",
                                  "https://localhost:" + port(),
                                  "--cert",
                                  path(client + ".pem"),
                                  "--key",
                                  path(client + ".key"),
                                  "--ca",
                                  path("ca.pem")};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    CommandOptions options;
    options.limit = std::chrono::seconds(30);
    return run_command(argv, options);
  }

 private:
  static constexpr const char* kProgram = R"(
import http.server, json, os, ssl, sys
home = sys.argv[1]
replies = json.load(open(home + "/replies.json"))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        what = self.command + " " + self.path.split("?")[0]
        with open(home + "/asked", "a") as log:
            log.write(self.command + " " + self.path + "\n")
        left = replies.get(what, [[404, {"code": "not-found", "detail": "no"}]])
        status, body = left.pop(0) if len(left) > 1 else left[0]
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    do_GET = do_POST = answer
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(home + "/server.pem", home + "/server.key")
server.socket = tls.wrap_socket(server.socket, server_side=True)
with open(home + "/port.new", "w") as out:
    out.write(str(server.server_address[1]))
os.rename(home + "/port.new", home + "/port")
server.serve_forever()
)";
  static Appliance::Options not_started() {
    Appliance::Options options;
    options.start = false;
    return options;
  }
  [[nodiscard]] std::string port() const { return text("port"); }

  Appliance box_;
  std::optional<Service> service_;
};

}  // namespace stargraph::test

// Whatever bytes a client sends in whatever field it controls: the audit log has no second line, no unparsable one, and
// none of the values. Read back with stargraph-audit and with Python's json.
#include <gtest/gtest.h>

#include "integration/answer.hpp"
#include "integration/appliance.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::test {
namespace {

using namespace std::string_literals;

const std::filesystem::path kPrograms = STARGRAPH_PROGRAMS;
constexpr const char* kWork =
    "ir_version: \"1.0.0\"\nid: \"graph:work\"\nnodes:\n  - {id: first, kind: demo.a}\n  - {id: last, kind: halt}\n";
constexpr const char* kAsk =
    "ir_version: \"1.0.0\"\nid: \"graph:ask\"\nnodes:\n"
    "  - {id: ask, kind: interrupt, config: {prompt: \"Go on?\"}}\n  - {id: end, kind: halt}\n";
constexpr const char* kCanary = "canary-7f3a91";

// A line as an attacker would like to have it, behind what would end the one it stands in.
const std::string kForged = R"("}},"entry_hash":"00"})"
                            "\n"
                            R"({"actor":"root","data":{},"event":"trust.pinned","outcome":"success","seq":1})"
                            "\n";

// Each value with a canary in it; `json` is false for what is no JSON text.
struct Hostile {
  const char* name;
  std::string bytes;
  bool json = true;
};
std::vector<Hostile> hostile_values() {
  const std::string canary = kCanary;
  return {{"newlines", canary + "\r\n\n\v\f\x1b[2J"},
          {"line separators", canary + "\xe2\x80\xa8\xe2\x80\xa9\xc2\x85"},
          {"forged line", canary + kForged},
          {"quotes and backslashes", canary + "\"\\\"\\\\\\u000a"},
          {"NUL", canary + "\0end"s},
          {"not UTF-8", canary + "\xff\xfe\xc0\x80\xed\xa0\x80", false},
          {"one MiB", canary + std::string(1 << 20, 'a')},
          {"64 KiB of newlines", canary + std::string(1 << 16, '\n')}};
}

class HostileBytes : public ::testing::Test {
 protected:
  void SetUp() override {
    Appliance::Options options;
    options.start = false;
    options.limits =
        "  changes_burst: 10000\n  changes_per_second: 10000\n  http_body_bytes: 8388608\n  run_parameter_bytes: "
        "4194304\n";
    box_.emplace(kPrograms, options);
    box_->add_graph("work.yaml", kWork);
    box_->add_graph("ask.yaml", kAsk);
    box_->start_auditd();
    box_->start_daemon();
  }
  void TearDown() override {
    if (HasFailure()) std::fputs(box_->daemon_log().c_str(), stderr);
  }
  // The value as a JSON text; what is not UTF-8 goes as it is.
  static std::string quoted(const Hostile& value) {
    return value.json ? json::compact(json::Value(value.bytes)) : "\"" + value.bytes + "\"";
  }
  // Through a file: an argument cannot hold it.
  std::string post(const std::string& who, const std::string& path, const std::string& body) {
    const std::string file = box_->path("body");
    std::ofstream(file, std::ios::binary) << body;
    return box_->curl(who, {"-H", "Expect:", "-H", "Content-Type: application/json", "--data-binary", "@" + file, path})
        .out;
  }
  void raw(const std::string& bytes) {
    const std::string reply = box_->raw("operator", bytes);
    EXPECT_FALSE(has(reply, " 200 ")) << reply.substr(0, 200);
    EXPECT_FALSE(has(reply, kCanary));
  }
  std::string waiting(const std::string& run) {
    std::string view;
    for (int i = 0; i < 200 && member(view, "interrupt_id").empty(); ++i)
      view = box_->curl("operator", {"/v1/runs/" + run}).out;
    return member(view, "interrupt_id");
  }

  void in_http(const Hostile& value) {
    const std::string& bytes = value.bytes;
    raw("GET /v1/" + bytes + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    raw("GET /v1/nothing?" + bytes + "=" + bytes + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    raw("POST /v1/runs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIdempotency-Key: " + bytes +
        "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    raw(bytes + " /v1/runs HTTP/1.1\r\nHost: " + bytes + "\r\nConnection: close\r\n\r\n");
  }
  void in_a_run(const Hostile& value) {
    const std::string text = quoted(value);
    post("operator", "/v1/runs", R"({"graph_id":)" + text + "}");
    post("operator", "/v1/runs", R"({"graph_id":"graph:hello","idempotency_key":)" + text + "}");
    post("operator", "/v1/runs", R"({"graph_id":"graph:hello","params":{)" + text + ":1}}");
    post("operator", "/v1/runs", R"({"graph_id":"graph:work","params":{"v":)" + text + "}}");
  }
  void in_an_answer(const Hostile& value) {
    const std::string run = member(post("operator", "/v1/runs", R"({"graph_id":"graph:ask"})"), "run_id");
    const std::string question = waiting(run);
    ASSERT_FALSE(question.empty());
    const std::string route = "/v1/runs/" + run + "/respond";
    const std::string text = quoted(value);
    post("operator", route, R"({"interrupt_id":)" + text + R"(,"response":{}})");
    const std::string said =
        post("operator", route, R"({"interrupt_id":")" + question + R"(","response":{"answer":)" + text + "}}");
    answered_ += has(said, "\n200") ? 1 : 0;
  }
  void in_work(const Hostile& value, const std::string& act, const std::string& field,
               const std::string& params = "{}") {
    post("operator", "/v1/runs", R"({"graph_id":"graph:work","params":)" + params + "}");
    const std::string task = post("worker", "/v1/work/lease", R"({"kinds":["demo.a"],"wait_ms":10000})");
    ASSERT_FALSE(member(task, "task_id").empty()) << task;
    const std::string route = "/v1/work/" + member(task, "task_id") + "/" + act;
    const std::string text = quoted(value);
    post("worker", route, R"({"lease":)" + text + "}");
    const std::string body = R"({"lease":")" + member(task, "lease") + "\"," + field;
    const std::string said =
        post("worker", route, body.substr(0, body.find('@')) + text + body.substr(body.find('@') + 1));
    answered_ += has(said, "\n200") ? 1 : 0;
    // What was refused is given up, so that the next one leases its own.
    post("worker", "/v1/work/" + member(task, "task_id") + "/fail",
         R"({"lease":")" + member(task, "lease") + R"(","message":"","retryable":false})");
  }
  void in_a_certificate() {
    // openssl req reads a subject with escapes; the names of a certificate never come near the log but as its digest.
    const std::vector<std::string> subjects{"/CN=x\\x0a{\"actor\":\"root\"}",
                                            "/CN=" + std::string(kCanary) + "\"\\\\}"};
    int number = 0;
    for (const std::string& subject : subjects) {
      const std::string name = "forger" + std::to_string(number++);
      box_->issue(name, "ca",
                  {"-subj", subject, "-addext", "subjectAltName=URI:stargraph:x%0a" + std::string(kCanary)});
      EXPECT_EQ(status_of(box_->curl(name, {"/v1/runs"})), "401");
    }
  }

  std::optional<Appliance> box_;
  int answered_ = 0;  // hostile values that were taken: they are data, and in the log they are an HMAC
};

// argv: canary, log files. Every line is one JSON object that Python reads, numbered without a hole; none has the
// canary or a plain digest of anything that was sent with it.
constexpr const char* kCheck = R"py(
import base64, hashlib, json, sys
canary, seq = sys.argv[1], 0
data = b"".join(open(name, "rb").read() for name in sys.argv[2:])
assert data.endswith(b"\n") and b"\r" not in data and b"\0" not in data
for line in data[:-1].split(b"\n"):
    entry = json.loads(line)
    seq += 1
    assert entry["seq"] == seq, entry["seq"]
    assert entry["source"] != "stargraph-pack", line
    assert len(line) < 65536
    data_text = json.dumps(entry["data"])
    if entry["event"] != "request":
        assert canary not in data_text, line
print(seq)
)py";

TEST_F(HostileBytes, RC_T_AUDIT_NoFieldOfAClientMakesASecondOrUnparsableLine) {
  for (const Hostile& value : hostile_values()) {
    SCOPED_TRACE(value.name);
    in_http(value);
    in_a_run(value);
    in_an_answer(value);
    in_work(value, "complete", R"("output":{"v":@}})");
    in_work(value, "fail", R"("message":@,"retryable":false})");
  }
  in_a_certificate();
  EXPECT_GT(answered_, 10);  // not everything is refused at the door
  EXPECT_EQ(box_->stop(), 0);
  EXPECT_EQ(box_->auditd().end(SIGTERM), 0);
  const CommandResult verified = run_command(
      {(kPrograms / "stargraph-audit").string(), "verify", box_->path("log"), "--pubkey", box_->path("audit.pub.pem")});
  EXPECT_TRUE(verified.ok()) << verified.out << verified.err;
  const CommandResult read = run_command({"python3", "-c", kCheck, kCanary, box_->path("log/audit-00000001.jsonl")});
  EXPECT_TRUE(read.ok()) << read.out << read.err;
  EXPECT_GT(std::atoi(read.out.c_str()), 100);
}

// Parameters, results, answers and reasons of failures stand in the log under a key that lies in the database: who
// reads the log cannot read them, nor try guesses against a plain digest.
TEST_F(HostileBytes, RC_I_AUDIT_NeitherAValueNorItsPlainDigestStandsInTheLog) {
  const Hostile secret{"secret", "correct horse battery staple"};
  in_an_answer(secret);
  in_work(secret, "complete", R"("output":{"v":@}})", R"({"v":)" + quoted(secret) + "}");  // the same in one run
  in_work(secret, "fail", R"("message":@,"retryable":false})");
  EXPECT_EQ(answered_, 3);
  EXPECT_EQ(box_->stop(), 0);
  constexpr const char* kSearch = R"py(
import base64, hashlib, json, sys
secret, log = sys.argv[1], open(sys.argv[2]).read()
assert secret not in log
forms = [secret] + [json.dumps(form, separators=(",", ":"), sort_keys=True) for form in
         (secret, {"v": secret}, {"answer": secret}, {"output": {"v": secret}}, {"params": {"v": secret}}, {"message": secret},
          {"graph_id": "graph:work", "params": {"v": secret}})]
for form in forms:
    for kind in ("md5", "sha1", "sha256", "sha384", "sha512", "sha3_256", "sha3_384"):
        digest = hashlib.new(kind, form.encode()).digest()
        for text in (digest.hex(), base64.b64encode(digest).decode(), base64.b32encode(digest).decode()):
            assert text not in log, (kind, form)
events = [json.loads(line) for line in log.splitlines()]
hmacs = [(name, value) for entry in events for name, value in entry["data"].items() if name.endswith("_hmac")]
assert {name for name, value in hmacs} == {"params_hmac", "response_hmac", "output_hmac", "message_hmac"}, hmacs
assert len({value for name, value in hmacs}) == len(hmacs), "the same value twice has two forms"
print(len(hmacs))
)py";
  const CommandResult searched =
      run_command({"python3", "-c", kSearch, secret.bytes, box_->path("log/audit-00000001.jsonl")});
  EXPECT_TRUE(searched.ok()) << searched.out << searched.err;
}

}  // namespace
}  // namespace stargraph::test

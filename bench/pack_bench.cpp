// Checking and importing a pack of 1 MiB beside what no reader can do without: one SHA-384 over the same bytes and one
// signature check. CPU time of the process, not wall clock, so that waiting for the disk does not hide work.
//
// An import also stores the bytes: every page of them is encrypted and authenticated once into the log, and the version
// before is decrypted to be compared with. Its second line is beside a peer that hashes, checks one signature and
// stores the same bytes in one transaction of a database with the same settings, so that what is ours can be told from
// what storing costs.
#include <ctime>
#include <string>
#include <vector>

#include "figure.hpp"
#include "stargraph/crypto/fips.hpp"
#include "unit/trust/sample_trust.hpp"

namespace {

using namespace stargraph;

constexpr std::size_t kSize = std::size_t{1} << 20;
constexpr int kTimes = 20;

double cpu_seconds() {
  timespec now{};
  SG_CHECK(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Things a CPU second; `prepare` is not counted.
double per_cpu_second(const std::function<void()>& work, const std::function<void()>& prepare = [] {}) {
  double took = 0;
  for (int i = 0; i < kTimes; ++i) {
    prepare();
    const double start = cpu_seconds();
    work();
    took += cpu_seconds() - start;
  }
  return kTimes / took;
}

base::Bytes make_pack(std::int64_t epoch, const std::string& version) {
  const std::string manifest = "kind: execution\nid: bench.graphs\nversion: \"" + version +
                               "\"\nrequires: {api_version: \"1\"}\ndeclared_tools: []\nworkers: []\n"
                               "model_requirements: {}\ndeterministic: true\n";
  return pack::sample_pack({pack::source("manifest.yaml", manifest),
                            pack::source("graphs/hello.yaml",
                                         "ir_version: \"1.0.0\"\nid: hello\n"
                                         "nodes: [{id: a, kind: echo}]\n"),
                            pack::source("README.md", std::string(kSize, 'x'))},
                           epoch);
}

void verify(const base::Bytes& bytes) {
  const auto container = pack::parse(bytes);
  SG_CHECK(container.has_value());
  const std::vector<crypto::PublicKey> keys{pack::sample_key().public_key()};
  SG_CHECK(pack::verify(*container, keys).has_value());
}

// A box that knows the signer and has an earlier version.
class Box {
 public:
  Box()
      : database_(store::Database::open(directory_ / "box.db", crypto::Secret::random(32), trust::trust_migrations())
                      .value()) {}

  void import(const base::Bytes& bytes, trust::Offer offer = {}) {
    trust::ImportRequest request;
    request.file = bytes;
    request.offer = std::move(offer);
    trust::Importer importer(
        {base::real_env(), vault_, trust::audit_private_key().public_key(), notary_, trust::admin(), {}});
    const auto unchecked = [](const pack::Contents&, base::BytesView) { return base::Result<trust::Findings>({}); };
    const auto done = importer.import(request, unchecked, {});
    SG_CHECK(done.has_value());
  }

 private:
  test::TempDir directory_;
  std::unique_ptr<store::Database> database_;
  trust::DatabaseVault vault_{*database_, trust::audit_private_key().public_key()};
  trust::FakeNotary notary_{base::real_env()};
};

// The peer's database: one table, one row in it, as Box has one pack.
class Shelf {
 public:
  explicit Shelf(const base::Bytes& first)
      : database_(store::Database::open(directory_ / "box.db", crypto::Secret::random(32), migrations()).value()) {
    put("first", first);
  }
  void put(const std::string& name, const base::Bytes& bytes) {
    auto connection = database_->writer();
    SG_CHECK(connection.has_value() && connection->execute("BEGIN IMMEDIATE").has_value());
    {
      auto insert = connection->query("INSERT INTO packs (name, bytes) VALUES (?1, ?2)");
      SG_CHECK(insert.has_value());
      insert->bind(1, name);
      insert->bind(2, base::BytesView(bytes));
      SG_CHECK(insert->run().has_value());
    }
    SG_CHECK(connection->execute("COMMIT").has_value());
  }

 private:
  static std::span<const store::Migration> migrations() {
    static const store::Migration table{"bench", 1,
                                        "CREATE TABLE packs (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;"};
    return {&table, 1};
  }
  test::TempDir directory_;
  std::unique_ptr<store::Database> database_;
};

}  // namespace

int main() {
  SG_CHECK(crypto::initialise(crypto::FipsMode::kOff).has_value());
  const base::Bytes first = make_pack(1, "1.0.0");
  const base::Bytes second = make_pack(2, "1.1.0");
  const crypto::PrivateKey& key = pack::sample_key();
  const auto signature = key.sign("bench", base::BytesView(second).first(1024)).value();
  const auto check_bare = [&] {
    SG_CHECK(crypto::sha384(second) != crypto::Digest());
    SG_CHECK(key.public_key()
                 .verify(key.public_key().algorithm(), "bench", base::BytesView(second).first(1024), signature)
                 .has_value());
  };
  const auto bare = [&] { return per_cpu_second(check_bare); };
  bench::compare(
      "pack_verify_1mib", "packs/cpu_s", [&] { return per_cpu_second([&] { verify(second); }); },
      "sha384_and_one_signature", bare);
  std::unique_ptr<Box> box;
  const auto prepare = [&] {
    box = std::make_unique<Box>();
    box->import(first, {{key.public_key().fingerprint()}, {}});
  };
  bench::compare(
      "pack_import_1mib", "packs/cpu_s", [&] { return per_cpu_second([&] { box->import(second); }, prepare); },
      "sha384_and_one_signature", bare, 3);
  std::unique_ptr<Shelf> shelf;
  const auto stored = [&] {
    return per_cpu_second(
        [&] {
          check_bare();
          shelf->put("second", second);
        },
        [&] { shelf = std::make_unique<Shelf>(first); });
  };
  bench::compare(
      "pack_import_1mib_beside_storing", "packs/cpu_s",
      [&] { return per_cpu_second([&] { box->import(second); }, prepare); }, "sqlcipher_insert_1mib", stored, 3);
  return 0;
}

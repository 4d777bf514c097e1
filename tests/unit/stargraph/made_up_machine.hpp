// A made-up machine below a folder, sound unless a test makes it worse, and what stargraph doctor says of it.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "bin/stargraph/doctor.hpp"
#include "stargraph/base/reason.hpp"
#include "support/command.hpp"

namespace stargraph::cli {

namespace fs = std::filesystem;

// The disk, but for whose its files are: who runs the tests can give none away.
class OwnedEnv final : public base::Env {
 public:
  explicit OwnedEnv(fs::path root) : root_(std::move(root)) {}
  // Everything below `path`, of the longest such path.
  void give(const std::string& path, std::uint32_t uid, std::uint32_t gid) { owners_[path] = {uid, gid}; }

  base::Result<base::FileInfo> info(const base::Path& path) override {
    auto info = disk_.info(path);
    if (!info) return info;
    const std::string inside = "/" + path.lexically_relative(root_).string();
    std::size_t longest = 0;
    for (const auto& [folder, owner] : owners_) {
      if ((inside != folder && !inside.starts_with(folder + "/")) || folder.size() < longest) continue;
      longest = folder.size();
      info->uid = owner.first;
      info->gid = owner.second;
    }
    if (longest == 0) info->uid = info->gid = 0;
    return info;
  }
  base::Timestamp now() override { return disk_.now(); }
  base::Duration monotonic() override { return disk_.monotonic(); }
  void random(std::span<std::byte> out) override { disk_.random(out); }
  base::Result<base::Bytes> read_file(const base::Path& path, std::uint64_t most) override {
    return disk_.read_file(path, most);
  }
  base::Result<base::Bytes> read_range(const base::Path& path, std::uint64_t from, std::uint64_t most) override {
    return disk_.read_range(path, from, most);
  }
  base::Result<std::vector<std::string>> list(const base::Path& path) override { return disk_.list(path); }
  // The doctor changes nothing.
  base::Result<> write_file(const base::Path&, base::BytesView, std::uint32_t) override { return refuse(); }
  base::Result<> preallocate(const base::Path&, std::uint64_t, std::uint32_t) override { return refuse(); }
  base::Result<std::unique_ptr<base::AppendFile>> open_append(const base::Path&, std::uint32_t) override {
    return refuse();
  }
  base::Result<> make_directory(const base::Path&, std::uint32_t) override { return refuse(); }
  base::Result<> rename(const base::Path&, const base::Path&) override { return refuse(); }
  base::Result<> remove(const base::Path&) override { return refuse(); }
  base::Result<> sync_directory(const base::Path&) override { return refuse(); }

 private:
  static std::unexpected<base::Error> refuse() {
    ADD_FAILURE() << "the doctor changes something";
    return base::fail(base::Code::kIo, "refused");
  }
  base::Env& disk_ = base::real_env();
  fs::path root_;
  std::map<std::string, std::pair<std::uint32_t, std::uint32_t>> owners_;
};

// What openssl(1) made once: a CA of 3650 days, its certificate for the server of 365, its list of 30, and a list of
// another CA of the same name.
class Papers {
 public:
  static const Papers& of_this_site() {
    static const Papers kPapers;
    return kPapers;
  }
  std::string authority, server, list, strange_list;

 private:
  Papers() {
    std::string pattern = (fs::temp_directory_path() / "papers-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    list = make_authority("");
    authority = read("ca.pem");
    openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-keyout", "s.key", "-subj",
             "/O=Site/CN=appliance.site", "-out", "s.csr"});
    openssl({"x509", "-req", "-in", "s.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "2", "-sha384",
             "-days", "365", "-out", "s.pem"});
    server = read("s.pem");
    strange_list = make_authority("strange-");
    fs::remove_all(folder_);
  }
  std::string make_authority(const std::string& of) {
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-sha384", "-days",
             "3650", "-subj", "/O=Site/CN=Site CA", "-keyout", of + "ca.key", "-out", of + "ca.pem"});
    std::ofstream(folder_ / "index.txt") << "";
    std::ofstream(folder_ / "ca.cnf")
        << "[ca]\ndefault_ca=site\n[site]\ndatabase=index.txt\ndefault_md=sha384\ndefault_crl_days=30\n";
    openssl({"ca", "-config", "ca.cnf", "-cert", of + "ca.pem", "-keyfile", of + "ca.key", "-gencrl", "-out",
             of + "list.pem"});
    return read(of + "list.pem");
  }
  void openssl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "openssl");
    const auto done = test::run_command(arguments, {.input = {}, .directory = folder_.string(), .environment = {}});
    EXPECT_EQ(done.exit_code, 0) << done.err;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(folder_ / name);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  fs::path folder_;
};

// A credential as systemd-creds(1) writes it, of this kind; what is sealed in it is nothing.
inline std::string sealed(std::string_view kind) {
  base::Bytes bytes = base::from_hex(kind).value();
  const base::Bytes sizes = base::from_hex("20000000010000000c00000010000000").value();
  bytes.insert(bytes.end(), sizes.begin(), sizes.end());
  bytes.resize(200);
  std::string text = base::to_base64(bytes);
  for (std::size_t at = 79; at < text.size(); at += 80) text.insert(at, "\n");
  return text + "\n";
}
inline constexpr std::string_view kHostAndTpm = "93a894094874449090caf2fc93cab553";

class Doctor : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "doctor-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    env_ = std::make_unique<OwnedEnv>(root_);
    make_sound_machine();
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text, mode_t mode = 0600) {
    const fs::path file = root_ / fs::path(path).relative_path();
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
  }
  void folder(const std::string& path, mode_t mode = 0700) {
    const fs::path made = root_ / fs::path(path).relative_path();
    fs::create_directories(made);
    ASSERT_EQ(::chmod(made.c_str(), mode), 0);
  }
  void process(const std::string& pid, const std::string& name, const std::string& uid, const std::string& label) {
    const std::string at = "/proc/" + pid;
    write(at + "/comm", name.substr(0, 15) + "\n");
    write(at + "/status", "Name:\t" + name + "\nUid:\t" + uid + "\t" + uid + "\t" + uid + "\t" + uid +
                              "\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n");
    write(at + "/attr/current", label + '\0');
    write(at + "/limits",
          "Limit                     Soft Limit           Hard Limit           Units\n"
          "Max core file size        0                    0                    bytes\n");
    folder(at + "/ns", 0755);
    fs::create_symlink("net:[" + pid + "]", root_ / "proc" / pid / "ns" / "net");
    write(at + "/net/unix",
          "Num       RefCount Protocol Flags    Type St Inode Path\n"
          "0000000000000000: 00000003 00000000 00000000 0005 03 77 /run/stargraph/entries.sock\n");
  }
  void executable(const std::string& pid, const std::string& file) {
    fs::create_symlink(file, root_ / "proc" / pid / "exe");
  }
  void make_sound_machine() {
    write("/etc/passwd",
          "root:x:0:0:root:/root:/bin/bash\nstargraph-audit:x:989:988::/nonexistent:/usr/sbin/nologin\n"
          "stargraph:x:990:987::/nonexistent:/usr/sbin/nologin\n",
          0644);
    write("/etc/group", "root:x:0:\nstargraph:x:987:stargraph-audit\n", 0644);
    env_->give("/var/lib/stargraph", 990, 987);
    for (const char* of_writer : {"/var/lib/stargraph-audit", "/var/log/stargraph", "/var/lib/stargraph-checkpoints"})
      env_->give(of_writer, 989, 988);
    env_->give("/etc/stargraph/stargraph.yaml", 0, 987);
    folder("/proc/1/ns", 0755);
    fs::create_symlink("net:[1]", root_ / "proc/1/ns/net");
    process("20", "stargraphd", "990", "system_u:system_r:stargraphd_t:s0");
    process("21", "stargraph-auditd", "989", "system_u:system_r:stargraph_audit_t:s0");
    write("/sys/fs/selinux/enforce", "1", 0644);
    for (const char* directory : {"/var/lib/stargraph", "/var/lib/stargraph-audit", "/var/log/stargraph"})
      folder(directory);
    write("/var/lib/stargraph/stargraph.db", "x");
    write("/var/log/stargraph/audit-000001.jsonl",
          "{\"data\":{\"fips\":true,\"fips_module\":\"OpenSSL FIPS Provider\",\"fips_version\":\"3.5.7\"},"
          "\"event\":\"daemon.started\"}\n{\"event\":\"run.created\",\"ts\":\"2020-01-01T00:00:00.000000Z\"}\n");
    write("/etc/stargraph/stargraph.yaml",
          "profile: cleared\ntls:\n  crl: /etc/stargraph/clients.crl.pem\n  # key_file: /nowhere\n", 0640);
    write("/etc/stargraph/server.pem", Papers::of_this_site().server, 0644);
    write("/etc/stargraph/clients.ca.pem", Papers::of_this_site().authority, 0644);
    write("/etc/stargraph/clients.crl.pem", Papers::of_this_site().list, 0644);
    for (const char* key : {"audit", "state", "tls"})
      write(std::string("/etc/credstore.encrypted/stargraph-") + key + "-key", sealed(kHostAndTpm));
    write("/var/lib/stargraph-checkpoints/exported", "");
  }
  [[nodiscard]] std::vector<Wall> look() const {
    const auto later = std::chrono::time_point_cast<base::Duration>(std::chrono::system_clock::now()) + skew_;
    return examine({root_, later, *env_});
  }
  [[nodiscard]] WallState state(const std::string& name) const {
    for (const Wall& wall : look()) {
      if (wall.name == name) return wall.state;
    }
    ADD_FAILURE() << "no wall " << name;
    return WallState::kUnseen;
  }
  [[nodiscard]] std::string detail(const std::string& name) const {
    for (const Wall& wall : look()) {
      if (wall.name == name) return wall.detail;
    }
    return "";
  }
  [[nodiscard]] fs::path at(const std::string& path) const { return root_ / fs::path(path).relative_path(); }

  fs::path root_;
  std::unique_ptr<OwnedEnv> env_;
  base::Duration skew_ = std::chrono::hours(1);
};

}  // namespace stargraph::cli

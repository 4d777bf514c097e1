// config/stargraph.yaml says that every default stands in it: it must parse, and to exactly the defaults.
#include <gtest/gtest.h>

#include "stargraph/base/env.hpp"
#include "stargraph/config/config.hpp"

namespace stargraph::config {
namespace {

std::string default_file() {
  const base::Path file = base::Path(STARGRAPH_SOURCE_DIR) / "config/stargraph.yaml";
  return std::string(base::as_text(base::real_env().read_file(file, 1 << 20).value()));
}

TEST(DefaultFile, SaysWhatAnEmptyOneMeans) {
  const Config written = parse(default_file()).value();
  const Config empty = parse("").value();
  EXPECT_EQ(written.profile, empty.profile);
  EXPECT_EQ(written.fips_required, empty.fips_required);
  EXPECT_EQ(written.side_effects, empty.side_effects);
  EXPECT_EQ(written.state.directory, empty.state.directory);
  EXPECT_EQ(written.audit.entries_socket, empty.audit.entries_socket);
  EXPECT_EQ(written.audit.trust_socket, empty.audit.trust_socket);
  EXPECT_EQ(written.audit.public_key, empty.audit.public_key);
  EXPECT_EQ(written.audit.on_failure, empty.audit.on_failure);
  EXPECT_EQ(written.audit.reads, empty.audit.reads);
  EXPECT_EQ(written.audit.log_directory, empty.audit.log_directory);
  EXPECT_EQ(written.audit.state_directory, empty.audit.state_directory);
  EXPECT_EQ(written.audit.trust_uid, empty.audit.trust_uid);
  EXPECT_TRUE(written.principals.empty());
}

TEST(DefaultFile, NamesEveryLimitWithItsDefault) {
  const std::string text = default_file();
  const Limits defaults;
  for (const LimitRow& row : limit_table()) {
    const std::string line = "  " + std::string(row.name) + ": " + std::to_string(defaults.*row.member) + " ";
    EXPECT_NE(text.find(line), std::string::npos) << row.name;
  }
}

}  // namespace
}  // namespace stargraph::config

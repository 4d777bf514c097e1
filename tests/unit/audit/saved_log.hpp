// A log of two tenants and the site in several segments, saved to real files, for what reads files.
#pragma once

#include <fstream>

#include "stargraph/audit/segment.hpp"
#include "support/temp_dir.hpp"
#include "unit/audit/log_fixture.hpp"

namespace stargraph::audit::test {

inline const base::RunId kSavedRun{"018f0000-0000-7000-8000-00000000000a"};

// Acts of soc and lab in turns; every tenth is the site's; one run of soc from act 31 to act 180, which an entry of lab
// names too. Cleanly stopped, so that the last line is a checkpoint that covers the rest.
class SavedLog {
 public:
  explicit SavedLog(std::int64_t acts = 200, std::uint64_t segment_bytes = 40'000, int install = 0) {
    std::array<std::byte, 16> skipped{};
    for (int i = 0; i < install; ++i) memory_.env.random(skipped);  // another install_id
    memory_.segment_bytes = segment_bytes;
    auto writer = memory_.open();
    EXPECT_TRUE(writer.has_value());
    for (std::int64_t i = 1; i <= acts; ++i) {
      EXPECT_TRUE((*writer)->append(Source::kDaemon, make_record(i, act(i))).has_value());
      EXPECT_TRUE((*writer)->commit().has_value());
    }
    EXPECT_TRUE((*writer)->stop().has_value());
    for (std::uint32_t number = 1; !memory_.segment(number).empty(); ++number) {
      std::ofstream(path() / segment_name(number), std::ios::binary) << memory_.segment(number);
    }
  }

  static Event act(std::int64_t i) {
    Event event =
        make_event(EventName::kRequest,
                   i % 10 == 0  ? "-"
                   : i % 2 == 0 ? "lab"
                                : "soc",
                   {{"note", "Grüße \"x\" \\ \n \u2028"}, {"number", i}, {"list", json::Array{nullptr, true, -i}}});
    event.run.reset();
    if (i == 31 || (i > 31 && i <= 180 && i % 12 == 1)) {
      event.run = kSavedRun;
      event.name = i == 31 ? EventName::kRunCreated : EventName::kRunStarted;
    }
    if (i == 169) event.name = EventName::kRunCompleted;
    if (i == 42) event.run = kSavedRun;  // lab asks for soc's run
    return event;
  }

  [[nodiscard]] const std::filesystem::path& path() const { return directory_.path(); }
  [[nodiscard]] std::vector<base::Path> paths() const { return {directory_.path()}; }
  // The tree file beside the segments, as the writer keeps it; it is not there without this.
  void save_tree() {
    const auto tree = memory_.env.read_file(kLogDirectory / kTreeFile, 1ULL << 30U);
    ASSERT_TRUE(tree.has_value());
    std::ofstream(path() / kTreeFile, std::ios::binary) << base::as_text(*tree);
  }
  [[nodiscard]] std::uint64_t bytes() { return memory_.whole().size(); }
  [[nodiscard]] std::vector<std::string> lines() { return split_lines(memory_.whole()); }

 private:
  Log memory_;
  stargraph::test::TempDir directory_;
};

// The line with its entry_hash made right again, as an attacker without the key can.
inline std::string rehashed(std::string line) {
  const std::size_t at = line.rfind(",\"entry_hash\"");
  const auto digest = crypto::domain_digest(kEntryDomain, std::string_view(line).substr(0, at));
  return line.replace(at + 15, 96, digest.hex());
}

}  // namespace stargraph::audit::test

// stargraph doctor: which walls of this appliance are held. Local; it calls nobody but, with --attack, the appliance.
#include "attack.hpp"
#include "commands.hpp"
#include "doctor.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::cli {
namespace {

struct Options {
  std::string root = "/";
  bool attack = false;
};

base::Result<int> consult(const Context& context, const Options& options) {
  if (options.attack && options.root != "/")
    return base::fail(base::Code::kUsage, "doctor: --attack: only the machine that it runs on can be attacked");
  std::vector<Wall> walls = examine({options.root, base::real_env().now()});
  if (options.attack) {
    for (Wall& wall : attack(find_targets())) walls.push_back(std::move(wall));
  }
  json::Array list;
  std::string text;
  for (const Wall& wall : walls) {
    list.emplace_back(json::Object{
        {"detail", wall.detail}, {"name", wall.name}, {"needed", wall.needed}, {"state", wall_state_name(wall.state)}});
    std::string state(wall_state_name(wall.state));
    if (wall.state == WallState::kAbsent && wall.needed) state = "ABSENT";
    state.resize(9, ' ');
    text += state + wall.name + ": " + wall.detail + "\n";
  }
  context.print(json::Object{{"walls", std::move(list)}}, text);
  return doctor_exit_code(walls);
}

}  // namespace

void add_doctor_command(CLI::App& app, Context& context) {
  auto* const command = app.add_subcommand("doctor", "Look at this machine's walls: held, absent or not to be seen");
  const auto options = std::make_shared<Options>();
  command->add_option("--root", options->root, "A machine's file system that is mounted elsewhere")->type_name("DIR");
  command->add_flag("--attack", options->attack, "Attack the walls for real as well (root); nothing is changed");
  command->callback(
      [&context, options] { context.action = [&context, options] { return consult(context, *options); }; });
}

}  // namespace stargraph::cli

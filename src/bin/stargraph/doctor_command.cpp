// stargraph doctor: which walls of this appliance are held. Local; it calls nobody.
#include "commands.hpp"
#include "doctor.hpp"
#include "stargraph/json/write.hpp"

namespace stargraph::cli {

void add_doctor_command(CLI::App& app, Context& context) {
  auto* const command = app.add_subcommand("doctor", "Look at this machine's walls: held, absent or not to be seen");
  const auto root = std::make_shared<std::string>("/");
  command->add_option("--root", *root, "A machine's file system that is mounted elsewhere")->type_name("DIR");
  command->callback([&context, root] {
    context.action = [&context, root]() -> base::Result<int> {
      const std::vector<Wall> walls = examine({*root, base::real_env().now()});
      json::Array list;
      std::string text;
      for (const Wall& wall : walls) {
        list.emplace_back(json::Object{{"detail", wall.detail},
                                       {"name", wall.name},
                                       {"needed", wall.needed},
                                       {"state", wall_state_name(wall.state)}});
        std::string state(wall_state_name(wall.state));
        if (wall.state == WallState::kAbsent && wall.needed) state = "ABSENT";
        state.resize(8, ' ');
        text += state + wall.name + ": " + wall.detail + "\n";
      }
      context.print(json::Object{{"walls", std::move(list)}}, text);
      return doctor_exit_code(walls);
    };
  });
}

}  // namespace stargraph::cli

#include "stargraph/json/parse.hpp"

#include <cjson/cJSON.h>

#include <memory>

#include "scan.hpp"

namespace stargraph::json {
namespace {

struct DeleteTree {
  void operator()(cJSON* tree) const { cJSON_Delete(tree); }
};

// Turns cJSON's tree into a Value. `next` walks over the scanned numbers; both walks are in the order
// of the text, so they meet.
Value build(const cJSON* node, std::vector<Value>::const_iterator& next) {
  switch (node->type & 0xFF) {
    case cJSON_False: return false;
    case cJSON_True: return true;
    case cJSON_Number: return *next++;
    case cJSON_String: return node->valuestring;
    case cJSON_Array: {
      Array array;
      for (const cJSON* item = node->child; item != nullptr; item = item->next) array.push_back(build(item, next));
      return array;
    }
    case cJSON_Object: {
      Object object;
      for (const cJSON* item = node->child; item != nullptr; item = item->next) {
        object.append_new(item->string, build(item, next));
      }
      return object;
    }
    default: return nullptr;
  }
}

}  // namespace

base::Result<Value> parse(std::string_view text, const ParseLimits& limits) {
  SG_TRY(const std::vector<Value> numbers, scan(text, limits));
  // cJSON notes the place of an error in a global; nobody here reads it, so threads do not meet there.
  const std::unique_ptr<cJSON, DeleteTree> tree(cJSON_ParseWithLength(text.data(), text.size()));
  // Out of memory, or the scan let something through that cJSON does not know.
  if (tree == nullptr) return base::fail(base::Code::kInternal, "json: document: cJSON gave no tree");
  auto next = numbers.begin();
  return build(tree.get(), next);
}

base::Result<Value> parse(base::BytesView bytes, const ParseLimits& limits) {
  return parse(base::as_text(bytes), limits);
}

}  // namespace stargraph::json

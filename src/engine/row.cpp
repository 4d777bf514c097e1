#include "row.hpp"

#include "stargraph/json/reader.hpp"

namespace stargraph::engine {
namespace {

using base::Code;
using base::fail;
using base::Result;
using json::Object;
using json::Reader;
using json::Value;

Object object_of(Reader& in, std::string_view name) {
  const Value& value = in.value(name);
  if (value.object() != nullptr) return *value.object();
  in.refuse(name, Code::kMalformed, "expected an object");
  return {};
}

Value to_json(const Answer& answer) {
  return Object{{"actor", answer.actor.str()},
                {"interrupt_id", answer.interrupt.str()},
                {"question", engine::to_json(answer.question)},
                {"response", answer.response}};
}

Result<Answer> answer_from_json(const Value& value) {
  Reader in(value, "cursor answer");
  Answer answer;
  answer.actor = base::ActorName(in.text("actor"));
  answer.interrupt = base::InterruptId(in.text("interrupt_id"));
  const Value question = in.value("question");
  answer.response = object_of(in, "response");
  SG_TRY(in.finish());
  SG_TRY(answer.question, question_from_json(question));
  return answer;
}

Value to_json(const Branches& branches) {
  json::Array targets;
  for (const std::string& target : branches.targets) targets.emplace_back(target);
  return Object{{"base", branches.base},
                {"index", static_cast<std::int64_t>(branches.index)},
                {"join", branches.join},
                {"merged", branches.merged},
                {"targets", std::move(targets)}};
}

Result<Branches> branches_from_json(const Value& value) {
  Reader in(value, "cursor branches");
  Branches branches;
  branches.base = object_of(in, "base");
  branches.index = static_cast<std::size_t>(in.integer("index", 0, 4096));
  branches.join = in.text("join");
  branches.targets = in.texts("targets");
  branches.merged = object_of(in, "merged");
  SG_TRY(in.finish());
  if (branches.index >= branches.targets.size())
    return fail(Code::kMalformed, "cursor branches: index: beyond the targets");
  return branches;
}

}  // namespace

void add_approvals(Cursor& cursor, const std::vector<Approval>& guards, const Question& question) {
  for (Approval added : guards) {
    added.capability = question.requested_capability;
    std::erase_if(cursor.approvals, [&](const Approval& one) {
      return one.node == added.node && (!one.capability || one.capability == added.capability);
    });
    cursor.approvals.push_back(std::move(added));
  }
}

Value to_json(const Cursor& cursor) {
  Object out{{"phase", static_cast<std::int64_t>(cursor.phase)}, {"decisions", cursor.decisions}};
  if (!cursor.input_digest.empty()) out.set("input_digest", cursor.input_digest);
  if (!cursor.worker.empty()) out.set("worker", cursor.worker);
  if (!cursor.patch.empty()) out.set("patch", cursor.patch);
  if (cursor.error) out.set("error", Object{{"attempt", cursor.error->attempt}, {"code", cursor.error->code}});
  if (!cursor.answers.empty()) {
    json::Array answers;
    for (const Answer& answer : cursor.answers) answers.push_back(to_json(answer));
    out.set("answers", std::move(answers));
  }
  if (!cursor.approvals.empty()) {
    json::Array approvals;
    for (const Approval& one : cursor.approvals) {
      Object approval{{"input_digest", one.input_digest}, {"node", one.node.str()}};
      if (one.capability) approval.set("capability", *one.capability);
      approvals.push_back(std::move(approval));
    }
    out.set("approvals", std::move(approvals));
  }
  if (cursor.branches) out.set("branches", to_json(*cursor.branches));
  if (!cursor.retries.empty()) {
    Object retries;
    for (const auto& [target, count] : cursor.retries) retries.set(target, count);
    out.set("retries", std::move(retries));
  }
  return out;
}

Result<Cursor> cursor_from_json(const Value& value) {
  Reader in(value, "cursor");
  Cursor cursor;
  cursor.phase = static_cast<Phase>(in.integer("phase", 0, static_cast<std::int64_t>(Phase::kDecide)));
  cursor.decisions = in.integer("decisions", 0, json::kMaxInteger);
  cursor.input_digest = in.optional_text("input_digest").value_or("");
  cursor.worker = in.optional_text("worker").value_or("");
  if (const Value* const patch = in.optional_value("patch"); patch != nullptr && patch->object() != nullptr)
    cursor.patch = *patch->object();
  if (const Value* const error = in.optional_value("error")) {
    Reader inner(*error, "cursor error");
    cursor.error = NodeError{inner.text("code"), inner.integer("attempt", 0, 1'000'000)};
    SG_TRY(inner.finish());
  }
  for (const Value& one : in.optional_array("answers")) {
    SG_TRY(Answer answer, answer_from_json(one));
    cursor.answers.push_back(std::move(answer));
  }
  for (const Value& one : in.optional_array("approvals")) {
    Reader inner(one, "cursor approval");
    cursor.approvals.push_back(
        {base::NodeId(inner.text("node")), inner.text("input_digest"), inner.optional_text("capability")});
    SG_TRY(inner.finish());
  }
  if (const Value* const branches = in.optional_value("branches")) {
    SG_TRY(cursor.branches, branches_from_json(*branches));
  }
  if (const Value* const retries = in.optional_value("retries"); retries != nullptr && retries->object() != nullptr) {
    for (const auto& [target, count] : *retries->object()) {
      if (count.integer() != nullptr) cursor.retries[target] = *count.integer();
    }
  }
  SG_TRY(in.finish());
  return cursor;
}

}  // namespace stargraph::engine

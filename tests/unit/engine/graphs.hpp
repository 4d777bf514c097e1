// Small graphs that the engine's tests share.
#pragma once

#include <string>

namespace stargraph::engine {

// Three local nodes in a row, no rules: never needs the jail.
inline const std::string kLine = R"(
ir_version: "1.0.0"
id: line
nodes: [{id: a, kind: echo}, {id: b, kind: template, config: {template: "<{message}>", out: message}}, {id: c, kind: halt}]
state_schema: {message: str}
)";

// One worker node, then the end; `on_error` routes a failure.
inline const std::string kWork = R"(
ir_version: "1.0.0"
id: work
nodes: [{id: act, kind: "test:Act"}, {id: end, kind: halt}]
state_schema: {result: {type: int, default: 0}}
)";

// Asks; approved goes to `act`, anything else to `refused`.
inline const std::string kGate = R"(
ir_version: "1.0.0"
id: gate
nodes:
  - {id: gate, kind: interrupt, config: {prompt: "Do {what}?", interrupt_payload: {risk: 2}, requested_capability: "runs:respond", timeout: PT10M, on_timeout: "goto:late", guards: act}}
  - {id: act, kind: passthrough}
  - {id: done, kind: halt}
  - {id: refused, kind: halt}
  - {id: late, kind: halt}
state_schema: {what: str}
rules:
  - {id: r-yes, when: '(node-id (id gate)) (stargraph.response (key "answer") (value "approve"))', then: [{kind: goto, target: act}]}
  - {id: r-no, when: '(node-id (id gate)) (not (stargraph.response (key "answer") (value "approve")))', then: [{kind: goto, target: refused}]}
  - {id: r-done, when: {node: act}, then: [{kind: goto, target: done}]}
  - {id: r-end, when: {node: done}, then: [{kind: halt, reason: approved}]}
  - {id: r-refused, when: {node: refused}, then: [{kind: halt, reason: refused}]}
  - {id: r-late, when: {node: late}, then: [{kind: halt, reason: late}]}
)";

// Everything a run can do: a template, a worker, branches of both kinds, a question, a retry after a pause.
inline const std::string kEverything = R"(
ir_version: "1.0.0"
id: everything
nodes:
  - {id: intro, kind: template, config: {template: "alert {alert}", out: note}}
  - {id: score, kind: "test:Score"}
  - {id: left, kind: "test:Left"}
  - {id: right, kind: template, config: {template: "right of {alert}", out: right}}
  - {id: joined, kind: passthrough}
  - {id: gate, kind: interrupt, config: {prompt: "Go on with {alert}, {left}, {right}?", guards: act}}
  - {id: act, kind: "test:Act"}
  - {id: again, kind: echo}
  - {id: end, kind: halt}
state_schema:
  alert: str
  note: {type: str, default: ""}
  score: {type: int, default: 0}
  left: {type: str, default: ""}
  right: {type: str, default: ""}
  seen: {type: list, default: [], reducer: append}
rules:
  - {id: r-fan, when: {node: score}, then: [{kind: parallel, targets: [left, right], join: joined}]}
  - {id: r-yes, when: '(node-id (id gate)) (stargraph.response (key "answer") (value "yes"))', then: [{kind: goto, target: act}]}
  - {id: r-again, when: '(node-id (id act)) (stargraph.error (node "act"))', then: [{kind: retry, target: act, backoff_ms: 2000}]}
  - {id: r-end, when: {node: end}, then: [{kind: halt, reason: "all of it"}]}
)";

}  // namespace stargraph::engine

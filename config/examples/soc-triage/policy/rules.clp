; soc.policy: what may happen to an alert without a person.
;
;   exec-owned asset at high risk         -> tier 3 takes it, no question asked
;   a score nobody would bet on           -> a second model scores again, once
;   automatic remediation on production   -> an analyst is asked, and the answer is bound to that remediation
;
; All of it only at the node `policy_gate`. Every decision leaves a bosun.provenance fact beside it.

; The host asserts one of these at every evaluation and fills the slots that name routed state fields.
(deftemplate soc.policy.input
  (slot run_id (default ""))
  (slot step (default 0))
  (slot alert_id (default ""))
  (slot asset_id (default ""))
  (slot asset_tier (default unknown))
  (slot asset_owner (default ""))
  (slot disposition (default needs_human))
  (slot risk (default 0))
  (slot risk_confidence (default 0.0))
  (slot second_opinion (default FALSE)))

; What the graph's own rules read.
(deftemplate soc.policy.action
  (slot kind)
  (slot reason))

(deftemplate bosun.provenance
  (slot run_id (default ""))
  (slot step (default 0))
  (slot origin (default rule))
  (slot rule_id)
  (slot decision)
  (slot detail (default "")))

(defglobal
  ?*high-risk* = 2
  ?*sure-enough* = 0.6)

(defrule soc-policy-exec-high-escalate
  (declare (salience 30))
  (node-id (id policy_gate))
  (soc.policy.input (run_id ?run) (step ?step) (asset_owner exec) (risk ?risk))
  (test (>= ?risk ?*high-risk*))
  =>
  (assert (soc.policy.action (kind "escalate") (reason "exec-owned asset at high risk")))
  (assert (bosun.provenance (run_id ?run) (step ?step) (rule_id "soc-policy-exec-high-escalate")
                            (decision "escalate") (detail "asset_owner=exec, risk is high"))))

(defrule soc-policy-low-confidence-second-opinion
  (declare (salience 20))
  (node-id (id policy_gate))
  (soc.policy.input (run_id ?run) (step ?step) (risk_confidence ?confidence) (second_opinion FALSE))
  (test (< ?confidence ?*sure-enough*))
  (not (soc.policy.action (kind "escalate")))
  =>
  (assert (soc.policy.action (kind "second_opinion") (reason "risk confidence below 0.6")))
  (assert (bosun.provenance (run_id ?run) (step ?step) (rule_id "soc-policy-low-confidence-second-opinion")
                            (decision "second_opinion") (detail "risk_confidence < 0.6"))))

(defrule soc-policy-prod-auto-remediate-interrupt
  (declare (salience 10))
  (node-id (id policy_gate))
  (soc.policy.input (run_id ?run) (step ?step) (alert_id ?alert) (asset_id ?asset)
                    (asset_tier prod) (disposition auto_remediate))
  (not (soc.policy.action (kind "escalate" | "second_opinion")))
  =>
  (assert (soc.policy.action (kind "interrupt") (reason "production is remediated only with an analyst's approval")))
  (assert (stargraph_action (kind interrupt)
                            (rule_id "soc-policy-prod-auto-remediate-interrupt")
                            (prompt (str-cat "Approve automatic remediation of production asset " ?asset
                                             " for alert " ?alert "?"))
                            (payload "{\"choices\":[\"approve\",\"reject\"],\"key\":\"decision\"}")
                            (guards "remediate")
                            (requested_capability "runs:respond")
                            (timeout "PT15M")
                            (on_timeout "goto:escalated")))
  (assert (bosun.provenance (run_id ?run) (step ?step) (rule_id "soc-policy-prod-auto-remediate-interrupt")
                            (decision "interrupt") (detail "asset_tier=prod, disposition=auto_remediate"))))

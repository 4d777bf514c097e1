(deftemplate greeting (slot to))
(defrule stop-at-world (greeting (to world)) => (assert (stargraph_action (kind halt) (reason "greeted"))))

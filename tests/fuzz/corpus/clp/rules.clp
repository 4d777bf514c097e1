(deftemplate a (slot b (default 1)) (multislot c))
(deffunction f (?x) (+ ?x 1))
(defrule r (declare (salience 5)) ?f <- (a (b ?x&:(> ?x 1)|~2)) (not (a (c $? 1))) => (assert (a (b (f ?x)))) (retract ?f))

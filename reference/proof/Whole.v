(* The whole network (SPEC 5.1, 5.8): an output layer at every step, above any stack, and a divergence of its series. *)
From Coq Require Import List Arith Reals Lra.
From BPTT Require Export Output Divergences Rnn.
Import ListNotations.
Open Scope R_scope.

(* Above any routine: the divergence reads its series, the parameters q of what is above, and not its last states. *)
Theorem above_gradient {Q E Y S : space} (routine : E -> Pair Y S) (DIV : Pair Q Y -> Real) q e g d :
  adjoint routine e g -> gradient DIV (q, fst (routine e)) d ->
  gradient (fun v : Pair Q E => DIV (fst v, fst (routine (snd v)))) (q, e) ((fst d, g (snd d, vzero)) : Pair Q E).
Proof.
  intros back_below above.
  assert (series : adjoint (fun v : E => fst (routine v)) e (fun u => g (u, vzero))).
  { apply (adjoint_chain routine (fun v : Pair Y S => fst v) e g (fun u => (u, vzero)) back_below (adjoint_fst _)). }
  apply (gradient_chain (fun v : Pair Q E => (fst v, fst (routine (snd v))) : Pair Q Y) DIV (q, e) _ d
           (adjoint_beside (fun q : Q => q) (fun v : E => fst (routine v)) q e _ _ (adjoint_identity q) series) above).
Qed.

Section Head.
Context (B H O : indices) (T : nat).

(* z(t) for every t. *)
Definition logits (e : Pair (OutputParameters H O) (Series T (Matrix B H))) : Series T (Matrix B O) := fun t => output_step B H O (fst e, (snd e t, vzero)).

(* dW2 and db2 pooled over the steps, and d_output(t). *)
Definition logits_back (e : Pair (OutputParameters H O) (Series T (Matrix B H))) (dz : Series T (Matrix B O)) : Pair (OutputParameters H O) (Series T (Matrix B H)) :=
  (vsum (below T) (fun t => fst (output_back B H O (fst e) (snd e t) (dz t))), fun t => fst (snd (output_back B H O (fst e) (snd e t) (dz t)))).

Theorem logits_is_adjoint e : adjoint logits e (logits_back e).
Proof.
  destruct e as [q y].
  set (D := fun t (v : OutputInputs B H O) => (fun s i => sum H (fun j => fst (snd v) s j * fst q i j + y t s j * fst (fst v) i j) + snd (fst v) i) : Matrix B O).
  exists (fun v t => D t (fst v, (snd v t, vzero))). split.
  - apply (derivative_power (below T) (fun t (e : Pair (OutputParameters H O) (Series T (Matrix B H))) => logits e t) (q, y)
             (fun t v => D t (fst v, (snd v t, vzero)))).
    intros t here. unfold D. cbn [fst snd].
    apply (rows_affine (fun e : Pair (OutputParameters H O) (Series T (Matrix B H)) => snd e t) (fun e => fst (fst e)) (fun e => snd (fst e)) (q, y)
             (fun v => snd v t) (fun v => fst (fst v)) (fun v => snd (fst v))); apply derivative_linear.
    + apply (linear_then snd (fun y : Series T (Matrix B H) => y t)); [apply linear_snd | now apply linear_entry].
    + apply (linear_then fst fst); apply linear_fst.
    + apply (linear_then fst snd); [apply linear_fst | apply linear_snd].
  - intros u v. rewrite (dot_power (below T) (Matrix B O)), (dot_pair (OutputParameters H O)), (dot_power (below T) (Matrix B H)).
    unfold logits_back. cbn [fst snd]. rewrite dot_sum_l, <- sum_add. apply sum_ext. intros t _. unfold D. cbn [fst snd]. rewrite dot_rows.
    etransitivity; [apply (dot_affine (u t) (y t) (snd v t) (fst q) (fst (fst v)) (snd (fst v))) |].
    unfold output_back. cbn [fst snd]. unfold OutputParameters. rewrite (dot_pair (Matrix O H)). cbn [fst snd]. lra.
Qed.

(* A divergence of the series z, on an output layer on any routine. *)
Theorem network_gradient {E S : space} (routine : E -> Pair (Series T (Matrix B H)) S) (DIV : Series T (Matrix B O) -> Real) q e g dz :
  adjoint routine e g -> gradient DIV (logits (q, fst (routine e))) dz ->
  let d := logits_back (q, fst (routine e)) dz in
  gradient (fun v : Pair (OutputParameters H O) E => DIV (logits (fst v, fst (routine (snd v))))) (q, e)
    ((fst d, g (snd d, vzero)) : Pair (OutputParameters H O) E).
Proof.
  intros below_back above d. apply (above_gradient routine (fun v => DIV (logits v)) q e g d below_back).
  apply (gradient_chain logits DIV _ _ dz (logits_is_adjoint _) above).
Qed.
End Head.

(* One network in full: the RNN with tanh, the output layer, softmax cross-entropy (8.6) at every step and sequence with weights w (8.2).
   Nothing is assumed but that there is a class. *)
Section Tanh.
Context (B I H O : indices) (some : O) (here : In some O) (T : nat) (w : nat -> B -> R) (target : nat -> B -> Vector O).

Definition rnn_series (e : Pair (RnnParameters I H) (Pair (Series T (Matrix B I)) (Matrix B H))) : Pair (Series T (Matrix B H)) (Matrix B H) :=
  unrolled (fun _ => rnn_step tanh B I H) T e.
Definition cross_entropy (z : Series T (Matrix B O)) : Real :=
  sum (below T) (fun t => sum B (fun b => w t b * sum O (fun i => - target t b i * (z t b i - ln (total O (z t b)))))).

Theorem rnn_network_gradient q p x h :
  let y := fst (rnn_series (p, (x, h))) in
  let dz := (fun t b => vscale (w t b) ((fun i => softmax O (logits B H O T (q, y) t b) i * sum O (target t b) - target t b i) : Vector O)) : Series T (Matrix B O) in
  let d := logits_back B H O T (q, y) dz in
  let dh := back (fun t => rnn_backward tanh p (x t) (before (fun _ => rnn_step tanh B I H) p x h t)) (snd d) T (vzero : Matrix B H) in
  gradient (fun v : Pair (OutputParameters H O) (Pair (RnnParameters I H) (Pair (Series T (Matrix B I)) (Matrix B H))) =>
              cross_entropy (logits B H O T (fst v, fst (rnn_series (snd v)))))
    (q, (p, (x, h))) ((fst d, dh) : Pair (OutputParameters H O) (Pair (RnnParameters I H) (Pair (Series T (Matrix B I)) (Matrix B H)))).
Proof.
  intros y dz d dh.
  apply (network_gradient B H O T rnn_series cross_entropy q (p, (x, h))
           (fun u => back (fun t => rnn_backward tanh p (x t) (before (fun _ => rnn_step tanh B I H) p x h t)) (fst u) T (snd u)) dz).
  - apply back_is_adjoint. intros t _. apply rnn_step_is_adjoint. intros. apply smooth_tanh.
  - apply (local_gradient T w (fun t b z => sum O (fun i => - target t b i * (z i - ln (total O z))) : Real)). intros t b _ _.
    now apply (soft_targets_gradient O some).
Qed.
End Tanh.

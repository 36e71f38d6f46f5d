(* The divergences that are sums over steps, sequences and units (SPEC 8.2, 8.5, 8.6). *)
From Coq Require Import List Reals Lra.
From BPTT Require Export Output.
Import ListNotations.
Open Scope R_scope.

Lemma gradient_number (f : R -> R) y s : derivable_pt_lim f y s -> gradient (f : Real -> Real) (y : Real) (s : Real).
Proof.
  intros d. apply derivative_number in d. eapply derivative_ext; [easy | | exact d]. intros v. apply same_real. symmetry. apply dot_real.
Qed.

Lemma gradient_scale {V : space} (w : R) (f : V -> Real) y d : gradient f y d -> gradient (fun y => w * f y : Real) y (vscale w d).
Proof.
  intros df. apply (derivative_ext (fun y => w * f y : Real) _ y (fun v => 0 * f y + w * dot d v) _ (fun _ => same_refl _)).
  - intros v. apply same_real. rewrite dot_scale_l, Rmult_0_l. apply Rplus_0_l.
  - apply (derivative_mul (fun _ : V => w : Real) f y (fun _ => 0) (fun v => dot d v)); [apply (derivative_constant (w : Real)) | exact df].
Qed.

(* Each entry by itself. *)
Lemma gradient_sum {A : indices} {V : space} (f : A -> V -> Real) (y : Power A V) (d : Power A V) :
  (forall i, In i A -> gradient (f i) (y i) (d i)) -> gradient (fun y : Power A V => sum A (fun i => f i (y i)) : Real) y d.
Proof.
  intros each.
  apply (derivative_ext (fun y : Power A V => sum A (fun i => f i (y i)) : Real) _ y (fun v => sum A (fun i => dot (d i) (v i))) _ (fun _ => same_refl _)).
  - intros v. apply same_real. symmetry. apply (dot_power A V).
  - apply (derivative_sum A (fun i (y : Power A V) => f i (y i)) (fun i v => dot (d i) (v i)) y). intros i here.
    apply (derivative_chain (fun y : Power A V => y i) (f i) y (fun v => v i) (fun v => dot (d i) v));
      [now apply derivative_linear, linear_entry | now apply each].
Qed.

(* 8.2: weights w(t, b), and a divergence div(y(t, b), d(t, b)), here `div t b`, of each step and sequence. *)
Theorem local_gradient {B O : indices} (T : nat) (w : nat -> B -> R) (div : nat -> B -> Vector O -> Real) (y g : Series T (Power B (Vector O))) :
  (forall t b, In t (below T) -> In b B -> gradient (div t b) (y t b) (g t b)) ->
  gradient (fun y : Series T (Power B (Vector O)) => sum (below T) (fun t => sum B (fun b => w t b * div t b (y t b))) : Real) y
    ((fun t b => vscale (w t b) (g t b)) : Series T (Power B (Vector O))).
Proof.
  intros each. apply (gradient_sum (A := below T) (fun t (y : Power B (Vector O)) => sum B (fun b => w t b * div t b (y b)) : Real)). intros t here.
  apply (gradient_sum (A := B) (fun b (y : Vector O) => w t b * div t b y : Real)). intros b listed. apply gradient_scale. now apply each.
Qed.

Section Units.
Context {O : indices}.

(* 8.5: the first five rows are sums over units; the slope of each unit is the derivative of school. *)
Theorem units_gradient (div slope : O -> R -> R) (y : Vector O) :
  (forall i, In i O -> derivable_pt_lim (div i) (y i) (slope i (y i))) ->
  gradient (fun y : Vector O => sum O (fun i => div i (y i)) : Real) y ((fun i => slope i (y i)) : Vector O).
Proof. intros each. apply (gradient_sum (A := O) (V := Real) (fun i => div i : Real -> Real)). intros i here. now apply gradient_number, each. Qed.

Theorem squared_error_gradient (d y : Vector O) :
  gradient (fun y : Vector O => sum O (fun i => / 2 * ((y i - d i) * (y i - d i))) : Real) y ((fun i => y i - d i) : Vector O).
Proof.
  apply (units_gradient (fun i y => / 2 * ((y - d i) * (y - d i))) (fun i y => y - d i)). intros i _. set (di := d i). set (yi := y i). clearbody di yi.
  assert (one : derivable_pt_lim (fun y => y - di) yi (1 - 0)) by (apply (derivable_pt_lim_minus id (fct_cte di)); [apply derivable_pt_lim_id | apply derivable_pt_lim_const]).
  replace (yi - di) with (/ 2 * ((1 - 0) * (yi - di) + (yi - di) * (1 - 0))) by field.
  apply (derivable_pt_lim_scal (fun y => (y - di) * (y - di))), (derivable_pt_lim_mult (fun y => y - di) (fun y => y - di)); exact one.
Qed.

(* Where every y is positive, as behind a softmax or sigmoid. *)
Theorem cross_entropy_gradient (d y : Vector O) :
  (forall i, In i O -> 0 < y i) ->
  gradient (fun y : Vector O => sum O (fun i => - d i * ln (y i)) : Real) y ((fun i => - d i / y i) : Vector O).
Proof.
  intros positive. apply (units_gradient (fun i y => - d i * ln y) (fun i y => - d i / y)). intros i here.
  apply (derivable_pt_lim_scal ln), derivable_pt_lim_ln. now apply positive.
Qed.

Theorem binary_cross_entropy_gradient (d y : Vector O) :
  (forall i, In i O -> 0 < y i < 1) ->
  gradient (fun y : Vector O => sum O (fun i => - d i * ln (y i) + - (1 - d i) * ln (1 - y i)) : Real) y
    ((fun i => - d i / y i + (1 - d i) / (1 - y i)) : Vector O).
Proof.
  intros between. apply (units_gradient (fun i y => - d i * ln y + - (1 - d i) * ln (1 - y)) (fun i y => - d i / y + (1 - d i) / (1 - y))).
  intros i here. specialize (between i here). set (di := d i). set (yi := y i : R) in *. clearbody di yi. destruct between as [pos below1].
  assert (other : derivable_pt_lim (fun y => ln (1 - y)) yi (/ (1 - yi) * (0 - 1))).
  { apply (derivable_pt_lim_comp (fun y => 1 - y) ln); [| apply derivable_pt_lim_ln; lra].
    apply (derivable_pt_lim_minus (fct_cte 1) id); [apply derivable_pt_lim_const | apply derivable_pt_lim_id]. }
  replace (- di / yi + (1 - di) / (1 - yi)) with (- di * / yi + - (1 - di) * (/ (1 - yi) * (0 - 1))) by (field; lra).
  apply (derivable_pt_lim_plus (fun y => - di * ln y) (fun y => - (1 - di) * ln (1 - y))).
  - apply (derivable_pt_lim_scal ln), derivable_pt_lim_ln, pos.
  - apply (derivable_pt_lim_scal (fun y => ln (1 - y))), other.
Qed.

Theorem negative_log_likelihood_gradient (d y : Vector O) :
  gradient (fun y : Vector O => sum O (fun i => - d i * y i) : Real) y ((fun i => - d i) : Vector O).
Proof.
  apply (units_gradient (fun i y => - d i * y) (fun i _ => - d i)). intros i _.
  pose proof (derivable_pt_lim_scal id (- d i) (y i) 1 (derivable_pt_lim_id _)) as line. rewrite Rmult_1_r in line. exact line.
Qed.
End Units.

(* 8.6, for any targets: the factor sum of d_j is 1 for those of `softmax_cross_entropy_gradient`. *)
Theorem soft_targets_gradient (O : indices) (some : O) (here : In some O) (d y : Vector O) :
  gradient (fun y : Vector O => sum O (fun i => - d i * (y i - ln (total O y))) : Real) y ((fun i => softmax O y i * sum O d - d i) : Vector O).
Proof.
  pose proof (gradient_chain _ (fun y : Vector O => sum O (fun i => - d i * y i) : Real) y _ _ (log_softmax_is_adjoint O some here y)
    (negative_log_likelihood_gradient d _)) as both.
  eapply derivative_ext; [easy | | exact both]. intros v. apply same_real. apply (dot_same (V := Vector O)); [| easy].
  apply same_power. intros i _. apply same_real.
  rewrite (sum_ext O (fun i => - d i) (fun i => -1 * d i)) by (intros; ring). rewrite sum_scale_l. set (s := sum O d). set (p := softmax O y i).
  change (- d i - p * (-1 * s) = p * s - d i). ring.
Qed.

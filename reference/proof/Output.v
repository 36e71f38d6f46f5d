(* The output layer (SPEC 3.5, 5.8), softmax (2.7), and the divergences of one output (8.5). *)
From Coq Require Import List Reals Lra.
From BPTT Require Export Rows Unroll.
Import ListNotations.
Open Scope R_scope.

(* Sees that numbers are points of Real, and the other way round. *)
Ltac in_R := match goal with |- @eq _ ?a ?b => change (@eq R a b) end.

Lemma regroup3 a b c : a + b + c = b + c + (a + 0).
Proof. ring. Qed.

(* z = W2 h + b2 at every step: a system whose state is z, and that does not remember it. So `back` pools its gradients over time. *)
Section Projection.
Context (B H O : indices).

Definition OutputParameters : space := Pair (Matrix O H) (Vector O).
Definition OutputInputs : space := Pair OutputParameters (Pair (Matrix B H) (Matrix B O)).
Definition output_step (e : OutputInputs) : Matrix B O := affine (fst (snd e)) (fst (fst e)) (snd (fst e)).
Definition output_back (p : OutputParameters) (h : Matrix B H) (dz : Matrix B O) : OutputInputs :=
  ((pooled dz h, pooled_bias dz), (through dz (fst p), (vzero : Matrix B O))).

Theorem output_is_adjoint (p : OutputParameters) (h : Matrix B H) (z : Matrix B O) : adjoint output_step (p, (h, z)) (output_back p h).
Proof.
  assert (dh : derivative (fun e : OutputInputs => fst (snd e)) (p, (h, z)) (fun v => fst (snd v))).
  { apply derivative_linear, (linear_then snd fst); [apply linear_snd | apply linear_fst]. }
  assert (dW : derivative (fun e : OutputInputs => fst (fst e)) (p, (h, z)) (fun v => fst (fst v))).
  { apply derivative_linear, (linear_then fst fst); apply linear_fst. }
  assert (db : derivative (fun e : OutputInputs => snd (fst e)) (p, (h, z)) (fun v => snd (fst v))).
  { apply derivative_linear, (linear_then fst snd); [apply linear_fst | apply linear_snd]. }
  eexists. split; [exact (rows_affine _ _ _ _ _ _ _ dh dW db) |]. clear. intros u v. rewrite dot_rows. cbn [fst snd].
  etransitivity; [apply (dot_affine u h (fst (snd v)) (fst p) (fst (fst v)) (snd (fst v))) |].
  unfold OutputInputs, output_back. rewrite (dot_pair OutputParameters), (dot_pair (Matrix B H)). unfold OutputParameters. rewrite (dot_pair (Matrix O H)).
  cbn [fst snd]. rewrite dot_zero_l. apply regroup3.
Qed.
End Projection.

(* A scalar activation, unit by unit: dz = dy f'(z), the slope read from y. *)
Theorem activation_is_adjoint (f : activation R) (O : indices) (z : Vector O) :
  (forall i, In i O -> smooth_at f (z i)) ->
  adjoint (fun z : Vector O => (fun i => value f (z i)) : Vector O) z (fun dy i => slope f (value f (z i)) * dy i).
Proof.
  intros smooth. apply (adjoint_each (A := O) (fun _ => value f : Real -> Real) z (fun i dy => slope f (value f (z i)) * dy)).
  intros i here. exists (fun v => slope f (value f (z i)) * v). split; [now apply derivative_number, smooth |].
  intros u v. rewrite !dot_real. ring.
Qed.

(* The two pairings below, as sums of numbers. *)
Section Pairings.
Context {A : Type} (l : list A) (u v s : A -> R).

Lemma pairing_log : sum l (fun i => u i * (v i + -1 * sum l (fun j => s j * v j))) = sum l (fun i => (u i - s i * sum l u) * v i).
Proof.
  rewrite (sum_ext l _ (fun i => u i * v i + u i * (-1 * sum l (fun j => s j * v j)))) by (intros; ring).
  rewrite (sum_ext l (fun i => (u i - s i * sum l u) * v i) (fun i => u i * v i + - sum l u * (s i * v i))) by (intros; ring).
  rewrite !sum_add, sum_scale_r, sum_scale_l. ring.
Qed.

Lemma pairing_softmax :
  sum l (fun i => u i * (s i * (v i - sum l (fun j => s j * v j)))) = sum l (fun i => s i * (u i - sum l (fun j => u j * s j)) * v i).
Proof.
  rewrite (sum_ext l _ (fun i => u i * s i * v i + u i * s i * - sum l (fun j => s j * v j))) by (intros; ring).
  rewrite (sum_ext l (fun i => s i * _ * v i) (fun i => u i * s i * v i + - sum l (fun j => u j * s j) * (s i * v i))) by (intros; ring).
  rewrite !sum_add, sum_scale_r, sum_scale_l. ring.
Qed.

Lemma pairing_cross_entropy (y : A -> R) (log_total : R) :
  sum l u = 1 -> log_total + sum l (fun j => - u j * y j) = - sum l (fun j => u j * (y j - log_total)).
Proof.
  intros one. rewrite (sum_ext l (fun j => u j * (y j - log_total)) (fun j => -1 * (- u j * y j) + u j * - log_total)) by (intros; ring).
  rewrite sum_add, sum_scale_r, sum_scale_l, one. ring.
Qed.
End Pairings.

Section Softmax.
Context (O : indices) (some : O) (some_listed : In some O).

Definition total (z : Vector O) : R := sum O (fun j => exp (z j)).
Definition softmax (z : Vector O) : Vector O := fun i => exp (z i) / total z.

Lemma total_positive z : 0 < total z.
Proof.
  apply Rlt_le_trans with (exp (z some)); [apply exp_pos |].
  apply (term_le_sum _ (fun j => exp (z j))); [intros; left; apply exp_pos | exact some_listed].
Qed.

(* 2.7 subtracts the largest z, or any other number: nothing changes but the range of exp. *)
Lemma softmax_shifted (m : R) z i : exp (z i - m) / sum O (fun j => exp (z j - m)) = softmax z i.
Proof.
  rewrite (sum_ext O (fun j => exp (z j - m)) (fun j => exp (z j) * exp (- m))) by (intros; unfold Rminus; apply exp_plus).
  rewrite sum_scale_r. unfold Rminus. rewrite exp_plus. pose proof (exp_pos (- m)). pose proof (total_positive z). unfold softmax, total in *. field. split; lra.
Qed.

Lemma sum_softmax z : sum O (softmax z) = 1.
Proof.
  pose proof (total_positive z).
  rewrite (sum_ext O (softmax z) (fun i => exp (z i) * / total z)) by easy.
  rewrite sum_scale_r. in_R. apply (Rinv_r (total z)). lra.
Qed.

Lemma derivative_exp_entry z i : In i O -> derivative (fun z : Vector O => exp (z i) : Real) z (fun v => exp (z i) * v i).
Proof.
  intros here. apply (derivative_chain (fun z : Vector O => z i : Real) (exp : Real -> Real) z (fun v => v i) (fun v => exp (z i) * v)).
  - now apply derivative_linear, (linear_entry O Real).
  - apply derivative_number, derivable_pt_lim_exp.
Qed.

Lemma derivative_total z : derivative (total : Vector O -> Real) z (fun v => sum O (fun j => exp (z j) * v j)).
Proof.
  apply (derivative_sum O (fun j (z : Vector O) => exp (z j) : Real) (fun j v => exp (z j) * v j) z). intros. now apply derivative_exp_entry.
Qed.

Lemma derivative_log_total z : derivative (fun z : Vector O => ln (total z) : Real) z (fun v => sum O (fun j => softmax z j * v j)).
Proof.
  apply (derivative_ext (fun z : Vector O => ln (total z) : Real) _ z (fun v => / total z * sum O (fun j => exp (z j) * v j)) _ (fun _ => same_refl _)).
  - intros v. apply same_real. symmetry. rewrite <- sum_scale_l. apply sum_ext. intros j _. unfold softmax. in_R. field. pose proof (total_positive z). lra.
  - apply (derivative_chain (total : Vector O -> Real) (ln : Real -> Real) z _ (fun v => / total z * v) (derivative_total z)).
    apply derivative_number, derivable_pt_lim_ln, total_positive.
Qed.

(* 2.8 *)
Theorem log_softmax_is_adjoint z :
  adjoint (fun z : Vector O => (fun i => z i - ln (total z)) : Vector O) z (fun dy i => dy i - softmax z i * sum O dy).
Proof.
  exists (fun v i => v i + -1 * sum O (fun j => softmax z j * v j)). split.
  - apply (derivative_power O (fun i (z : Vector O) => z i - ln (total z) : Real) z (fun i v => v i + -1 * sum O (fun j => softmax z j * v j))).
    intros i here.
    apply (derivative_ext (fun z : Vector O => z i + -1 * ln (total z) : Real) _ z (fun v => v i + (0 * ln (total z) + -1 * sum O (fun j => softmax z j * v j)))).
    + intros y. apply same_real. unfold Rminus. f_equal. change (-1 * ln (total y) = - ln (total y)). ring.
    + intros v. apply same_real. rewrite Rmult_0_l, Rplus_0_l. reflexivity.
    + apply (derivative_add (fun z : Vector O => z i : Real) (fun z => -1 * ln (total z) : Real) z (fun v => v i)); [now apply derivative_linear, (linear_entry O Real) |].
      apply (derivative_mul (fun _ : Vector O => -1 : Real) (fun z => ln (total z) : Real) z (fun _ => 0)); [apply (derivative_constant (-1 : Real)) | apply derivative_log_total].
  - intros u v. rewrite !(dot_power O Real). etransitivity; [apply sum_ext; intros; apply dot_real |].
    etransitivity; [apply (pairing_log O u v (softmax z)) |]. symmetry. apply sum_ext. intros. apply dot_real.
Qed.

(* 2.7 *)
Theorem softmax_is_adjoint z :
  adjoint softmax z (fun dy i => softmax z i * (dy i - sum O (fun j => dy j * softmax z j))).
Proof.
  exists (fun v i => softmax z i * (v i - sum O (fun j => softmax z j * v j))). split.
  - apply (derivative_power O (fun i (z : Vector O) => softmax z i : Real) z (fun i v => softmax z i * (v i - sum O (fun j => softmax z j * v j)))).
    intros i here. destruct (log_softmax_is_adjoint z) as [_ _].
    apply (derivative_ext (fun z : Vector O => exp (z i) * / total z : Real) _ z
             (fun v => exp (z i) * v i * / total z + exp (z i) * (- / (total z * total z) * sum O (fun j => exp (z j) * v j))) _ (fun _ => same_refl _)).
    + intros v. apply same_real. pose proof (total_positive z) as pos. unfold softmax.
      rewrite (sum_ext O (fun j => exp (z j) / total z * v j) (fun j => / total z * (exp (z j) * v j))) by (intros; unfold Rdiv; ring).
      rewrite sum_scale_l. set (s := sum O _). change (exp (z i) * v i * / total z + exp (z i) * (- / (total z * total z) * s) = exp (z i) / total z * (v i - / total z * s)).
      field. lra.
    + apply (derivative_mul (fun z : Vector O => exp (z i) : Real) (fun z => / total z : Real) z (fun v => exp (z i) * v i)); [now apply derivative_exp_entry |].
      apply (derivative_chain (total : Vector O -> Real) (Rinv : Real -> Real) z _ (fun v => - / (total z * total z) * v) (derivative_total z)).
      apply derivative_number. pose proof (total_positive z) as pos.
      pose proof (derivable_pt_lim_div (fct_cte 1) id (total z) 0 1 (derivable_pt_lim_const 1 _) (derivable_pt_lim_id _) ltac:(unfold id; lra)) as q.
      replace (- / (total z * total z)) with ((0 * id (total z) - 1 * fct_cte 1 (total z)) / Rsqr (id (total z))) by (unfold fct_cte, id, Rsqr; field; lra).
      intros eps epos. destruct (q eps epos) as [delta b]. exists delta. intros s nonzero near. specialize (b s nonzero near).
      replace (/ (total z + s) - / total z) with ((fct_cte 1 / id)%F (total z + s) - (fct_cte 1 / id)%F (total z)); [exact b |].
      unfold div_fct, fct_cte, id, Rdiv. ring.
  - intros u v. rewrite !(dot_power O Real). etransitivity; [apply sum_ext; intros; apply dot_real |].
    etransitivity; [apply (pairing_softmax O u v (softmax z)) |]. symmetry. apply sum_ext. intros. apply dot_real.
Qed.

(* 8.5: softmax and cross-entropy in one, -sum over j of d_j log y_j of targets d that sum to 1; its gradient is y - d. *)
Theorem softmax_cross_entropy_gradient (d z : Vector O) :
  sum O d = 1 ->
  gradient (fun z : Vector O => - sum O (fun j => d j * (z j - ln (total z))) : Real) z ((fun i => softmax z i - d i) : Vector O).
Proof.
  intros one.
  apply (derivative_ext (fun z : Vector O => ln (total z) + sum O (fun j => - d j * z j) : Real) _ z
           (fun v => sum O (fun j => softmax z j * v j) + sum O (fun j => - d j * v j))).
  - intros y. apply same_real. now apply (pairing_cross_entropy O d y (ln (total y))).
  - intros v. apply same_real. rewrite (dot_power O Real), <- sum_add. apply sum_ext. intros. rewrite dot_real. in_R. ring.
  - apply (derivative_add (fun z : Vector O => ln (total z) : Real) (fun z => sum O (fun j => - d j * z j) : Real) z _ _ (derivative_log_total z)).
    apply (derivative_sum O (fun j (z : Vector O) => - d j * z j : Real) (fun j v => - d j * v j) z). intros j here.
    apply (derivative_ext (fun z : Vector O => - d j * z j : Real) _ z (fun v => 0 * z j + - d j * v j) _ (fun _ => same_refl _)).
    + intros v. apply same_real. rewrite Rmult_0_l. apply Rplus_0_l.
    + apply (derivative_mul (fun _ : Vector O => - d j : Real) (fun z => z j) z (fun _ => 0) (fun v => v j));
        [apply (derivative_constant (- d j : Real)) | now apply derivative_linear, (linear_entry O Real)].
Qed.
End Softmax.

(* Activations: a value y = f(a), and the slope f'(a) read from y, as the SPEC writes every slope (2.1). *)
From BPTT Require Export Sums.
From Coq Require Import Reals Lra.

Record activation (K : Type) := { value : K -> K; slope : K -> K }.
Arguments value {K} a : rename.
Arguments slope {K} a : rename.

(* 2.3: f'(z) = 1. *)
Definition identity {K} {N : Numbers K} : activation K := {| value := fun z => z; slope := fun _ => one |}.

(* The slope is the derivative at a. *)
Definition smooth_at (s : activation R) (a : R) : Prop := derivable_pt_lim (value s) a (slope s (value s a)).
Definition smooth (s : activation R) : Prop := forall a, smooth_at s a.

(* 2.4, with its two branches: y = 1/(1 + e) where z > 0, e/(1 + e) where z <= 0, e = exp(-|z|); f'(z) = y (1 - y). *)
Definition sigmoid : activation R := {|
  value := fun z => let e := exp (- Rabs z) in if Rle_dec z 0 then e / (1 + e) else 1 / (1 + e);
  slope := fun y => y * (1 - y) |}.

(* 2.3: f'(z) = 1 - y y. *)
Definition tanh : activation R := {| value := Rtrigo_def.tanh; slope := fun y => 1 - y * y |}.

Lemma smooth_identity : smooth identity.
Proof. intros a. apply derivable_pt_lim_id. Qed.

Lemma sigmoid_value z : value sigmoid z = / (1 + exp (- z)).
Proof.
  cbn. pose proof (exp_pos z). pose proof (exp_pos (- z)). destruct (Rle_dec z 0).
  - rewrite Rabs_left1, Ropp_involutive by lra. rewrite exp_Ropp. field. lra.
  - rewrite Rabs_right by lra. field. lra.
Qed.

Lemma smooth_sigmoid : smooth sigmoid.
Proof.
  intros a eps pos.
  assert (d : derivable_pt_lim (fun z => / (1 + exp (- z))) a (slope sigmoid (value sigmoid a))).
  { pose proof (exp_pos (- a)) as positive. rewrite sigmoid_value. cbn.
    assert (e : derivable_pt_lim (fun z => exp (- z)) a (exp (- a) * -1)).
    { apply (derivable_pt_lim_comp (fun z => - z) exp); [| apply derivable_pt_lim_exp].
      replace (-1) with (- 1) by ring. apply (derivable_pt_lim_opp id), derivable_pt_lim_id. }
    assert (sum : derivable_pt_lim (fun z => 1 + exp (- z)) a (0 + exp (- a) * -1)).
    { apply (derivable_pt_lim_plus (fct_cte 1)); [apply derivable_pt_lim_const | apply e]. }
    pose proof (derivable_pt_lim_div (fct_cte 1) _ a _ _ (derivable_pt_lim_const 1 a) sum) as quotient.
    replace (/ (1 + exp (- a)) * (1 - / (1 + exp (- a)))) with
      ((0 * (1 + exp (- a)) - (0 + exp (- a) * -1) * fct_cte 1 a) / Rsqr (1 + exp (- a)))
      by (unfold fct_cte, Rsqr; field; lra).
    intros eps' pos'. destruct (quotient ltac:(lra) eps' pos') as [delta b]. exists delta. intros h nonzero near.
    specialize (b h nonzero near). unfold div_fct, fct_cte, Rdiv in b. rewrite !Rmult_1_l in b. exact b. }
  destruct (d eps pos) as [delta b]. exists delta. intros h nonzero near. rewrite !sigmoid_value. rewrite sigmoid_value in b. now apply b.
Qed.

Lemma cosh_nonzero a : cosh a <> 0.
Proof. unfold cosh. pose proof (exp_pos a). pose proof (exp_pos (- a)). lra. Qed.

Lemma smooth_tanh : smooth tanh.
Proof.
  intros a. unfold smooth_at. cbn.
  replace (1 - Rtrigo_def.tanh a * Rtrigo_def.tanh a) with ((cosh a * cosh a - sinh a * sinh a) / Rsqr (cosh a))
    by (unfold Rtrigo_def.tanh, Rsqr; field; apply cosh_nonzero).
  apply (derivable_pt_lim_div sinh cosh); auto using derivable_pt_lim_sinh, derivable_pt_lim_cosh, cosh_nonzero.
Qed.

(* Formulas that are often written by mistake are not the gradient: each is refuted by a small network where it gives another number. *)
From Coq Require Import List Reals Lra.
From BPTT Require Gru Lstm.
From BPTT Require Import Rnn.
Import ListNotations.
Open Scope R_scope.

Lemma linear_dot {W : space} (u : W) : linear (fun w => dot u w : Real).
Proof.
  apply linear_coordinates. intros c [<- | []]. repeat split; intros; [apply dot_add_r | apply dot_scale_r |].
  exists (norm u). split; [apply norm_nonneg |]. intros v. apply dot_bound.
Qed.

(* A step has one adjoint. *)
Theorem adjoint_unique {V W : space} (f : V -> W) x g g' : adjoint f x g -> adjoint f x g' -> forall u, same (g u) (g' u).
Proof.
  intros d d' u. assert (by_u : gradient (fun w => dot u w : Real) (f x) u) by apply (derivative_linear _ _ (linear_dot u)).
  apply (gradient_unique (fun y => dot u (f y) : Real) x);
    [exact (gradient_chain f _ x g u d by_u) | exact (gradient_chain f _ x g' u d' by_u)].
Qed.

(* Two points that hold the same: entry by entry. *)
Lemma same_entry {B H} (m m' : Matrix B H) b k : same m m' -> In b B -> In k H -> m b k = m' b k.
Proof.
  intros e row unit. pose proof (proj1 (same_power B _ _ _) e b row) as in_row.
  exact (proj1 (same_real _ _) (proj1 (same_power H _ _ _) in_row k unit)).
Qed.

Lemma same_params {P X S} (d d' : Pair P (Pair X S)) : same d d' -> same (fst d) (fst d').
Proof. intros e. now apply same_pair in e as [e _]. Qed.

Lemma same_carry {P X S} (d d' : Pair P (Pair X S)) : same d d' -> same (snd (snd d)) (snd (snd d')).
Proof. intros e. apply same_pair in e as [_ e]. now apply same_pair in e as [_ e]. Qed.

Lemma same_W_hh {I H} (p p' : RnnParameters I H) : same p p' -> same (V := Matrix H H) (fst (snd p)) (fst (snd p')).
Proof. intros e. apply same_pair in e as [_ e]. now apply same_pair in e as [e _]. Qed.

Lemma same_b_hh {G I H P} (p p' : Gates.GateParameters G I H P) : same p p' -> same (V := Matrix G H) (snd p) (snd p').
Proof. intros e. now apply same_pair in e as [_ e]. Qed.

Lemma tanh_0 : Rtrigo_def.tanh 0 = 0.
Proof. unfold Rtrigo_def.tanh. rewrite sinh_0. unfold Rdiv. ring. Qed.

Lemma tanh_1 : Rtrigo_def.tanh 1 <> 0.
Proof.
  unfold Rtrigo_def.tanh, sinh. pose proof (exp_increasing (-1) 1). pose proof (cosh_nonzero 1). intros e.
  apply Rmult_eq_compat_r with (r := cosh 1) in e. unfold Rdiv in e. rewrite Rmult_assoc, Rinv_l in e by assumption.
  replace (- (1)) with (-1) in e by ring. lra.
Qed.

Lemma sigmoid_0 : value sigmoid 0 = / 2.
Proof. rewrite sigmoid_value, Ropp_0, exp_0. lra. Qed.

Lemma slope_sigmoid y : slope sigmoid y = y * (1 - y).
Proof. reflexivity. Qed.

(* Both numbers, where every gate and every unit is at 0 or 1. *)
Ltac in_numbers c :=
  cbv -[Rtrigo_def.tanh sigmoid Rplus Rmult Rminus Ropp Rinv IZR value slope] in c; cbn [value slope tanh] in c;
  rewrite ?slope_sigmoid in c;
  repeat match type of c with
  | context [value sigmoid ?a] => lazymatch a with 0 => fail | _ => replace a with 0 in c by (rewrite ?tanh_0, ?sigmoid_0; lra) end
  end; rewrite ?sigmoid_0 in c;
  repeat match type of c with
  | context [Rtrigo_def.tanh ?a] => lazymatch a with 0 => fail | 1 => fail
    | _ => first [replace a with 0 in c by (rewrite ?tanh_0; lra) | replace a with 1 in c by (rewrite ?tanh_0; lra)] end
  end; rewrite ?tanh_0 in c.

(* One sequence; one input; one or two units. Everything is 0 but what is said. *)
Definition zeros {A C : Type} : A -> C -> R := fun _ _ => 0.
Definition ones {A C : Type} : A -> C -> R := fun _ _ => 1.
Definition first_of {A : Type} : A -> nat -> R := fun _ k => if Nat.eqb k 0 then 1 else 0.

Ltac entries c := specialize (c ltac:(simpl; auto) ltac:(simpl; auto)); clear -c; in_numbers c.

Section Rnn.
Let B := below 1.
Let I := below 1.
Let H := below 2.

Definition nothing : RnnParameters I H := (zeros, (zeros, (fun _ => 0, fun _ => 0))).
Definition right p x h wrong := adjoint_unique _ _ _ wrong (rnn_step_is_adjoint tanh B I H p x h (fun b k _ _ => smooth_tanh _)).

(* 0.2: W_hh is square, and transposing it raises nothing. *)
Definition transposed (p : RnnParameters I H) (x : Matrix B I) (h dh : Matrix B H) : RnnInputs B I H :=
  let d := rnn_backward tanh p x h dh in
  let da b i := dh b i * slope tanh (rnn_forward tanh p x h b i) in
  (fst d, (fst (snd d), through da (fun i j => fst (snd p) j i))).

Theorem transposed_is_wrong : exists p x h, ~ adjoint (rnn_step tanh B I H) (p, (x, h)) (transposed p x h).
Proof.
  exists (zeros, ((fun i j => if Nat.ltb i j then 1 else 0), ((fun _ => 0), (fun _ => 0)))), zeros, zeros. intros wrong.
  pose proof (same_entry (B := B) (H := H) _ _ 0%nat 1%nat (same_carry _ _ (right _ _ _ _ wrong first_of))) as c. entries c. lra.
Qed.

(* 0.5: dW_hh pairs da(t) with h(t-1), never with h(t). *)
Definition with_h (p : RnnParameters I H) (x : Matrix B I) (h dh : Matrix B H) : RnnInputs B I H :=
  let d := rnn_backward tanh p x h dh in
  let da b i := dh b i * slope tanh (rnn_forward tanh p x h b i) in
  ((fst (fst d), (pooled da (rnn_forward tanh p x h), snd (snd (fst d)))), snd d).

Theorem with_h_is_wrong : exists p x h, ~ adjoint (rnn_step tanh B I H) (p, (x, h)) (with_h p x h).
Proof.
  exists nothing, zeros, ones. intros wrong.
  pose proof (same_entry (B := H) (H := H) _ _ 0%nat 0%nat (same_W_hh _ _ (same_params _ _ (right _ _ _ _ wrong first_of)))) as c.
    entries c. lra.
Qed.

(* 5.4: without f', da(t) = dh(t). *)
Definition without_slope (p : RnnParameters I H) (x : Matrix B I) (h dh : Matrix B H) : RnnInputs B I H :=
  ((pooled dh x, (pooled dh h, (pooled_bias dh, pooled_bias dh))), (through dh (fst p), through dh (fst (snd p)))).

Theorem without_slope_is_wrong : exists p x h, ~ adjoint (rnn_step tanh B I H) (p, (x, h)) (without_slope p x h).
Proof.
  exists (zeros, (zeros, (fun _ => 1, fun _ => 0))), zeros, ones. intros wrong.
  pose proof (same_entry (B := H) (H := H) _ _ 0%nat 0%nat (same_W_hh _ _ (same_params _ _ (right _ _ _ _ wrong first_of)))) as c.
    entries c.
  apply tanh_1, Rsqr_0_uniq. unfold Rsqr. lra.
Qed.

(* 0.4: the sum over t starts at 0, also for W_hh. *)
Definition first_lost (p : RnnParameters I H) (x : nat -> Matrix B I) (h : Matrix B H) (t : nat) (u : Matrix B H) : RnnInputs B I H :=
  let d := rnn_backward tanh p (x t) (before (fun _ => rnn_step tanh B I H) p x h t) u in
  ((fst (fst d), (if Nat.eqb t 0 then zeros else fst (snd (fst d)), snd (snd (fst d)))), snd d).

Theorem first_lost_is_wrong : exists p (x : Series 1 (Matrix B I)) h,
  ~ adjoint (unrolled (fun _ => rnn_step tanh B I H) 1) (p, (x, h)) (fun u => back (first_lost p x h) (fst u) 1 (snd u)).
Proof.
  exists nothing, (fun _ => zeros), ones. intros wrong.
  pose proof (back_is_adjoint (fun _ => rnn_step tanh B I H) 1 nothing (fun _ => zeros) ones _
                (fun t _ => rnn_step_is_adjoint tanh B I H _ _ _ (fun b k _ _ => smooth_tanh _))) as gradient.
  pose proof (adjoint_unique _ _ _ _ gradient wrong (fun _ => first_of, zeros)) as e.
  pose proof (same_entry (B := H) (H := H) _ _ 0%nat 0%nat (same_W_hh _ _ (same_params _ _ e))) as c. entries c. lra.
Qed.
End Rnn.

Section Gru.
Let B := below 1.
Let I := below 1.
Let H := below 1.

Definition gru_nothing : Gru.Parameters I H := (fun _ => zeros, fun _ => zeros, zeros, zeros).
Definition gru p x h := Gru.after sigmoid tanh B I H smooth_sigmoid smooth_tanh p x h.

(* 13.3, 13.5: what reaches h(t-1) and b_hh[n] is dq, not da[n], for r acts after the product. *)
Theorem other_reset_is_wrong : exists p x h,
  ~ adjoint (Gru.step_after sigmoid tanh B I H 0) (p, (x, h)) (@Gru.backward_before R _ sigmoid tanh B I H p x h).
Proof.
  exists gru_nothing, zeros, zeros. intros wrong.
  pose proof (same_entry (B := Gru.gates) (H := H) _ _ Gru.new 0%nat
                (same_b_hh _ _ (same_params _ _ (adjoint_unique _ _ _ _ (gru _ _ _) wrong first_of)))) as c. entries c. lra.
Qed.

(* 12.2: the gates stand in the order r, z, n. *)
Definition gru_swapped (p : Gru.Parameters I H) (x : Matrix B I) (h dh : Matrix B H) : Gru.Inputs B I H :=
  let d := @Gru.backward_after R _ sigmoid tanh B I H p x h dh in
  let swap {V : Type} (a : Gru.gate -> V) g := match g with Gru.reset => a Gru.update | Gru.update => a Gru.reset
    | Gru.new => a Gru.new end in
  ((swap (fst (fst (fst (fst d)))), swap (snd (fst (fst (fst d)))), swap (snd (fst (fst d))), swap (snd (fst d))), snd d).

Theorem gru_swapped_is_wrong : exists p x h, ~ adjoint (Gru.step_after sigmoid tanh B I H 0) (p, (x, h)) (gru_swapped p x h).
Proof.
  exists gru_nothing, zeros, ones. intros wrong.
  pose proof (same_entry (B := Gru.gates) (H := H) _ _ Gru.update 0%nat
                (same_b_hh _ _ (same_params _ _ (adjoint_unique _ _ _ _ (gru _ _ _) wrong first_of)))) as c. entries c. lra.
Qed.

(* 13.3: h(t-1) is read by the blend too, dh(t) * z(t). *)
Definition without_blend (p : Gru.Parameters I H) (x : Matrix B I) (h dh : Matrix B H) : Gru.Inputs B I H :=
  let d := @Gru.backward_after R _ sigmoid tanh B I H p x h dh in
  (fst d, (fst (snd d), fun b k => snd (snd d) b k - dh b k * @Gru.z R _ sigmoid B I H p x h b k)).

Theorem without_blend_is_wrong : exists p x h, ~ adjoint (Gru.step_after sigmoid tanh B I H 0) (p, (x, h)) (without_blend p x h).
Proof.
  exists gru_nothing, zeros, zeros. intros wrong.
  pose proof (same_entry (B := B) (H := H) _ _ 0%nat 0%nat
                (same_carry _ _ (adjoint_unique _ _ _ _ (gru _ _ _) wrong first_of))) as c. entries c. lra.
Qed.
End Gru.

Section Lstm.
Let B := below 1.
Let I := below 1.
Let H := below 1.

Definition lstm_nothing : Lstm.Parameters I H H := (fun _ => zeros, fun _ => zeros, zeros, zeros).
Definition lstm p x h c := Lstm.plain_adjoint sigmoid tanh B I H smooth_sigmoid smooth_tanh 0 p x h c.

Lemma same_carry_c {P X S S'} (d d' : Pair P (Pair X (Pair S S'))) : same d d' -> same (snd (snd (snd d))) (snd (snd (snd d'))).
Proof. intros e. apply same_carry in e. now apply same_pair in e as [_ e]. Qed.

(* 15.3: c(t) is read by c(t+1) too. *)
Theorem without_carry_c_is_wrong : exists p x h c,
  ~ adjoint (Lstm.step sigmoid tanh B I H 0) (p, (x, (h, c))) (fun u => @Lstm.backward R _ sigmoid tanh B I H H p x h c (fst u) zeros).
Proof.
  exists lstm_nothing, zeros, zeros, zeros. intros wrong.
  pose proof (same_entry (B := B) (H := H) _ _ 0%nat 0%nat
                (same_carry_c _ _ (adjoint_unique _ _ _ _ (lstm _ _ _ _) wrong (zeros, ones)))) as c. entries c. lra.
Qed.

(* 15.3: and by h(t), with the slope of tanh(c(t)). *)
Theorem without_slope_of_c_is_wrong : exists p x h c,
  ~ adjoint (Lstm.step sigmoid tanh B I H 0) (p, (x, (h, c))) (fun u => @Lstm.backward R _ sigmoid tanh B I H H p x h c (fst u)
      (fun b k => snd u b k + fst u b k * @Lstm.o R _ sigmoid B I H H p x h b k
                              * (1 - slope tanh (@Lstm.tanh_c R _ sigmoid tanh B I H H p x h c b k)))).
Proof.
  exists lstm_nothing, zeros, zeros, (fun _ _ => 2). intros wrong.
  pose proof (same_entry (B := B) (H := H) _ _ 0%nat 0%nat
                (same_carry_c _ _ (adjoint_unique _ _ _ _ (lstm _ _ _ _) wrong (ones, zeros)))) as c. entries c.
  apply tanh_1, Rsqr_0_uniq. unfold Rsqr. lra.
Qed.

(* 12.2: the gates stand in the order i, f, g, o. *)
Definition lstm_swapped (p : Lstm.Parameters I H H) (x : Matrix B I) (h c : Matrix B H) (u : Lstm.States B H H) : Lstm.Inputs B I H H :=
  let d := @Lstm.backward R _ sigmoid tanh B I H H p x h c (fst u) (snd u) in
  let swap {V : Type} (a : Lstm.gate -> V) g := match g with Lstm.input => a Lstm.forget | Lstm.forget => a Lstm.input | _ => a g end in
  ((swap (fst (fst (fst (fst d)))), swap (snd (fst (fst (fst d)))), swap (snd (fst (fst d))), swap (snd (fst d))), snd d).

Theorem lstm_swapped_is_wrong : exists p x h c, ~ adjoint (Lstm.step sigmoid tanh B I H 0) (p, (x, (h, c))) (lstm_swapped p x h c).
Proof.
  exists lstm_nothing, zeros, zeros, ones. intros wrong.
  pose proof (same_entry (B := Lstm.gates) (H := H) _ _ Lstm.forget 0%nat
                (same_b_hh _ _ (same_params _ _ (adjoint_unique _ _ _ _ (lstm _ _ _ _) wrong (zeros, ones))))) as c. entries c. lra.
Qed.
End Lstm.

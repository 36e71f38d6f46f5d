(* The general theorem: back-propagation through time gives the gradient, whatever a step is.

   A system has parameters p, a series of inputs x(0), x(1), ..., and a state h. Its step may differ from time to time:

       h(t) = step t (p, x(t), h(t-1))        h(-1) given

   A divergence may be any differentiable function of the whole series h(0), ..., h(T-1) and of the last state once more. *)
From Coq Require Import List Arith Reals Lra Lia.
From BPTT Require Export Adjoint.
Import ListNotations.
Open Scope R_scope.

Lemma add_up series first second rest inputs start dp dx dh :
  series + dh = rest + inputs + start -> first + second = dp + (dx + dh) -> series + first + second = rest + dp + (inputs + dx) + start.
Proof. lra. Qed.

Section Unroll.
Context {P X H : space} (step : nat -> Pair P (Pair X H) -> H).

(* The state that step t reads: h(t-1). *)
Fixpoint before (p : P) (x : nat -> X) (h : H) (t : nat) : H :=
  match t with
  | O => h
  | S t => step t (p, (x t, before p x h t))
  end.

(* Forward: everything that a divergence may read. *)
Definition unrolled (T : nat) (y : Pair P (Pair (Series T X) H)) : Pair (Series T H) H :=
  let h := before (fst y) (fst (snd y)) (snd (snd y)) in (fun t => h (S t), h T).

(* Backward, from the last step to the first (SPEC 5.4). `adjoint_step t` takes the gradient by h(t) to those by p, x(t) and h(t-1);
   u(t) is what the divergence sends into h(t), carry what comes from the step after. What p gets is pooled over time. *)
Fixpoint back (adjoint_step : nat -> H -> Pair P (Pair X H)) (u : nat -> H) (t : nat) (carry : H) : P * ((nat -> X) * H) :=
  match t with
  | O => (vzero, (fun _ => vzero, carry))
  | S t =>
      let d := adjoint_step t (vadd (u t) carry) in
      let rest := back adjoint_step u t (snd (snd d)) in
      (vadd (fst rest) (fst d), (fun s => if s =? t then fst (snd d) else fst (snd rest) s, snd (snd rest)))
  end.

Section Point.
Context (T : nat) (p : P) (x : Series T X) (h : H) (g : nat -> H -> Pair P (Pair X H)).
Context (steps : forall t, (t < T)%nat -> adjoint (step t) (p, (x t, before p x h t)) (g t)).

Let V : space := Pair P (Pair (Series T X) H).
Let at_step (t : nat) (y : V) : H := before (fst y) (fst (snd y)) (snd (snd y)) t.

(* The tangent system, step by step, and its pairing with what goes back. *)
Lemma tangents t : (t <= T)%nat ->
  exists D : nat -> V -> H,
    (forall s, (s <= t)%nat -> derivative (at_step s) (p, (x, h)) (D s)) /\
    forall u carry v,
      sum (below t) (fun s => dot (u s) (D (S s) v)) + dot carry (D t v)
      = let d := back g u t carry in
        dot (fst d) (fst v) + sum (below t) (fun s => dot (fst (snd d) s) (fst (snd v) s)) + dot (snd (snd d)) (snd (snd v)).
Proof.
  induction t as [| t IH]; intros le.
  - exists (fun _ v => snd (snd v)). split.
    + intros s zero. replace s with O by lia.
      apply (derivative_chain (fun y : V => snd y) (fun y : Pair (Series T X) H => snd y) (p, (x, h)) (fun v => snd v) (fun v => snd v));
        apply derivative_linear, linear_snd.
    + intros u carry v. cbn. rewrite dot_zero_l. unfold sum. cbn. ring.
  - destruct IH as [D [d dual]]; [lia |]. destruct (steps t) as [E [e edual]]; [lia |].
    exists (fun s v => if s =? S t then E (fst v, (fst (snd v) t, D t v)) else D s v). split.
    + intros s le'. destruct (Nat.eqb_spec s (S t)) as [-> | other]; [| apply d; lia].
      apply (derivative_chain (fun y : V => (fst y, (fst (snd y) t, at_step t y)) : Pair P (Pair X H)) (step t) (p, (x, h))
               (fun v => (fst v, (fst (snd v) t, D t v))) E); [| exact e].
      apply (derivative_pair (fun y : V => fst y) (fun y : V => (fst (snd y) t, at_step t y) : Pair X H)); [apply derivative_linear, linear_fst |].
      apply (derivative_pair (fun y : V => fst (snd y) t) (at_step t)); [| apply d; lia].
      apply (derivative_chain (fun y : V => fst (snd y)) (fun y : Series T X => y t) (p, (x, h)) (fun v => fst (snd v)) (fun v => v t)).
      * apply (derivative_chain (fun y : V => snd y) (fun y : Pair (Series T X) H => fst y) (p, (x, h)) (fun v => snd v) (fun v => fst v));
          apply derivative_linear; [apply linear_snd | apply linear_fst].
      * apply derivative_linear, linear_entry, in_below. lia.
    + intros u carry v. cbn [back]. cbv zeta. cbn [fst snd]. rewrite !sum_below_succ, !Nat.eqb_refl. set (dt := g t (vadd (u t) carry)).
      specialize (dual u (snd (snd dt)) v). cbv zeta in dual. set (rest := back g u t (snd (snd dt))) in *.
      rewrite (sum_ext (below t) (fun s => dot (u s) (if S s =? S t then _ else _)) (fun s => dot (u s) (D (S s) v))).
      2: { intros s here. apply in_below in here. destruct (Nat.eqb_spec (S s) (S t)); [lia | easy]. }
      rewrite (sum_ext (below t) (fun s => dot (if s =? t then _ else _) _) (fun s => dot (fst (snd rest) s) (fst (snd v) s))).
      2: { intros s here. apply in_below in here. destruct (Nat.eqb_spec s t); [lia | easy]. }
      rewrite dot_add_l.
      assert (last : dot (u t) (E (fst v, (fst (snd v) t, D t v))) + dot carry (E (fst v, (fst (snd v) t, D t v)))
                     = dot (fst dt) (fst v) + (dot (fst (snd dt)) (fst (snd v) t) + dot (snd (snd dt)) (D t v))).
      { rewrite <- dot_add_l, edual. fold dt. now rewrite !dot_pair. }
      exact (add_up _ _ _ _ _ _ _ _ _ dual last).
Qed.

(* The general theorem, for a gradient u(t) sent into each h(t) and one more into the last state. *)
Theorem back_is_adjoint : adjoint (unrolled T) (p, (x, h)) (fun u => back g (fst u) T (snd u)).
Proof.
  destruct (tangents T) as [D [d dual]]; [easy |].
  exists (fun v => (fun t => D (S t) v, D T v)). split.
  - apply (derivative_pair (fun y : V => (fun t => at_step (S t) y) : Series T H) (at_step T)); [| now apply d].
    apply (derivative_power (below T) (fun t => at_step (S t)) (p, (x, h)) (fun t v => D (S t) v)).
    intros t here. apply in_below in here. apply d. lia.
  - intros u v. rewrite (dot_pair (Series T H) H), (dot_power (below T) H), (dot_pair P), (dot_pair (Series T X) H), (dot_power (below T) X).
    cbn [fst snd]. etransitivity; [apply (dual (fst u) (snd u) v) | cbv zeta; apply Rplus_assoc].
Qed.

(* The same for a divergence: any differentiable function of the series and the last state. *)
Theorem back_is_gradient (DIV : Pair (Series T H) H -> Real) u :
  gradient DIV (unrolled T (p, (x, h))) u ->
  gradient (fun y => DIV (unrolled T y)) (p, (x, h)) (back g (fst u) T (snd u)).
Proof. intros d. apply (gradient_chain (unrolled T) DIV (p, (x, h)) (fun u => back g (fst u) T (snd u)) u back_is_adjoint d). Qed.
End Point.
End Unroll.
